"""Shows an evaluated model images as its training did: their size, what is cut off, and their normalisation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.core.finished import flatten
from src.engine.trained_run import TrainedRun, followed
from src.engine.typed import Typed

_SIDES = ("transform.size", "transform.crop")
_NORMALISATION = ("transform.train.mean", "transform.train.std", "transform.eval.mean", "transform.eval.std")
_FLIP = "transform.horizontal_flip"
_AUGMENTATION = ("transform.train.ops", _FLIP)
_LISTED = 6


def bring_transform(
    chosen: DictConfig,
    run: TrainedRun,
    typed: Sequence[Typed],
    *,
    checkpoint: Path,
    dense: bool,
    trains: bool,
    free: bool,
) -> None:
    """Give ``chosen`` the transform of ``run``.

    ``dense``: the task keeps its own geometry, whole images, at the size that the encoder was trained for. ``trains``:
    with an experiment the augmentation of the training images stays that of its protocol. ``free``: other weights than
    the checkpoint's are evaluated, for which the typed transform counts.
    Raises UserError where a typed transform shows images otherwise, unless ``force_transform`` is set.
    """
    if not run.has("transform.eval"):
        return
    theirs = seen_in_training(run, dense=dense)
    about = [one for one in typed if one.within(("transform",))]
    # the checkpoint's own option, typed again, is no other
    about = [one for one in about if one.option is None or str(one.option) != str(run.choices.get("transform"))]
    free = free or bool(chosen.get("force_transform"))
    if not free:
        _refuse_other(chosen, theirs, about, checkpoint, dense=dense)
    own_option = any(one.option is not None for one in about)
    protocol = own_option or any(one.key == "experiment" for one in typed)
    if dense:
        _set_sides(chosen, theirs, {one.key for one in about} if free else set())
    elif free and own_option:
        return
    elif trains and protocol:
        _set_sides(chosen, theirs, {one.key for one in about} if free else set())
        if not (free and about):
            OmegaConf.update(chosen, "transform.eval", run.value("transform.eval"), merge=False)
    else:
        _take(chosen, run, about, trains=trains, free=free)


def seen_in_training(run: TrainedRun, *, dense: bool) -> dict[str, Any]:
    """What decides how a model sees an image, by key, as the run had it; for a ``dense`` task as far as it is kept."""
    side = run.value("transform.crop") or run.value("transform.size")
    found = {key: run.value(key) for key in _NORMALISATION if run.has(key)}
    if dense:
        return {**(dict.fromkeys(_SIDES, side) if side else {}), **found}
    found = {key: run.value(key) for key in _SIDES if run.has(key)} | found
    return {**found, **flatten(_listed(run.value("transform.eval")), "transform.eval")}


def transform_changes(cfg: DictConfig, run: TrainedRun, *, dense: bool) -> list[str]:
    """Each setting by which images are shown otherwise than in training: ``key=here (trained with there)``."""
    theirs = seen_in_training(run, dense=dense)
    ours = _seen_here(cfg)
    changed = [key for key in theirs if ours.get(key) != theirs[key]]
    # the steps follow from the sides
    sides = [key for key in _SIDES if key in changed]
    shown = sides or changed
    return [f"{key}={ours.get(key)} (trained with {theirs[key]})" for key in shown[:_LISTED]]


def unknown_transform(cfg: DictConfig) -> str:
    """The same for a checkpoint of which nothing says what it was trained with."""
    sides = [f"{key}={OmegaConf.select(cfg, key)}" for key in _SIDES]
    return f"{', '.join(sides)} (what it was trained with is not known)"


def _seen_here(cfg: DictConfig) -> dict[str, Any]:
    node = followed(cfg, "transform", source="the command")
    return flatten(_listed(node), "transform")


def _listed(node: Any) -> Any:
    """Lists as mappings of their positions, so that their leaves have keys."""
    if isinstance(node, Mapping):
        return {name: _listed(child) for name, child in node.items()}
    return {str(index): _listed(child) for index, child in enumerate(node)} if isinstance(node, list) else node


def _refuse_other(
    cfg: DictConfig, theirs: Mapping[str, Any], about: Sequence[Typed], checkpoint: Path, *, dense: bool
) -> None:
    ours = _seen_here(cfg)
    # of a task that shows whole images any option does: its sides are set
    typed = [one for one in about if one.option is None or not dense]
    other = [
        f"{key}={value} (here {ours.get(key)})"
        for key, value in theirs.items()
        if ours.get(key) != value and any(one.option is not None or _reaches(one.key, key) for one in typed)
    ]
    if other:
        raise UserError(
            f"{checkpoint} was trained with {', '.join(other[:_LISTED])}, so that other images would be evaluated than "
            "it was trained for; leave out what differs, or evaluate so all the same with force_transform=true."
        )


def _reaches(typed: str, key: str) -> bool:
    return key == typed or key.startswith((f"{typed}.", f"{typed}[")) or typed.startswith(f"{key}.")


def _set_sides(chosen: DictConfig, theirs: Mapping[str, Any], kept: set[str]) -> None:
    """Set size, crop and normalisation but for the typed keys ``kept``; with a typed size it is the crop too."""
    for key in (*_SIDES, *_NORMALISATION):
        if key not in theirs or key in kept:
            continue
        value = "${transform.size}" if key == "transform.crop" and "transform.size" in kept else theirs[key]
        OmegaConf.update(chosen, key, value, force_add=True)


def _take(chosen: DictConfig, run: TrainedRun, about: Sequence[Typed], *, trains: bool, free: bool) -> None:
    """Take the run's transform whole; on top what was typed of it and may differ."""
    own: Any = OmegaConf.to_container(chosen, resolve=False)
    OmegaConf.update(chosen, "transform", run.raw("transform"), merge=False)
    for one in about:
        if one.option is None and (free or (trains and one.within(_AUGMENTATION))):
            if one.key in _SIDES and not run.references:
                raise UserError(
                    f"{one.word}: beside the checkpoint lies {run.source} alone, which does not say what follows from "
                    "it; give the whole transform with transform=OPTION, or the run's folder as checkpoint=DIR."
                )
            value = own
            for name in one.key.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
            OmegaConf.update(chosen, one.key, value, merge=False, force_add=True)
            if one.key == _FLIP:
                # a run of an older version has the key at neither place
                OmegaConf.update(chosen, "transform.train.horizontal_flip", value, force_add=True)
