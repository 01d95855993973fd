"""A dense head, with or without its encoder, as Lightning trains it.

Axes: B images, E channels of a map, R and S rows and columns of a map, F findings, H and W pixels.
"""

import logging
from collections.abc import Sequence
from typing import Any, Generic

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from src.core.case_keys import CaseKeys
from src.core.dense import DenseBatch
from src.evaluation.coco_format import JudgedImage
from src.evaluation.detection import judge_detections
from src.evaluation.estimate import value_of
from src.heads.dense import DetectionHead, SegmentationHead
from src.tasks.dense.network import DenseNetwork, Head, MapBatch
from src.tasks.dense.tuning import Tuning

Batch = DenseBatch | MapBatch
_log = logging.getLogger(__name__)


class DenseModule(LightningModule, Generic[Head]):
    """Trains what of ``network`` learns. Logs ``train/loss`` and ``val/loss``."""

    def __init__(self, *, network: DenseNetwork[Head], tuning: Tuning) -> None:
        super().__init__()
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
        """The optimiser over what is trained, and its schedule by the step."""
        optimizer = self._tuning.optimizer(self.network.trained)
        if self.trainer.is_global_zero:
            first = optimizer.param_groups[0]
            _log.info(
                "Fine-tuning with batches of %d, learning rate %g, weight decay %g.",
                self._tuning.batch_size,
                max(group["lr"] for group in optimizer.param_groups),
                first["weight_decay"],
            )
        scheduler: Any = self._tuning.scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class DetectionModule(DenseModule[DetectionHead]):
    """Detection; logs ``val/map`` too, COCO's mean average precision on the validation images, in their own pixels.

    Of several processes it is the mean of theirs. ``names``: the findings.
    """

    def __init__(self, *, network: DenseNetwork[DetectionHead], names: Sequence[str], tuning: Tuning) -> None:
        super().__init__(network=network, tuning=tuning)
        self._names = names
        self._judged: list[JudgedImage] = []

    def loss(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The sum of the library's losses."""
        return torch.stack([*self.network.head.loss(maps, batch.objects, size).values()]).sum()

    def watch(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> None:
        """Keep what is found in a held-out batch, and what is there."""
        self._judged += [
            JudgedImage(found=found, objects=objects, height=size[0], width=size[1])
            for found, objects in zip(self.network.head.detect(maps, size), batch.objects, strict=True)
        ]

    def on_validation_epoch_end(self) -> None:
        """Log the mean average precision; 0 where no image has an object."""
        keys = CaseKeys.of(torch.arange(len(self._judged)))
        figures, _ = judge_detections(self._judged, keys, self._names, resamples=0)
        self._judged = []
        precision = torch.tensor(value_of(figures["detect/map"]), device=self.device).nan_to_num(0)
        self.log("val/map", precision, prog_bar=True, sync_dist=True)


class SegmentationModule(DenseModule[SegmentationHead]):
    """Segmentation by ``mask_loss`` of the logits (B, F, H, W) and the masks."""

    def __init__(self, *, network: DenseNetwork[SegmentationHead], mask_loss: nn.Module, tuning: Tuning) -> None:
        super().__init__(network=network, tuning=tuning)
        self.mask_loss = mask_loss

    def loss(self, batch: Batch, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The loss over every finding and pixel that is not ignored."""
        loss: Tensor = self.mask_loss(self.network.head(maps, size), batch.mask_BFHW)
        return loss
