"""Checks the settings of a run before torch is imported: signatures, ranges, and the files that the config names."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from src.core.errors import UserError
from src.core.ranges import Fraction, PositiveFraction, Seed
from src.engine.signature import signature_of
from src.engine.validate import HYDRA_KEYS, OURS, builds_something, target_nodes
from src.engine.values import check_value

_FILES = ("dataset.table", "dataset.annotations", "encoder.image.weights")
_FOLDERS = ("dataset.images", "dataset.masks")
_READ_DATA = {"datamodule", "labelled_images", "annotated_images"}
_TRAIN = {"optimizer", "probe", "tuning"}
# whose sources are read; any other target is checked once it is imported
_READ = (OURS, "lightning.")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


TOP_LEVEL: Mapping[str, Any] = {
    "seed": Seed,
    "num_prototypes": Annotated[int, Field(ge=2)],
    "resamples": NonNegativeInt,
    "name": Annotated[str, Field(min_length=1)],
}
"""Types of the config's own keys, beside those of its schema."""


def _library() -> Mapping[str, Mapping[str, Any]]:
    """Ranges of settings whose own constructors take more than works here, by target."""
    batches = PositiveInt | PositiveFraction | None
    trainer = {
        # batches are frozen dataclasses, which Lightning's plugins for true half and double precision cannot convert
        "precision": Literal["32-true", "16-mixed", "bf16-mixed", "32", "16", "bf16", 32, 16] | None,
        "num_nodes": PositiveInt,
        "max_epochs": PositiveInt | Literal[-1] | None,
        "max_steps": PositiveInt | Literal[-1],
        "accumulate_grad_batches": PositiveInt,
        "gradient_clip_val": NonNegativeFloat | None,
        "limit_train_batches": batches,
        "limit_val_batches": batches,
        "val_check_interval": batches,
        "check_val_every_n_epoch": PositiveInt | None,
        "num_sanity_val_steps": Annotated[int, Field(ge=-1)] | None,
        "log_every_n_steps": PositiveInt | None,
        "fast_dev_run": NonNegativeInt | bool,
        "overfit_batches": Fraction | NonNegativeInt,
    }
    stopping = {"mode": Literal["min", "max"], "patience": NonNegativeInt, "min_delta": NonNegativeFloat}
    checkpoint = {
        "filename": Annotated[str, AfterValidator(_template)] | None,
        "mode": Literal["min", "max"],
        "save_top_k": Annotated[int, Field(ge=-1)],
        "every_n_epochs": PositiveInt | None,
    }
    learning_rate = {"logging_interval": Literal["step", "epoch"] | None}
    return {
        "lightning.Trainer": trainer,
        "lightning.pytorch.callbacks.EarlyStopping": stopping,
        "lightning.pytorch.callbacks.ModelCheckpoint": checkpoint,
        "lightning.pytorch.callbacks.LearningRateMonitor": learning_rate,
    }


def _template(text: str) -> str:
    """``text``, where ``str.format`` can read it."""
    try:
        list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"a name with fields such as epoch{{epoch:03d}} ({error})") from error
    return text


def check_settings(cfg: DictConfig, *, given: Mapping[str, frozenset[str]], keys: Sequence[str] | None) -> None:
    """Raise UserError for the first setting of ``cfg`` that cannot be used; ``given``, ``keys``: see ``validate``.

    Nothing is built and no heavy library is imported.
    """
    for key, annotation in TOP_LEVEL.items():
        check_value(key, cfg[key], annotation)
    raw: Any = OmegaConf.to_container(cfg, resolve=False)
    if keys is None or "transform" in keys:
        _check_transform(cfg)
    library = _library()
    for key, node in target_nodes(OmegaConf.to_container(cfg, resolve=True)):
        if not str(node["_target_"]).startswith(_READ) or node.get("_partial_"):
            continue
        if keys is None or key.split(".")[0] in keys:
            _check_node(key, node, given.get(key, frozenset()), library.get(node["_target_"], {}), raw)
    if keys is None:
        _check_together(cfg)
    _check_files(cfg, keys)
    if keys is None and _READ_DATA & given["task"]:
        _check_fractions(cfg, trains=bool(_TRAIN & given["task"]))


def _check_node(
    key: str, node: Mapping[str, Any], given: frozenset[str], ranges: Mapping[str, Any], raw: Mapping[str, Any]
) -> None:
    signature = signature_of(node["_target_"])
    if signature is None:
        return
    known = [name for name in signature.parameters if name not in given]
    for name, value in node.items():
        if name in HYDRA_KEYS:
            continue
        if name not in known and not signature.takes_any:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {key}.{near[0]}?" if near else f"it takes {', '.join(known) or 'no settings'}."
            raise UserError(f"{key}.{name} is not a setting of {node['_target_']}; {hint}")
        if name in known and not builds_something(value):
            check_value(_origin(raw, f"{key}.{name}"), value, ranges.get(name, signature.parameters[name].annotation))


def _origin(raw: Mapping[str, Any], key: str) -> str:
    """The key that ``key`` takes its value from, where its value in ``raw`` is a reference to another one."""
    for _ in range(5):
        node: Any = raw
        for name in re.split(r"[.\[]", key):
            index = name.rstrip("]")
            if isinstance(node, Mapping):
                node = node.get(name)
            else:
                node = node[int(index)] if isinstance(node, list) and index.isdigit() else None
        found = _REFERENCE.fullmatch(node) if isinstance(node, str) else None
        if found is None:
            return key
        key = found[1]
    return key


def _check_transform(cfg: DictConfig) -> None:
    size, crop = OmegaConf.select(cfg, "transform.size"), OmegaConf.select(cfg, "transform.crop")
    for key, value in (("transform.size", size), ("transform.crop", crop)):
        if value is not None:
            check_value(key, value, Annotated[int, Field(ge=1, le=8192)])
    if size is not None and crop is not None and crop > size:
        raise UserError(
            f"transform.crop={crop} is larger than transform.size={size}, the side of the image that it is cut from; "
            f"give transform.crop={size} or less, or transform.size={crop} or more."
        )


def _check_together(cfg: DictConfig) -> None:
    """Settings that are right one by one and wrong together."""
    weights = [node.get("weight") for node in (cfg.loss or {}).values() if node is not None and "weight" in node]
    if weights and not any(weights):
        names = " ".join(f"loss.{name}.weight=1" for name, node in cfg.loss.items() if node is not None)
        raise UserError(f"every loss has the weight 0, so that nothing is trained; give {names}.")
    trainer = cfg.trainer
    if trainer is not None and trainer.get("max_epochs") == -1 and trainer.get("max_steps") == -1:
        raise UserError(
            "trainer.max_epochs=-1 and trainer.max_steps=-1: the training has no end; give trainer.max_epochs=N or "
            "trainer.max_steps=N."
        )


def _fractions(cfg: DictConfig) -> Iterator[str]:
    """The keys of the shares that validation and test have of a table without a split."""
    if OmegaConf.select(cfg, "dataset.split_column") is None:
        yield from ("dataset.val_fraction", "dataset.test_fraction")


def _check_fractions(cfg: DictConfig, *, trains: bool) -> None:
    """Raise UserError where a split that the run needs has no share of the rows, or training has none."""
    shares = {key: value for key in _fractions(cfg) if (value := OmegaConf.select(cfg, key)) is not None}
    if len(shares) == 2 and sum(shares.values()) >= 1:
        raise UserError(
            f"{' and '.join(f'{key}={value}' for key, value in shares.items())} leave no rows to train on; give two "
            "that add up to less than 1, e.g. dataset.val_fraction=0.1 dataset.test_fraction=0.2."
        )
    judged = f"dataset.{cfg.task.get('judge_on')}_fraction"
    if shares.get(judged) == 0:
        raise UserError(
            f"{judged}=0 leaves no rows to evaluate on, and task.judge_on={cfg.task.judge_on}; give {judged}=0.1"
            + (", or task.judge_on=val." if judged == "dataset.test_fraction" else ".")
        )
    if trains and shares.get("dataset.val_fraction") == 0:
        raise UserError(
            "dataset.val_fraction=0 leaves no rows for validation, by which the best epoch is chosen; give "
            "dataset.val_fraction=0.1."
        )


def check_splits(dataset: Any, cfg: DictConfig, parts: Collection[str]) -> None:
    """Raise UserError where a split is empty that the task reads; ``parts``: those that the task asks for."""
    if not _READ_DATA.intersection(parts):
        return
    dataset.check()
    judged = cfg.task.get("judge_on")
    if judged is not None and not len(dataset.table(judged)):
        raise UserError(
            f"the {judged} split is empty, and task.judge_on={judged}; give another split with task.judge_on=SPLIT, or "
            "change the split of the data set."
        )
    if _TRAIN.intersection(parts) and not len(dataset.table("val")):
        raise UserError(
            "the val split is empty, and by it the best epoch is chosen; change the split of the data set so that val "
            "has rows."
        )


def _check_files(cfg: DictConfig, keys: Sequence[str] | None) -> None:
    for key in (*_FILES, *_FOLDERS):
        if keys is not None and key.split(".")[0] not in keys:
            continue
        value = OmegaConf.select(cfg, key)
        if not isinstance(value, str) or "://" in value or Path(value).exists() or not _is_path(cfg, key):
            continue
        kind = "file" if key in _FILES else "folder"
        where = "" if Path(value).is_absolute() else f" (looked for in {Path.cwd()})"
        raise UserError(f"{key}={value}: there is no such {kind}{where}; correct the path with {key}={kind.upper()}.")


def _is_path(cfg: DictConfig, key: str) -> bool:
    """Whether the setting takes any text, and not one of a few words."""
    node, _, name = key.rpartition(".")
    signature = signature_of(OmegaConf.select(cfg, node)._target_)
    parameter = None if signature is None else signature.parameters.get(name)
    return parameter is not None and parameter.annotation in (str, str | None)
