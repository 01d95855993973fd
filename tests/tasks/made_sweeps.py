"""Folders of finished jobs with made figures, as a sweep leaves them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src.core.case_keys import CaseKeys
from src.core.evaluated_model import EvaluatedModel
from src.core.finished import Done, write_done
from src.evaluation.cases import Values, save_cases
from src.evaluation.estimate import Estimate
from src.evaluation.records import Record, write_records
from src.tasks.report import report

CONFIG: Mapping[str, Any] = {
    "seed": 1,
    "weights": "auto",
    "checkpoint": None,
    "loss": {"ita": {"weight": 1.0}},
    "datamodule": {"fraction": 1.0, "seed": "${seed}"},
    "encoder": {"image": {"name": "resnet50.tv_in1k", "pretrained": True, "weights": None}},
    "probe": {"frozen": True},
    "trainer": {"max_epochs": 5},
}
CHOICES: Mapping[str, Any] = {"dataset": "phantom", "head": "linear", "probe": "published"}


@dataclass(kw_only=True)
class MadeJob:
    """``settings``: dotted keys that were swept, with their values. ``hits``: a case each, whose mean is the figure.

    ``composed``: overrides whose true config takes the place of the made one, below ``config``.
    """

    settings: Mapping[str, Any]
    hits: Sequence[float]
    config: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Any] = field(default_factory=dict)
    first_row: int = 0
    composed: Sequence[str] = ()
    model: EvaluatedModel | None = None
    figure: str = "classify/auroc_mean"


def make_report(sweep: Path | Sequence[Path], **settings: Any) -> list[dict[str, str]]:
    """Make the report and read its CSV."""
    names = str(sweep) if isinstance(sweep, Path) else [str(one) for one in sweep]
    defaults: dict[str, Any] = {
        "repeats": ["seed"],
        "columns": None,
        "metrics": None,
        "baseline": None,
        "resamples": 400,
        "published": None,
        "published_rows": False,
        "unfinished": "refuse",
        "folder": None,
        "compose_config": lambda overrides: compose_config(tuple(overrides)),
    }
    report(sweep=names, **{**defaults, **settings})
    folder = Path(names) / "report" if isinstance(names, str) else next(Path(names[0]).parent.glob("report_of_*"))
    with (folder / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def compose_config(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The config of ``overrides`` as ``done.json`` keeps it."""
    from hydra import compose, initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    from src.engine.say import CONF
    from src.engine.schema import RunConfig

    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return dict(OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=False))


def hits_job(settings: Mapping[str, Any], mean: float, **more: Any) -> MadeJob:
    """Ten cases of which ``mean`` are hits, other ones for another seed."""
    hits = [1.0] * round(10 * mean) + [0.0] * round(10 - 10 * mean)
    return MadeJob(settings=settings, hits=list(np.roll(hits, int(settings.get("seed", 0)))), **more)


def write_sweep(folder: Path, jobs: Sequence[MadeJob]) -> Path:
    """Write ``jobs`` into ``folder`` under their numbers."""
    for number, job in enumerate(jobs):
        write_job(folder / str(number), job)
    return folder


def write_job(folder: Path, job: MadeJob) -> None:
    """Write one finished job with its record and cases."""
    group, _, name = job.figure.partition("/")
    (folder / "cases").mkdir(parents=True)
    keys = CaseKeys.of(torch.arange(job.first_row, job.first_row + len(job.hits)))
    hit_N1 = torch.tensor(job.hits, dtype=torch.float64)[:, None]
    save_cases(Values(keys=keys, names=(name,), value_NM=hit_N1), folder / f"cases/{group}.parquet")
    mean = float(hit_N1.mean())
    figures = {job.figure: Estimate(mean, mean - 0.1, mean + 0.1), f"{group}/chance_accuracy": 0.5}
    record = Record(settings={}, figures=figures, cases={group: f"cases/{group}.parquet"}, model=job.model)
    write_records([record], folder)
    write_done(folder, done_of(job))


def done_of(job: MadeJob) -> Done:
    """What the job says of itself."""
    config = _merged(compose_config(tuple(job.composed)) if job.composed else CONFIG, job.config)
    for key, value in job.settings.items():
        if key == "loss":
            config["loss"] = {name: {"weight": 1.0} for name in value}
        elif key not in CHOICES:
            config = _merged(config, _nested(key, value))
    options = {key: value for key, value in job.settings.items() if key in CHOICES}
    overrides = [f"{key}={value}" for key, value in job.settings.items()]
    return Done(
        config=config,
        choices={**CHOICES, **job.choices, **options},
        overrides=tuple(overrides),
        swept=tuple(job.settings),
    )


def _nested(key: str, value: Any) -> dict[str, Any]:
    for name in reversed(key.split(".")):
        value = {name: value}
    return dict(value)


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for name, value in other.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
