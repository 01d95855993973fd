"""Every setting that a message of ``src`` names exists and takes the value that the message gives it."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.core.errors import UserError
from src.engine.say import CONF, options_of
from src.engine.signature import signature_of
from src.engine.values import check_value
from tests.engine.advice import HOLE, ROOT, Advice, collect, collect_keys

PLACEHOLDERS = {
    "DIR": "/tmp",
    "OTHER_DIR": "/tmp",
    "FILE": "/tmp/file",
    "FILE.json": "/tmp/file.json",
    "PATH": "/tmp/file",
    "NAME": "name",
    "N": "3",
    "SPLIT": "val",
    "VALUE": "1",
    "[...]": "[ita]",
}
"""What stands in a message for something of the user's, and an example of it."""
OPTION = ("NAME", "OPTION")
"""Placeholders for an option of a config group; the group's first one is taken."""
NOT_ADVICE = {
    "mmcv==2.1.0",  # a requirement for pip
    "sync_dist=True.*",  # warnings of Lightning that are silenced
    "rules=%s",  # a line of a log with the present value
    "resume=",  # of a message about Hydra's words in a released file
    "weights_only=False",  # torch.load's, in the explanation of a refusal
    "negatives=‹›",  # a column of the benchmark's table
    "whole_batch_norm=‹›",  # a column of the benchmark's table
    "p=‹›",  # an argument of albumentations
    "is_decoder=true",  # of a Hugging Face configuration
    "monitor='([^'",  # a pattern for a message of Lightning
    "checkpoint={checkpoint}",  # filled in later; test_resume_changes.py reads it
    "dataset.masks={NAME:DIR",  # cut short: a folder for each finding; test_mask_folder.py follows it
}
"""Words of messages that are no settings of this project, each with the reason."""


def _unique(found: Iterable[Advice]) -> list[Advice]:
    by_word = {one.word: one for one in found}
    return [by_word[word] for word in sorted(by_word)]


@pytest.mark.parametrize("advice", _unique(collect()))
def test_what_a_message_names_composes(advice: Advice, composed: Callable[..., DictConfig]) -> None:
    if advice.word in NOT_ADVICE:
        return
    problem = _problem(advice.word, composed)
    assert problem is None, (
        f"{advice.where} prints {advice.word}: {problem}\n{advice.message}\nCorrect the message so that the word works "
        "as printed. A new placeholder goes to PLACEHOLDERS; what is no setting of this project goes to NOT_ADVICE, "
        "with the reason."
    )


@pytest.mark.parametrize("advice", _unique(collect_keys()))
def test_a_key_that_a_message_names_is_there(advice: Advice, composed: Callable[..., DictConfig]) -> None:
    assert any(_has(cfg, advice.word) for cfg in _contexts(advice.word, composed)), (
        f"{advice.where} names {advice.word}, which no option of conf has\n{advice.message}"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('raise UserError(f"{a}: no; give trainer.max_epoch=3.")', "trainer.max_epoch"),
        ('print("choose task=pretrian or leave it.")', "pretrian"),
        ('raise UserError("it is low; give seed=-1.")', "seed=-1"),
        ('raise UserError("it is low; give optimizer.lr=fast.")', "optimizer.lr=fast"),
        ('raise UserError("it is low; give seed=THING.")', "THING"),
    ],
)
def test_wrong_advice_is_found(
    message: str, expected: str, composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    (tmp_path / "module.py").write_text(message)
    problems = [_problem(one.word, composed) for one in collect(tmp_path)]
    assert len(problems) == 1
    assert expected in str(problems[0])


def _problem(word: str, composed: Callable[..., DictConfig]) -> str | None:
    """What is wrong with one ``KEY=VALUE`` of a message, or None."""
    key, _, value = word.lstrip("+").partition("=")
    value = value.strip("'")
    if key == "sweep" and not word.startswith("+"):
        key = "task.sweep"
    if (CONF / key).is_dir():
        chosen = options_of(key)[0] if value in OPTION or HOLE in value else value.strip("[]").split(",")[0]
        chosen = "ita" if chosen == "..." else chosen
        return None if chosen in options_of(key) else f"{key} has no option {chosen!r}"
    if key.startswith("hydra."):
        return None if key in ("hydra.run.dir", "hydra.sweep.dir") else f"{key} is not known to this test"
    value = PLACEHOLDERS.get(value, value)
    if re.fullmatch(r"[A-Z_]+(\.\w+)?", value):
        return f"{value} is no known placeholder"
    problem: str | None = f"no option of conf has the key {key}"
    for cfg in _contexts(key, composed):
        # a hole is a value of the run, which the message fills in
        if _has(cfg, key) and (HOLE in value or (problem := _refused(cfg, key, value)) is None):
            return None
    return problem


def _refused(cfg: DictConfig, key: str, value: str) -> str | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    changed = cfg.copy()
    try:
        given = OverridesParser.create().parse_override(f"{key}={value}").value()
        OmegaConf.update(changed, key, given, merge=False)
        plain = OmegaConf.to_container(OmegaConf.create({"x": given}))["x"]  # type: ignore[index, call-overload]
        annotation = _annotation(cfg, key)
        if annotation is not None:
            check_value(key, plain, annotation)
    except (HydraException, OmegaConfBaseException, UserError) as error:
        return f"{key}={value}: {error}"
    return None


def _annotation(cfg: DictConfig, key: str) -> Any:
    from src.engine.settings import TOP_LEVEL

    if key in TOP_LEVEL:
        return TOP_LEVEL[key]
    parent, _, name = key.rpartition(".")
    target = OmegaConf.select(cfg, f"{parent}._target_") if parent else None
    signature = None if target is None else signature_of(target)
    parameter = None if signature is None else signature.parameters.get(name)
    return None if parameter is None else parameter.annotation


def _has(cfg: DictConfig, key: str) -> bool:
    if id(cfg) not in _KEYS:
        _KEYS[id(cfg)] = set(_keys(OmegaConf.to_container(cfg, resolve=False), ""))
    return key in _KEYS[id(cfg)]


_KEYS: dict[int, set[str]] = {}
"""The dotted keys of each config that was composed; ``_composed`` keeps them all."""


def _keys(node: Any, above: str) -> Iterator[str]:
    for name, child in node.items() if isinstance(node, dict) else ():
        yield f"{above}{name}"
        yield from _keys(child, f"{above}{name}.")


def _contexts(key: str, composed: Callable[..., DictConfig]) -> Iterator[DictConfig]:
    """Configs that may have the key: the default one, and that of every option of its group."""
    yield _composed(composed)
    parts = key.split(".")
    for group in ("/".join(parts[:2]), parts[0]):
        if (CONF / group).is_dir() and any((CONF / group).glob("*.yaml")):
            for option in options_of(group):
                yield _composed(composed, f"{group}=[{option}]" if group in ("loss", "logger") else f"{group}={option}")


@cache
def _composed(composed: Callable[..., DictConfig], *words: str) -> DictConfig:
    return composed(*words)


def test_the_collector_finds_what_is_there() -> None:
    words = {one.word for one in collect()}
    assert {"checkpoint=PATH", "paths.output=DIR", "hydra.run.dir=DIR", "trainer.precision=32-true"} <= words
    assert all((ROOT / one.where.partition(":")[0]).is_file() for one in collect())
