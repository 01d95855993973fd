"""``config.yaml`` describes the checkpoints beside it."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.engine.provenance import provenance


def start(folder: Path, rate: float, *, saves: bool, fails: bool) -> float:
    with provenance(OmegaConf.create({"lr": rate}), folder, command=["run"], choices={}):
        if saves:
            (folder / "last.ckpt").write_text(str(rate))
        if fails:
            raise UserError("no")
    return float(OmegaConf.load(folder / "config.yaml").lr)


def test_a_start_that_fails_before_its_first_checkpoint_puts_the_earlier_config_back(tmp_path: Path) -> None:
    assert start(tmp_path, 0.1, saves=True, fails=False) == 0.1
    with pytest.raises(UserError):
        start(tmp_path, 0.2, saves=False, fails=True)
    assert OmegaConf.load(tmp_path / "config.yaml").lr == 0.1
    # nothing was left to train
    assert start(tmp_path, 0.25, saves=False, fails=False) == 0.1
    with pytest.raises(UserError):
        start(tmp_path, 0.3, saves=True, fails=True)
    assert OmegaConf.load(tmp_path / "config.yaml").lr == 0.3


def test_a_first_start_that_fails_leaves_its_config(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        start(tmp_path, 0.1, saves=False, fails=True)
    assert OmegaConf.load(tmp_path / "config.yaml").lr == 0.1
