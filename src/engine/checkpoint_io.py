"""Checkpoints that are whole or not there, and that are read without running their code."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from src.core.checkpoint import read_checkpoint
from src.core.checkpoint_file import is_whole
from src.core.errors import UserError
from src.core.files import replacing
from src.engine.resume_command import hydra_quoted


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes to a draft, reads it back, and only then gives it its name; reads tensors and plain values only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``; a power cut leaves the file that was there before, or this one whole.

        Raises UserError where it cannot be written, the disk being full for instance.
        """
        del storage_options
        try:
            with replacing(Path(path)) as draft:
                with draft.open("wb") as file:
                    torch.save(checkpoint, file)
                    file.flush()
                    os.fsync(file.fileno())
                if not is_whole(draft):
                    raise OSError("what was read back is not what was written")
        # torch's writer has errors of its own for a write that fails
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{Path(path).parent}: a checkpoint could not be written ({_reason(error)}); those that were there "
                "are as they were: free space, or choose another folder with paths.output=DIR, and go on from the "
                f"newest with resume={hydra_quoted(Path(path).parent)}."
            ) from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint; UserError where it is damaged or would run code."""
        del map_location, weights_only
        return read_checkpoint(Path(path))


def _reason(error: BaseException) -> str:
    """What the system says, where torch's own message hides it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]
