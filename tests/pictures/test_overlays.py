"""What was found and what is there lie where they should, and can be told apart."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.pictures.overlays import Overlay, _meet, _places, draw_overlays, ignored_pixels
from src.pictures.sheet import COLOURS

CELL = slice(120, 490), slice(24, 404)


def overlay(**marks) -> Overlay:
    nothing = {"true_boxes": [], "found_boxes": [], "true_masks": [], "found_masks": [], "ignored_HW": None}
    grey_HW = np.full((80, 80), 110, dtype=np.uint8)
    return Overlay(**{"image_HW": grey_HW, "title": "row 3", "caption": "1 of 1 found", **nothing, **marks})


def drawn(overlays: list[Overlay], names: list[str], path: Path) -> np.ndarray:
    draw_overlays(overlays, names, path, heading="What was found", aside="test split", title="")
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def like(pixels: np.ndarray, colour: str, within: int = 40) -> np.ndarray:
    rgb = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)])
    return np.abs(pixels - rgb).max(axis=-1) < within


def test_a_found_box_is_coloured_and_a_true_one_white(tmp_path: Path) -> None:
    marks = {
        "true_boxes": [("lung", np.array([45, 10, 70, 70]))],
        "found_boxes": [("lung", np.array([5, 10, 30, 70]), 0.87)],
    }
    cell = drawn([overlay(**marks)], ["lung"], tmp_path / "a.png")[CELL]
    x_found, x_true = np.nonzero(like(cell, COLOURS[0]))[1], np.nonzero(like(cell, "#ffffff"))[1]
    # 380 pixels are 80 of the image
    assert x_found.min() == pytest.approx(5 * 4.75, abs=4)
    assert x_found.max() == pytest.approx(30 * 4.75, abs=6)
    assert x_true.min() == pytest.approx(45 * 4.75, abs=4)
    assert x_true.max() == pytest.approx(70 * 4.75, abs=6)
    # the truth is dashed: its left edge is white in places only
    edge = like(cell[60:290, x_true.min() : x_true.min() + 4], "#ffffff", 90).any(axis=1)
    assert 0.2 < edge.mean() < 0.8


def test_a_found_mask_is_tinted_and_a_true_one_an_outline(tmp_path: Path) -> None:
    left_HW, right_HW = np.zeros((2, 80, 80), dtype=bool)
    left_HW[10:70, 5:35], right_HW[10:70, 45:75] = True, True
    pixels = drawn(
        [overlay(true_masks=[("b", right_HW)], found_masks=[("a", left_HW)])], ["a", "b"], tmp_path / "a.png"
    )
    cell = pixels[CELL]
    inside_found, inside_true = cell[190, 95], cell[190, 285]
    assert np.ptp(inside_true) == 0
    assert np.ptp(inside_found) > 30
    # several findings: below the white dashes lies the finding's own colour
    right = cell[:, 200:]
    assert like(right, COLOURS[1], 60).any()
    assert like(right, "#ffffff").any()


def test_ignored_regions_are_striped_and_named(tmp_path: Path) -> None:
    plain = drawn([overlay()], ["lung"], tmp_path / "plain.png")
    ignored_HW = ignored_pixels([np.array([-5, 40.2, 39.6, 95])], 80, 80)
    assert ignored_HW.sum() == 40 * 40
    assert ignored_HW[40:, :40].all()
    striped = drawn([overlay(ignored_HW=ignored_HW)], ["lung"], tmp_path / "striped.png")
    row = striped[CELL][300, :180].mean(axis=-1)
    assert len(np.unique(np.sign(np.diff(row)))) == 3
    assert (striped[CELL][300, 200:] == 110).all()
    legend = slice(70, 118)
    assert striped[legend].sum() < plain[legend].sum()


def test_scores_lie_inside_and_apart() -> None:
    corner = (0.0, 0.0, 30.0, 30.0)
    for left, top, right, bottom in _places(corner, (10, 4), (80, 60)):
        # the picture of an image that is 80 high and 60 wide begins 10 pixels left of it
        assert -10 <= left < right <= 70
        assert 0 <= top < bottom <= 80
    assert _meet((0, 0, 2, 2), (1, 1, 3, 3))
    assert not _meet((0, 0, 2, 2), (2, 0, 3, 3))


def test_many_overlays_of_any_shape_and_odd_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"finding_{n} $x^" for n in range(12)]
    shapes = [(64, 64), (40, 80), (90, 30), (64, 64), (1, 1)]
    overlays = [
        overlay(
            image_HW=rng.integers(0, 256, shape, dtype=np.uint8),
            true_boxes=[(names[n], np.array([2, 2, 20, 20])), (names[-1], np.array([-9, -9, 200, 200]))],
            found_boxes=[(names[n], np.array([1, 1, 1, 1]), score) for score in (0.0, 0.5, 1.0, 0.999)],
            true_masks=[(names[n], np.ones(shape, dtype=bool))],
            found_masks=[(names[n + 1], np.zeros(shape, dtype=bool))],
            ignored_HW=np.ones(shape, dtype=bool),
        )
        for n, shape in enumerate(shapes)
    ]
    pixels = drawn(overlays, names, tmp_path / "many.png")
    assert pixels.shape[1] == 4 * 404 + 24
    assert [path.name for path in tmp_path.iterdir()] == ["many.png"]
