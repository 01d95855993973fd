"""Reading weights: whole files pass, broken and malicious ones are refused and never run."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from src.core.checkpoint import load_exactly, read_checkpoint, read_tensors
from src.core.errors import UserError


class Harmful:
    """Unpickled, it would create a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("wrap", [dict, lambda t: {"state_dict": t, "epoch": 3}, lambda t: {"model": t}])
def test_torch_file(tmp_path: Path, wrap: Any) -> None:
    tensors = nn.Linear(2, 3).state_dict()
    torch.save(wrap(dict(tensors)), tmp_path / "a.ckpt")
    read = read_tensors(tmp_path / "a.ckpt")
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[key], tensors[key]) for key in tensors)


def test_safetensors_file(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert read_checkpoint(tmp_path / "a.safetensors")["a"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("legacy", [False, True])
def test_code_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    trace, file = tmp_path / "trace", tmp_path / "bad.ckpt"
    content = {"state_dict": {"a": torch.ones(1)}, "hyper_parameters": Harmful(trace)}
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UserError, match=r"bad\.ckpt asks for \w+\.mkdir.*nothing in it was run"):
        read_checkpoint(file)
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["ckpt", "pth", "safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"hello there, no checkpoint", b"PK\x03\x04 broken", b"\x80\x02}q\x00."]
)
def test_other_content(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.{suffix}"):
        read_tensors(file)


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_anywhere(tmp_path: Path, legacy: bool) -> None:
    whole = tmp_path / "whole.ckpt"
    torch.save({"state_dict": nn.Linear(20, 30).state_dict()}, whole, _use_new_zipfile_serialization=not legacy)
    content = whole.read_bytes()
    cut = tmp_path / "cut.ckpt"
    for share in range(1, 20):
        cut.write_bytes(content[: len(content) * share // 20])
        with pytest.raises(UserError, match=r"cut\.ckpt is truncated"):
            read_tensors(cut)


def test_truncated_safetensors(tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    save_file({"a": torch.ones(50)}, file)
    content = file.read_bytes()
    for share in range(1, 20):
        file.write_bytes(content[: len(content) * share // 20])
        with pytest.raises(UserError, match=r"cut\.safetensors"):
            read_tensors(file)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(UserError, match="No checkpoint at"):
            read_tensors(path)


def test_not_named_tensors(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(UserError, match="holds a list"):
        read_checkpoint(tmp_path / "a.pt")
    torch.save({"epoch": 3, "a": torch.ones(1)}, tmp_path / "b.pt")
    with pytest.raises(UserError, match="also holds epoch"):
        read_tensors(tmp_path / "b.pt")


def test_load_exactly_lists_every_fault() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = {key: value.clone() for key, value in module.state_dict().items()}
    tensors = dict(before)
    tensors["0.weight"] = torch.ones(3, 4)
    del tensors["0.bias"]
    tensors.update({f"more.{i}": torch.ones(1) for i in range(12)})
    with pytest.raises(UserError) as caught:
        load_exactly(module, tensors, source="file.pth")
    message = str(caught.value)
    assert "1 missing: 0.bias" in message
    assert "12 left over: more.0, " in message
    assert "and 2 more" in message
    assert "0.weight (3, 4) in place of (3, 2)" in message
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
