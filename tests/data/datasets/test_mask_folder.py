"""A folder of masks: what is understood of the made tree and of real lungs, and what is refused."""

import inspect
import logging
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
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
        (_write(b"no image at all"), r"masks/004\.png is not an image that can be read; save it as PNG"),
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
    with pytest.raises(UserError, match=r"the folder .*masks holds no file ending in .*\.png"):
        _source(root)


SHAPE = (24, 24)


def _images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        noise_HW = np.random.default_rng(number).integers(40, 90, SHAPE, dtype=np.uint8)
        Image.fromarray(noise_HW).save(folder / name)


def _mask(path: Path, columns: slice, value: int = 255) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    value_HW = np.zeros(SHAPE, np.uint8)
    value_HW[:, columns] = value
    Image.fromarray(value_HW).save(path)
    return value_HW > 0


def _open(images: Path, masks: Any, *typed: str, **changes: Any) -> MaskFolderSource:
    """``typed``: advice, taken as Hydra takes it from a shell."""
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {"images": str(images), "masks": masks if isinstance(masks, dict) else str(masks)}
    values |= {"values": {"lesion": 255}, "val_fraction": 0.0, "test_fraction": 0.0}
    parser = OverridesParser.create()
    for override in parser.parse_overrides([word for one in typed for word in shlex.split(one)]):
        values[override.key_or_group.removeprefix("dataset.")] = override.value()
    return MaskFolderSource(**values | changes)


def _shown(source: MaskFolderSource) -> dict[str, dict[str, int]]:
    """The pixels of each finding, by image."""
    table = source.table("train")
    return {
        name: {finding: int(mask_HW.sum()) for finding, mask_HW in table.masks(index)}
        for index, name in enumerate(table.image_ids())
    }


def test_masks_beside_images_are_no_images(tmp_path: Path) -> None:
    _images(tmp_path, *(f"case{n:02d}.png" for n in range(6)))
    for n in (1, 3, 5, 7):
        _mask(tmp_path / f"case{n:02d}_mask.png", slice(0, n))
    source = _open(tmp_path, f"{tmp_path}/../{tmp_path.name}", mask_suffix="_mask", unmasked="negative")
    assert _shown(source) == {
        **{f"case{n:02d}": {"lesion": 24 * n} for n in (1, 3, 5)},
        **{f"case{n:02d}": {} for n in (0, 2, 4)},
    }


def test_masks_beside_images_by_a_prefix(tmp_path: Path) -> None:
    _images(tmp_path, "a.png", "b.png")
    _mask(tmp_path / "mask_a.png", slice(0, 2))
    assert _shown(_open(tmp_path, tmp_path, mask_prefix="mask_", unmasked="negative")) == {"a": {"lesion": 48}, "b": {}}


def test_masks_beside_images_by_their_ending(tmp_path: Path) -> None:
    _images(tmp_path, "a.jpg", "b.jpg")
    _mask(tmp_path / "a.png", slice(0, 2))
    assert _shown(_open(tmp_path, tmp_path, unmasked="negative")) == {"a": {"lesion": 48}, "b": {}}


def test_masks_that_also_lie_among_the_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _images(tmp_path / "images", "a.png", "b.png", "a_mask.png")
    _mask(tmp_path / "images/masks/a_mask.png", slice(0, 2))
    source = _open(tmp_path / "images", tmp_path / "images/masks", mask_suffix="_mask", unmasked="negative")
    assert _shown(source) == {"a": {"lesion": 48}, "b": {}}
    assert "1 of 3 files in" in caplog.text


def test_one_folder_needs_a_word_and_says_which(tmp_path: Path) -> None:
    _images(tmp_path, *(f"case{n}.png" for n in range(1, 12)))
    for n in range(1, 12, 2):
        _mask(tmp_path / f"case{n}_seg.png", slice(0, 2))
    with pytest.raises(UserError, match=r"each file would be its own mask; .*: give (.*)$") as refusal:
        _open(tmp_path, tmp_path)
    advice = str(refusal.value).rpartition("give ")[2]
    assert advice == "dataset.mask_suffix=_seg"
    assert len(_shown(_open(tmp_path, tmp_path, advice))) == 6


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("{}_mask",), "dataset.mask_suffix=_mask"),
        (("mask of {}",), "'dataset.mask_prefix=\"mask of \"'"),
        (("{}_mask", "{}_mask_1"), "dataset.mask_suffix=_mask"),
        (("{}_reader1", "{}_reader2"), "'dataset.mask_suffix=_reader*'"),
    ],
)
def test_advice_on_names_that_do_not_match(tmp_path: Path, names: tuple[str, ...], advice: str) -> None:
    _images(tmp_path / "i", *(f"case ({n}).jpg" for n in range(1, 13)))
    for n in range(1, 13):
        for name in names:
            _mask(tmp_path / f"m/{name.format(f'case ({n})')}.png", slice(0, 2))
    with pytest.raises(UserError, match=r"no mask in .* has the name of an image in") as refusal:
        _open(tmp_path / "i", tmp_path / "m")
    assert str(refusal.value).endswith(f"; give {advice}")
    assert len(_shown(_open(tmp_path / "i", tmp_path / "m", advice, several_masks="union"))) == 12


def test_several_masks_of_an_image(tmp_path: Path) -> None:
    _images(tmp_path, "case (1).png", "case (10).png")
    for name, columns in (("", slice(0, 4)), ("_1", slice(2, 6)), ("_2", slice(3, 9))):
        _mask(tmp_path / f"case (1)_mask{name}.png", columns)
    _mask(tmp_path / "case (10)_mask.png", slice(0, 1))
    with pytest.raises(UserError, match=r"1 of 2 images in .* as case \(1\) has case \(1\)_mask\.png and") as refusal:
        _open(tmp_path, tmp_path, mask_suffix="_mask")
    union, majority = re.findall(r"dataset\.several_masks=\w+", str(refusal.value))
    shown = _shown(_open(tmp_path, tmp_path, union, mask_suffix="_mask"))
    assert shown == {"case (1)": {"lesion": 24 * 9}, "case (10)": {"lesion": 24}}
    # columns 2 and 3 are in two or three of the masks, 4 and 5 in the later two
    shown = _shown(_open(tmp_path, tmp_path, majority, mask_suffix="_mask"))
    assert shown == {"case (1)": {"lesion": 24 * 4}, "case (10)": {"lesion": 24}}


def test_further_masks_without_a_suffix_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _images(tmp_path / "i", "a.png")
    for name, columns in (("a", slice(0, 4)), ("a-b", slice(2, 6))):
        _mask(tmp_path / f"m/{name}.png", columns)
    assert _shown(_open(tmp_path / "i", tmp_path / "m")) == {"a": {"lesion": 96}}
    assert "1 of 2 masks in" in caplog.text
    assert (
        advice := caplog.messages[0].rpartition("give ")[2]
    ) == "'dataset.mask_suffix=*' dataset.several_masks=union"
    assert _shown(_open(tmp_path / "i", tmp_path / "m", advice)) == {"a": {"lesion": 144}}


def test_a_folder_or_a_suffix_for_each_finding(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png", "b.png")
    both = {"left lung": 255, "right_lung": 255}
    for n, name in enumerate(("a", "b"), start=1):
        _mask(tmp_path / f"left/{name}.png", slice(0, n))
        _mask(tmp_path / f"right/{name}.png", slice(0, 3 * n))
        _mask(tmp_path / f"m/{name}_l.png", slice(0, n))
        _mask(tmp_path / f"m/{name}_r.png", slice(0, 3 * n))
    wanted = {name: {"left lung": 24 * n, "right_lung": 72 * n} for n, name in enumerate(("a", "b"), start=1)}
    folders = {"left lung": str(tmp_path / "left"), "right_lung": str(tmp_path / "right")}
    assert _shown(_open(tmp_path / "i", folders, values=both)) == wanted
    suffixes = {"left lung": "_l", "right_lung": "_r"}
    assert _shown(_open(tmp_path / "i", tmp_path / "m", mask_suffix=suffixes, values=both)) == wanted
    (tmp_path / "m/a_r.png").unlink()
    (part,) = _shown(_open(tmp_path / "i", tmp_path / "m", mask_suffix=suffixes, values=both))
    assert part == "b"
    shown = _shown(_open(tmp_path / "i", tmp_path / "m", mask_suffix=suffixes, values=both, unmasked="negative"))
    assert shown == {**wanted, "a": {"left lung": 24}}
    with pytest.raises(
        UserError, match=r"dataset\.masks names the findings left lung, right_lung, and dataset\.values l"
    ):
        _open(tmp_path / "i", folders)


def test_soft_masks(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png")
    soft_HW = np.tile(np.arange(24, dtype=np.uint8) * 11, (24, 1))
    (tmp_path / "m").mkdir()
    Image.fromarray(soft_HW).save(tmp_path / "m/a.png")
    with pytest.raises(
        UserError, match=r"holds the values 11, 22, 33, 44, 55 and 18 more, which stand for n"
    ) as refusal:
        _shown(_open(tmp_path / "i", tmp_path / "m"))
    (advice,) = re.findall(r"dataset\.\w+=\S+", str(refusal.value).rpartition("; ")[2])
    assert advice == "dataset.threshold=128"
    assert _shown(_open(tmp_path / "i", tmp_path / "m", advice)) == {"a": {"lesion": int((soft_HW >= 128).sum())}}
    table = _open(tmp_path / "i", tmp_path / "m", advice, ignore_values=[253]).table("train")
    assert table.masks(0)[0][1].sum() == int(((soft_HW >= 128) & (soft_HW != 253)).sum())
    assert table.ignored_mask(0).sum() == 24
    for threshold in (0, -1):
        with pytest.raises(UserError, match=r"dataset\.threshold=.* takes background for a finding"):
            _open(tmp_path / "i", tmp_path / "m", threshold=threshold)
    with pytest.raises(UserError, match=r"needs masks of one finding each, and dataset\.values has a, b in one file"):
        _open(tmp_path / "i", tmp_path / "m", threshold=9, values={"a": 1, "b": 2})


def test_masks_that_were_saved_as_jpeg(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png")
    value_HW = np.zeros((24, 24), np.uint8)
    value_HW[5:14, 3:12] = 255
    (tmp_path / "m").mkdir()
    Image.fromarray(value_HW).save(tmp_path / "m/a.jpg", quality=70)
    ((_, mask_HW),) = _open(tmp_path / "i", tmp_path / "m", threshold=128).table("train").masks(0)
    np.testing.assert_array_equal(mask_HW, value_HW > 0)


def test_another_value_than_the_one_named(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png")
    _mask(tmp_path / "m/a.png", slice(0, 5), value=1)
    with pytest.raises(UserError, match="holds the value 1, which stands for nothing") as refusal:
        _shown(_open(tmp_path / "i", tmp_path / "m", values={"old (healed) lesion": 255}))
    named, ignored = re.findall(r"'dataset\.[^']*'", str(refusal.value))
    assert _shown(_open(tmp_path / "i", tmp_path / "m", named)) == {"a": {"old (healed) lesion": 120}}
    assert _open(tmp_path / "i", tmp_path / "m", ignored).table("train").ignored_mask(0).sum() == 120


def _palette(path: Path, colours: list[int], columns: slice) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number_HW = np.zeros(SHAPE, np.uint8)
    number_HW[:, columns] = 1
    image = Image.fromarray(number_HW, mode="P")
    image.putpalette(colours)
    image.save(path)


WHITE_FIRST, BLACK_FIRST = [255, 255, 255, 0, 0, 0], [0, 0, 0, 255, 255, 255]
MIXED = [255, 255, 255, 0, 0, 0, 200, 0, 0]


@pytest.mark.parametrize(("colours", "white"), [(WHITE_FIRST, 20), (BLACK_FIRST, 4)])
def test_grey_palettes_are_read_as_they_look(tmp_path: Path, colours: list[int], white: int) -> None:
    _images(tmp_path / "i", "a.png")
    _palette(tmp_path / "m/a.png", colours, slice(0, 4))
    assert _shown(_open(tmp_path / "i", tmp_path / "m")) == {"a": {"lesion": 24 * white}}
    assert _shown(_open(tmp_path / "i", tmp_path / "m", palette="index", values={"lesion": 1})) == {"a": {"lesion": 96}}


@pytest.mark.parametrize(
    ("colours", "values", "white", "advice"),
    [
        # number 1 is black: to read the numbers would turn the mask inside out
        (WHITE_FIRST, {"lesion": 1}, 20, "'dataset.values={lesion:255}'"),
        (BLACK_FIRST, {"lesion": 1}, 4, "dataset.palette=index"),
        (MIXED, {"lesion": 255}, 20, "dataset.palette=grey"),
    ],
)
def test_advice_on_palettes_never_inverts(
    tmp_path: Path, colours: list[int], values: dict[str, int], white: int, advice: str
) -> None:
    _images(tmp_path / "i", "a.png")
    _palette(tmp_path / "m/a.png", colours, slice(0, 4))
    with pytest.raises(UserError, match="it has a palette whose") as refusal:
        _shown(_open(tmp_path / "i", tmp_path / "m", values=values))
    first = re.search(r"give ('[^']*'|\S+)", str(refusal.value))
    assert first is not None
    assert first[1] == advice
    typed = {} if "values" in advice else {"values": values}
    assert _shown(_open(tmp_path / "i", tmp_path / "m", advice, **typed)) == {"a": {"lesion": 24 * white}}


def test_a_palette_of_colours_has_no_greys(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png")
    _palette(tmp_path / "m/a.png", [0, 0, 0, 200, 0, 0], slice(0, 4))
    assert _shown(_open(tmp_path / "i", tmp_path / "m", values={"lesion": 1})) == {"a": {"lesion": 96}}
    with pytest.raises(UserError, match=r"has a palette of colours; give dataset\.palette=index"):
        _shown(_open(tmp_path / "i", tmp_path / "m", palette="grey"))


def test_a_mask_drawn_as_transparency(tmp_path: Path) -> None:
    _images(tmp_path / "i", "a.png")
    (tmp_path / "m").mkdir()
    grey_HW4 = np.zeros((*SHAPE, 4), np.uint8)
    grey_HW4[:, :5, 3] = 255
    Image.fromarray(grey_HW4).save(tmp_path / "m/a.png")
    with pytest.raises(UserError, match="is drawn as transparency"):
        _shown(_open(tmp_path / "i", tmp_path / "m"))


def test_defaults_are_those_of_the_yaml() -> None:
    written: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    parameters = inspect.signature(MaskFolderSource).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
    assert defaults == {name: written[name] for name in defaults}


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
