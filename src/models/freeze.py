"""Which part of an image encoder is trained, and what stays as it is."""

from torch import nn

from src.core.errors import UserError


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


def hold_frozen(network: nn.Module) -> None:
    """Put the layers that do not learn into eval mode: their batch statistics and dropout stay out of the training."""
    for module in network.modules():
        held = list(module.parameters())
        if held and not any(parameter.requires_grad for parameter in held):
            module.eval()
