"""A folder of masks: what is understood of the made tree and of real lungs, and what is refused."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from src.core.errors import UserError
from src.data.datasets.mask_folder import MaskFolderSource
from src.data.image_io import ImageError
from src.data.sources import BoxedTable, IgnoringTable, MaskedTable, MeasuredTable, PairSource, unchanged
from tests.trees.mask_folder import IGNORE, IGNORED, SIZE, VALUES, make
from tests.trees.pictures import phantom_table

YAML = Path(__file__).resolve().parents[3] / "conf/dataset/mask_folder.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    make(root, count=20)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "tree"))


def _source(root: Path, **changes: Any) -> MaskFolderSource:
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {"images": str(root / "images"), "masks": str(root / "masks"), "table": str(root / "patients.csv")}
    values |= {"values": VALUES, "ignore_values": [IGNORED], "val_fraction": 0.0, "test_fraction": 0.0}
    return MaskFolderSource(**values | changes)


def test_masks_are_those_that_were_drawn(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        source = _source(made)
    assert [record.getMessage().split(" in ")[0] for record in caplog.records] == ["2 of 20 images"]
    table = source.table("train")
    assert isinstance(source, PairSource)
    assert all(isinstance(table, kind) for kind in (MaskedTable, IgnoringTable, MeasuredTable))
    assert not isinstance(table, BoxedTable)
    assert source.finding_names == ("effusion", "consolidation")
    assert source.table("train") is table
    drawn = phantom_table(20, 0)
    for index, name in enumerate(table.image_ids()):
        truth = dict(drawn.masks(int(name)))
        nothing_HW = np.zeros((SIZE, SIZE), bool)
        later_HW = truth.get("consolidation", nothing_HW)
        found = dict(table.masks(index))
        np.testing.assert_array_equal(found.get("consolidation", nothing_HW), later_HW)
        first_HW = truth.get("effusion", nothing_HW)
        np.testing.assert_array_equal(found.get("effusion", nothing_HW), first_HW & ~later_HW)
        ignored_HW = truth.get(IGNORE, nothing_HW) & ~later_HW & ~first_HW
        np.testing.assert_array_equal(table.ignored_mask(index), ignored_HW)
        assert table.label_NF[index].tolist() == [name in found for name in VALUES]
        assert table.original(index) == unchanged(SIZE, SIZE)
        assert table.image(index).shape == (SIZE, SIZE)
    assert 0 < table.label_NF.sum() < table.label_NF.size


def test_images_without_a_mask_as_negatives(made: Path) -> None:
    table = _source(made, unmasked="negative").table("train")
    assert len(table) == 20
    assert table.masks(9) == []
    assert table.label_NF[9].tolist() == [0, 0]
    assert not table.ignored_mask(9).any()
    assert table.original(9) == unchanged(SIZE, SIZE)


def test_splits_by_patient_and_by_column(root: Path) -> None:
    source = _source(root, val_fraction=0.2, test_fraction=0.2)
    whose = [{int(name) // 2 for name in source.table(split).image_ids()} for split in ("train", "val", "test")]
    assert all(whose)
    assert sum(map(len, whose)) == len(set.union(*whose))
    frame = pd.read_csv(root / "patients.csv")
    frame["split"] = ["test"] * 4 + ["val"] * 4 + ["train"] * 12
    frame.to_csv(root / "patients.csv", index=False)
    source = _source(root, split_column="split")
    assert source.table("test").image_ids() == ["000", "001", "002", "003"]
    assert source.table("val").image_ids() == ["004", "005", "006", "007"]
    frame.loc[0, "split"] = "train"
    frame.to_csv(root / "patients.csv", index=False)
    with pytest.raises(UserError, match="lie in the training split and in a held-out one"):
        _source(root, split_column="split")
    assert len(_source(root, split_column="split", group_column=None).table("test")) == 3
    assert len(_source(root, table=None).table("train")) == 18


def test_masks_of_every_kind_of_png(root: Path) -> None:
    value_HW = np.zeros((SIZE, SIZE), np.uint8)
    value_HW[3:9, 5:7] = 255
    plain = Image.fromarray(value_HW)
    palette = Image.fromarray((value_HW > 0).astype(np.uint8), mode="P")
    palette.putpalette([0, 0, 0, 200, 0, 0])
    kinds = {"000": plain, "001": plain.convert("1"), "002": plain.convert("RGB"), "003": plain.convert("LA")}
    for stem, image in {**kinds, "004": plain.convert("RGBA"), "005": palette}.items():
        image.save(root / f"masks/{stem}.png")
    for path in root.glob("masks/*.png"):
        if path.stem > "005":
            path.unlink()
    table = _source(root, values={"white": 255, "red": 1}, ignore_values=[]).table("train")
    for index in range(6):
        ((name, mask_HW),) = table.masks(index)
        assert name == ("red" if index == 5 else "white")
        np.testing.assert_array_equal(mask_HW, value_HW > 0)


def test_a_mask_of_another_size(root: Path) -> None:
    Image.fromarray(np.full((SIZE, SIZE + 1), 85, np.uint8)).save(root / "masks/003.png")
    table = _source(root).table("train")
    with pytest.raises(
        ImageError, match=rf"^row 4: 003\.jpg is {SIZE} x {SIZE} pixels, but its mask is {SIZE + 1} x {SIZE}"
    ):
        table.image(3)


def _write(content: np.ndarray | bytes) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        path = root / "masks/004.png"
        path.write_bytes(content) if isinstance(content, bytes) else Image.fromarray(content).save(path)

    return spoil


def _colour() -> np.ndarray:
    return np.full((SIZE, SIZE, 3), (85, 0, 0), np.uint8)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_write(np.full((SIZE, SIZE), 99, np.uint8)), r"masks/004\.png holds the value 99, which stands for nothing"),
        (_write(_colour()), r"masks/004\.png is in colour"),
        (_write(b"\xff\xd8\xff no png"), r"masks/004\.png is not a PNG"),
        (
            lambda root: _write((root / "masks/005.png").read_bytes()[:200])(root),
            r"masks/004\.png is cut off or damaged",
        ),
    ],
)
def test_a_mask_that_cannot_be_read(root: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(root)
    with pytest.raises(UserError, match=message) as refusal:
        _source(root).table("train")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, r"set dataset\.images=DIR and dataset\.masks=DIR"),
        ({"values": None}, r"set e\.g\. dataset\.values="),
        ({"values": {"a": 85, "b": 85}}, "each value must stand for one thing"),
        ({"values": {"a": 0}}, "above 0, which is background"),
        ({"values": {"a": 127}}, "each value must stand for one thing"),
        ({"masks": "/nowhere"}, r"the folder /nowhere is not there; check dataset\.masks"),
        ({"mask_suffix": "_mask"}, r"no mask in .* has the name of an image in"),
        ({"file_column": "path"}, r"has no column 'path' \(dataset\.file_column\)"),
    ],
)
def test_settings_that_cannot_be(made: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _source(made, **changes)


def test_names_that_say_which_mask_is_whose(root: Path) -> None:
    for path in root.glob("masks/*.png"):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    assert len(_source(root, mask_suffix="_mask").table("train")) == 18
    (root / "images/001.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"001\.png and 001\.jpg in .*images share a name"):
        _source(root, mask_suffix="_mask")
    (root / "images/001.png").unlink()
    for path in root.glob("masks/*.png"):
        path.unlink()
    with pytest.raises(UserError, match=r"the folder .*masks holds no file ending in \.png"):
        _source(root)


def test_real_lungs(shared_dir: Path) -> None:
    folder = shared_dir / "data/cohen_cxr"
    changes = {"values": {"Lung": 255}, "table": str(folder / "metadata.csv"), "test_fraction": 0.9}
    source = _source(folder, **changes)
    table = source.table("train")
    assert len(table) + len(source.table("test")) == 119
    ((_, mask_HW),) = table.masks(0)
    assert mask_HW.shape == table.image(0).shape
    assert 0.1 < mask_HW.mean() < 0.7
    tables = (table, source.table("test"))
    assert sum(one.ignored_mask(index).any() for one in tables for index in range(len(one))) == 9
