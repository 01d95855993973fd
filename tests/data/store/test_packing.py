"""Packing: what the store holds, the same whoever packs it, and what happens when something is wrong."""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from albumentations import Compose, PadIfNeeded

from src.core.errors import UserError
from src.data.catalogue import Box, Mask
from src.data.longest_side import LongestSide
from src.data.outlines import RunLengths
from src.data.store.packing import pack_store
from src.data.store.schema import rows_per_shard
from src.data.store.store import Store
from tests.data.store.made import HEIGHT, WIDTH, LostConnection, contents, job, picture, write_pictures

ROOT = Path(__file__).resolve().parents[3]
COUNT = 40


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_pictures(root, COUNT)
    return root


def _pack(
    folder: Path, root: Path, count: int = COUNT, *, num_workers: int = 0, limit: float = 0.0, **recipe: Any
) -> Store:
    pack_store(job(folder, root, count, **recipe), num_workers=num_workers, max_unreadable=limit)
    return Store(folder, remake="remake")


def _pack_with(folder: Path, root: Path, *, limit: float = 0.1, num_workers: int = 0, **annotations: Any) -> None:
    """The made data set, its sixth image annotated by ``annotations``."""
    made = job(folder, root, COUNT)
    entries = list(made.catalogue.entries)
    entries[5] = replace(entries[5], **annotations)
    changed = replace(made, catalogue=replace(made.catalogue, entries=entries))
    pack_store(changed, num_workers=num_workers, max_unreadable=limit)


@pytest.mark.parametrize("pad", [False, True])
def test_pixels_are_those_of_the_published_resize(tmp_path: Path, pictures: Path, pad: bool) -> None:
    store = _pack(tmp_path / "s", pictures, pad=pad)
    steps: list[Any] = [LongestSide(size=48), *([PadIfNeeded(min_height=48, min_width=48, fill=0)] if pad else [])]
    for number in range(COUNT):
        wanted = Compose(steps)(image=picture(number))["image"]
        np.testing.assert_array_equal(store.image(number), wanted)


@pytest.mark.parametrize(("codec", "error"), [("png", 0), ("jpeg", 6)])
def test_other_codecs(tmp_path: Path, pictures: Path, codec: str, error: int) -> None:
    plain, packed = _pack(tmp_path / "raw", pictures), _pack(tmp_path / codec, pictures, codec=codec)
    for number in range(COUNT):
        assert np.abs(plain.image(number).astype(int) - packed.image(number)).max() <= error


def test_everything_that_the_tables_say_is_kept(tmp_path: Path, pictures: Path) -> None:
    store = _pack(tmp_path / "s", pictures)
    made = job(tmp_path, pictures, COUNT).catalogue
    for column, wanted in (("image_id", "image_id"), ("patient", "patient"), ("split", "split"), ("row", "row")):
        assert store.column(column).tolist() == [getattr(entry, wanted) for entry in made.entries]
    np.testing.assert_array_equal(store.label_NF, made.label_NF)
    assert [store.report(row) for row in range(COUNT)] == [entry.report for entry in made.entries]
    assert store.column("height").tolist() == [HEIGHT] * COUNT
    assert store.manifest.finding_names == ("one", "two")
    assert (store.manifest.version, store.manifest.notes) == ("made", ("a note",))


@pytest.mark.parametrize("pad", [False, True])
def test_boxes_follow_the_image_and_masks_stay_those_of_the_original(tmp_path: Path, pictures: Path, pad: bool) -> None:
    store = _pack(tmp_path / "s", pictures, pad=pad)
    shift = 8 if pad else 0  # 90 x 60 becomes 48 x 32
    (finding, box_4), *_ = store.boxes(3)
    assert finding == 1
    np.testing.assert_allclose(box_4, [6 * 32 / 60 + shift, 16, 36 * 32 / 60 + shift, 40], rtol=1e-6)
    (finding, mask_HW), *_ = store.masks(3)
    original_HW = np.zeros((HEIGHT, WIDTH), dtype=bool)
    original_HW[20:30, 0] = original_HW[20:30, 1] = True
    np.testing.assert_array_equal(mask_HW, original_HW)
    np.testing.assert_array_equal(store.original_boxes(3)[0][1], [6, 30, 36, 75])
    assert store.boxes(4) == store.masks(4) == []


def test_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", 300)
    assert rows_per_shard(300) < 300
    stores = [contents(_pack(tmp_path / f"s{n}", tmp_path / "raw", 300, num_workers=n).folder) for n in (0, 1, 3)]
    assert stores[0] == stores[1] == stores[2]
    assert len(stores[0]) == 5


def test_an_unreadable_image_is_quarantined_and_the_rest_kept(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", COUNT)
    (tmp_path / "raw/0007.png").write_bytes((tmp_path / "raw/0007.png").read_bytes()[:90])
    (tmp_path / "raw/0009.png").unlink()
    store = _pack(tmp_path / "s", tmp_path / "raw", limit=0.05)
    assert store.manifest.packed == COUNT - 2
    lines = (store.folder / "quarantine.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("8,0007.png,0007.png is cut off or damaged")
    assert lines[2] == "10,0009.png,0009.png is missing"
    np.testing.assert_array_equal(store.image(8), _pack(tmp_path / "t", tmp_path / "raw", limit=1).image(8))
    assert store.column("patient")[7] == "p3"


def test_over_the_limit_the_run_stops_and_says_which(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", COUNT)
    for number in (7, 9, 11):
        (tmp_path / f"raw/{number:04d}.png").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"3 of 40 images cannot be used.*max_unreadable=0.05.*the first, of row 8, is empty"
    ):
        _pack(tmp_path / "s", tmp_path / "raw", limit=0.05)
    assert not (tmp_path / "s").exists()


def test_a_tree_without_its_images_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", 30)
    with pytest.raises(UserError, match=r"10 of 40 images are missing below .*; the first is that of row 31"):
        _pack(tmp_path / "s", tmp_path / "raw", limit=0.1)


def test_a_mended_image_is_packed_when_the_command_is_given_again(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", 300)
    good = (tmp_path / "raw/0290.png").read_bytes()
    (tmp_path / "raw/0290.png").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be used"):
        _pack(tmp_path / "s", tmp_path / "raw", 300)
    assert [path.name for path in (tmp_path / ".s.partial").iterdir()] == ["images-00000.arrow"]
    (tmp_path / "raw/0290.png").write_bytes(good)
    (tmp_path / "raw/0000.png").write_bytes(b"finished shards are not read again")
    assert _pack(tmp_path / "s", tmp_path / "raw", 300).manifest.packed == 300


def test_shards_of_other_settings_are_not_kept(tmp_path: Path) -> None:
    write_pictures(tmp_path / "raw", 300)
    (tmp_path / "raw/0290.png").write_bytes(b"")
    with pytest.raises(UserError):
        _pack(tmp_path / "s", tmp_path / "raw", 300)
    store = _pack(tmp_path / "s", tmp_path / "raw", 300, limit=1, size=40)
    assert store.image(0).shape == (40, 26)
    assert not (tmp_path / ".s.partial").exists()


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10, 10, 70, 20), "outside its 60 x 90 pixels"),
        ((-5, 10, 20, 20), "outside its 60 x 90 pixels"),
        ((60, 10, 60.2, 20), "of no area"),
    ],
)
def test_a_box_that_cannot_be_true(tmp_path: Path, pictures: Path, box: tuple[float, ...], reason: str) -> None:
    _pack_with(tmp_path / "s", pictures, boxes=(Box(0, *box, 77),))
    problem = Store(tmp_path / "s", remake="").column("problem")[5]
    assert problem.startswith("0005.png has a box (row 77 of its table)")
    assert reason in problem


def test_a_box_that_reaches_out_by_a_hair_is_cut(tmp_path: Path, pictures: Path) -> None:
    _pack_with(tmp_path / "s", pictures, limit=0.0, boxes=(Box(0, -0.4, 0, 60.5, 90, 77),))
    np.testing.assert_allclose(Store(tmp_path / "s", remake="").boxes(5)[0][1], [0, 0, 32, 48], rtol=1e-6)


def test_a_run_past_the_end(tmp_path: Path, pictures: Path) -> None:
    _pack_with(tmp_path / "s", pictures, masks=(Mask(0, RunLengths("5390 11"), 9),))
    problem = Store(tmp_path / "s", remake="").column("problem")[5]
    assert problem == (
        "0005.png has a run-length mask that ends at pixel 5401, past the end of 60 x 90 pixels (row 9 of its table)"
    )


def test_two_at_once_on_one_store(tmp_path: Path, pictures: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from src.core.lock import only_process\n"
        "with only_process(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / ".s.lock")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"process {other.pid} on .* is packing"):
            _pack(tmp_path / "s", pictures)
        other.communicate("")
    _pack(tmp_path / "s", pictures)


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    # a process that may write no file above 200 kB is told so as by a full disk
    write_pictures(tmp_path / "raw", 300)
    code = (
        "import resource, sys; from pathlib import Path; from tests.data.store.made import job\n"
        "from src.core.errors import UserError; from src.data.store.packing import pack_store\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, {resource.RLIM_INFINITY}))\n"
        "try: pack_store(job(Path(sys.argv[1]), Path(sys.argv[2]), 300), num_workers=0, max_unreadable=0)\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s"), str(tmp_path / "raw")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "the disk of" in done.stdout, done.stderr
    assert "is full; 0 shard(s) are finished and kept" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name == "s"] == []
    assert _pack(tmp_path / "s", tmp_path / "raw", 300).manifest.packed == 300


def test_a_shard_is_an_arrow_file_that_describes_itself(tmp_path: Path, pictures: Path) -> None:
    _pack(tmp_path / "s", pictures)
    with pa.memory_map(str(tmp_path / "s/images-00000.arrow")) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
    assert table.num_rows == COUNT
    assert {"image_id", "patient", "labels", "report", "sha256", "image"} <= set(table.column_names)


def test_what_goes_wrong_in_a_worker_is_raised_here_as_what_it_is(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(cv2.error, match="could not find encoder") as caught:
        _pack(tmp_path / "s", pictures, num_workers=1, codec="a codec that is none")
    assert "in pack_image" in str(caught.value.__cause__), "the worker's own traceback is lost"


def test_a_lost_drive_is_not_taken_for_a_worker_that_died(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(ConnectionResetError, match="the drive is gone"):
        _pack_with(tmp_path / "s", pictures, num_workers=1, masks=(Mask(0, LostConnection(), 9),))
