"""The compose file says what the Dockerfile and the Makefile say."""

import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.dockerfile import Stage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def train() -> dict[str, Any]:
    """The service of the compose file."""
    services = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    assert list(services) == ["train"]
    return services["train"]


@pytest.fixture
def call(make: Callable, tmp_path: Path) -> list[str]:
    """What make docker-train asks the engine for."""
    (call,) = make("docker-train", f"DATA={tmp_path}").calls
    return call


def value(call: list[str], flag: str) -> str:
    return call[call.index(flag) + 1]


def test_it_builds_a_target_of_the_dockerfile(train: dict[str, Any], stages: dict[str, Stage]) -> None:
    build = train["build"]
    assert build["target"] in stages
    assert train["image"] == f"mgca:{build['target']}"
    assert (ROOT / "docker" / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_it_stops_and_shares_memory_as_make_does(train: dict[str, Any], call: list[str]) -> None:
    assert train["init"] is True
    assert "--init" in call
    assert train["stop_grace_period"] == f"{value(call, '--stop-timeout')}s"
    assert train["shm_size"] == value(call, "--shm-size")


def test_its_folders_are_those_of_make(train: dict[str, Any], call: list[str]) -> None:
    volumes = {volume["target"]: volume for volume in train["volumes"]}
    mounted = dict(re.findall(r"target=([^,\n]+)(.*)", "\n".join(call)))
    assert set(volumes) == {*mounted, "/cache"}
    assert mounted == {"/data": ",readonly", "/app/outputs": ""}
    assert [target for target, volume in volumes.items() if volume.get("read_only")] == ["/data"]
    assert (ROOT / "docker" / volumes["/app/outputs"]["source"]).resolve() == ROOT / "outputs"
    assert volumes["/data"]["source"].startswith("${DATA:?")
    name = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["volumes"]["cache"]["name"]
    assert value(call, "--volume") == f"{name.replace('${MGCA_UID:-1000}', str(os.getuid()))}:/cache"


def test_the_image_looks_for_data_and_keeps_caches_where_they_are_mounted(stages: dict[str, Stage]) -> None:
    words = dict(word.partition("=")[::2] for value in stages["base"].values("ENV") for word in value.split())
    assert words["MGCA_DATA"] == "/data"
    assert words["HOME"] == "/cache"
    assert stages["base"].values("WORKDIR") == ["/app"]
    assert "chmod 1777 /app/outputs /cache" in stages["base"].commands()


def test_names_of_variables_are_handed_over_without_values(train: dict[str, Any], call: list[str]) -> None:
    assert train["environment"] == [name for flag, name in pairwise(call) if flag == "--env"]
    assert not any("=" in name for name in train["environment"])


def test_it_reserves_gpus(train: dict[str, Any]) -> None:
    (device,) = train["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
