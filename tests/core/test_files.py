import errno
import resource
from pathlib import Path

import pytest

from src.core.files import raise_of_storage, replacing, write_text


def test_text_is_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "one\n")
    assert (tmp_path / "new" / "a.txt").read_text() == "one\n"


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_room_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as full:
            write_text(path, "new" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (full.value.errno, full.value.filename) == (errno.EFBIG, str(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_name_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing, replacing(tmp_path / "a.txt"):
        (tmp_path / "b.txt").read_text()
    assert missing.value.filename == str(tmp_path / "b.txt")


def test_a_failing_disk_is_no_damaged_file() -> None:
    with pytest.raises(ValueError, match=r"^cannot be read: Stale file handle$"):
        raise_of_storage(OSError(errno.ESTALE, "Stale file handle"))
    # what Pillow raises of a damaged file
    raise_of_storage(OSError("image file is truncated"))
    raise_of_storage(OSError(errno.EINVAL, "Invalid argument"))
    raise_of_storage(RuntimeError("header"))
