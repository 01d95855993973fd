"""``config.yaml`` describes the checkpoints beside it; with the references of ``provenance.json`` it is as composed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.engine.provenance import provenance, references, with_references

CONFIG = {"size": 64, "steps": [{"size": "${size}"}, 3], "a.b": {"x": "${size}/y"}, "plain": None}


def test_references_go_back_into_their_places() -> None:
    cfg = OmegaConf.create(CONFIG)
    found = references(cfg)
    assert found == [(["steps", 0, "size"], "${size}"), (["a.b", "x"], "${size}/y")]
    resolved = OmegaConf.to_container(cfg, resolve=True)
    assert resolved["steps"][0] == {"size": 64}
    assert with_references(resolved, found) == CONFIG


def test_what_is_not_there_any_more_is_left_out() -> None:
    assert with_references({"steps": []}, references(OmegaConf.create(CONFIG))) == {"steps": []}


def test_the_files_hold_the_whole_config(tmp_path: Path, composed: Callable[..., Any]) -> None:
    cfg = OmegaConf.create({key: composed()[key] for key in ("transform", "rules", "seed", "datamodule")})
    with provenance(cfg, tmp_path, command=["python"], choices={"dataset": "phantom"}):
        pass
    resolved = OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))
    assert "${" not in (tmp_path / "config.yaml").read_text()
    found = json.loads((tmp_path / "provenance.json").read_text())["references"]
    assert with_references(resolved, found) == OmegaConf.to_container(cfg, resolve=False)


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
