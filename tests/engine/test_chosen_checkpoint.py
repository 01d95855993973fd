"""Which file the folder of a run means."""

from pathlib import Path

import pytest
import torch

from src.core.errors import UserError
from src.engine.chosen_checkpoint import chosen_checkpoint


def _save(folder: Path, *names: str, best: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        state = {"callbacks": {"ModelCheckpoint{}": {"best_model_path": f"/elsewhere/{best}"}, "LastCheckpoint": {}}}
        torch.save(state, folder / name)
    return folder


@pytest.mark.parametrize("below", ["", "checkpoints"])
def test_the_best_one_and_else_the_last(tmp_path: Path, below: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    folder = _save(tmp_path / below, "last.ckpt", "previous.ckpt")
    assert chosen_checkpoint(str(tmp_path)) == folder / "last.ckpt"
    _save(folder, "epoch003.ckpt", ".next.last.ckpt")
    assert chosen_checkpoint(str(tmp_path)) == folder / "epoch003.ckpt"
    assert f"Of {tmp_path} the checkpoint epoch003.ckpt is taken" in caplog.text
    assert chosen_checkpoint(str(folder / "last.ckpt")) == folder / "last.ckpt"


def test_of_several_the_one_that_the_run_calls_best(tmp_path: Path) -> None:
    _save(tmp_path, "last.ckpt", "epoch001.ckpt", "epoch002.ckpt", best="epoch002.ckpt")
    assert chosen_checkpoint(str(tmp_path)).name == "epoch002.ckpt"
    _save(tmp_path, "last.ckpt", best="epoch009.ckpt")
    with pytest.raises(UserError, match=r"holds epoch001\.ckpt, epoch002\.ckpt, and nothing says which is the best"):
        chosen_checkpoint(str(tmp_path))


def test_a_damaged_last_one_gives_way_to_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _save(tmp_path, "previous.ckpt")
    (tmp_path / "last.ckpt").write_bytes(b"PK")
    assert chosen_checkpoint(str(tmp_path)).name == "previous.ckpt"
    assert "is damaged or missing; previous.ckpt, the one before it, is taken" in caplog.text
    (tmp_path / "previous.ckpt").unlink()
    with pytest.raises(UserError, match=r"last\.ckpt is damaged, and there is no other checkpoint"):
        chosen_checkpoint(str(tmp_path))


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"No checkpoint at .*nowhere: it is not there; give a checkpoint's file or the fol"
    ):
        chosen_checkpoint(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="this folder holds no checkpoint"):
        chosen_checkpoint(str(tmp_path))
    _save(tmp_path / "0/checkpoints", "last.ckpt")
    _save(tmp_path / "1/checkpoints", "last.ckpt")
    with pytest.raises(UserError, match=r"this folder holds 2 runs \(0, 1\); name one, e\.g\. checkpoint=.*/0"):
        chosen_checkpoint(str(tmp_path))
