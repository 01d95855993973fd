"""Which options and experiments mirror training images: the one whose publication does, and no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate

CONF = Path(__file__).resolve().parents[2] / "conf"
PUBLISHED = {"classify/chexpert": 0.5}


def _options(group: str) -> list[str]:
    paths = sorted((CONF / group).rglob("*.yaml"))
    return [str(path.relative_to(CONF / group).with_suffix("")) for path in paths if not path.name.startswith("_")]


@pytest.mark.parametrize("option", _options("transform"))
def test_no_transform_mirrors_unless_asked(option: str, composed: Callable[..., Any]) -> None:
    transform = composed(f"transform={option}").transform
    assert transform.horizontal_flip == 0
    for part in (transform.train, transform.eval):
        built = instantiate(part, _convert_="all")
        assert built.horizontal_flip == 0
        assert built.swapping_ops == []
    asked = composed(f"transform={option}", "transform.horizontal_flip=0.25").transform
    assert instantiate(asked.train, _convert_="all").horizontal_flip == 0.25
    assert instantiate(asked.eval, _convert_="all").horizontal_flip == 0


@pytest.mark.parametrize("experiment", _options("experiment"))
def test_experiments_mirror_where_it_is_published(experiment: str, composed: Callable[..., Any]) -> None:
    transform = composed(f"+experiment={experiment}").transform
    built = instantiate(transform.train, _convert_="all")
    assert built.horizontal_flip == PUBLISHED.get(experiment, 0)
    assert built.swapping_ops == []


@pytest.mark.parametrize("task", ["detect", "segment", "pretrain", "classify"])
def test_tasks_do_not_mirror(task: str, composed: Callable[..., Any]) -> None:
    transform = composed(f"task={task}").transform
    assert instantiate(transform.train, _convert_="all").horizontal_flip == 0
