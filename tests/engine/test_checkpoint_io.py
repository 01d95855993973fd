"""A checkpoint that cannot be written leaves what was there, and one sentence."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision

ensure_torchvision()

from src.engine import checkpoint_io  # noqa: E402
from src.engine.checkpoint_io import SafeCheckpointIO  # noqa: E402

SMALL, LARGE = {"weight": torch.ones(3)}, {"weight": torch.ones(100_000)}


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_only_the_old_one(path: Path) -> None:
    assert list(path.parent.iterdir()) == [path]
    assert torch.equal(SafeCheckpointIO().load_checkpoint(path)["weight"], SMALL["weight"])


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.ckpt"
    SafeCheckpointIO().save_checkpoint(SMALL, path)
    assert_only_the_old_one(path)


def test_no_room(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    SafeCheckpointIO().save_checkpoint(SMALL, path)
    with no_file_above(100_000), pytest.raises(UserError) as refused:
        SafeCheckpointIO().save_checkpoint(LARGE, path)
    assert f"{tmp_path}: a checkpoint could not be written (File too large)" in str(refused.value)
    assert_only_the_old_one(path)


def test_a_disk_that_gives_back_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ckpt"
    SafeCheckpointIO().save_checkpoint(SMALL, path)
    real = checkpoint_io.is_whole

    def spoilt(draft: Path) -> bool:
        whole = bytearray(draft.read_bytes())
        whole[len(whole) // 2] ^= 1
        draft.write_bytes(whole)
        return real(draft)

    monkeypatch.setattr(checkpoint_io, "is_whole", spoilt)
    with pytest.raises(UserError, match="what was read back is not what was written"):
        SafeCheckpointIO().save_checkpoint(LARGE, path)
    assert_only_the_old_one(path)
