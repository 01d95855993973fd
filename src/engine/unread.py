"""Refuses what was typed for this run and no part of it reads, so that no setting is ignored without a word."""

import re
from collections.abc import Iterable, Mapping, Sequence

from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.core.finished import flatten, is_below
from src.engine.typed import Typed

_DATA = ("dataset", "store")
# a text encoder or a projection that is typed with a task of images alone says which checkpoint is meant
_MODEL = ("encoder", "model", "checkpoint", "weights", "force_transform")
_TRAINER = ("trainer", "callbacks", "logger")
READS: Mapping[str, tuple[str, ...]] = {
    "run_dir": (),
    "resume_from": (),
    "checkpoint": ("checkpoint",),
    "judged_checkpoint": _MODEL,
    "evaluated_model": _MODEL,
    "dataset": _DATA,
    "dataset_name": _DATA,
    "dataset_named": _DATA,
    "protocol_notes": (),
    "compose_config": (),
    "datamodule": ("datamodule", *_DATA),
    "model": _MODEL,
    "prototypes": _MODEL,
    "image_encoder": _MODEL,
    "labelled_images": ("datamodule", *_DATA),
    "annotated_images": ("datamodule", *_DATA),
    "make_head": ("head",),
    "head_name": ("head",),
    "probe": ("probe",),
    "tuning": ("tuning",),
    "mask_loss": ("mask_loss",),
    "loss": ("loss",),
    "optimizer": ("optimizer",),
    "scheduler": ("scheduler",),
    "prompts": ("prompts",),
    "loggers": ("logger",),
    "trainer": _TRAINER,
    "make_trainer": _TRAINER,
}
"""Which keys of the config each part of a run reads; the keys that those refer to are read too."""
EVERYTHING = "part"
"""The part that builds any other, so that any key may be read."""
_GIVEN = {
    "labelled_images": ("datamodule.batch_size",),
    "annotated_images": ("datamodule.batch_size",),
    "make_trainer": ("trainer.max_epochs", "callbacks.early_stopping.patience"),
}
"""Keys of these parts that the task gives values of its own, from its probe or its tuning."""
_OF_TRAINING = {"trainer.max_epochs", "trainer.max_steps"}
"""Keys of a trainer that are no advice for a task without an optimiser."""
_ALWAYS = ("task", "name", "seed", "paths", "resume")
_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?([a-z_][\w.]*)[},]")


def read_keys(cfg: DictConfig, parts: Iterable[str]) -> set[str]:
    """The dotted keys that ``parts`` and the task itself read, by themselves or by reference."""
    raw = flatten(OmegaConf.to_container(cfg, resolve=False))
    wanted = [*_ALWAYS, *(key for part in parts for key in READS.get(part, ()))]
    found: set[str] = set()
    while wanted:
        # what a transform does is one whole
        key = wanted.pop()
        key = "transform" if is_below(key, "transform") else key
        if key not in found:
            found.add(key)
            texts = [str(raw[leaf]) for leaf in raw if is_below(leaf, key) or is_below(key, leaf)]
            wanted += [reference for text in texts for reference in _REFERENCE.findall(text)]
    return found


def overwritten_keys(parts: Sequence[str]) -> set[str]:
    """Keys that the task gives values of its own, whatever the config says."""
    return {key for part in parts for key in _GIVEN.get(part, ())}


def refuse_unread(
    cfg: DictConfig, typed: Sequence[Typed], parts: Sequence[str], *, task: str, swept: Iterable[str]
) -> None:
    """Raise UserError for the first of ``typed`` that none of ``parts`` reads, with the key that is likely meant.

    ``swept``: the keys that vary between the jobs of this one's sweep. What a sweep varies may be read in some of its
    jobs alone: of one over tasks nothing is refused, and of one over losses not what a loss reads.
    """
    varied = {name.replace("/", ".") for name in swept}
    if EVERYTHING in parts or "task" in varied:
        return
    read, overwritten = read_keys(cfg, parts), overwritten_keys(parts)
    if "loss" in parts and {"loss", "num_prototypes"} & varied:
        read.add("num_prototypes")
    useless = overwritten if "optimizer" in parts else overwritten | _OF_TRAINING
    for one in typed:
        if one.key.split(".")[0] not in cfg:
            # an experiment or a sweep, which is no key
            continue
        touched = any(is_below(one.key, key) or is_below(key, one.key) for key in read)
        if not touched or one.key in overwritten:
            raise UserError(
                f"{one.word} has no effect: task={task} does not read {one.key}; {_advice(cfg, one, read, useless)}."
            )


def _advice(cfg: DictConfig, one: Typed, read: set[str], useless: set[str]) -> str:
    leaves = flatten(OmegaConf.to_container(cfg, resolve=False))
    name = one.key.rpartition(".")[2]
    same = [
        key
        for key in leaves
        if key.rpartition(".")[2] == name
        and key != one.key
        and key not in useless
        and any(is_below(key, part) for part in read)
    ]
    if one.option is None and same:
        nearest = max(_shared_end(one.key, key) for key in same)
        return f"give {' or '.join([key for key in same if _shared_end(one.key, key) == nearest][:2])} in its place"
    groups = sorted({key.split(".")[0] for key in read} - set(_ALWAYS))
    return f"leave it out; it reads {', '.join(groups)}"


def _shared_end(one: str, other: str) -> int:
    """How many names the two dotted keys have in common at their ends."""
    pairs = list(zip(reversed(one.split(".")), reversed(other.split(".")), strict=False))
    return next((count for count, (first, second) in enumerate(pairs) if first != second), len(pairs))
