"""Open-I: reports in XML, made and real, with and without images and projections."""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.datasets.open_i import TERMS, OpenIReader
from src.data.report import caption_of_report, read_sections
from tests.trees import open_i as tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("open_i")
    tree.make(root)
    return root


@pytest.fixture
def spoilt(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "raw")
    return tmp_path / "raw"


def read(root: Path, views: list[str] | None = None) -> Catalogue:
    return OpenIReader(root=str(root), views=views).read()


def test_images_reports_and_labels_belong_together(made: Path) -> None:
    catalogue = read(made)
    assert len(catalogue.entries) == 47
    assert [entry.row for entry in catalogue.entries] == list(range(1, 48))
    table = tree.phantom_table(32, 0)
    for position, entry in enumerate(catalogue.entries):
        assert (made / entry.file).is_file()
        index = int(entry.patient.removeprefix("CXR")) - 1
        if index not in (tree.BOTH_EMPTY, tree.IMPRESSION_ONLY):
            assert caption_of_report(entry.report, "published") == caption_of_report(table.report(index), "published")
        present = {finding.name for finding in table.study(index).findings}
        if index != tree.UNINDEXED:
            assert catalogue.label_NF[position, list(TERMS).index("Cardiomegaly")] == ("cardiomegaly" in present)
            assert catalogue.label_NF[position, list(TERMS).index("No Finding")] == (not present)
    assert "no version known: 32 reports, 47 images" in catalogue.version


def test_quirks_of_reports(made: Path) -> None:
    catalogue = read(made)
    entry_of = {int(entry.patient.removeprefix("CXR")) - 1: n for n, entry in enumerate(catalogue.entries)}
    assert catalogue.entries[entry_of[tree.BOTH_EMPTY]].report == ""
    sections = read_sections(catalogue.entries[entry_of[tree.IMPRESSION_ONLY]].report, "published")
    assert sections.impression
    assert not sections.findings
    assert tree.NO_IMAGES not in entry_of
    assert np.isnan(catalogue.label_NF[entry_of[tree.UNINDEXED]]).all()
    assert catalogue.notes == (
        "1 report(s) name no image and are left out.",
        "1 report(s) have neither findings nor impression.",
        "1 report(s) are not indexed, and their labels are blank.",
    )


def test_views_come_from_the_table_of_projections(spoilt: Path) -> None:
    frontal = read(spoilt, ["Frontal"])
    assert len(frontal.entries) == 31
    assert {entry.view for entry in frontal.entries} == {"Frontal"}
    assert {entry.view for entry in read(spoilt).entries} == {"Frontal", "Lateral"}
    path = spoilt / "indiana_projections.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    assert "1 image(s) have no projection in indiana_projections.csv." in read(spoilt).notes
    path.write_text("\n".join([*lines[:5], lines[5].replace("Lateral", "Oblique").replace("Frontal", "Oblique")]))
    with pytest.raises(UserError, match=r"row 5, column 'projection': 1 row\(s\) hold neither"):
        read(spoilt)
    path.unlink()
    assert {entry.view for entry in read(spoilt).entries} == {""}
    with pytest.raises(UserError, match=r"views=\[Frontal\] asks for indiana_projections\.csv.*views=null"):
        read(spoilt, ["Frontal"])


def test_images_beside_the_reports_folder_and_dicom_names(spoilt: Path) -> None:
    (spoilt / "NLMCXR_reports").mkdir()
    (spoilt / "ecgen-radiology").rename(spoilt / "NLMCXR_reports/ecgen-radiology")
    catalogue = read(spoilt)
    assert catalogue.root == spoilt
    assert catalogue.entries[3].view
    for path in sorted((spoilt / "NLMCXR_png").iterdir()):
        number, _, rest = path.stem.removeprefix("CXR").partition("_IM-")
        number = number.split("_")[0]
        target = spoilt / f"NLMCXR_dcm/{number}/{number}_IM-{rest}.dcm"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert read(spoilt).entries[0].file == "NLMCXR_dcm/1/1_IM-0001-1001.dcm"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<eCitation><uId id='CXR1'/>", "no well-formed XML, line 1"),
        (b"", "no well-formed XML"),
        (b"<eCitation/>", "has no uId"),
        (b"\xff\xfe<\0", "is not UTF-8"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><eCitation><uId id="CXR1"/>&b;</eCitation>', "declares a DOCTYPE"),
    ],
)
def test_a_broken_report_names_its_file(spoilt: Path, content: bytes, words: str) -> None:
    (spoilt / "ecgen-radiology/7.xml").write_bytes(content)
    with pytest.raises(UserError, match=rf"7\.xml .*{words}"):
        read(spoilt)


def test_a_report_twice(spoilt: Path) -> None:
    shutil.copy(spoilt / "ecgen-radiology/7.xml", spoilt / "ecgen-radiology/77.xml")
    with pytest.raises(UserError, match=r"1 report\(s\) of ecgen-radiology repeat"):
        read(spoilt)


def test_a_tree_that_is_still_packed_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"looked for ecgen-radiology/\*\.xml"):
        read(tmp_path)
    (tmp_path / "NLMCXR_reports.tgz").write_bytes(b"")
    with pytest.raises(UserError, match=r"still packed; unpack it"):
        read(tmp_path)


def test_the_real_reports(shared_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_dir / "data/iu_reports/NLMCXR_reports.tgz") as archive:
        archive.extractall(tmp_path, filter="data")
    catalogue = read(tmp_path)
    assert catalogue.version == "Open-I: 3,955 reports, 7,470 images"
    assert len(catalogue.entries) == 7470
    assert len({entry.patient for entry in catalogue.entries}) == 3955 - 104
    assert catalogue.entries[0].file == "CXR1_1_IM-0001-3001.png"
    assert catalogue.notes == (
        "104 report(s) name no image and are left out.",
        "28 report(s) have neither findings nor impression.",
        "95 report(s) are not indexed, and their labels are blank.",
    )
    present = dict(zip(TERMS, np.nansum(catalogue.label_NF, axis=0).astype(int).tolist(), strict=True))
    assert present["No Finding"] == 2696
    assert present["Cardiomegaly"] == 655
    assert present["Pneumothorax"] == 54
    usable = sum(caption_of_report(entry.report, "published") is not None for entry in catalogue.entries)
    assert 7300 < usable < 7470
