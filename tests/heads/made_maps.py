"""Maps and objects for tests of dense heads, and the heads of conf/head at tiny widths.

Axes: B images, C channels, R and S rows and columns of a map, N objects, I ignored regions.
"""

from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from src.core.dense import Objects
from tests.heads.every import merged_yaml

CHANNELS = {2: 6, 4: 8, 8: 12, 16: 16, 32: 20}

TINY: dict[str, dict[str, Any]] = {
    "yolov3": {"neck.out_channels": [16, 8, 8], "bbox_head.out_channels": [16, 16, 8]},
    "retinanet": {"neck.out_channels": 16},
    "retinanet_narrow": {"neck.out_channels": 16},
    "faster_rcnn": {"neck.out_channels": 16, "roi_head.bbox_head.fc_out_channels": 32},
    "upernet": {"channels": 8},
    "fcn": {"channels": 8},
}

NARROW = {"unet": [16, 16, 8, 8, 8], "unet_narrow": [16, 16, 8, 8, 8], "setr_pup": [16, 8, 8, 8]}


def tiny_head(name: str, *, classes: int = 2, channels: dict[int, int] = CHANNELS, **settings: Any) -> Any:
    """The head of conf/head/``name``.yaml with narrow layers; ``settings`` of ``config``, dots written as ``__``."""
    cfg = OmegaConf.create({"head": merged_yaml(name)})
    own = {key.replace("__", "."): value for key, value in settings.items()}
    for key, value in {**TINY.get(name, {}), **own}.items():
        OmegaConf.update(cfg, f"head.config.{key}", value, merge=False, force_add=True)
    if name in NARROW:
        cfg.head.decoder_channels = NARROW[name]
    torch.manual_seed(0)
    try:
        return instantiate(cfg.head, channels=channels, classes=classes, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ from None


def made_maps(strides: tuple[int, ...], size: tuple[int, int], *, images: int = 2, seed: int = 0) -> list[Tensor]:
    """A random map of each stride that wants a gradient."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(
            images,
            CHANNELS[stride],
            -(-size[0] // stride),
            -(-size[1] // stride),
            generator=generator,
            requires_grad=True,
        )
        for stride in strides
    ]


def made_objects(boxes: list[list[float]], classes: list[int], ignored: list[list[float]] = []) -> Objects:  # noqa: B006
    """What is in one image."""
    return Objects(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(classes, dtype=torch.int64),
        torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4),
    )


def without_gradient(module: torch.nn.Module) -> list[str]:
    """Names of the parameters that learned nothing."""
    return [name for name, parameter in module.named_parameters() if parameter.grad is None]
