"""Weights read from files without running anything that is inside them."""

import pickle
import re
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from src.core.errors import UserError

_NESTED = ("state_dict", "model")
_LISTED = 10
# What torch's reader raises on damaged bytes, depending on where the damage is.
_DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    OSError,
    AssertionError,
    OverflowError,
    struct.error,
)
_REFUSED = re.compile(r"(?:GLOBAL|class|type|function)\s+([\w.]+\.[\w.]+)|^([\w.]+\.[\w.]+) was blocked", re.MULTILINE)


def read_checkpoint(path: Path | str, *, mapped: bool = False) -> dict[str, Any]:
    """The mapping that a .safetensors file or a torch file holds, on the CPU.

    ``mapped``: tensors are read from the file when they are used, for a look at names and plain values.

    Torch files are read with ``weights_only``: tensors and plain values pass, a class or function is refused and
    never called. Raises UserError for a file that is missing, truncated, of another kind, or that asks for code.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"No checkpoint at {path}: it is not there or not a file; check the path.")
    content: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, mapped=mapped)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} is not a checkpoint: it holds a {type(content).__name__}, not named tensors.")
    return dict(content)


def read_tensors(path: Path | str, *, mapped: bool = False) -> dict[str, Tensor]:
    """The named tensors of a file: of its ``state_dict`` or ``model`` entry, or else of the file itself.

    Raises UserError as ``read_checkpoint`` does, and where no named tensors are inside.
    """
    content = read_checkpoint(path, mapped=mapped)
    for entry in _NESTED:
        if isinstance(content.get(entry), Mapping):
            content = dict(content[entry])
            break
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others or not content:
        found = f"it also holds {_some(others)}" if others else "it is empty"
        raise UserError(
            f"{path} is not a file of weights: expected named tensors, or a state_dict of them, but {found}."
        )
    return content


def load_exactly(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copies ``tensors`` into ``module``; every key must be there, with its shape, and none may be left over.

    Raises UserError that lists what does not fit; the module is then unchanged.
    """
    expected = module.state_dict()
    missing = [key for key in expected if key not in tensors]
    left_over = [key for key in tensors if key not in expected]
    reshaped = [
        f"{key} {tuple(tensors[key].shape)} in place of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    faults = [
        f"{len(keys)} {kind}: {_some(keys)}"
        for kind, keys in (("missing", missing), ("left over", left_over), ("of another shape", reshaped))
        if keys
    ]
    if faults:
        raise UserError(
            f"The weights of {source} do not fit this model ({'; '.join(faults)}): build the model they are of."
        )
    module.load_state_dict(tensors)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is not a complete safetensors file ({error}): fetch it again.") from error


def _read_torch(path: Path, *, mapped: bool) -> Any:
    try:
        # only torch's format of today, a zip file, can be mapped
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        refused = _REFUSED.search(str(error))
        if refused is None:
            raise _broken(path) from error
        name = refused.group(1) or refused.group(2)
        raise UserError(
            f"{path} asks for {name}, which is more than tensors and plain values, so it was refused and nothing in "
            "it was run: where you trust its origin, load it in a throw-away Python with weights_only=False and save "
            "its state_dict with safetensors.torch.save_file."
        ) from error
    except _DAMAGE as error:
        raise _broken(path) from error


def _broken(path: Path) -> UserError:
    return UserError(f"{path} is truncated or not a checkpoint: expected a .safetensors or torch file; fetch it again.")


def _some(keys: Iterable[str]) -> str:
    keys = list(keys)
    shown = ", ".join(keys[:_LISTED])
    return f"{shown} and {len(keys) - _LISTED} more" if len(keys) > _LISTED else shown
