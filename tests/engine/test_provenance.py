"""config.yaml and the references in provenance.json make up the config as it was composed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.engine.provenance import references, with_references, write_provenance

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
    write_provenance(cfg, tmp_path, command=["python"], choices={"dataset": "phantom"})
    resolved = OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))
    assert "${" not in (tmp_path / "config.yaml").read_text()
    found = json.loads((tmp_path / "provenance.json").read_text())["references"]
    assert with_references(resolved, found) == OmegaConf.to_container(cfg, resolve=False)
