"""The published linear probe, and full fine-tuning: a head trained by Lightning on augmented images.

Axes: N images, E feature width, F findings or classes.
"""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from src.core.checkpoint import load_exactly, read_tensors
from src.data.loader import drops_last
from src.data.sources import Split
from src.evaluation.features import Features, extract
from src.heads.objective import probabilities
from src.tasks.best_checkpoint import best_checkpoint
from src.tasks.probes.fit import Fit, ProbeInput, refuse_one_sided
from src.tasks.probes.module import ProbeData, ProbeModule
from src.tasks.recipes import OptimizerRecipe, SchedulerRecipe


class TrainedProbe:
    """Trains a head, and the encoder unless ``frozen``, for ``max_epochs`` of ``batch_size`` images.

    Training stops after ``patience`` epochs without a lower validation loss; the weights of the lowest one count.
    ``drop_last``: neither training nor the validation loss sees the last incomplete batch, unless it is the only one.
    """

    trains_by_steps: ClassVar[bool] = True

    def __init__(
        self,
        *,
        frozen: bool,
        batch_size: PositiveInt,
        drop_last: bool,
        max_epochs: PositiveInt,
        patience: PositiveInt,
        optimizer: OptimizerRecipe,
        scheduler: SchedulerRecipe,
    ) -> None:
        self.frozen = frozen
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.max_epochs = max_epochs
        self.patience = patience
        self.optimizer = optimizer
        self.scheduler = scheduler

    @property
    def said(self) -> str:
        """What was trained, as a sentence for the heading of a table."""
        if self.frozen:
            return "The encoder was frozen; the head alone was trained."
        return "The whole encoder was trained with the head, from the weights named above."

    def __call__(self, given: ProbeInput) -> list[Fit]:
        """One fit; see ``Probe``. Raises UserError where the training images cannot teach anything."""
        encoder, datamodule = given.encoder, given.datamodule
        train_NF = torch.from_numpy(datamodule.split("train").label_KF)
        refuse_one_sided(train_NF, f"the training split at datamodule.fraction={datamodule.fraction}")
        trainer = given.make_trainer(max_epochs=self.max_epochs, patience=self.patience)
        device = trainer.strategy.root_device

        def features(split: Split) -> Features:
            loader = datamodule.judging_dataloader(split)
            return extract(encoder.to(device), loader, device=device, precision=trainer.precision)

        module = ProbeModule(
            encoder=encoder,
            head=given.make_head(in_dim=encoder.global_dim, classes=train_NF.shape[1]),
            frozen=self.frozen,
            exclusive=datamodule.source.exclusive,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
        )
        val = features("val") if self.frozen else None
        size = len(datamodule.split("val"))
        drop = drops_last(size, self.batch_size, wanted=self.drop_last, split="val")
        loader = (
            datamodule.judging_dataloader("val", drop_last=drop)
            if val is None
            else DataLoader(TensorDataset(val.feature_NE, val.label_NF), batch_size=self.batch_size, drop_last=drop)
        )
        trainer.fit(module, datamodule=ProbeData(datamodule, loader), ckpt_path=given.resume_from)
        if not trainer.is_global_zero:
            return []
        best = best_checkpoint(trainer.checkpoint_callback, given.resume_from)
        if best is not None:
            load_exactly(module, read_tensors(best), str(best))
        val = val or features("val")
        judged = val if given.judge_on == "val" else features(given.judge_on)
        return [
            Fit(
                settings={},
                chosen={},
                val_NF=_predict(module, val),
                judged_NF=_predict(module, judged),
                train_NF=train_NF,
            )
        ]


@torch.no_grad()
def _predict(module: ProbeModule, features: Features) -> Tensor:
    head = module.head.cpu().eval()
    return probabilities(head(features.feature_NE), exclusive=module.exclusive)
