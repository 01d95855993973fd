"""What a training starts with, in lines: how much data, how many steps, how many parameters learn."""

from collections.abc import Sized
from typing import Any, cast

from lightning import LightningModule, Trainer

from src.core.durations import large

_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def training_lines(trainer: Trainer, module: LightningModule, *, steps: int) -> list[str]:
    """Return the counts of every split, and the steps per epoch with the samples that no step sees."""
    datamodule: Any = getattr(trainer, "datamodule", None)
    # a probe and a dense head have their images within
    images = getattr(datamodule, "images", datamodule)
    inner = getattr(images, "images", images)
    unit = "pairs" if getattr(inner, "tokenizer", None) is not None else "images"
    lines = []
    if inner is not None and hasattr(inner, "source"):
        lines.append(f"data      {_counts(images, inner)} {unit}{_unknown(images, inner)}")
    learned = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    size = getattr(inner, "batch_size", None)
    batch = "" if size is None else f" of {size * trainer.world_size * trainer.accumulate_grad_batches} {unit}"
    line = f"training  {steps} step{'' if steps == 1 else 's'}{batch} per epoch"
    if size is not None and images is not None:
        total = len(cast(Sized, images.split("train")))
        seen = min(trainer.num_training_batches * size * trainer.world_size, total)
        line += f" ({total - seen} of {total} {unit} left out, the last incomplete batch)" if seen < total else ""
    return [*lines, f"{line}, {_end(trainer)}; {large(learned)} parameters learn"]


def _counts(images: Any, inner: Any) -> str:
    """Return how many samples of each split are used, and why others are not; the test split, not read yet, by rows."""
    found: list[str] = []
    for name, word in _SPLITS.items():
        rows = len(inner.source.table(name))
        if name == "test":
            found.append(f"{'at most ' if ' of ' in ''.join(found) else ''}{rows:,} {word}")
            continue
        usable = len(images.split(name))
        left_out = inner.counts(name).left_out if images is inner and usable < rows else {}
        reasons = f" (left out: {', '.join(f'{count:,} {why}' for why, count in left_out.items())})" if left_out else ""
        found.append(f"{usable:,} {word}" if usable == rows else f"{usable:,} of {rows:,} {word}{reasons}")
    return ", ".join(found)


def _unknown(images: Any, inner: Any) -> str:
    share = inner.counts("train").unknown_share if images is inner else None
    return "" if share is None else f"; {share:.1%} of the training tokens are unknown to the vocabulary"


def _end(trainer: Trainer) -> str:
    begun = f"from epoch {trainer.current_epoch + 1} on, " if trainer.global_step else ""
    if trainer.max_steps > 0:
        return f"{begun}at most {trainer.max_steps} steps"
    most = trainer.max_epochs
    unlimited = most is None or most < 0
    return begun + ("without a last epoch" if unlimited else f"at most {most} epoch{'' if most == 1 else 's'}")
