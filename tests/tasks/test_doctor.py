"""``task=doctor`` through the entrypoint: healthy trees pass, and each fault of a tree or a store is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.trees import mimic_cxr, rsna, siim


class Diagnosis(NamedTuple):
    """What one run left."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "doctor.json").read_text())

    @property
    def found(self) -> dict[str, str]:
        """The checks that did not pass, and their states."""
        return {check["name"]: check["state"] for check in self.report["checks"] if check["state"] != "ok"}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trees")
    rsna.make(root / "rsna")
    siim.make(root / "siim")
    mimic_cxr.make(root / "mimic_cxr")
    return root


@pytest.fixture
def tree(trees: Path, tmp_path: Path) -> Callable[[str], Path]:
    def copied(name: str) -> Path:
        shutil.copytree(trees / name, tmp_path / name)
        return tmp_path / name

    return copied


@pytest.fixture
def drawing(run_cli: Callable, tmp_path: Path) -> Callable:
    def run_task(task: str, name: str, raw: Path | str, *overrides: str) -> Diagnosis:
        folder = tmp_path / "run" / f"{task}_{len(list(tmp_path.glob('run/*')))}"
        answer = run_cli(
            f"task={task}",
            f"dataset={name}",
            f"paths.raw={raw}",
            f"paths.store={tmp_path / 'store'}",
            f"hydra.run.dir={folder}",
            "task.num_workers=0",
            *overrides,
        )
        return Diagnosis(answer.code, answer.out, answer.err, folder)

    return run_task


@pytest.fixture
def run(drawing: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """The same without the picture, which takes most of the time."""
    monkeypatch.setattr("src.tasks.doctor.draw_annotated", lambda *_, **__: None)
    return drawing


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "rsna"


@pytest.fixture
def packed(run: Callable, trees: Path, tmp_path: Path, kept: Path) -> Path:
    """The store of the made tree of RSNA, packed once."""
    store = tmp_path / "store/rsna"
    if not kept.exists():
        assert run("prepare", "rsna", trees / "rsna").code == 0
        shutil.copytree(store, kept)
    elif not store.exists():
        shutil.copytree(kept, store)
    return store


def table_of(raw: Path) -> pd.DataFrame:
    return pd.read_csv(raw / "stage_2_train_labels.csv", dtype=str)


def images_of(raw: Path) -> list[Path]:
    """Images of the table, in its order, each once."""
    files = {path.stem: path for path in (raw / "stage_2_train_images").iterdir()}
    return [files[patient] for patient in table_of(raw)["patientId"].drop_duplicates()]


@pytest.mark.parametrize(("name", "marks"), [("rsna", "Boxes"), ("siim", "Masks"), ("mimic_cxr", "Reports")])
def test_a_healthy_tree_passes_without_a_store_and_with_one(run: Callable, trees: Path, name: str, marks: str) -> None:
    raw = trees / name
    without = run("doctor", name, raw)
    assert without.code == 0, without.err
    assert "images: the raw files, without a store" in without.out
    assert run("prepare", name, raw).code == 0
    packed = run("doctor", name, raw)
    assert packed.code == 0, packed.err
    assert "images: the store" in packed.out
    assert "problem" not in packed.found.values()
    # the same columns either way
    assert packed.report["facts"] == without.report["facts"]
    assert {facts["title"] for facts in packed.report["facts"]} >= {"Splits", marks, "Original sizes, in pixels"}
    assert packed.found == without.found
    gone = run("doctor", name, raw / "gone")
    assert gone.code == 0
    assert f"raw data not looked at: no folder {raw / 'gone'}" in gone.out
    assert gone.report["facts"] == without.report["facts"]


def test_it_writes_a_table_and_a_picture(drawing: Callable, trees: Path) -> None:
    diagnosis = drawing("doctor", "rsna", trees / "rsna")
    assert sorted(path.name for path in diagnosis.folder.glob("doctor.*")) == ["doctor.json", "doctor.md"]
    markdown = (diagnosis.folder / "doctor.md").read_text()
    assert "| ok | images inverted | 0 |" in markdown
    assert "| Pneumonia | 18 | 14 | 0 | 0 |" in markdown
    assert "no version known: 32 patients" in diagnosis.out
    with Image.open(diagnosis.folder / "pictures/doctor.png") as picture:
        assert picture.size[0] == 1640
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # boxes in the first colour of the legend
    assert (np.abs(pixels - (0xFF, 0xB0, 0)).max(axis=-1) < 40).sum() > 500


def test_it_prints_no_id_and_no_report(run: Callable, tree: Callable) -> None:
    raw = tree("mimic_cxr")
    images = sorted(raw.glob("**/*.jpg"))
    images[0].unlink()
    shutil.copy(images[-1], images[3])
    diagnosis = run("doctor", "mimic_cxr", raw)
    assert diagnosis.code == 1
    text = diagnosis.out + diagnosis.err + (diagnosis.folder / "doctor.md").read_text()
    text += (diagnosis.folder / "doctor.json").read_text()
    for image in images:
        for secret in (image.stem, image.parent.name, image.parent.parent.name):
            assert secret not in text
    assert "lungs" not in text.lower()


def test_without_raw_data_and_without_a_store_it_says_where_to_get_them(run: Callable, tmp_path: Path) -> None:
    diagnosis = run("doctor", "rsna", tmp_path / "nowhere")
    assert diagnosis.code == 1
    assert diagnosis.err.count("Error: ") == 1
    assert "there is neither raw data of rsna" in diagnosis.err
    assert "kaggle.com" in diagnosis.err
    assert not (diagnosis.folder / "doctor.md").exists()


def test_the_phantom_needs_no_doctor(run_cli: Callable) -> None:
    answer = run_cli("task=doctor", "dataset=phantom")
    assert answer.code == 1
    assert "choose another with dataset=NAME" in answer.err


def test_faults_of_the_images_are_found_in_the_raw_tree_and_in_the_store(run: Callable, tree: Callable) -> None:
    raw = tree("rsna")
    images = images_of(raw)
    images[0].unlink()
    images[1].write_bytes(b"not an image")
    inverted(images[2])
    shutil.copy(images[4], images[3])
    expected = {
        "images missing": "problem",
        "images unreadable": "problem",
        "images inverted": "warning",
    }
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.code == 1
    assert expected.items() <= diagnosis.found.items()
    assert {"same file in two splits", "same file of two patients"} & diagnosis.found.keys()
    assert f"the doctor found 3 problem(s) in rsna; {diagnosis.folder / 'doctor.md'} lists them" in diagnosis.err
    assert diagnosis.err.count("Error: ") == 1
    assert run("prepare", "rsna", raw, "task.max_unreadable=0.1").code == 0
    assert run("doctor", "rsna", raw).found == diagnosis.found


def inverted(path: Path) -> None:
    from pydicom import dcmread

    dicom = dcmread(path)
    dicom.PixelData = (255 - dicom.pixel_array).astype(np.uint8).tobytes()
    dicom.save_as(path)


def test_a_re_encoded_picture_of_another_patient_is_found(run: Callable, tree: Callable) -> None:
    raw = tree("rsna")
    one, other = images_of(raw)[4:6]
    from src.data.dicom_io import read_dicom
    from src.data.image_io import check_size

    image_HW = read_dicom(one, scale="maximum", check_size=check_size)
    small_HW = cv2.resize(image_HW, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    other.write_bytes(cv2.imencode(".jpg", small_HW, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes())
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.code == 1
    assert {"same picture in two splits", "same picture of two patients"} & diagnosis.found.keys()


def test_a_box_outside_its_image_is_found(run: Callable, tree: Callable) -> None:
    raw = tree("rsna")
    table = table_of(raw)
    row = int(np.flatnonzero(table["Target"] == "1")[0])
    table.loc[row, "x"] = "900.0"
    table.to_csv(raw / "stage_2_train_labels.csv", index=False)
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.found == {"boxes or masks outside, or of no area": "problem"}
    assert f"(row {row + 1})" in diagnosis.out


def test_tables_that_the_reader_refuses_are_a_problem_and_the_store_is_looked_at(
    run: Callable, tree: Callable, packed: Path
) -> None:
    raw = tree("rsna")
    table = table_of(raw)
    table.loc[3, "Target"] = "7"
    table.to_csv(raw / "stage_2_train_labels.csv", index=False)
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.code == 1
    assert diagnosis.found == {"raw tables as they should be": "problem"}
    assert "images: the store" in diagnosis.out
    assert any(facts["title"] == "Boxes" for facts in diagnosis.report["facts"])


def test_a_store_of_other_settings_gives_way_to_the_raw_images(run: Callable, trees: Path, packed: Path) -> None:
    raw = trees / "rsna"
    diagnosis = run("doctor", "rsna", raw, "store.size=128")
    assert diagnosis.found == {"store made with these settings, of these tables": "problem"}
    assert "store.size is 256 in the store and 128 here" in diagnosis.out.replace("\n           ", " ")
    assert "images: the raw files, beside a store" in diagnosis.out
    # without raw images it is looked at as it is
    diagnosis = run("doctor", "rsna", raw / "gone", "store.size=128")
    assert "images: the store" in diagnosis.out
    assert diagnosis.found == {"store made with these settings, of these tables": "problem"}


def test_a_store_of_tables_that_have_changed_is_a_problem(run: Callable, tree: Callable, packed: Path) -> None:
    raw = tree("rsna")
    table = table_of(raw)
    first = int(np.flatnonzero(table["Target"] == "1")[0])
    table.loc[first, "width"] = str(float(table.loc[first, "width"]) + 1)
    table.to_csv(raw / "stage_2_train_labels.csv", index=False)
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.found == {"store made with these settings, of these tables": "problem"}
    assert "have changed since" in diagnosis.out


@pytest.mark.parametrize("name", ["images-00000.arrow", "index.arrow"])
def test_a_damaged_file_of_the_store_is_found(run: Callable, trees: Path, packed: Path, name: str) -> None:
    raw = trees / "rsna"
    path = packed / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    diagnosis = run("doctor", "rsna", raw)
    assert diagnosis.found == {"store files whole (SHA-256)": "problem"}
    assert f"{name} is damaged" in diagnosis.out
    path.write_bytes(data[:100])
    for raw_or_not in (raw, raw / "gone"):
        diagnosis = run("doctor", "rsna", raw_or_not)
        assert diagnosis.code == 1
        assert diagnosis.found == {"store files whole (SHA-256)": "problem"}
    unverified = run("doctor", "rsna", raw / "gone", "task.verify_files=false")
    what = "store can be read" if name == "index.arrow" else "images of the store can be read"
    assert unverified.found == {what: "problem"}
    assert f"{name} is missing or damaged" in unverified.out.replace("\n           ", " ")


def test_a_newer_format_is_a_problem_and_no_traceback(run: Callable, trees: Path, packed: Path) -> None:
    raw = trees / "rsna"
    manifest = packed / "store.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    for raw_or_not in (raw, raw / "gone"):
        diagnosis = run("doctor", "rsna", raw_or_not)
        assert diagnosis.code == 1
        assert diagnosis.found == {"store can be read": "problem"}
        assert "has format 99" in " ".join(diagnosis.out.split())
        assert "the doctor found 1 problem(s) in rsna" in diagnosis.err


def test_a_rule_that_cannot_split_is_a_problem(run: Callable, trees: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    for split in ("train", "val", "test"):
        (lists / f"{split}.txt").write_text("stranger\n")
    diagnosis = run("doctor", "rsna", trees / "rsna", f"dataset.lists={lists}")
    assert diagnosis.code == 1, diagnosis.err
    assert diagnosis.found == {"splits by dataset.split": "problem"}


def test_another_data_set_shares_nothing_or_the_same_patients(run: Callable, trees: Path, tmp_path: Path) -> None:
    raw = trees / "rsna"
    missing = run("doctor", "rsna", raw, "task.against=[siim]")
    assert missing.code == 1
    assert "task=prepare dataset=siim" in missing.err
    siim.make(tmp_path / "strangers", seed=7)
    assert run("prepare", "siim", tmp_path / "strangers").code == 0
    assert run("doctor", "rsna", raw, "task.against=[siim]").found == {}
    # the same phantoms as in the made tree of RSNA, drawn at another size
    assert run("prepare", "siim", trees / "siim", "task.overwrite=true").code == 0
    assert run("doctor", "rsna", raw, "task.against=[siim]").found == {"same picture in the test of siim": "problem"}


def test_an_image_that_trains_here_and_is_tested_there_is_named_by_its_row(run: Callable, tree: Callable) -> None:
    raw, other = tree("rsna"), tree("siim")
    targets = sorted((other / "dicom-images-train").glob("**/*.[dD][cC][mM]"))
    sources = images_of(raw)
    # every image of one data set is one of the other: some that train here must be tested there
    for source, target in zip(sources, targets, strict=True):
        target.write_bytes(source.read_bytes())
    assert run("prepare", "siim", other).code == 0
    diagnosis = run("doctor", "rsna", raw, "task.against=[siim]")
    assert diagnosis.code == 1
    assert diagnosis.found == {"same file in the test of siim": "problem"}
    check = next(check for check in diagnosis.report["checks"] if check["name"] == "same file in the test of siim")
    assert 0 < check["number"] <= 5
    assert len(check["rows"]) == check["number"]
