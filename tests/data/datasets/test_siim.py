"""SIIM-ACR: the made tree, the headings and values it comes with, what is refused, and the real table and DICOM."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.image_io import read_image
from src.data.phantom.study import PhantomStudy
from src.data.split_rules import Images
from tests.trees import rsna, siim
from tests.trees.pictures import phantom_table, write_dicom

CONF = Path(__file__).resolve().parents[3] / "conf"
REAL_IMAGE = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("siim")
    siim.make(root, count=12)
    return root


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Path]:
    """Called with a table; a folder with it and one image, x.dcm."""

    def write(text: str, name: str = "train-rle.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        write_dicom(tmp_path / "x.dcm", np.arange(400, dtype=np.uint8).reshape(20, 20))
        return tmp_path

    return write


def _read(root: Path, table: str | None = None) -> Catalogue:
    reader = instantiate(OmegaConf.load(CONF / "dataset/siim.yaml").reader, root=str(root), table=table)
    catalogue: Catalogue = reader.read()
    return catalogue


def _mask_of(study: PhantomStudy) -> np.ndarray:
    masks = [
        mask_HW
        for finding, mask_HW in zip(study.findings, study.masks(siim.SIDE), strict=True)
        if finding.name in siim.LESIONS
    ]
    return np.any([np.zeros((siim.SIDE, siim.SIDE), dtype=bool), *masks], axis=0)


def test_masks_are_those_of_the_pictures_and_images_are_found_in_their_nests(tree: Path) -> None:
    catalogue = _read(tree)
    phantom = phantom_table(12, 0)
    assert [e.row for e in catalogue.entries] == sorted(e.row for e in catalogue.entries)
    assert max(len(e.masks) for e in catalogue.entries) > 1
    for index, entry in enumerate(catalogue.entries):
        drawn = [mask.outline.draw(siim.SIDE, siim.SIDE) for mask in entry.masks]
        mask_HW = np.any([np.zeros((siim.SIDE, siim.SIDE), dtype=bool), *drawn], axis=0)
        np.testing.assert_array_equal(mask_HW, _mask_of(phantom.study(index)))
        assert catalogue.label_NF[index, 0] == bool(entry.masks)
        assert (catalogue.root / entry.file).is_file()
        assert entry.patient == entry.image_id
    assert 0 < catalogue.label_NF.sum() < 12
    assert any(e.file.endswith(".DCM") for e in catalogue.entries)


def test_heading_and_no_mask_with_and_without_a_space_and_a_flat_folder(bare: Callable[..., Path]) -> None:
    for heading in ("ImageId, EncodedPixels", "ImageId,EncodedPixels"):
        catalogue = _read(bare(f"{heading}\nz, -1\nx,5 3\ny,-1\nx, 9 2 1 4\n", "stage_2_train.csv"))
        assert [e.image_id for e in catalogue.entries] == ["z", "x", "y"]
        assert catalogue.label_NF.tolist() == [[0], [1], [0]]
        assert [(m.outline.text, m.row) for m in catalogue.entries[1].masks] == [("5 3", 2), ("9 2 1 4", 4)]
        assert [e.file for e in catalogue.entries] == ["z.dcm", "x.dcm", "y.dcm"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x,-1\ny,-1\nx,5 3\n", "row 1, column 'EncodedPixels': .* has a mask in another row"),
        ("x,\n", r"row 1, column 'EncodedPixels': 1 row\(s\) hold neither -1 nor pairs"),
        ("x,5 3 2\n", "hold neither -1 nor pairs"),
        ("x,5 0\n", "hold neither -1 nor pairs"),
        ("x,5 -3\n", "hold neither -1 nor pairs"),
        ("y,-1\nx,a b\n", "row 2, .* hold neither -1 nor pairs"),
        (" ,-1\n", "without a value in the column 'ImageId'"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(bare: Callable[..., Path], rows: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _read(bare(f"ImageId, EncodedPixels\n{rows}"))


def test_several_tables_must_be_chosen_from(bare: Callable[..., Path]) -> None:
    root = bare("ImageId, EncodedPixels\nx,-1\n")
    with gzip.open(root / "train-rle.csv.gz", "wt", encoding="utf-8") as packed:
        packed.write("ImageId, EncodedPixels\nx,-1\n")
    (root / "train-rle-sample.csv").write_text("ImageId, EncodedPixels\nx,-1\n", encoding="utf-8")
    assert len(_read(root).entries) == 1
    bare("ImageId,EncodedPixels\nx,1 2\ny,-1\n", "stage_2_train.csv")
    with pytest.raises(UserError, match=r"choose dataset.reader.table of stage_2_train.csv, train-rle.csv"):
        _read(root)
    assert len(_read(root, "stage_2_train.csv").entries) == 2
    with pytest.raises(UserError, match="no table of this name"):
        _read(root, "train.csv")


def test_other_trees_and_missing_images_are_refused(tmp_path: Path, bare: Callable[..., Path]) -> None:
    rsna.make(tmp_path / "rsna", count=2)
    with pytest.raises(UserError, match="looks like another data set, RSNA"):
        _read(tmp_path / "rsna")
    root = bare("ImageId, EncodedPixel\nx,-1\n")
    shutil.rmtree(tmp_path / "rsna")
    with pytest.raises(UserError, match="no column 'EncodedPixels'; the nearest is 'EncodedPixel'"):
        _read(root)
    (bare("ImageId, EncodedPixels\nx,-1\n") / "x.dcm").unlink()
    with pytest.raises(UserError, match=r"there is no .dcm file"):
        _read(root)


def test_the_real_table_and_one_of_its_images(shared_dir: Path, tmp_path: Path) -> None:
    table = shared_dir / "data/labels/siim-pneumothorax-train-rle.csv.gz"
    image = shared_dir / f"data/dicom/{REAL_IMAGE}.dcm"
    nested = tmp_path / "dicom-images-train/study/series"
    nested.mkdir(parents=True)
    (tmp_path / table.name).symlink_to(table)
    (nested / image.name).symlink_to(image)
    catalogue = _read(tmp_path)
    assert len(catalogue.entries) == 12_047
    assert int(catalogue.label_NF.sum()) == 2_669
    assert sum(len(e.masks) for e in catalogue.entries) == 3_576
    assert "the whole training set" in catalogue.version
    entry = catalogue.entries[0]
    assert entry.image_id == REAL_IMAGE
    image_HW = read_image(catalogue.root / entry.file, dicom_scale="maximum")
    assert image_HW.shape == (1024, 1024)
    for entry in catalogue.entries[:200]:
        for mask in entry.masks:
            assert mask.outline.draw(1024, 1024).any()

    positions = instantiate(OmegaConf.load(CONF / "dataset/siim.yaml").split).assign(
        Images(
            [e.image_id for e in catalogue.entries],
            np.arange(12_047),
            np.full(12_047, ""),
            catalogue.label_NF,
            catalogue.finding_names,
        )
    )
    held_out = len(positions["val"]) + len(positions["test"])
    assert held_out == 3_615
    assert catalogue.label_NF[positions["train"], 0].mean() == 0.5
