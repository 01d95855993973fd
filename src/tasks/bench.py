"""Runs one benchmark and keeps what it printed."""

from pathlib import Path
from typing import Protocol

from src.core.files import write_text
from src.data.datamodule import PairDataModule
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.pretrain_module import OptimizerRecipe


class Benchmark(Protocol):
    """Measures the parts it is given, and returns what it found as lines of text."""

    def __call__(
        self, *, model: AlignmentModel, loss: CompositeLoss, optimizer: OptimizerRecipe, datamodule: PairDataModule
    ) -> str:
        """The figures, with the machine and the spread."""
        ...


def bench(
    *,
    benchmark: Benchmark,
    model: AlignmentModel,
    loss: CompositeLoss,
    optimizer: OptimizerRecipe,
    datamodule: PairDataModule,
    run_dir: Path,
) -> None:
    """Run ``benchmark``, print its figures and keep them in ``bench.txt``."""
    text = benchmark(model=model, loss=loss, optimizer=optimizer, datamodule=datamodule)
    path = run_dir / "bench.txt"
    write_text(path, text + "\n")
    print(f"{text}\n\nKept in {path}")
