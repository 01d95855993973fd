"""Any of mmdet's detectors on the maps of one of our encoders.

Axes: B images, C channels, R and S rows and columns of a map, N objects or detections, 4 left, top, right, bottom.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import pad

from src.core.dense import Detections, Objects
from src.core.errors import UserError
from src.core.precision import at_least_float32, without_autocast
from src.heads.dense import DetectionHead
from src.heads.map_channels import channels_of
from src.heads.mm_config import build, filled, placeholders, try_out

_log = logging.getLogger(__name__)


class MMDetHead(DetectionHead):
    """The detector that ``config`` describes: any of mmdet's, as its owner would write it, but without ``backbone``.

    ``channels``: of every map of the encoder, by stride in pixels. ``strides``: of the maps that the detector reads,
    finest first. Anywhere in ``config``, ``$classes`` is the number of findings, ``$channels`` the list of these maps'
    channels, ``$channels_reversed`` the same coarsest first and ``$last_channels`` those of the coarsest.

    It computes in float32 under mixed precision, for which mmdet's box arithmetic is not written.
    Raises UserError where the encoder lacks a stride, or mmdet is missing or refuses the config.
    """

    def __init__(
        self, *, channels: Mapping[int, int], classes: int, strides: Sequence[PositiveInt], config: Mapping[str, Any]
    ) -> None:
        super().__init__()
        if "backbone" in config:
            raise UserError("head.config has a backbone, which is the run's image encoder; leave the key out.")
        self.strides = tuple(strides)
        self.classes = classes
        values = placeholders(classes, channels_of(strides, channels))
        whole = {"backbone": {"type": _PassThrough}, **filled(config, values)}
        self.detector = build("mmdet", whole, key="head.config")
        heads_ignore = any(getattr(part, "ignores_regions", False) for part in self.detector.modules())
        self._ignores = heads_ignore or "IgnoringAssigner" in str(config)
        self._warned = False
        widths = dict(zip(strides, channels_of(strides, channels), strict=True))
        try_out(self, self._try, widths)

    def _try(self, maps: Sequence[Tensor], size: tuple[int, int]) -> None:
        """Refuse a config whose classes or anchors are not those of the findings and the maps."""
        _refuse_other_classes(self.detector, self.classes)
        levels = self.detector.extract_feat(tuple(maps))
        for part in self.detector.modules():
            if hasattr(part, "prior_generator"):
                _refuse_other_strides(part.prior_generator.strides, levels, size)
        box_N4 = maps[0].new_tensor([[0.0, 0.0, size[1] / 2, size[0] / 2]])
        self.loss(maps, [Objects(box_N4, torch.zeros(1, dtype=torch.int64), box_N4[:0])], size)

    def loss(self, maps: Sequence[Tensor], objects: Sequence[Objects], size: tuple[int, int]) -> dict[str, Tensor]:
        """The detector's losses by mmdet's names; those of several levels are added up.

        Raises UserError for an object of a class that the head does not have.
        """
        self._refuse_unknown_classes(objects)
        self._say_what_is_not_ignored(objects)
        with without_autocast(maps[0]):
            ready = self._prepared(maps, size)
            found = self.detector.loss(ready, _samples(ready, objects, self.strides, size))
        return {name: _total(value) for name, value in found.items() if "loss" in name}

    @torch.no_grad()
    def detect(self, maps: Sequence[Tensor], size: tuple[int, int]) -> list[Detections]:
        """What is found in each image, in its pixels, most certain first; boxes end at the image's edges."""
        with without_autocast(maps[0]):
            ready = self._prepared(maps, size)
            nothing = [_no_objects(ready[0])] * len(ready[0])
            found = self.detector.predict(ready, _samples(ready, nothing, self.strides, size), rescale=False)
        return [_detections(sample.pred_instances, size) for sample in found]

    def _prepared(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, ...]:
        """The maps in float32, with rows and columns of zeros at the end up to a multiple of the coarsest stride.

        mmdet pads images to such sizes before its backbones; necks double maps and expect the next one's size.
        """
        coarsest = self.strides[-1]
        height, width = (-(-side // coarsest) * coarsest for side in size)
        return tuple(
            pad(
                at_least_float32(map_BCRS),
                (0, width // stride - map_BCRS.shape[3], 0, height // stride - map_BCRS.shape[2]),
            )
            for map_BCRS, stride in zip(maps, self.strides, strict=True)
        )

    def _say_what_is_not_ignored(self, objects: Sequence[Objects]) -> None:
        if not (self._ignores or self._warned) and any(len(image.ignored_I4) for image in objects):
            self._warned = True
            _log.warning(
                "the regions to ignore may train this head as background: its head.config has no "
                "src.heads.ignored_regions.IgnoringAssigner; conf/head/retinanet.yaml shows one"
            )

    def _refuse_unknown_classes(self, objects: Sequence[Objects]) -> None:
        every_N = torch.cat([image.class_N for image in objects])
        # on a device the look would make every step wait; there the data's own findings are relied on
        if every_N.device.type != "cpu":
            return
        if len(every_N) and (highest := int(every_N.max())) >= self.classes:
            raise UserError(
                f"An object has the class index {highest}, but the head has {self.classes} classes, counted from 0; "
                "correct the boxes' table or its list of findings."
            )


def _refuse_other_classes(detector: Any, classes: int) -> None:
    for part in (detector, getattr(detector, "roi_head", None)):
        head = getattr(part, "bbox_head", None)
        # a cascade has several, of one and the same classes
        last = head[-1] if isinstance(head, nn.ModuleList) else head
        given = getattr(last, "num_classes", classes)
        if given != classes:
            raise UserError(
                f"head.config has {given} classes, but the data set has {classes} findings; give num_classes: $classes."
            )


def _refuse_other_strides(strides: Sequence[Any], levels: Sequence[Tensor], size: tuple[int, int]) -> None:
    anchors = [int(stride[0]) if isinstance(stride, tuple | list) else int(stride) for stride in strides]
    maps = [size[0] // level.shape[2] for level in levels]
    if anchors != maps:
        raise UserError(
            f"head.config places anchors at strides {anchors}, but its maps have {maps}; correct its generator's "
            "strides or head.strides."
        )


class _PassThrough(nn.Module):
    """The backbone of a detector whose inputs are maps already."""

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return maps


def _samples(
    maps: Sequence[Tensor], objects: Sequence[Objects], strides: Sequence[int], size: tuple[int, int]
) -> list[Any]:
    """mmdet's description of every image."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    padded = (maps[0].shape[2] * strides[0], maps[0].shape[3] * strides[0])
    about = {
        "img_shape": size,
        "ori_shape": size,
        "pad_shape": padded,
        "batch_input_shape": padded,
        "scale_factor": (1.0, 1.0),
    }
    samples = []
    for image in objects:
        sample = DetDataSample(metainfo=about)
        sample.gt_instances = InstanceData(
            bboxes=image.box_N4, labels=image.class_N, metainfo={"ignored_I4": image.ignored_I4}
        )
        sample.ignored_instances = InstanceData(bboxes=image.ignored_I4)
        samples.append(sample)
    return samples


def _no_objects(like: Tensor) -> Objects:
    none_N4 = like.new_zeros(0, 4)
    return Objects(none_N4, torch.zeros(0, dtype=torch.int64, device=like.device), none_N4)


def _detections(found: Any, size: tuple[int, int]) -> Detections:
    height, width = size
    edge_4 = found.bboxes.new_tensor([width, height, width, height])
    box_N4 = found.bboxes.clamp(min=0).minimum(edge_4)
    order_N = found.scores.argsort(descending=True, stable=True)
    order_N = order_N[(box_N4[order_N, 2:] > box_N4[order_N, :2]).all(dim=1)]
    return Detections(box_N4[order_N].float(), found.scores[order_N].float(), found.labels[order_N].long())


def _total(loss: Tensor | Sequence[Tensor]) -> Tensor:
    return loss.mean() if isinstance(loss, Tensor) else torch.stack([part.mean() for part in loss]).sum()
