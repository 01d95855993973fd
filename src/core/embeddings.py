"""What every loss reads: the aligned embeddings of one batch of image-report pairs.

Axes: B images (and their reports), P patches or regions, T words, D embedding width.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Embeddings:
    """Projected embeddings of B image-report pairs, all vectors L2-normalised.

    ``image_global_BD``, ``text_global_BD``: one vector an image and one a report.
    ``image_local_BPD``, ``text_local_BTD``: one vector a patch and one a word.
    ``text_mask_BT``: bool, true where the position holds a word, false where it is padding.
    ``text_attention_BT``: what the report's [CLS] token attends to, summed over each word's pieces, not yet clipped.
    ``image_attention_BP``: what the image's class token attends to, not yet clipped; None where there is none (CNNs).
    """

    image_global_BD: Tensor
    text_global_BD: Tensor
    image_local_BPD: Tensor
    text_local_BTD: Tensor
    text_mask_BT: Tensor
    text_attention_BT: Tensor
    image_attention_BP: Tensor | None = None
