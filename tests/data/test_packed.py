"""What a config makes of a store: labels, splits, fractions, sentences, boxes as masks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.core.errors import UserError
from src.core.rules import Rules
from src.data.catalogue import Catalogue
from src.data.packed import PackedDataSet
from src.data.reader import Reader
from src.data.report import Sections
from src.data.sources import MeasuredTable
from src.data.split_rules import OfficialSplit
from src.data.store.packing import pack_store
from src.data.store.recipe import StoreSettings
from tests.data.store.made import catalogue, write_pictures

COUNT = 40


class MadeReader(Reader):
    """The made data set; its settings are those of its store."""

    title = "a made data set"
    where = "nowhere"
    marks = {}  # noqa: RUF012

    def read(self) -> Catalogue:
        return catalogue(Path(self.root), COUNT)

    @classmethod
    def recognises(cls, folder: Path) -> bool:  # noqa: ARG003
        return False


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    write_pictures(root / "raw", COUNT)
    (root / "raw/0003.png").write_bytes(b"")
    data_set = _data_set(root)
    pack_store(data_set.job(data_set.reader.read()), num_workers=0, max_unreadable=0.1)
    return root


def _settings(root: Path, size: int, *overrides: str) -> StoreSettings:
    folder = str(root / "store")
    return StoreSettings(
        name="default",
        resize="longest",
        folder=folder,
        size=size,
        pad=False,
        codec="raw",
        dataset="made",
        overrides=overrides,
    )


def _data_set(root: Path, **changes: Any) -> PackedDataSet:
    values: dict[str, Any] = {
        "name": "made",
        "reader": MadeReader(root=str(root / "raw")),
        "store": StoreSettings(
            name="default",
            resize="longest",
            folder=str(root / "store"),
            size=48,
            pad=False,
            codec="raw",
            dataset="made",
            overrides=(),
        ),
        "split": OfficialSplit(values={"train": ["train"], "test": ["test"]}, val_from_train=0, seed=0),
        "lists": None,
        "findings": None,
        "uncertain": "unknown",
        "blank": "unknown",
        "reports": "own",
        "masks": "own",
        "exclusive": False,
        "dicom_scale": "maximum",
    }
    return PackedDataSet(**{**values, **changes})


def test_sections_are_read_by_the_rules_of_the_data_set_and_its_file(root: Path) -> None:
    class FileReader(MadeReader):
        """Its reports say what their image is called."""

        @classmethod
        def sections(cls, report: str, file: str, rules: Rules) -> Sections:
            return Sections(file, f"{report} {rules}")

    table = _data_set(root, reader=FileReader(root=str(root / "raw"))).table("train")
    assert table.report(1) == "FINDINGS: report 1."
    assert table.sections(1, "published") == Sections("0001.png", "FINDINGS: report 1. published")
    # the owner's rules are of the owner's reports, not of sentences made of labels
    made = _data_set(root, reports="labels", reader=FileReader(root=str(root / "raw"))).table("train")
    assert made.sections(1, "published") == Sections("", made.report(1))
    assert _data_set(root).table("train").sections(1, "published") == Sections("", "report 1.")


def test_labels_are_read_as_the_config_says(root: Path) -> None:
    # the first finding of rows 0 to 3 is absent, uncertain, blank, absent
    def first(**changes: Any) -> list[float]:
        data_set = _data_set(root, **changes)
        return data_set.labels(data_set.store.label_NF[:4])[:, 0].tolist()

    np.testing.assert_array_equal(first(), [0, np.nan, np.nan, 0])
    np.testing.assert_array_equal(first(uncertain="present"), [0, 1, np.nan, 0])
    np.testing.assert_array_equal(first(uncertain="absent", blank="absent"), [0, 0, 0, 0])
    np.testing.assert_array_equal(first(uncertain={"one": "present", "two": "absent"}, blank="absent"), [0, 1, 0, 0])
    np.testing.assert_array_equal(first(uncertain={"two": "present"}), [0, np.nan, np.nan, 0])


def test_findings_are_chosen_in_order(root: Path) -> None:
    table = _data_set(root, findings=["two", "one"]).table("train")
    assert table.finding_names == ("two", "one")
    assert table.label_NF[0].tolist() == [1, 0]


@pytest.mark.parametrize("changes", [{"findings": ["three"]}, {"uncertain": {"three": "absent"}}])
def test_a_finding_that_is_not_there(root: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="made has no finding 'three'; it has: one, two"):
        _data_set(root, **changes).table("train")


def test_an_image_in_quarantine_is_in_no_split_and_said_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_set = _data_set(root)
    rows = [data_set.table("train").row(index) for index in range(len(data_set.table("train")))]
    assert 4 not in rows
    assert len(rows) == 23
    data_set.check()
    assert caplog.text.count("1 of 40 images could not be packed and are left out") == 1
    assert "quarantine.csv" in caplog.text


def test_sentences_in_place_of_reports(root: Path) -> None:
    own, made = _data_set(root).table("train"), _data_set(root, reports="labels").table("train")
    assert own.report(1) == "FINDINGS: report 1."
    assert made.report(0) == "There is two. There is no one."
    assert made.report(1) == "There is no two."


def test_boxes_as_masks(root: Path) -> None:
    own, filled = _data_set(root).table("train"), _data_set(root, masks="boxes").table("train")
    ((name, mask_HW),) = filled.masks(0)
    assert name == "two"
    # in pixels of the original
    wanted_HW = np.zeros((90, 60), dtype=bool)
    wanted_HW[30:75, 6:36] = True
    np.testing.assert_array_equal(mask_HW, wanted_HW)
    assert own.masks(0)[0][1].sum() != mask_HW.sum()
    assert filled.masks(1) == []


def _lists(folder: Path, **lists: list[int]) -> str:
    for name, numbers in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(f"id{number}" for number in numbers))
    return str(folder)


def test_the_users_lists_and_fractions(root: Path, tmp_path: Path) -> None:
    lists = _lists(tmp_path, train=[0, 1, 4, 5, 8, 9], val=[12, 13], test=[20], train_10=[4, 9])
    table = _data_set(root, lists=lists).table("train")
    assert [table.row(index) for index in range(len(table))] == [1, 2, 5, 6, 9, 10]
    assert table.given_subset(0.1).tolist() == [2, 5]
    assert table.given_subset(0.01) is None
    assert _data_set(root).table("train").given_subset(0.1) is None


def test_a_patient_on_two_sides_is_counted_and_not_named(root: Path, tmp_path: Path) -> None:
    leaking = _data_set(root, lists=_lists(tmp_path, train=[0, 4, 6], val=[1], test=[5]))
    with pytest.raises(UserError, match=r"2 patient\(s\) of made lie on two sides of its splits") as caught:
        leaking.check()
    assert "p0" not in str(caught.value)


def test_other_settings_are_refused_with_the_command(root: Path) -> None:
    settings = _settings(root, 64)
    with pytest.raises(UserError, match=r"store.size is 48 in the store and 64 here.*task=prepare dataset=made"):
        _data_set(root, store=settings).check()


def test_the_command_is_what_was_typed_and_what_is_missing(root: Path) -> None:
    typed = ("paths.store=my stores", "dataset.findings=[one]", "trainer.max_epochs=3", "task=pretrain")
    data_set = _data_set(root, store=_settings(root, 64, *typed))
    with pytest.raises(UserError, match=r"store.size is 48 in the store and 64 here") as caught:
        data_set.check()
    assert str(caught.value).endswith(
        "remake it with: python -m src.run task=prepare dataset=made 'paths.store=my stores' 'dataset.findings=[one]' "
        "paths.raw=DIR store.size=64 task.overwrite=true"
    )
    assert data_set.command("doctor") == (
        "python -m src.run task=doctor dataset=made 'paths.store=my stores' 'dataset.findings=[one]'"
    )


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("default", (), "dataset=made"),
        ("stretch_224", (), "store=stretch_224 dataset=made"),
        ("stretch_224", ("store=stretch_224",), "store=stretch_224 dataset=made"),
        # which chooses its store and its reader's settings itself
        ("stretch_224", ("+experiment=detect/rsna", "tuning.max_epochs=1"), "+experiment=detect/rsna dataset=made"),
    ],
)
def test_the_command_makes_the_store_that_is_asked_for(root: Path, name: str, typed: Any, said: str) -> None:
    settings = replace(_settings(root, 48, *typed), name=name, folder=str(root / "none"))
    with pytest.raises(UserError, match=r"is not packed yet") as caught:
        _data_set(root, store=settings).check()
    assert f"make it with: python -m src.run task=prepare {said} paths.raw=DIR. " in str(caught.value)


def test_a_store_of_another_resize_is_refused(root: Path) -> None:
    settings = replace(_settings(root, 48), resize="stretch")
    with pytest.raises(
        UserError, match=r"store\.resize is longest in the store and stretch here.* store\.resize=stretch "
    ):
        _data_set(root, store=settings).check()


def test_own_reports_of_a_data_set_without_any(root: Path, tmp_path: Path) -> None:
    data_set = _data_set(root, store=_settings(tmp_path, 48))
    made = data_set.reader.read()
    silent = replace(made, entries=[replace(entry, report="") for entry in made.entries])
    pack_store(data_set.job(silent), num_workers=0, max_unreadable=0.1)
    with pytest.raises(UserError, match=r"made has no reports; give dataset.reports=labels"):
        data_set.check()
    _data_set(root, store=_settings(tmp_path, 48), reports="labels").check()


@pytest.mark.parametrize("size", [0, -5, 15])
def test_a_size_that_no_image_can_have(root: Path, size: int) -> None:
    with pytest.raises(UserError, match=f"store.size is {size}; the smallest side admitted is 16"):
        _settings(root, size)


def test_the_original_is_remembered(root: Path) -> None:
    table = _data_set(root).table("train")
    assert isinstance(table, MeasuredTable)
    original = table.original(0)
    assert original[:4] == (90, 60, 48, 32)
    (_, box_4), *_ = table.boxes(0)
    np.testing.assert_allclose(original.to_image.inverse().apply(box_4[None]), [[6, 30, 36, 75]], atol=1e-4)


def test_masks_are_asked_for_where_there_are_only_boxes(root: Path, make_module: Callable[..., Any]) -> None:
    from src.data.annotated_images import AnnotatedImages

    data_set = _data_set(root, findings=["one"])
    images = AnnotatedImages(images=make_module(data_set, tokenizer=None), kind="masks")
    with pytest.raises(UserError, match=r"not one mask, so nothing can be learnt; where .* dataset\.masks=boxes makes"):
        images.split("train")
