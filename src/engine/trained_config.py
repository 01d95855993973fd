"""Brings a checkpoint's own config to the task that evaluates it: what is evaluated is what was trained."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from src.core.errors import UserError
from src.core.finished import BROUGHT, flatten, is_below
from src.engine.chosen_checkpoint import chosen_checkpoint
from src.engine.foreign_config import refuse_foreign
from src.engine.judged import ORIGIN, judged_checkpoint
from src.engine.older_config import fill_missing
from src.engine.parts import GIVEN
from src.engine.processes import is_one_of_several
from src.engine.task_kind import task_kind
from src.engine.trained_run import TrainedRun, followed, read_trained_run, released_run
from src.engine.trained_transform import bring_transform, transform_changes, unknown_transform
from src.engine.typed import Typed, typed_settings, words_of_this_run
from src.engine.validate import validate

_log = logging.getLogger(__name__)
MODEL = ("encoder", "model", "rules", "loss", "num_prototypes", "datamodule.max_tokens", "datamodule.pad_to")
"""Keys that a checkpoint's run brings to every task that evaluates it, beside its ``transform``."""
DATA = ("dataset", "prompts", "store", "paths.data", "paths.raw", "paths.store")
"""Keys that it brings where the command names neither a data set nor an experiment."""
_GROUPS = ("encoder", "model", "loss", "transform", "dataset", "prompts", "store")
_DATA_GROUPS = ("dataset", "prompts", "store")
_LISTED = 6


def with_trained_config(cfg: DictConfig) -> DictConfig:
    """The config of this run with what the run of its ``checkpoint`` was trained with; ``cfg`` itself without one.

    ``checkpoint`` is then a file. Raises UserError where it is not there, where what was typed contradicts it, and
    where its config would build what no option of this project builds.
    """
    if cfg.get("checkpoint") is None:
        return cfg
    checkpoint = chosen_checkpoint(str(cfg.checkpoint))
    chosen: DictConfig = cfg.copy()
    chosen.checkpoint = str(checkpoint)
    task = task_kind(cfg)
    run = _run_of(cfg, checkpoint) if task.evaluates else None
    if run is None:
        return chosen
    typed = typed_settings(words_of_this_run())
    _refuse_foreign(run, cfg)
    free = judged_checkpoint(cfg) is None
    if not free:
        _refuse_two_origins(cfg, checkpoint, typed)
        _refuse_contradictions(cfg, run, checkpoint, typed)
    with open_dict(chosen):
        for key in MODEL:
            _bring(chosen, cfg, run, key, [one for one in typed if free or one.option is None])
        bring_transform(chosen, run, typed, checkpoint=checkpoint, dense=task.dense, trains=task.trains, free=free)
        if not any(one.key in ("dataset", "experiment") for one in typed):
            _bring_data(chosen, cfg, run, typed)
    with open_dict(chosen):
        _check(chosen, run, typed)
    # of several processes the one that started them says it
    if not is_one_of_several():
        changed = [] if free else transform_changes(chosen, run, dense=task.dense)
        if not free:
            _say(cfg, chosen, checkpoint, typed, as_trained=not changed and not task.dense)
        if changed:
            _log.warning("%s is evaluated with %s.", checkpoint, ", ".join(changed))
    return chosen


def _run_of(cfg: DictConfig, checkpoint: Path) -> TrainedRun | None:
    """The run that wrote the checkpoint; of a released one what is published; None, and a warning, without either."""
    from src.interop.weights import is_released

    run = read_trained_run(checkpoint)
    if run is None and is_released(checkpoint):
        return released_run()
    if run is None:
        _log.warning(
            "%s: no config.yaml lies beside it, so that nothing says what it was trained with; it is evaluated with "
            "this command's own settings, among them %s.",
            checkpoint,
            unknown_transform(cfg),
        )
    return run


def _refuse_foreign(run: TrainedRun, cfg: DictConfig) -> None:
    own: Any = OmegaConf.to_container(cfg, resolve=False)
    for key in (*MODEL, "transform", *DATA):
        refuse_foreign(run.raw(key), key, source=run.source, own=own.get(key))
    for key in ("encoder.image", "encoder.text", "model", "transform.train", "transform.eval"):
        node = run.raw(key)
        if node is not None and not (isinstance(node, Mapping) and isinstance(node.get("_target_"), str)):
            raise UserError(f"{run.source}: {key} names no _target_; the file is damaged, take another checkpoint.")


def _refuse_two_origins(cfg: DictConfig, checkpoint: Path, typed: Sequence[Typed]) -> None:
    for one in typed:
        if cfg.weights == "auto" and one.key in ("encoder.image.weights",) and one.word.partition("=")[2] != "null":
            raise UserError(
                f"{one.word} and checkpoint={checkpoint} both name weights; give one of them, or say with "
                "weights=named or weights=checkpoint which is evaluated."
            )


def _refuse_contradictions(cfg: DictConfig, run: TrainedRun, checkpoint: Path, typed: Sequence[Typed]) -> None:
    found = [line for one in typed if one.within(MODEL) for line in contradictions(cfg, run, one)]
    if found:
        raise UserError(
            f"{checkpoint} was trained with {', '.join(found[:_LISTED])}; leave out what differs, for a checkpoint "
            "brings its run's own encoders, model, losses, tokens and rules."
        )


def contradictions(cfg: DictConfig, run: TrainedRun, one: Typed) -> Iterator[str]:
    """The settings of the checkpoint's run that ``one`` gives other values, as ``key=value (here value)``."""
    if one.option is not None and _same_option(run.choices.get(one.key.replace(".", "/")), one.option):
        return
    theirs = flatten(run.value(one.key), one.key)
    ours = flatten(followed(cfg, one.key, source="the command"), one.key)
    for key, value in theirs.items():
        if value is not None and key.rpartition(".")[2] not in ORIGIN and ours.get(key) != value:
            yield f"{key}={value} (here {ours.get(key)})"
    if one.key == "loss" and not set(ours) <= set(theirs):
        yield f"loss=[{','.join(run.losses)}]"


def _same_option(one: Any, other: Any) -> bool:
    """Whether both name the same option; Hydra keeps a list of options as the text of a list."""
    return str(one).replace("'", "").replace(" ", "") == str(other).replace("'", "").replace(" ", "")


def _bring(chosen: DictConfig, cfg: DictConfig, run: TrainedRun, key: str, typed: Sequence[Typed]) -> None:
    """Put the run's value at ``key``, and what was typed at it or below on top."""
    if not run.has(key):
        return
    own: Any = OmegaConf.to_container(cfg, resolve=False)
    OmegaConf.update(chosen, key, run.raw(key), merge=False, force_add=True)
    for one in typed:
        if is_below(one.key, key):
            value = own
            for name in one.key.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
            OmegaConf.update(chosen, one.key, value, merge=False, force_add=True)


def _bring_data(chosen: DictConfig, cfg: DictConfig, run: TrainedRun, typed: Sequence[Typed]) -> None:
    if run.dataset is None or not run.has("dataset"):
        return
    for key in DATA:
        _bring(chosen, cfg, run, key, typed)
    if "prompts" in run.config and not run.has("prompts") and not any(is_below(one.key, "prompts") for one in typed):
        # its data set has none, and those of another would name findings that it lacks
        chosen.prompts = None
    settings: Any = HydraConfig.get()
    with read_write(settings), open_dict(settings):
        settings.runtime.choices.update({group: run.choices[group] for group in _DATA_GROUPS if group in run.choices})
    own = [one.word.lstrip("+") for one in typed]
    keys = {word.partition("=")[0] for word in own}
    theirs = [word for word in run.about_data if word.partition("=")[0] not in keys]
    OmegaConf.update(chosen, "store.dataset", run.dataset, force_add=True)
    OmegaConf.update(chosen, "store.overrides", [*theirs, *own], merge=False, force_add=True)


def _check(chosen: DictConfig, run: TrainedRun, typed: Sequence[Typed]) -> None:
    """Raise UserError, naming the run's config, where what it brings does not fit the classes of today."""
    for key in (*MODEL, "transform", *DATA):
        followed(chosen, key, source=str(run.source))
    filled = fill_missing(chosen, run.choices, given=GIVEN, keys=_GROUPS)
    if filled:
        _log.warning(
            "%s is of an older version and lacks %s, taken as conf has it today.", run.source, ", ".join(filled)
        )
    try:
        validate(chosen, given=GIVEN, keys=_GROUPS)
    except UserError as error:
        if any(one.key in str(error) for one in typed):
            raise
        raise UserError(f"{run.source}, with which the checkpoint was trained: {error}") from error


def _say(cfg: DictConfig, chosen: DictConfig, checkpoint: Path, typed: Sequence[Typed], *, as_trained: bool) -> None:
    experiment = next((one.word.lstrip("+") for one in typed if one.key == "experiment"), None)
    before, after = ({key: followed(one, key, source="") for key in (*MODEL, "transform")} for one in (cfg, chosen))
    ours, theirs = flatten(before), flatten(after)
    other = [key for key in theirs if ours.get(key) != theirs[key] and key.rpartition(".")[2] not in ORIGIN]
    shown = [f"{key}={theirs[key]}" for key in other if key.startswith(BROUGHT)][:_LISTED]
    if experiment and shown:
        _log.info(
            "%s keeps what it was trained with in the place of what %s has: %s.",
            checkpoint,
            experiment,
            ", ".join(shown),
        )
    data = followed(chosen, "store.dataset", source="")
    _log.info(
        "Evaluating %s%s: encoder %s, transform of %s cut to %s pixels, rules=%s; on %s.",
        checkpoint,
        " as it was trained" if as_trained else "",
        OmegaConf.select(chosen, "encoder.image.name"),
        OmegaConf.select(chosen, "transform.size"),
        OmegaConf.select(chosen, "transform.crop"),
        chosen.rules,
        data,
    )
