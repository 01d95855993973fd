"""A dense head, with or without its encoder, as Lightning trains it.

Axes: B images, E channels of a map, R and S rows and columns of a map, F findings, H and W pixels.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Generic

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from src.core.case_keys import CaseKeys
from src.core.dense import DenseBatch, Detections, Objects
from src.core.distributed import first_of_each, values_in_first
from src.evaluation.coco_format import JudgedImage
from src.evaluation.detection import CORRECTED, PUBLISHED, judge_detections
from src.evaluation.estimate import value_of
from src.heads.dense import DetectionHead, SegmentationHead
from src.tasks.dense.network import DenseNetwork, Head, MapBatch
from src.tasks.dense.tuning import Tuning
from src.tasks.recipes import optimizer_config, try_recipes

Batch = DenseBatch | MapBatch
_log = logging.getLogger(__name__)


class DenseModule(LightningModule, Generic[Head]):
    """Trains what of ``network`` learns. Logs ``train/loss`` and ``val/loss``."""

    def __init__(self, *, network: DenseNetwork[Head], tuning: Tuning) -> None:
        super().__init__()
        try_recipes(tuning.optimizer, tuning.scheduler, key="tuning")
        self.network: DenseNetwork[Head] = network
        self._tuning = tuning

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch of augmented images."""
        del batch_idx
        loss = self.loss(batch, *self.network.maps(batch))
        self.log("train/loss", loss.detach(), prog_bar=True, on_step=True, on_epoch=False, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the loss of one held-out batch."""
        del batch_idx
        maps, size = self.network.maps(batch)
        loss = self.loss(batch, maps, size)
        self.log("val/loss", loss, prog_bar=True, on_epoch=True, batch_size=len(batch), sync_dist=True)
        self.watch(batch, maps, size)

    def loss(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The loss of a batch from its maps; a scalar."""
        raise NotImplementedError

    def watch(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> None:
        """What else is kept of a held-out batch."""

    def on_fit_start(self) -> None:
        """Bring a constant encoder to the device, where Lightning does not see it."""
        self.network.encoder_to(self.device)

    def on_train_start(self) -> None:
        """Hold the layers that do not learn in eval mode; Lightning trains a module in the mode that it finds it in."""
        self.network.train()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser over what is trained, and its schedule."""
        optimizer = self._tuning.optimizer(self.network.trained)
        if self.trainer.is_global_zero:
            first = optimizer.param_groups[0]
            _log.info(
                "Fine-tuning with batches of %d, learning rate %g, weight decay %g.",
                self._tuning.batch_size,
                max(group["lr"] for group in optimizer.param_groups),
                first.get("weight_decay", 0.0),
            )
        return optimizer_config(optimizer, self._tuning.scheduler, int(self.trainer.estimated_stepping_batches))


class DetectionModule(DenseModule[DetectionHead]):
    """Detection; logs the mean average precision on the validation images too, in the pixels that the network sees.

    ``val/map`` is COCO's, ``val/map_published`` that of the published protocol. Of several processes they are of the
    images of all, each counted once. ``names``: the findings.
    """

    def __init__(self, *, network: DenseNetwork[DetectionHead], names: Sequence[str], tuning: Tuning) -> None:
        super().__init__(network=network, tuning=tuning)
        self._names = names
        self._judged: dict[int, JudgedImage] = {}

    def loss(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The sum of the library's losses."""
        return torch.stack([*self.network.head.loss(maps, batch.objects, size).values()]).sum()

    def watch(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> None:
        """Keep what is found in a held-out batch, and what is there."""
        every = zip(batch.position_B.tolist(), self.network.head.detect(maps, size), batch.objects, strict=True)
        for position, found, objects in every:
            # on the host, where the images of all processes come together
            self._judged[position] = JudgedImage(
                found=Detections(*(tensor.cpu() for tensor in found)),
                objects=Objects(*(tensor.cpu() for tensor in objects)),
                height=size[0],
                width=size[1],
            )

    def on_validation_epoch_end(self) -> None:
        """Log the mean average precisions, the same in every process; 0 where no image that counts has an object."""
        judged = first_of_each(self._judged)
        self._judged = {}
        # the first process computes them for all: it takes a while, and no two may differ
        values = values_in_first(partial(self._mean_average_precisions, judged))
        self.log("val/map", values["detect/map"], prog_bar=True)
        self.log("val/map_published", values["detect_published/map"])

    def _mean_average_precisions(self, judged: Mapping[int, JudgedImage]) -> dict[str, float]:
        positions = sorted(judged)
        keys = CaseKeys.of(torch.tensor(positions, dtype=torch.int64))
        figures, _ = judge_detections([judged[position] for position in positions], keys, self._names, resamples=0)
        values = {f"{group}/map": value_of(figures[f"{group}/map"]) for group in (CORRECTED, PUBLISHED)}
        return {name: 0.0 if math.isnan(value) else value for name, value in values.items()}


class SegmentationModule(DenseModule[SegmentationHead]):
    """Segmentation by ``mask_loss`` of the logits (B, F, H, W) and the masks."""

    def __init__(self, *, network: DenseNetwork[SegmentationHead], mask_loss: nn.Module, tuning: Tuning) -> None:
        super().__init__(network=network, tuning=tuning)
        self.mask_loss = mask_loss

    def loss(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The loss over every finding and pixel that is not ignored."""
        loss: Tensor = self.mask_loss(self.network.head(maps, size), batch.mask_BFHW)
        return loss
