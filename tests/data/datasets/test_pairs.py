"""The user's own table, through its yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from src.core.errors import UserError
from src.data.datasets.pairs import PairsSource
from src.data.report_sections import Sections
from src.data.sources import SPLITS
from src.data.store.recipe import StoreSettings

CONF = Path(__file__).resolve().parents[3] / "conf"
COUNT = 20


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    for i in range(COUNT):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (30, 40), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    return pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(COUNT)],
            "report": [f"FINDINGS: report number {i}" for i in range(COUNT)],
            "patient": [f"Miller{i // 2}" for i in range(COUNT)],
            "study": range(COUNT),
            "split": ["train"] * 12 + ["valid"] * 4 + ["test"] * 4,
            "edema": [0, 1, -1, None] * 5,
            "kind": ["COVID-19, ARDS", "ARDS", "none", ""] * 5,
        }
    )


def _source(**changes: Any) -> PairsSource:
    config = OmegaConf.load(CONF / "dataset/pairs.yaml")
    config.seed = 1
    config.store = None
    values: Any = OmegaConf.to_container(OmegaConf.merge(config, changes))
    assert values.pop("_target_") == "src.data.datasets.pairs.PairsSource"
    values["store"] = StoreSettings(
        name="default",
        resize="longest",
        folder="no store",
        size=32,
        pad=False,
        codec="raw",
        dataset="made",
        overrides=(),
    )
    return PairsSource(**values)


def _saved(frame: pd.DataFrame, folder: Path, name: str = "t.csv") -> str:
    path = folder / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, encoding="utf-8-sig")
    return str(path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_rows_keep_their_image_report_and_labels(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    source = _source(table=_saved(frame, tmp_path, name), label_columns=["edema"], uncertain="present")
    assert source.finding_names == ("edema",)
    seen = []
    for split in SPLITS:
        table = source.table(split)
        for index in range(len(table)):
            row = table.row(index)
            seen.append(row)
            expected_HW = np.random.default_rng(row - 1).integers(0, 256, (30, 40), dtype=np.uint8)
            np.testing.assert_array_equal(table.image(index), expected_HW)
            assert table.report(index) == f"FINDINGS: report number {row - 1}"
            assert Path(table.file(index)).name == f"{row - 1}.png"
            np.testing.assert_array_equal(table.label_NF[index], [[0, 1, 1, np.nan][(row - 1) % 4]])
    assert sorted(seen) == list(range(1, COUNT + 1))


def test_patients_are_never_split(frame: pd.DataFrame, tmp_path: Path) -> None:
    source = _source(table=_saved(frame, tmp_path), val_fraction=0.2, test_fraction=0.2)
    patients = [{(source.table(s).row(i) - 1) // 2 for i in range(len(source.table(s)))} for s in SPLITS]
    assert [len(group) for group in patients] == [6, 2, 2]
    assert len(set.union(*patients)) == 10


def test_without_a_group_column_one_report_stays_together(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["report"] = [f"report {i // 5}" for i in range(COUNT)]
    source = _source(table=_saved(frame, tmp_path), group_column=None, val_fraction=0.25, test_fraction=0.25)
    reports = [{source.table(s).report(i) for i in range(len(source.table(s)))} for s in SPLITS]
    assert [len(group) for group in reports] == [2, 1, 1]


def test_the_tables_own_split(frame: pd.DataFrame, tmp_path: Path) -> None:
    source = _source(table=_saved(frame, tmp_path), split_column="split")
    assert [len(source.table(split)) for split in SPLITS] == [12, 4, 4]


def test_categories_become_findings(frame: pd.DataFrame, tmp_path: Path) -> None:
    source = _source(
        table=_saved(frame, tmp_path),
        category_column="kind",
        category_values=["COVID-19", "ARDS"],
        split_column="split",
    )
    assert source.finding_names == ("COVID-19", "ARDS")
    np.testing.assert_array_equal(source.table("val").label_NF, [[1, 1], [0, 1], [0, 0], [np.nan, np.nan]])


def test_nan_reports_read_as_empty(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[:3, "report"] = None
    source = _source(table=_saved(frame, tmp_path), split_column="split")
    assert [source.table("train").report(i) for i in range(5)] == ["", "", "", "", "FINDINGS: report number 4"]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_rows_without_a_report_are_not_rows_of_one_report(frame: pd.DataFrame, tmp_path: Path, blank: str) -> None:
    frame["report"] = [blank] * 16 + ["one report"] * 4
    source = _source(table=_saved(frame, tmp_path), group_column=None, val_fraction=0.25, test_fraction=0.25)
    groups = [group for split in SPLITS for group in source.table(split).groups().tolist()]
    assert [len(source.table(split)) > 0 for split in SPLITS] == [True] * 3
    assert sum(len(set(source.table(split).groups().tolist())) for split in SPLITS) == 17
    assert len(groups) == COUNT


def test_a_blank_after_an_id_does_not_let_a_patient_into_two_splits(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["patient"] = [f"P{i % 10}" for i in range(10)] + [f" P{i % 10} " for i in range(10)]
    source = _source(table=_saved(frame, tmp_path), val_fraction=0.2, test_fraction=0.2)
    patients = [{(source.table(s).row(i) - 1) % 10 for i in range(len(source.table(s)))} for s in SPLITS]
    assert len(set.union(*patients)) == sum(map(len, patients)) == 10
    frame["split"] = ["train"] * 10 + ["test"] * 10
    with pytest.raises(UserError, match=r"10 patient\(s\) or studies lie in the training split and in a held-out one"):
        _source(table=_saved(frame, tmp_path), split_column="split")


def test_a_class_named_none_is_a_class_and_the_owners_blanks_are_none(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["kind"] = ["None", "COVID-19", "NA", ""] * 5
    options = {"category_column": "kind", "category_values": ["None", "COVID-19"], "split_column": "split"}
    for name in ("t.csv", "t.parquet"):
        table = _saved(frame, tmp_path, name)
        nan = [np.nan, np.nan]
        np.testing.assert_array_equal(
            _source(table=table, **options).table("val").label_NF, [[1, 0], [0, 1], [0, 0], nan]
        )
        np.testing.assert_array_equal(
            _source(table=table, blanks=["NA"], **options).table("val").label_NF, [[1, 0], [0, 1], nan, nan]
        )


def test_headings_of_another_language_by_config(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["report"] = "ROZPOZNANIE: kaszel\n\nOPIS:\nSerce w normie.\n\nWnioski: Bez zmian."
    headings = {"findings": ["Opis"], "impression": ["wnioski"], "other": ["rozpoznanie"]}
    source = _source(table=_saved(frame, tmp_path), headings=headings)
    expected = Sections("Bez zmian.", "Serce w normie.")
    for rules in ("published", "corrected"):
        assert source.table("train").sections(0, rules) == expected
        assert source.packed.reader.sections(frame["report"][0], "0.png", rules) == expected
    assert "dataset.report_column=report" in source.report_advice
    with pytest.raises(UserError, match=r"dataset\.headings has no section 'finding'"):
        _source(table=_saved(frame, tmp_path), headings={"finding": ["Opis"]})


def test_a_bad_image_is_named_with_its_row(frame: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "5.png").write_bytes(b"")
    source = _source(table=_saved(frame, tmp_path), split_column="split")
    with pytest.raises(UserError, match=r"^row 6: 5\.png is empty"):
        source.table("train").image(5)


@pytest.mark.parametrize(
    ("spoil", "changes", "reason"),
    [
        ({}, {"image_column": "imag"}, r"no column 'imag' \(dataset\.image_column\); the nearest is 'image'"),
        ({}, {"label_columns": ["oedema"]}, r"no column 'oedema'.*'edema'"),
        ({"study": [1, 2, 1, *range(3, 20)]}, {"id_column": "study"}, r"1 row\(s\).*row 3 with the id of row 1"),
        ({"patient": [None, *["x"] * 19]}, {}, r"'patient', the first is row 1"),
        ({"image": ["0.png", None, *["2.png"] * 18]}, {}, r"'image', the first is row 2"),
        ({"split": ["train", "train", "held"] + ["test"] * 17}, {"split_column": "split"}, r"row 3, column 'split'"),
        ({"patient": ["Miller"] * 20}, {"split_column": "split"}, r"1 patient\(s\) or studies"),
        ({"edema": [0, 1, 7] + [0] * 17}, {"label_columns": ["edema"]}, r"row 3, column 'edema'"),
        ({"image": ["0.png", "lost.png", "gone.png", *["3.png"] * 17]}, {}, r"2 of 20 image files.*row 2, lost\.png"),
        ({}, {"image_root": "elsewhere"}, r"20 of 20 image files are missing below elsewhere"),
        ({}, {"category_column": "kind", "category_values": ["COVID"]}, r"'kind' holds 'COVID'"),
        ({}, {"category_values": ["COVID"]}, r"without dataset\.category_column"),
        ({}, {"val_fraction": 0.6, "test_fraction": 0.4}, r"leave rows to train on"),
    ],
)
def test_a_wrong_table_is_told_plainly(
    frame: pd.DataFrame, tmp_path: Path, spoil: dict[str, list], changes: dict[str, Any], reason: str
) -> None:
    table = _saved(frame.assign(**spoil), tmp_path)
    with pytest.raises(UserError, match=reason) as caught:
        _source(table=table, **changes)
    assert "Miller" not in str(caught.value)


def test_a_few_missing_images_are_left_to_the_data_module(frame: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "5.png").unlink()
    assert len(_source(table=_saved(frame, tmp_path), split_column="split").table("train")) == 12


def test_no_table_says_how_to_name_one() -> None:
    with pytest.raises(UserError, match=r"dataset\.table=FILE"):
        _source()


def test_a_table_of_dicom_files(shared_dir: Path, tmp_path: Path) -> None:
    files = sorted((shared_dir / "data/dicom").glob("*.dcm"))
    frame = pd.DataFrame({"image": [str(file) for file in files], "report": "some text", "patient": range(len(files))})
    table = _saved(frame, tmp_path, "t.parquet")
    plain, windowed = (
        _source(table=table, val_fraction=0, test_fraction=0, dicom_scale=scale).table("train")
        for scale in ("maximum", "window")
    )
    different = [not np.array_equal(plain.image(i), windowed.image(i)) for i in range(len(files))]
    assert different == [file.name.startswith("RG1") for file in files]


def test_cohen_cxr_makes_batches_by_overrides_alone(shared_dir: Path, make_module: Callable[..., Any]) -> None:
    source = _source(
        table=str(shared_dir / "data/cohen_cxr/metadata.csv"),
        image_column="file",
        report_column="clinical_notes",
        group_column="group",
        id_column="image_id",
        category_column="finding",
        category_values=["COVID-19", "Pneumonia", "ARDS"],
        val_fraction=0.15,
        test_fraction=0.15,
    )
    tables = [source.table(split) for split in SPLITS]
    assert sum(map(len, tables)) == 185
    assert min(map(len, tables)) >= 27
    assert sum(bool(table.report(i)) for table in tables for i in range(len(table))) == 138
    assert sum(np.nansum(table.label_NF[:, 0]) for table in tables) == 119

    module = make_module(source, num_workers=2, rules="published")
    module.setup("fit")
    assert not module.skipped
    batch = next(iter(module.train_dataloader()))
    assert batch.image_BCHW.shape == (4, 3, 32, 32)
    assert batch.label_BF.shape == (4, 3)
    assert bool(batch.token_mask_BL.any(1).all())


def test_a_table_without_reports_reads_sentences_of_its_labels(frame: pd.DataFrame, tmp_path: Path) -> None:
    saved = _saved(frame.drop(columns="report"), tmp_path)
    table = _source(table=saved, report_column=None, label_columns=["edema"], split_column="split").table("train")
    assert table.report(0) == "There is no edema."
    assert table.report(1) == "There is edema."
    with pytest.raises(UserError, match="needs reports or labels"):
        _source(table=saved, report_column=None)


def test_whose_images_and_which(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = _source(table=_saved(frame, tmp_path), split_column="split").table("train")
    assert table.groups().tolist() == [i // 2 for i in range(12)]
    assert table.image_ids() == [f"{i}.png" for i in range(12)]
    named = _source(table=_saved(frame, tmp_path), split_column="split", id_column="study").table("test")
    assert named.image_ids() == ["16", "17", "18", "19"]


def test_val_is_drawn_where_the_split_column_has_none(frame: pd.DataFrame, tmp_path: Path) -> None:
    values = {"train": ["train", "valid"], "val": [], "test": ["test"]}
    source = _source(table=_saved(frame, tmp_path), split_column="split", split_values=values, val_fraction=0.25)
    tables = {split: source.table(split) for split in SPLITS}
    assert {split: len(table) for split, table in tables.items()} == {"train": 12, "val": 4, "test": 4}
    assert not set(tables["train"].image_ids()) & set(tables["val"].image_ids())


def test_a_row_of_two_classes(frame: pd.DataFrame, tmp_path: Path) -> None:
    classes = {"category_column": "kind", "category_values": ["COVID-19", "ARDS"]}
    assert _source(table=_saved(frame, tmp_path), **classes).exclusive is False
    with pytest.raises(UserError, match=r"row 1: 5 row\(s\) have more than one class"):
        _source(table=_saved(frame, tmp_path), exclusive=True, **classes)
