"""Each check of single images finds its fault, and nothing where all is well."""

import numpy as np
import pytest

from src.data.health.check import Check
from src.data.health.images import check_images, lateral
from tests.data.health.made_columns import healthy, spoilt


def named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_healthy_images_pass() -> None:
    checks = check_images(healthy())
    assert len(checks) == 5
    assert {(check.state, check.number, check.rows, check.advice) for check in checks} == {("ok", 0, (), "")}


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        ("is missing", "images missing"),
        ("is cut off or damaged (truncated)", "images unreadable"),
        ("is empty (0 bytes)", "images unreadable"),
        ("is blank: every pixel has the value 0", "images blank"),
    ],
)
def test_an_image_that_was_set_aside_is_counted_once_with_its_row(problem: str, name: str) -> None:
    made = healthy()
    checks = check_images(
        healthy(
            problem_N=spoilt(made.problem_N, {4: problem}),
            height_N=spoilt(made.height_N, {4: 0}),
            tone_N=spoilt(made.tone_N, {4: 0}),
            spread_N=spoilt(made.spread_N, {4: 0}),
        )
    )
    assert [check.name for check in checks if check.number] == [name]
    assert (named(checks, name).state, named(checks, name).rows) == ("problem", (5,))


def test_an_image_set_aside_for_its_box_is_not_called_unreadable() -> None:
    made = healthy()
    problem_N = spoilt(made.problem_N, {4: "has a box (row 3 of its table) of no area"})
    assert not any(c.number for c in check_images(healthy(problem_N=problem_N, height_N=spoilt(made.height_N, {4: 0}))))


def test_nearly_blank_and_inverted_images_are_warned_of() -> None:
    made = healthy()
    checks = check_images(
        healthy(
            spread_N=spoilt(made.spread_N, {2: 1.5}),
            tone_N=spoilt(made.tone_N, {2: -0.9, 7: -0.6, 8: -0.7}),
            view_N=spoilt(made.view_N, {8: "LATERAL"}),
        )
    )
    faint, inverted = named(checks, "images nearly blank"), named(checks, "images inverted")
    assert (faint.state, faint.rows) == ("warning", (3,))
    # the faint one has no tone worth the name, and the lateral one none that is known
    assert (inverted.state, inverted.rows) == ("warning", (8,))


def test_at_most_five_rows_are_named() -> None:
    made = healthy()
    check = named(check_images(healthy(tone_N=np.full(len(made), -0.5))), "images inverted")
    assert (check.number, check.rows) == (30, (1, 2, 3, 4, 5))


def test_lateral_views_by_every_owner_s_word() -> None:
    words = ["PA", "AP", "Frontal", "", "LATERAL", "Lateral", "LL", "L", "AP AXIAL", "AP Supine"]
    assert lateral(np.array(words, dtype=object)).tolist() == [
        word in ("LATERAL", "Lateral", "LL", "L") for word in words
    ]
