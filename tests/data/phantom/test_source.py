"""The phantom as a data set: disjoint splits, labels, prevalence, refusals."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.phantom.source import PhantomSource
from src.data.sources import SPLITS, MaskedTable, PairSource

ROOT = Path(__file__).resolve().parents[3]
VALUES = {"seed": 3, "size": 64, "train": 6, "val": 3, "test": 4, "prevalence": 0.3}


def test_splits_are_disjoint_and_of_the_size_asked_for() -> None:
    source = PhantomSource(**VALUES)
    rows = {split: [source.table(split).row(i) for i in range(len(source.table(split)))] for split in SPLITS}
    assert {split: len(found) for split, found in rows.items()} == {"train": 6, "val": 3, "test": 4}
    assert sorted(row for found in rows.values() for row in found) == list(range(13))


def test_table_gives_what_its_studies_hold() -> None:
    source = PhantomSource(**VALUES)
    assert isinstance(source, PairSource)
    table = source.table("val")
    assert table.label_NF.shape == (3, len(source.finding_names))
    for index in (2, 0, 1):
        study = table.study(index)
        assert table.image(index).shape == (64, 64)
        assert np.array_equal(table.image(index), study.image(64))
        assert table.report(index) == study.report
        assert np.array_equal(table.label_NF[index], study.labels)
        assert table.file(index) == ""
    with pytest.raises(IndexError):
        table.study(3)


def test_masks_lie_in_their_boxes() -> None:
    table = PhantomSource(**VALUES | {"train": 30}).table("train")
    assert isinstance(table, MaskedTable)
    for index in range(30):
        masks, study = dict(table.masks(index)), table.study(index)
        assert set(masks) == {finding.name for finding in study.findings}
        assert table.original(index)[:4] == (64, 64, 64, 64)
        for name, mask_HW in masks.items():
            own = [one for one, finding in zip(study.masks(64), study.findings, strict=True) if finding.name == name]
            np.testing.assert_array_equal(mask_HW, np.any(own, axis=0))


def test_more_training_studies_leave_the_others_alone() -> None:
    few, many = PhantomSource(**VALUES), PhantomSource(**{**VALUES, "train": 60})
    for split in ("val", "test"):
        assert few.table(split).report(1) == many.table(split).report(1)
    assert few.table("train").report(5) == many.table("train").report(5)


def test_an_empty_split_has_no_rows() -> None:
    table = PhantomSource(**{**VALUES, "val": 0}).table("val")
    assert len(table) == 0
    assert table.label_NF.shape == (0, 9)


def test_each_finding_is_common_enough_to_be_measured() -> None:
    values = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "dataset" / "phantom.yaml"))
    del values["_target_"]
    label_NF = PhantomSource(**{**values, "test": 1500}).table("test").label_NF
    assert (label_NF.mean(axis=0) > 0.12).all()
    assert (label_NF.mean(axis=0) < 0.25).all()
    assert 0.18 < (label_NF.sum(axis=1) == 0).mean() < 0.25
    assert (label_NF.sum(axis=1) > 1).mean() > 0.2


@pytest.mark.parametrize(
    ("key", "value"), [("size", 32), ("size", 513), ("prevalence", 1.5), ("seed", -1), ("train", -1), ("test", -2)]
)
def test_values_out_of_range_are_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{key}={value}"):
        PhantomSource(**{**VALUES, key: value})
