import os
import zipfile
from pathlib import Path

import pytest

from src.core.errors import UserError
from src.engine.resume import checkpoint_to_resume


def _write(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"weights" * 100)


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _run(output: Path, folder: str, name: str, age: int) -> Path:
    checkpoints = output / folder / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "config.yaml").write_text(f"name: {name}\n")
    last = checkpoints / "last.ckpt"
    _write(last)
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


def test_auto_goes_on_or_starts_anew(tmp_path: Path) -> None:
    _run(tmp_path, "newer", "a", 10)
    assert checkpoint_to_resume("auto", name="a", run_dir=tmp_path / "mine", output=tmp_path) is None
    own = _run(tmp_path, "mine", "a", 50)
    assert checkpoint_to_resume("auto", name="a", run_dir=tmp_path / "mine", output=tmp_path) == own


@pytest.mark.parametrize("kind", ["one bit", "cut", "empty"])
@pytest.mark.parametrize("resume", ["auto", True])
def test_a_damaged_last_one_falls_back_to_the_one_before(
    tmp_path: Path, kind: str, resume: bool | str, caplog: pytest.LogCaptureFixture
) -> None:
    last = _run(tmp_path, "mine", "a", 50)
    previous = last.with_name("previous.ckpt")
    _write(previous)
    if kind == "one bit":
        _damage(last)
    else:
        last.write_bytes(b"" if kind == "empty" else last.read_bytes()[:-30])
    assert checkpoint_to_resume(resume, name="a", run_dir=tmp_path / "mine", output=tmp_path) == previous
    assert f"{last} is damaged; going on from {previous}" in caplog.text


def test_a_run_killed_while_it_renamed_goes_on_from_the_one_before(tmp_path: Path) -> None:
    last = _run(tmp_path, "mine", "a", 50)
    previous = last.rename(last.with_name("previous.ckpt"))
    assert checkpoint_to_resume("auto", name="a", run_dir=tmp_path / "mine", output=tmp_path) == previous
    assert checkpoint_to_resume(True, name="a", run_dir=tmp_path / "fresh", output=tmp_path) == previous


def test_nothing_whole_says_so(tmp_path: Path) -> None:
    _damage(_run(tmp_path, "mine", "a", 50))
    with pytest.raises(UserError, match=r"last\.ckpt: damaged, so that there is nothing to go on from"):
        checkpoint_to_resume("auto", name="a", run_dir=tmp_path / "mine", output=tmp_path)


def test_a_fresh_start_does_not_write_over_an_earlier_one(tmp_path: Path) -> None:
    _run(tmp_path, "mine", "a", 50)
    with pytest.raises(UserError, match=r"mine holds the checkpoints of an earlier start: go on from them with resume"):
        checkpoint_to_resume(False, name="a", run_dir=tmp_path / "mine", output=tmp_path)
