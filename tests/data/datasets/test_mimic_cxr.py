"""MIMIC-CXR in its owner's layout, as a made tree, and as tables of many rows without images."""

import gzip
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.datasets.mimic_cxr import FINDINGS, PHANTOM_COMMAND, MimicCxrReader
from src.data.packed import PackedDataSet
from src.data.report import Sections, read_sections
from src.data.sources import SectionedTable
from src.data.split_rules import OfficialSplit
from src.data.store.packing import pack_store
from src.data.store.recipe import StoreSettings
from src.data.usable import usable_reports
from tests.trees import mimic_cxr as tree

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mimic")
    tree.make(root)
    return root


@pytest.fixture
def spoilt(made: Path, tmp_path: Path) -> Path:
    """The tables and reports alone, for a test to spoil."""
    shutil.copytree(made, tmp_path / "raw", ignore=shutil.ignore_patterns("*.jpg"))
    return tmp_path / "raw"


def read(root: Path, **changes: Any) -> Catalogue:
    return MimicCxrReader(
        **{"root": str(root), "report_root": None, "views": ["PA", "AP"], "labels": "chexpert", **changes}
    ).read()


def edit(root: Path, table: str, old: str, new: str) -> None:
    path = root / tree.JPG / f"mimic-cxr-2.0.0-{table}.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new, 1).encode()))


def test_frontal_images_with_report_labels_and_split(made: Path) -> None:
    catalogue = read(made)
    assert catalogue.finding_names == FINDINGS
    assert {entry.view for entry in catalogue.entries} == {"PA", "AP"}
    assert {entry.split for entry in catalogue.entries} == {"train", "validate", "test"}
    assert all((catalogue.root / entry.file).is_file() for entry in catalogue.entries)
    table = tree.phantom_table(32, 0)
    first, second = catalogue.entries[0], catalogue.entries[1]
    assert (first.row, second.row) == (1, 3)
    assert (catalogue.report_root / first.report_file).read_text() == table.report(0)
    np.testing.assert_array_equal(
        catalogue.label_NF[0, [FINDINGS.index("Cardiomegaly"), FINDINGS.index("Edema")]] == 1,
        table.label_NF[0, [0, 6]] == 1,
    )


def test_all_views_where_none_is_asked_for(made: Path) -> None:
    everything = read(made, views=None)
    assert {entry.view for entry in everything.entries} == {"PA", "AP", "LATERAL", ""}
    assert [entry.row for entry in everything.entries] == list(range(1, len(everything.entries) + 1))
    with pytest.raises(UserError, match=r"reader\.views=\[XX\].*has \(blank\), AP, LATERAL, PA"):
        read(made, views=["XX"])


def test_quirks_of_studies(made: Path) -> None:
    catalogue = read(made)
    study_of = {int(entry.report_file.split("/s")[1][:-4]): n for n, entry in enumerate(catalogue.entries)}
    quirk = {
        name: study_of[50_000_000 + 7919 * getattr(tree, name)] for name in ("NO_SECTIONS", "NO_FILE", "NO_LABELS")
    }
    files = {name: catalogue.report_root / catalogue.entries[n].report_file for name, n in quirk.items()}
    assert not any(read_sections(files["NO_SECTIONS"].read_text(), "published"))
    assert not files["NO_FILE"].exists()
    assert np.isnan(catalogue.label_NF[quirk["NO_LABELS"]]).all()
    assert catalogue.notes == ("1 image(s) belong to a study without labels.",)
    assert -1 in catalogue.label_NF
    assert {0, 1} < set(np.unique(catalogue.label_NF[~np.isnan(catalogue.label_NF)]))


FILE = "files/p10/p10000032/{study}/0a1b.jpg"


def test_published_sections_are_of_report_files_and_leave_out_studies_with_custom_rules() -> None:
    report = "FINAL REPORT\n PORTABLE CHEST:  Clear lungs.\n \n CONCLUSION:  Normal chest.\n"
    studies = {study: FILE.format(study=study) for study in ("s50414267", "s50913680", "s50525523", "s58235663")}
    published = {study: MimicCxrReader.sections(report, file, "published") for study, file in studies.items()}
    assert [any(sections) for sections in published.values()] == [True, False, False, False]
    assert published["s50414267"] == Sections("Normal chest.", "Clear lungs.")
    assert MimicCxrReader.sections("Clear lungs.", studies["s50414267"], "published") == Sections("", "")
    for file in studies.values():
        assert MimicCxrReader.sections(report, file, "corrected") == Sections("Normal chest.", "Clear lungs.")
        assert MimicCxrReader.sections("Clear lungs.", file, "corrected") == Sections("", "Clear lungs.")


def test_a_packed_tree_gives_the_captions_of_its_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.make(tmp_path / "raw", count=12)
    reports = sorted((tmp_path / "raw" / tree.REPORTS).rglob("s*.txt"))
    reports[0].write_text("The lungs are clear. The heart is normal.")
    monkeypatch.setattr(
        "src.data.datasets.mimic_cxr.studies_with_custom_rules", lambda: frozenset({reports[1].stem, "s50913680"})
    )
    store = StoreSettings(
        name="default",
        folder=str(tmp_path / "store"),
        resize="longest",
        size=32,
        pad=False,
        codec="raw",
        dataset="mimic_cxr",
        overrides=(),
    )
    config = OmegaConf.to_container(OmegaConf.load(CONF / "dataset/_packed.yaml"), resolve=False)
    del config["_target_"]
    split = OfficialSplit(values={"train": ["train", "validate", "test"]}, val_from_train=0, seed=0)
    reader = MimicCxrReader(root=str(tmp_path / "raw"), report_root=None, views=["PA", "AP"], labels="chexpert")
    own = {"name": "mimic_cxr", "reader": reader, "split": split, "reports": "own", "store": store}
    data_set = PackedDataSet(**{**config, **own})
    pack_store(data_set.job(reader.read()), num_workers=0, max_unreadable=0)
    table = data_set.table("train")
    studies = [Path(table.store.source(int(row))).parent.name for row in table.position_N]
    left_out = {}
    for rules in ("published", "corrected"):
        _, index_K = usable_reports("train", table, np.arange(len(table)), rules)
        left_out[rules] = {study for n, study in enumerate(studies) if n not in index_K}
    empty = {f"s{50_000_000 + 7919 * index}" for index in (tree.NO_SECTIONS, tree.NO_FILE)}
    assert left_out == {"published": empty | {reports[0].stem, reports[1].stem}, "corrected": empty}


def test_other_data_sets_keep_reports_without_headings() -> None:
    table = tree.phantom_table(3, 0)
    assert not isinstance(table, SectionedTable)
    table.report = lambda _: "The lungs are clear."  # type: ignore[method-assign]
    for rules in ("published", "corrected"):
        captions, index_N = usable_reports("train", table, np.arange(3), rules)
        assert (captions, index_N.tolist()) == (["the lungs are clear"] * 3, [0, 1, 2])


def test_both_labellers_are_read(spoilt: Path) -> None:
    edit(spoilt, "negbio", ",1.0", ",-1.0")
    assert not np.array_equal(read(spoilt).label_NF, read(spoilt, labels="negbio").label_NF, equal_nan=True)


@pytest.mark.parametrize(
    ("images", "reports"),
    [
        ("mimic-cxr-jpg", "mimic-cxr-jpg"),
        (".", "mimic-cxr-reports"),
        ("mimic-cxr-jpg", "mimic-cxr-reports"),
        ("mimic-cxr-jpg/2.0.0", "mimic-cxr/2.0.0"),
        ("a/mimic-cxr-jpg", "a/mimic-cxr/mimic-cxr-reports"),
    ],
)
def test_reports_are_found_where_people_unpack_them(spoilt: Path, tmp_path: Path, images: str, reports: str) -> None:
    raw = tmp_path / "moved"
    shutil.copytree(spoilt / tree.JPG, raw / images)
    shutil.copytree(spoilt / tree.REPORTS, raw / reports, dirs_exist_ok=True)
    catalogue = read(raw)
    assert catalogue.root == raw / images
    assert catalogue.report_root == raw / reports


def test_reports_in_a_named_folder_and_nowhere(spoilt: Path, tmp_path: Path) -> None:
    shutil.move(spoilt / tree.REPORTS, tmp_path / "elsewhere")
    assert read(spoilt, report_root=str(tmp_path / "elsewhere")).report_root == tmp_path / "elsewhere"
    with pytest.raises(UserError, match=r"looked for reports .*report_root=DIR"):
        read(spoilt)


def test_without_the_data_one_message_says_it_all(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    message = str(caught.value)
    for part in ("metadata.csv", "split.csv", "chexpert.csv", str(tmp_path), "physionet.org", PHANTOM_COMMAND):
        assert part in message
    assert PHANTOM_COMMAND.startswith("python -m src.run +experiment=mgca_vit dataset=phantom trainer=cpu")
    assert "\n" not in message


def test_mimic_cxr_without_jpg_is_another_edition(tmp_path: Path) -> None:
    (tmp_path / "mimic-cxr").mkdir()
    (tmp_path / "mimic-cxr/cxr-record-list.csv.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds MIMIC-CXR in DICOM.*MIMIC-CXR-JPG 2\.1\.0"):
        read(tmp_path)


def test_images_without_files_stay_and_a_tree_without_folder_does_not(spoilt: Path) -> None:
    assert len(read(spoilt).entries) == 36
    shutil.rmtree(spoilt / tree.JPG / "files")
    with pytest.raises(UserError, match=r"is not complete: there is no \S*2\.1\.0/files"):
        read(spoilt)


@pytest.mark.parametrize(
    ("table", "old", "new", "words"),
    [
        ("metadata", "ViewPosition", "View", r"no column 'ViewPosition'"),
        ("metadata", "10000000", "1000", r"metadata\S*, row 1, column 'subject_id': 1 row"),
        ("metadata", "50007919", "../../etc", r"metadata\S*, row 4, column 'study_id': 1 row"),
        ("chexpert", "Edema", "Oedema", r"no column 'Edema'"),
        ("chexpert", "1.0", "3.0", r"chexpert\S*, row 1, column '[A-Z].*': a label must be"),
        ("chexpert", "50007919", "50000000", r"chexpert\S*, row 2, column 'study_id': 1 row\(s\) repeat"),
        (
            "split",
            "\n",
            "\nzz,50000000,10000000,train\nzz,50000000,10000000,train\n",
            r"split\S*, row 2, column 'dicom_id'",
        ),
    ],
)
def test_a_bad_table_is_named_with_row_and_column(spoilt: Path, table: str, old: str, new: str, words: str) -> None:
    edit(spoilt, table, old, new)
    with pytest.raises(UserError, match=words) as caught:
        read(spoilt)
    assert not re.search(r"\b[15]00\d{5}\b|\.\./", str(caught.value))


def test_a_split_table_that_lacks_images(spoilt: Path) -> None:
    path = spoilt / tree.JPG / "mimic-cxr-2.0.0-split.csv.gz"
    pd.read_csv(path).iloc[3:].to_csv(path, index=False)
    with pytest.raises(UserError, match=r"split\S* lacks 2 of the 36 images"):
        read(spoilt)


def test_many_rows(tmp_path: Path) -> None:
    rows, studies = 20_000, 8_000
    study_N = np.arange(rows) * studies // rows
    frame = pd.DataFrame(
        {
            "dicom_id": [f"{n:08x}" for n in range(rows)],
            "subject_id": 10_000_000 + study_N // 3,
            "study_id": 50_000_000 + study_N,
            "ViewPosition": np.array(["PA", "LATERAL", "AP"])[np.arange(rows) % 3],
            "split": np.where(study_N // 3 % 10, "train", "test"),
        }
    )
    frame.drop(columns="split").to_csv(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", index=False)
    frame[["dicom_id", "split"]].to_csv(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    labels = frame[["subject_id", "study_id"]].drop_duplicates()
    labels = labels.assign(**dict.fromkeys(FINDINGS, labels["study_id"] % 4 - 1)).replace(2, np.nan)
    labels.iloc[::-1].to_csv(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False)
    last = tmp_path / "files/p10/p10002666/s50007999.txt"
    last.parent.mkdir(parents=True)
    last.write_text("FINAL REPORT")
    with pytest.raises(UserError, match="looked for reports"):
        read(tmp_path)
    (tmp_path / "files/p10/p10000000").mkdir()
    (tmp_path / "files/p10/p10000000/s50000000.txt").write_text("FINAL REPORT")
    catalogue = read(tmp_path)
    assert len(catalogue.entries) == sum(n % 3 != 1 for n in range(rows))
    for n in (0, 1, 5_000, -1):
        entry = catalogue.entries[n]
        study = int(re.search(r"/s(\d+)\.txt", entry.report_file)[1])
        assert entry.report_file == f"files/p10/p{entry.patient}/s{study}.txt"
        assert catalogue.label_NF[n, 0] == study % 4 - 1 or (np.isnan(catalogue.label_NF[n, 0]) and study % 4 == 3)
    assert catalogue.version.startswith("no version known: 20,000 images, 8,000 studies")


def test_the_yaml_is_the_published_protocol() -> None:
    config = OmegaConf.load(CONF / "dataset/mimic_cxr.yaml")
    assert config.reader.views == ["PA", "AP"]
    assert config.split["values"] == {"train": ["train"], "val": ["validate", "test"], "test": ["test"]}
