"""A config that comes with somebody's checkpoint builds what this project's options build, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.engine.foreign_config import refuse_foreign
from src.engine.say import CONF

SOURCE = Path("theirs/config.yaml")


@pytest.mark.parametrize(
    ("key", "node"),
    [
        ("dataset", {"_target_": "subprocess.run", "args": ["x"]}),
        ("dataset", {"_target_": "src.data.packed.PackedDataSet", "reader": [{"deep": {"_target_": "os.system"}}]}),
        # ours, but of another group: it would be called with their values
        ("dataset", {"_target_": "src.tasks.prepare.prepare"}),
        ("encoder", {"image": {"_target_": "src.core.files.write_text", "path": "x", "text": "y"}}),
        ("model", {"_target_": "${oc.env:HOME}"}),
        ("transform", {"eval": {"ops": [{"_target_": "albumentations.load"}]}}),
        ("transform", {"eval": {"ops": [{"_target_": "albumentations.core.serialization.load"}]}}),
        ("encoder", {"image": {"name": "${oc.env:SECRET}"}}),
        ("dataset", {"table": "x${ oc.env:SECRET}"}),
        ("dataset", {"table": "${hydra:runtime.cwd}"}),
    ],
)
def test_it_is_refused(key: str, node: Any) -> None:
    with pytest.raises(UserError, match=f"theirs/config.yaml: {key}"):
        refuse_foreign(node, key, source=SOURCE)


def test_what_the_options_build_passes() -> None:
    for path in CONF.glob("dataset/[!_]*.yaml"):
        refuse_foreign(OmegaConf.to_container(OmegaConf.load(path)), "dataset", source=SOURCE)
    for path in CONF.glob("transform/*.yaml"):
        refuse_foreign(OmegaConf.to_container(OmegaConf.load(path)), "transform", source=SOURCE)
    refuse_foreign({"eval": {"ops": [{"_target_": "albumentations.GaussNoise"}]}}, "transform", source=SOURCE)
    refuse_foreign({"data": "${oc.env:MGCA_DATA,data}", "raw": "${paths.data}/raw"}, "paths", source=SOURCE)


def test_what_the_command_itself_builds_passes() -> None:
    own = {"_target_": "my.package.Encoder"}
    refuse_foreign({"_target_": "my.package.Encoder"}, "model", source=SOURCE, own=own)
