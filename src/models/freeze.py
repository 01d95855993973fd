"""Which part of an image encoder is trained, and what stays as it is."""

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from src.core.errors import UserError

BatchNormMode = Literal["published", "held"]
"""How BatchNorms of frozen layers behave while the others train.

``held``: they normalise by their running statistics, which stay as they are.
``published``: they normalise by each batch's own statistics, and their running statistics move to the training set, as
in the released MGCA code, which sets ``requires_grad`` and never calls ``eval()``.
"""


def train_last_blocks(network: nn.Module, blocks: int) -> None:
    """Let only the last ``blocks`` blocks of ``network`` learn, as timm counts them: a ViT's or a ResNet's own blocks.

    What follows the last block (its norm) belongs to it; the stem is the first. Raises UserError where it has fewer.
    """
    from timm.optim import param_groups_layer_decay

    # every layer has a scale of its own, the last the largest
    groups = param_groups_layer_decay(network, layer_decay=0.5)
    scales = sorted({group["lr_scale"] for group in groups}, reverse=True)
    if blocks > len(scales):
        raise UserError(
            f"tuning.trained_blocks={blocks}: this image encoder has {len(scales)} blocks with its stem; give fewer, "
            "or null to train them all."
        )
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad = group["lr_scale"] in scales[:blocks]


def hold_frozen(network: nn.Module, *, batch_norm: BatchNormMode = "held") -> None:
    """Put the layers that do not learn into eval mode, so that dropout stays out of the training.

    ``batch_norm``: what becomes of their BatchNorms, which under ``published`` stay in the mode of ``network``.
    """
    training = network.training
    for module in network.modules():
        held = list(module.parameters())
        if held and not any(parameter.requires_grad for parameter in held):
            module.eval()
    if batch_norm == "published":
        for module in batch_norms(network):
            module.train(training)


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """The BatchNorms of ``network`` that keep running statistics."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
