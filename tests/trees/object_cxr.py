"""Object-CXR: rectangles, ellipses and polygons in one cell, blank where there is no object."""

from pathlib import Path

import cv2
import numpy as np

from tests.trees.pictures import SIZE, phantom_table, write_image


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """Three quarters of ``count`` in train, the rest in dev; half of the images have one to three objects."""
    table = phantom_table(count, seed)
    random = np.random.default_rng(seed)
    lines = {"train": ["image_name,annotation"], "dev": ["image_name,annotation"]}
    for index in range(count):
        split = "train" if index < count * 3 // 4 else "dev"
        name = f"{index + 1:05d}.jpg"
        picture_HW = table.image(index).copy()
        shapes = [draw(picture_HW, kind % 3, random) for kind in range(index // 2, index // 2 + 1 + index % 3)]
        if index // 2 % 2:
            picture_HW, shapes = table.image(index), []
        write_image(root / split / (name if index % 8 else name.replace(".jpg", ".JPG")), picture_HW)
        lines[split].append(f"{name},{';'.join(shapes)}")
    for split, rows in lines.items():
        (root / f"{split}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def draw(picture_HW: np.ndarray, kind: int, random: np.random.Generator) -> str:
    """A white object of the kind 0, 1 or 2, drawn into the picture, as the table writes it."""
    left, top = (int(value) for value in random.integers(10, SIZE - 50, 2))
    width, height = (int(value) for value in random.integers(12, 32, 2))
    right, bottom = left + width, top + height
    if kind == 0:
        picture_HW[top:bottom, left:right] = 250
        return f"0 {left} {top} {right} {bottom}"
    if kind == 1:
        centre, axes = ((left + right) / 2, (top + bottom) / 2), (width, height)
        cv2.ellipse(picture_HW, (centre, axes, 0), 250, -1)
        return f"1 {left} {top} {right} {bottom}"
    corners = [(left, top), (right, top + height // 3), (left + width // 2, bottom)]
    cv2.fillPoly(picture_HW, [np.array(corners)], 250)
    return "2 " + " ".join(f"{x} {y}" for x, y in corners)
