"""Whether a run is what a published figure is of: its model, its data, and all that its head was trained with."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.core.evaluated_model import TRAINING, EvaluatedModel
from src.core.finished import NOT_PROTOCOL, OF_PRETRAINING, differences, flatten, is_below
from src.evaluation.cases import count_cases
from src.evaluation.metric_name import MetricName
from src.tasks.reporting.axes import Point, setting
from src.tasks.reporting.published_figures import Figure

Compose = Callable[[Sequence[str]], Mapping[str, Any]]
"""From overrides to the config that they make, as ``done.json`` keeps it."""

_IMAGE_ALONE = ("classify", "detect", "detect_published", "segment", "segment_published")
_FLOAT32 = "32-true"
_UNREADABLE = 0.01
_LEAST_IMAGES = 100
"""Of a test split whose size the paper does not give: made trees and small parts have fewer."""
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


class Protocols:
    """Composes the experiments of published figures, each once, and compares runs with them."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._composed: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._followed: dict[Path, Mapping[str, Any]] = {}

    def departures(self, point: Point, figure: Figure, *, encoder: bool) -> list[str]:
        """What the run did otherwise than the experiment of ``figure``; ``encoder``: its image encoder counts too."""
        folder = point.job.folder
        if folder not in self._followed:
            self._followed[folder] = follow_references(point.job.done.config)
        free = [*NOT_PROTOCOL, *([] if encoder else ["encoder.image"])]
        if MetricName.parse(figure.metric).group in _IMAGE_ALONE:
            free += OF_PRETRAINING
        theirs = self._config(f"+experiment={figure.experiment}", *figure.settings)
        found = [
            f"{key} is {_short(ours)} (published: {_short(published)})"
            for key, (published, ours) in differences(theirs, self._followed[folder]).items()
            if not any(is_below(key, part) for part in free)
            # the published code trains in float32
            and not (key == "trainer.precision" and ours == _FLOAT32)
        ]
        return [*_other_images(point, figure), *found]

    def model_departures(self, model: EvaluatedModel | None, figure: Figure) -> list[str]:
        """What the evaluated model is otherwise than that of ``figure``."""
        if model is None:
            return ["the records do not say which model was evaluated"]
        found = []
        if model.architecture != figure.architecture:
            found.append(f"the encoder is {model.architecture} (published: {figure.architecture})")
        if model.weights != figure.weights:
            found.append(f"the weights are of another origin: {model.title} (published: {figure.method})")
        elif model.weights == "checkpoint" and not model.released:
            found += _other_training(model, self._config(f"+experiment={figure.pretraining}"))
        return [*found, *model.changed]

    def _config(self, *overrides: str) -> Mapping[str, Any]:
        if overrides not in self._composed:
            self._composed[overrides] = follow_references(self._compose(overrides))
        return self._composed[overrides]


def fraction_of(point: Point) -> float:
    """The share of the training data that ``point`` learnt from."""
    value = point.settings.get("datamodule.fraction", setting(point.job, "datamodule.fraction"))
    return float(value) if isinstance(value, int | float) else 1.0


def follow_references(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config with the values of its references to other keys of it in their place.

    A checkpoint's run may bring values where an experiment has references. Those to Hydra and to the environment stay.
    """

    def follow(node: Any, depth: int) -> Any:
        if isinstance(node, Mapping):
            return {key: follow(child, depth) for key, child in node.items()}
        if isinstance(node, list):
            return [follow(child, depth) for child in node]
        found = _REFERENCE.fullmatch(node) if isinstance(node, str) else None
        if found is None or depth == 0:
            return node
        value: Any = config
        for name in found[1].split("."):
            value = value.get(name, node) if isinstance(value, Mapping) else node
        return value if value == node else follow(value, depth - 1)

    return dict(follow(config, len(config)))


def _other_training(model: EvaluatedModel, pretraining: Mapping[str, Any]) -> list[str]:
    dataset = pretraining["dataset"]["name"]
    found = []
    if model.dataset != dataset:
        found.append(f"the checkpoint was trained on {model.dataset or 'unknown data'} (published: {dataset})")
    losses = [str(name) for name, node in pretraining["loss"].items() if node]
    if set(model.losses) != set(losses):
        found.append(f"its losses are {_short(list(model.losses))} (published: {_short(losses)})")
        return found
    for key, theirs in flatten(pretraining).items():
        ours = model.training.get(key)
        if any(is_below(key, part) for part in TRAINING) and ours != theirs:
            found.append(f"it was trained with {key}={_short(ours)} (published: {_short(theirs)})")
    return found


def _other_images(point: Point, figure: Figure) -> list[str]:
    path = point.cases.get(MetricName.parse(figure.metric).group)
    count = None if path is None else count_cases(path)
    if count is None:
        return ["no cases were kept to count the evaluated images"]
    if figure.images is None:
        few = f"{count} images were evaluated (published: a number that is not known, but not below {_LEAST_IMAGES})"
        return [few] if count < _LEAST_IMAGES else []
    near = abs(count - figure.images) <= _UNREADABLE * figure.images
    return [] if near else [f"{count} images were evaluated (published: {figure.images})"]


def _short(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return "[" + ", ".join(map(str, value)) + "]"
    text = "not set" if value is None else str(value)
    return text if len(text) <= 40 else "another one"
