"""Which model a table, a picture or a record is of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

WeightsOrigin = Literal["random", "pretrained", "file", "checkpoint"]
TRAINING = ("rules", "loss", "num_prototypes", "datamodule.fraction", "optimizer.lr", "trainer.max_epochs")
"""Keys of a training's config, and all below them, that a record keeps of the run that trained a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """The image encoder that is evaluated, and where its weights come from.

    ``architecture``: the encoder's name, as timm or the Hugging Face Hub has it. ``weights``: ``random``;
    ``pretrained``, those that its library names for it; ``file``, a file of weights of the user's; ``checkpoint``, one
    of a run of ours or a released MGCA one. ``file``: that file's path, None without one. ``losses``: of the run that
    trained the checkpoint; empty where nobody can say. ``released``: whether it is a released MGCA file. ``dataset``:
    what the checkpoint was trained on, None where nobody can say. ``changed``: with which settings images are shown to
    it otherwise than in its training, where that was forced. ``training``: that run's values of ``TRAINING`` by their
    dotted keys; empty where nobody can say.
    """

    architecture: str
    weights: WeightsOrigin
    file: str | None = None
    losses: tuple[str, ...] = ()
    released: bool = False
    dataset: str | None = None
    changed: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The model in a few words, for the heading of a table or a picture."""
        changed = f", evaluated with {', '.join(self.changed)}" if self.changed else ""
        return self._title + changed

    @property
    def _title(self) -> str:
        if self.weights == "random":
            return f"{self.architecture}, random weights"
        if self.weights == "pretrained":
            return f"{self.architecture}, its library's pretrained weights"
        name = Path(self.file).name if self.file else "no file"
        if self.weights == "file":
            return f"{self.architecture}, weights of {name}"
        trained = "MGCA's released" if self.released else " + ".join(loss.upper() for loss in self.losses)
        where = f" on {self.dataset}" if self.dataset else ""
        return f"{self.architecture}, {name}" + (f" ({trained}{where})" if trained else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``records.json``."""
        return {**asdict(self), "losses": list(self.losses), "changed": list(self.changed)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EvaluatedModel":
        """The inverse of ``as_dict``."""
        return cls(**{**values, "losses": tuple(values["losses"]), "changed": tuple(values.get("changed", ()))})
