"""Checkpoints that are whole or not there, and that are read without running their code."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from src.core.checkpoint import read_checkpoint
from src.core.files import replacing


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes to a draft that takes its name when it is complete; reads tensors and plain values only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``."""
        del storage_options
        with replacing(Path(path)) as draft:
            torch.save(checkpoint, draft)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint; UserError where it is damaged or would run code."""
        del map_location, weights_only
        return read_checkpoint(Path(path))
