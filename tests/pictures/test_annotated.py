"""The sheet of samples shows the boxes and masks where they are, in the colours of the legend."""

from pathlib import Path

import numpy as np
from PIL import Image

from src.pictures.annotated import Sample, draw_annotated
from src.pictures.sheet import COLOURS


def sample(
    image_HW: np.ndarray | None = None, *, boxes=(), masks=(), title="train, row 1", caption="a finding"
) -> Sample:
    grey_HW = np.full((80, 60), 90, dtype=np.uint8) if image_HW is None else image_HW
    return Sample(image_HW=grey_HW, title=title, caption=caption, boxes=list(boxes), masks=list(masks))


def drawn(samples: list[Sample], path: Path) -> np.ndarray:
    draw_annotated(samples, path, heading="A data set", aside="3 images")
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(int)


def like(pixels: np.ndarray, colour: str) -> np.ndarray:
    rgb = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)])
    return np.abs(pixels - rgb).max(axis=-1) < 40


def test_a_box_and_a_mask_have_colours_of_their_own(tmp_path: Path) -> None:
    mask_HW = np.zeros((80, 60), dtype=bool)
    mask_HW[50:70, 5:25] = True
    pixels = drawn(
        [sample(boxes=[("nodule", np.array([30, 10, 50, 30]))], masks=[("fluid", mask_HW)])], tmp_path / "p/a.png"
    )
    nodule, fluid = COLOURS[0], COLOURS[1]
    cell = pixels[130:500, 24:404]
    y, x = np.nonzero(like(cell, nodule))
    # 80 rows fill the cell's 380 pixels, and the box lies in its upper right
    assert y.max() < 190 < x.min() + 60
    y, x = np.nonzero(like(cell, fluid))
    assert y.min() > 190
    assert x.max() < 190
    legend = pixels[80:118]
    assert like(legend, nodule).any()
    assert like(legend, fluid).any()


def test_no_marks_need_no_legend(tmp_path: Path) -> None:
    bare = drawn([sample()], tmp_path / "p/bare.png")
    boxed = drawn([sample(boxes=[("a", np.array([5, 5, 50, 50]))])], tmp_path / "q/boxed.png")
    assert bare.shape[0] < boxed.shape[0]
    assert not any(like(bare, colour).any() for colour in COLOURS)


def test_twelve_samples_of_any_shape_with_many_findings_and_odd_letters(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = [(64, 64), (40, 80), (90, 30)] * 4
    samples = [
        sample(
            rng.integers(0, 256, shape, dtype=np.uint8),
            boxes=[(f"finding_{n} $x^", np.array([2, 2, 20, 20])), ("long name of a finding " + "x" * n, np.ones(4))],
            masks=[("edge", np.ones(shape, dtype=bool)), ("none", np.zeros(shape, dtype=bool))],
            caption="Pleural effusion, " * 20,
        )
        for n, shape in enumerate(shapes)
    ]
    pixels = drawn(samples, tmp_path / "p/many.png")
    assert pixels.shape[1] == 4 * 404 + 24
    assert pixels.std() > 20
