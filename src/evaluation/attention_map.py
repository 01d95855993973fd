"""Which regions of an image a word or a phrase looks at.

Direction. Token alignment trains an attention without weights of its own: the words ask and the patches answer, for
each word a softmax over the patches of the cosines over 0.1 (MGCA, section 3.3, equation 4; the loss in
``src/losses/cta.py``). A word's weights sum to 1 over the image, and the largest is where it looks most. This module
measures that attention, and no other.

The maps that the released code draws are of something else. Its notebook (visualize_attention_map.ipynb of
HKU-MedAI/MGCA) takes the weights of ``word_local_atten_layer``, a multi-head attention that every released checkpoint
holds and that is off in training: no flag turns it on, so that it keeps the random weights it began with. A map of it
shows nothing that was learnt.

The ``1 - attention`` trap. The same notebook draws one minus that attention (asked about in the repository's issue 24).
Whoever copies the subtraction onto a trained attention, or thresholds or scores it, measures where a word does not
look. Nothing here subtracts.

Axes: Q phrases, T words, P patches (row by row), D embedding width, H and W pixels.
"""

from typing import Literal

import torch
from torch import Tensor

from src.core.precision import at_least_float32, without_autocast

Heat = Literal["attention", "similarity", "global"]


def word_region_similarity(image_local_PD: Tensor, word_TD: Tensor, temperature: float) -> Tensor:
    """How each word spreads over the patches of an image, (T, P), each row summing to 1.

    The softmax over patches of the cosines divided by ``temperature``, as the words' half of token alignment attends in
    training (MGCA, equation 4). Both inputs L2-normalised.
    """
    return (word_TD.float() @ image_local_PD.float().T / temperature).softmax(dim=-1)


def phrase_heat(
    patch_QPD: Tensor, word_QTD: Tensor, mask_QT: Tensor, global_QD: Tensor, *, heat: Heat, temperature: float
) -> Tensor:
    """How much each phrase looks at each patch of its image, (Q, P), at least float32; inputs L2-normalised.

    ``attention``: the mean over the phrase's words, where ``mask_QT`` is true, of each word's softmax over the patches
    of its cosines over ``temperature``; the row sums to 1. ``similarity``: the mean of the words' cosines. ``global``:
    the cosine of the whole phrase's vector, ``global_QD``, with each patch, as BioViL grounds phrases (Boecking et al.,
    ECCV 2022); MGCA's losses never compare these two, so that nothing teaches them to agree.
    """
    with without_autocast(patch_QPD):
        patch_QPD = at_least_float32(patch_QPD)
        if heat == "global":
            return (patch_QPD @ at_least_float32(global_QD).unsqueeze(-1)).squeeze(-1)
        cosine_QTP = at_least_float32(word_QTD) @ patch_QPD.mT
        weight_QTP = (cosine_QTP / temperature).softmax(dim=-1) if heat == "attention" else cosine_QTP
        count_Q1 = mask_QT.sum(dim=1, keepdim=True)
        return weight_QTP.masked_fill(~mask_QT.unsqueeze(-1), 0).sum(dim=1) / count_Q1


def upsampled(heat_QP: Tensor, grid: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """The heat of ``grid`` patches at every pixel of an image of ``shape``, (Q, H, W), bilinear between centres."""
    heat_Q1RS = heat_QP.unflatten(1, grid).unsqueeze(1)
    return torch.nn.functional.interpolate(heat_Q1RS, size=shape, mode="bilinear", align_corners=False).squeeze(1)
