"""Turns what Lightning, a callback or a logger refuses during a run into one sentence."""

import re

from omegaconf import DictConfig, OmegaConf

from src.core.finished import flatten

_WANTED = re.compile(r"conditioned on metric `?([^\s`]+)`? which|monitor='([^']+)'\)`? could not find")
_METRIC = re.compile(r"[\w.-]+/[\w.-]+")


def refusal(error: BaseException, cfg: DictConfig) -> str | None:
    """Return the message for ``error`` where a setting or a missing package caused it, or None for any other error."""
    text = " ".join(str(error).split()).rstrip(".")
    unknown = _unknown_metric(text, cfg)
    if unknown is not None:
        return unknown
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("src"):
        return f"a part of this run needs a package that is not installed: {text}; install it, or leave the part out."
    if type(error).__name__ == "MisconfigurationException":
        return f"a setting of trainer, callbacks or logger is refused: {text}; --cfg job shows their settings."
    return None


def _unknown_metric(text: str, cfg: DictConfig) -> str | None:
    """Of a callback or a scheduler that watches a metric that the training does not log."""
    found = _WANTED.search(text)
    if found is None:
        return None
    wanted, others = found[1] or found[2], _METRIC.findall(text)
    key = next((key for key, value in _monitors(cfg).items() if value == wanted), None)
    if key is None:
        return None
    logged = [name for name in dict.fromkeys(others) if name != wanted and name.startswith(("train/", "val/"))]
    best = "val/loss" if "val/loss" in logged else next(iter(logged), "METRIC")
    return (
        f"{key}={wanted}: the training logs no metric of this name after an epoch; it logs {', '.join(logged)}. "
        f"Give {key}={best}."
    )


def _monitors(cfg: DictConfig) -> dict[str, object]:
    flat = flatten(OmegaConf.to_container(cfg, resolve=True))
    return {key: value for key, value in flat.items() if key.rpartition(".")[2] == "monitor"}
