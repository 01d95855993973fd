"""The trained probe's steps and validation loss, with and without the last incomplete batch.

Axes: B and N images, C channels, H and W pixels, E feature width, F findings.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from lightning import Callback, LightningModule, Trainer
from omegaconf import OmegaConf
from torch import Tensor, nn

from src.data.datamodule import PairDataModule
from src.engine.optimizers import AdamW
from src.engine.schedulers import Constant
from src.heads.linear import LinearHead
from src.tasks.probes.fit import ProbeInput
from src.tasks.probes.trained import TrainedProbe

CONF = Path(__file__).resolve().parents[2] / "conf"
COUNTS = {"train": 11, "val": 10, "test": 5}
BATCH, EPOCHS = 4, 2


class NoiseTable:
    """Images of noise, with two labels each."""

    def __init__(self, split: str) -> None:
        rng = np.random.default_rng(len(split))
        self.label_NF = rng.integers(0, 2, (COUNTS[split], 2)).astype(np.float32)
        self._image_NHW = rng.integers(0, 256, (COUNTS[split], 36, 36), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.label_NF)

    def image(self, index: int) -> np.ndarray:
        return self._image_NHW[index]

    def row(self, index: int) -> int:
        return index

    def file(self, index: int) -> str:
        return ""


class Rows(nn.Module):
    """An encoder whose features are the means of the first eight rows; its one weight is 1."""

    global_dim = 8

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image_BCHW: Tensor) -> SimpleNamespace:
        return SimpleNamespace(global_BE=self.scale * image_BCHW[:, 0, :8].mean(dim=-1))


class Seen(Callback):
    """How many images each training step saw, and the validation loss of each epoch."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, _: Any, batch: Any, __: int) -> None:
        self.steps.append(len(batch))

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["val/loss"]))


def _data(batch_size: int, *, drop_last: bool) -> PairDataModule:
    values: Any = OmegaConf.to_container(OmegaConf.load(CONF / "datamodule/pairs.yaml"))
    del values["_target_"]
    transforms = OmegaConf.create({"transform": OmegaConf.load(CONF / "transform/published.yaml")})
    transforms.transform.update({"size": 36, "crop": 32})
    made = {
        f"{stage}_transform": instantiate(transforms.transform[stage], _convert_="all") for stage in ("train", "eval")
    }
    values |= {"rules": "published", "seed": 3, "batch_size": batch_size, "drop_last": drop_last, "num_workers": 0}
    source = SimpleNamespace(finding_names=("one", "two"), exclusive=False, table=NoiseTable)
    return PairDataModule(**{**values, **made, "source": source, "tokenizer": None})


def _fit(*, frozen: bool, drop_last: bool, batch_size: int = BATCH) -> tuple[Seen, LinearHead, Rows]:
    seen, heads, encoder, data = Seen(), [], Rows(), _data(batch_size, drop_last=drop_last)

    def make_head(**widths: int) -> LinearHead:
        torch.manual_seed(0)
        heads.append(LinearHead(**widths, dropout=0.0))
        return heads[0]

    def make_trainer(*, max_epochs: int, patience: int) -> Trainer:
        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        still = {"num_sanity_val_steps": 0, "log_every_n_steps": 1, "use_distributed_sampler": False}
        return Trainer(max_epochs=max_epochs, accelerator="cpu", logger=False, callbacks=[seen], **quiet, **still)

    probe = TrainedProbe(
        frozen=frozen,
        batch_size=batch_size,
        drop_last=drop_last,
        max_epochs=EPOCHS,
        patience=10,
        optimizer=AdamW(lr=5e-4, betas=(0.9, 0.999), weight_decay=1e-6, decay_norms_and_biases=True),
        scheduler=Constant(),
    )
    given = {"encoder": encoder, "datamodule": data, "make_head": make_head, "make_trainer": make_trainer}
    (fit,) = probe(ProbeInput(**given, judge_on="test", resume_from=None))  # type: ignore[arg-type]
    # thresholds and figures are of every image
    assert (len(fit.val_NF), len(fit.judged_NF)) == (COUNTS["val"], COUNTS["test"])
    return seen, heads[0], encoder


@torch.no_grad()
def _loss(head: LinearHead, encoder: Rows, count: int) -> float:
    """Binary cross-entropy of the first ``count`` validation images, in float64."""
    table = NoiseTable("val")
    pixel_NHW = torch.from_numpy(np.stack([table.image(index)[2:34, 2:34] for index in range(count)])).double()
    feature_NE = encoder.scale.item() * (pixel_NHW / 255 / 0.5 - 1)[:, :8].mean(dim=-1)
    logit_NF = feature_NE @ head.linear.weight.double().T + head.linear.bias.double()
    p_NF, label_NF = logit_NF.sigmoid(), torch.from_numpy(table.label_NF[:count]).double()
    return float(-(label_NF * p_NF.log() + (1 - label_NF) * (1 - p_NF).log()).mean())


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(("drop_last", "steps", "validated"), [(True, [4, 4], 8), (False, [4, 4, 3], 10)])
def test_steps_and_validation_loss(frozen: bool, drop_last: bool, steps: list[int], validated: int) -> None:
    seen, head, encoder = _fit(frozen=frozen, drop_last=drop_last)
    assert seen.steps == steps * EPOCHS
    assert seen.losses[-1] == pytest.approx(_loss(head, encoder, validated), rel=1e-5)
    assert abs(_loss(head, encoder, 8) - _loss(head, encoder, 10)) > 1e-3


def test_splits_of_less_than_one_batch_are_used_and_said(caplog: pytest.LogCaptureFixture) -> None:
    seen, head, encoder = _fit(frozen=True, drop_last=True, batch_size=48)
    assert seen.steps == [COUNTS["train"]] * EPOCHS
    assert seen.losses[-1] == pytest.approx(_loss(head, encoder, COUNTS["val"]), rel=1e-5)
    said = [message for message in caplog.messages if "this one batch is kept" in message]
    assert [message.partition(":")[0] for message in said] == ["val", "train"]
