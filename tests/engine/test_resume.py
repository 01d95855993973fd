import os
from pathlib import Path

import pytest

from src.core.errors import UserError
from src.engine.resume import checkpoint_to_resume


def _run(output: Path, folder: str, name: str, age: int) -> Path:
    checkpoints = output / folder / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "config.yaml").write_text(f"name: {name}\n")
    last = checkpoints / "last.ckpt"
    last.write_bytes(b"x")
    os.utime(last, (1000 - age, 1000 - age))
    return last


def test_false_starts_anew(tmp_path: Path) -> None:
    assert checkpoint_to_resume(False, name="a", run_dir=tmp_path, output=tmp_path) is None


def test_true_takes_the_newest_run_of_this_name(tmp_path: Path) -> None:
    _run(tmp_path, "2026/old", "a", 50)
    newest = _run(tmp_path, "2026/new", "a", 20)
    _run(tmp_path, "2026/other", "b", 10)
    assert checkpoint_to_resume(True, name="a", run_dir=tmp_path / "fresh", output=tmp_path) == newest


def test_true_prefers_the_same_folder(tmp_path: Path) -> None:
    own = _run(tmp_path, "mine", "a", 50)
    _run(tmp_path, "newer", "a", 10)
    assert checkpoint_to_resume(True, name="a", run_dir=tmp_path / "mine", output=tmp_path) == own


def test_true_without_any_says_so(tmp_path: Path) -> None:
    _run(tmp_path, "other", "b", 10)
    with pytest.raises(UserError, match=r"no run called a below .* has a checkpoints/last.ckpt"):
        checkpoint_to_resume(True, name="a", run_dir=tmp_path, output=tmp_path)


def test_a_path_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        checkpoint_to_resume(str(tmp_path / "no.ckpt"), name="a", run_dir=tmp_path, output=tmp_path)
