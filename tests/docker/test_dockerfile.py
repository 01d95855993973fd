"""The Dockerfile, judged by hadolint and by rules of our own; no engine is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.dockerfile import Stage, complaints, final, parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint is not made for Windows")
def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    assert hadolint.is_file(), "pip install -c constraints.txt -e '.[dev]' brings hadolint"
    done = subprocess.run([hadolint, ROOT / "docker/Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_our_own_rules_hold(stages: dict[str, Stage]) -> None:
    assert complaints(stages) == []


BAD = """
ARG BASE=python:latest
FROM ${BASE} AS base
ENV WANDB_API_KEY=1
ADD https://example.org/weights /weights
RUN apt-get update && apt-get install --yes git \\
 && pip install torch
FROM base AS gpu
USER 1000
RUN pip install torch==1.0
ENTRYPOINT python -m src.run
CMD ["+experiment=demo"]
FROM base AS cpu
USER root
ENTRYPOINT ["python"]
"""


def test_each_of_our_rules_can_be_broken() -> None:
    assert complaints(parse(BAD)) == [
        "base: base without full version and digest",
        "base: ADD",
        "base: apt lists kept",
        "base: pip without constraints",
        "base: secret WANDB_API_KEY",
        "gpu: code that its own user could change",
        "gpu: ENTRYPOINT not in exec form",
        "cpu: runs as root or by a name",
        "cpu: CMD not in exec form",
    ]


def test_there_is_an_image_to_train_on_gpus_one_on_cpus_and_one_to_test(stages: dict[str, Stage]) -> None:
    assert [stage.name for stage in final(stages)] == ["cpu", "test", "gpu"]
    for name in ("cpu", "gpu"):
        assert stages[name].values("ENTRYPOINT") == ['["python", "-m", "src.run"]']


def test_dependencies_are_installed_before_the_code_is_copied(stages: dict[str, Stage]) -> None:
    for stage in final(stages):
        names = [(item.name, item.value) for item in stage.instructions]
        assert "RUN" not in [name for name, _ in names[names.index(("COPY", ". .")) :]]


def test_torch_alone_comes_from_the_other_index(stages: dict[str, Stage]) -> None:
    others = [command for stage in stages.values() for command in stage.commands() if "index-url" in command]
    assert len(others) == 1
    assert "--no-deps" in others[0]
    assert others[0].endswith(" torch torchvision")


def test_the_build_takes_no_tools_that_nobody_pinned(stages: dict[str, Stage]) -> None:
    installs = [c for stage in stages.values() for c in stage.commands() if re.search(r"pip install .*--editable", c)]
    assert len(installs) == 3
    assert all("--no-build-isolation" in command for command in installs)


def _ignored(path: str) -> bool:
    """Whether .dockerignore keeps ``path``, or a folder that it is in, out of the image."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    rules = [re.escape(p).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*") for p in patterns]
    return any(re.fullmatch(rule, folder) for rule in rules for folder in above)


def test_what_is_copied_exists_and_is_not_ignored(stages: dict[str, Stage]) -> None:
    sources = [word for stage in stages.values() for value in stage.values("COPY") for word in value.split()[:-1]]
    assert "constraints.txt" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source == "." or not _ignored(source), source


def test_the_image_has_every_tracked_file() -> None:
    """What git tracks and the image lacks would stand in each run's provenance as changed."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True)
    tracked = listed.stdout.splitlines()
    assert "src/run.py" in tracked
    assert [path for path in tracked if _ignored(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".git/hooks/pre-commit", ".venv/bin/python", ".env", "home/.netrc", "data/store/a"),
        *("outputs/a/run.log", "src/core/__pycache__/a.pyc", "mgca.egg-info/PKG-INFO", "wandb/a", ".ruff_cache/a"),
    ],
)
def test_neither_data_nor_passwords_nor_leftovers_come_into_the_image(path: str) -> None:
    assert _ignored(path)
