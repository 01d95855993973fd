"""Checks of splits and reports find their faults, and nothing where all is well."""

import numpy as np
import pyarrow as pa

from src.data.datasets.mimic_cxr import MimicCxrReader
from src.data.health.columns import SIDE_BIT, sides
from src.data.health.facts import gather_facts
from src.data.health.splits import check_reports, check_splits, leaking
from src.data.reader import Reader
from src.data.split_rules import count_leaks
from tests.data.health.made_columns import healthy, spoilt


def test_healthy_splits_pass() -> None:
    checks = [*check_splits(healthy(), ("one", "two")), *check_reports(healthy())]
    assert {(check.state, check.number) for check in checks} == {("ok", 0)}


def test_an_empty_split_is_a_warning_and_no_training_images_a_problem() -> None:
    count = 30
    for split, state in (("val", "warning"), ("train", "problem")):
        positions = {name: np.arange(10) + 10 * n for n, name in enumerate(("train", "val", "test")) if name != split}
        empty, leaks, lacking = check_splits(healthy(side_N=sides(positions, count)), ("one",))
        assert (empty.state, empty.number) == (state, 1)
        assert split in empty.advice
        assert leaks.state == lacking.state == "ok"
        # where the rule leaves it empty on purpose, nothing is said
        empty, _, lacking = check_splits(healthy(side_N=sides(positions, count)), ("one",), unused=(split,))
        assert (empty.state, empty.number, lacking.state) == ("ok", 0, "ok")


def test_patients_in_two_splits_are_counted_as_the_loader_counts_them() -> None:
    made = healthy()
    patient_N = spoilt(made.patient_N, {12: 0, 25: 1, 26: 7})
    columns = healthy(patient_N=patient_N)
    _, leaks, _ = check_splits(columns, ())
    positions = {split: np.flatnonzero(columns.within(split)) for split in SIDE_BIT}
    assert count_leaks(positions, patient_N) == leaks.number == 3
    assert leaks.state == "problem"
    assert leaks.rows == (1, 2, 3, 4, 13)


def test_the_same_image_in_val_and_test_is_no_leak() -> None:
    positions = {"train": np.arange(10), "val": np.arange(10, 30), "test": np.arange(20, 30)}
    assert not leaking(healthy(side_N=sides(positions, 30))).any()


def test_a_finding_that_a_split_never_shows_is_warned_of_if_it_is_asked_for() -> None:
    made = healthy()
    label_NF = made.label_NF.copy()
    label_NF[20:, 1] = -1
    check = check_splits(healthy(label_NF=label_NF), ("one", "two"))[2]
    assert (check.state, check.number) == ("warning", 1)
    assert "two in test" in check.advice
    assert check_splits(healthy(label_NF=label_NF), ("one",))[2].state == "ok"


def test_empty_reports_are_counted_with_their_share_and_never_shown() -> None:
    texts = ["FINDINGS: secret words here."] * 27 + ["", "  \n", ""]
    columns = healthy(report_N=pa.array(texts, pa.large_string()))
    (check,) = check_reports(columns)
    assert (check.state, check.number, check.rows) == ("warning", 3, (28, 29, 30))
    assert "10.0%" in check.advice
    table = next(facts for facts in gather_facts(columns, read_sections=Reader.sections) if facts.title == "Reports")
    assert dict(table.rows)["empty"] == 3
    assert dict(table.rows)["with a report"] == 27
    assert "secret" not in repr(gather_facts(columns, read_sections=Reader.sections))


def test_reports_without_a_caption_are_counted_under_both_rules() -> None:
    texts = ["FINDINGS: the lungs are clear."] * 28 + ["IMPRESSION: Stable.", ""]
    table = next(
        facts
        for facts in gather_facts(healthy(report_N=pa.array(texts, pa.large_string())), read_sections=Reader.sections)
        if facts.title == "Reports"
    )
    assert dict(table.rows)["with a report, but no caption under rules=published"] == 1
    assert dict(table.rows)["with a report, but no caption under rules=corrected"] == 0


def test_facts_count_what_is_there() -> None:
    made = healthy()
    label_NF = spoilt(made.label_NF, {0: (-1, np.nan)})
    tables = {facts.title: facts for facts in gather_facts(healthy(label_NF=label_NF), read_sections=None)}
    assert "Reports" not in tables
    assert "Masks" not in tables
    assert tables["Splits"].rows[0] == ("train", 10, 10, 5)
    assert tables["Labels, as the owner wrote them"].rows == (("one", 14, 15, 1, 0), ("two", 9, 20, 0, 1))
    assert tables["Boxes"].rows == (("two", 10, 10, "1.00%"),)
    assert tables["Views"].rows == (("PA", 30),)
    assert tables["Original sizes, in pixels"].rows == (("width", 200, 200, 200), ("height", 300, 300, 300))


def test_reports_are_counted_by_the_rules_of_their_data_set() -> None:
    reports = ["no heading at all here", " \n FINDINGS: the lungs are clear.", " \n FINDINGS: the lungs are clear."]
    # the last is of a study with custom rules
    studies = ["s50000001", "s50000002", "s50913680"]
    columns = healthy(
        report_N=pa.array(reports * 10, pa.large_string()),
        source_N=pa.array([f"files/p10/p10000001/{study}/a.jpg" for study in studies] * 10),
    )
    table = next(
        facts for facts in gather_facts(columns, read_sections=MimicCxrReader.sections) if facts.title == "Reports"
    )
    assert dict(table.rows)["with a report, but no caption under rules=published"] == 20
    assert dict(table.rows)["with a report, but no caption under rules=corrected"] == 0
