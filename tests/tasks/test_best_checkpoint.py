from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from src.tasks.best_checkpoint import best_checkpoint


def _callback(path: Path, score: float, mode: str) -> ModelCheckpoint:
    path.touch()
    callback = ModelCheckpoint(monitor="val/loss", mode=mode)
    callback.best_model_path, callback.best_model_score = str(path), torch.tensor(score)
    return callback


@pytest.mark.parametrize(("mode", "earlier", "own", "winner"), [("min", 2.0, 3.0, "a"), ("min", 3.0, 2.0, "b")])
@pytest.mark.parametrize("flip", [False, True])
def test_the_best_of_both_runs_wins(
    tmp_path: Path, mode: str, earlier: float, own: float, winner: str, flip: bool
) -> None:
    sign, mode = (-1, "max") if flip else (1, mode)
    before = _callback(tmp_path / "a.ckpt", sign * earlier, mode)
    torch.save({"state_dict": {}, "callbacks": {before.state_key: before.state_dict()}}, tmp_path / "last.ckpt")
    now = _callback(tmp_path / "b.ckpt", sign * own, mode)
    assert best_checkpoint(now, tmp_path / "last.ckpt") == tmp_path / f"{winner}.ckpt"


def test_an_earlier_best_that_is_gone_does_not_count(tmp_path: Path) -> None:
    before = _callback(tmp_path / "a.ckpt", 1.0, "min")
    torch.save({"callbacks": {before.state_key: before.state_dict()}}, tmp_path / "last.ckpt")
    (tmp_path / "a.ckpt").unlink()
    assert best_checkpoint(_callback(tmp_path / "b.ckpt", 2.0, "min"), tmp_path / "last.ckpt") == tmp_path / "b.ckpt"


def test_nothing_saved(tmp_path: Path) -> None:
    assert best_checkpoint(None, None) is None
    assert best_checkpoint(ModelCheckpoint(), None) is None
