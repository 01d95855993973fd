"""Each check of boxes and masks finds its fault, and nothing where all is well."""

import numpy as np

from src.data.health.check import Check
from src.data.health.marks import check_marks
from tests.data.health.made_columns import healthy, marks, no_marks, spoilt


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks if check.number}


def test_healthy_boxes_pass_and_no_boxes_need_no_checks() -> None:
    checks = check_marks(healthy())
    assert len(checks) == 5
    assert by_name(checks) == {}
    assert check_marks(healthy(boxes=no_marks())) == []


def test_what_was_set_aside_for_a_box_or_a_mask_is_a_problem() -> None:
    made = healthy()
    for reason in (
        "has a box (row 3 of its table) that lies outside its 200 x 300 pixels",
        "has a run-length mask that ends at pixel 9, past the end of 2 x 3 pixels (row 3 of its table)",
    ):
        spoilt_ones = healthy(
            problem_N=spoilt(made.problem_N, {4: reason}), height_N=spoilt(made.height_N, {4: 0}), boxes=no_marks()
        )
        (check,) = by_name(check_marks(spoilt_ones)).values()
        assert (check.name, check.state, check.rows) == ("boxes or masks outside, or of no area", "problem", (5,))


def test_sizes_that_no_finding_has() -> None:
    made = healthy()
    boxes = made.boxes
    huge = marks([0, 3], [1, 1], [50_000.0, 2.0], [0.83, 0.001])
    found = by_name(check_marks(healthy(boxes=huge, label_NF=spoilt(made.label_NF * 0, {0: (0, 1), 3: (0, 1)}))))
    assert {name: (check.state, check.rows) for name, check in found.items()} == {
        "boxes above 80% of the image": ("warning", (1,)),
        "boxes under 4 pixels": ("warning", (4,)),
    }
    found = by_name(check_marks(healthy(masks=marks([6, 9], [1, 1], [0.0, 3.0], [0.0, 0.0]), boxes=boxes)))
    assert {name: check.rows for name, check in found.items()} == {"masks empty": (7,), "masks under 4 pixels": (10,)}


def test_a_forgotten_box_and_a_box_against_the_label() -> None:
    made = healthy(count=60)
    image = made.boxes.image_B.tolist()
    kept = [*image[1:], 1]
    boxes = marks(kept, [1] * len(kept), [600.0] * len(kept), [0.01] * len(kept))
    found = by_name(check_marks(healthy(count=60, boxes=boxes)))
    assert {name: check.rows for name, check in found.items()} == {
        "positive without box or mask": (1,),
        "box or mask without positive label": (2,),
    }
    # where few have boxes, one without is no slip
    few = marks(image[:2], [1, 1], [600.0] * 2, [0.01] * 2)
    assert by_name(check_marks(healthy(count=60, boxes=few))) == {}


def test_a_mask_counts_as_well_as_a_box() -> None:
    made = healthy()
    image = made.boxes.image_B.tolist()
    masks = marks(image, [1] * len(image), [60.0] * len(image), [0.01] * len(image))
    assert by_name(check_marks(healthy(boxes=no_marks(), masks=masks))) == {}
    assert np.isin(image, np.flatnonzero(made.label_NF[:, 1] == 1)).all()
