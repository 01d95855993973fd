"""Pretraining by several processes refuses a loss that they cannot compute as one would, before anything else."""

from types import SimpleNamespace
from typing import Any

import pytest

from src.core.errors import UserError
from src.losses.composite import CompositeLoss
from src.tasks import pretrain as task
from tests.losses.test_in_parts import OwnBatch


def _pretrain(monkeypatch: pytest.MonkeyPatch, *, devices: int, num_nodes: int, negatives: str) -> None:
    def reached(**_: Any) -> None:
        raise KeyError("trains")

    monkeypatch.setattr(task, "PretrainModule", reached)
    monkeypatch.setattr(task, "report_terms", lambda *_: None)
    names = ("datamodule", "evaluated_model", "dataset_name", "optimizer", "scheduler", "prompts", "resume_from")
    task.pretrain(
        **dict.fromkeys((*names, "run_dir", "micro_batch_size")),
        untrained_baseline=False,
        finding_terms="shipped",
        judge_on="test",
        pictures=False,
        resamples=0,
        rules="corrected",
        negatives=negatives,
        whole_batch_norm=True,
        model=SimpleNamespace(embedding_dim=16),
        loss=CompositeLoss({"mine": OwnBatch(weight=1.0)}),
        trainer=SimpleNamespace(num_devices=devices, num_nodes=num_nodes),
    )


@pytest.mark.parametrize(("devices", "num_nodes"), [(2, 1), (1, 2)])
def test_several_processes_refuse_it(devices: int, num_nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"loss\.mine \(OwnBatch\) cannot be right on several processes"):
        _pretrain(monkeypatch, devices=devices, num_nodes=num_nodes, negatives="auto")


@pytest.mark.parametrize(("devices", "negatives"), [(1, "auto"), (2, "local")])
def test_one_process_and_own_negatives_take_it(devices: int, negatives: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="trains"):
        _pretrain(monkeypatch, devices=devices, num_nodes=1, negatives=negatives)
