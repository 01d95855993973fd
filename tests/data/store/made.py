"""A small data set of image files, as a catalogue, and the job of packing it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from src.data.catalogue import Box, Catalogue, Entry, Mask
from src.data.outlines import RunLengths
from src.data.store.packing import Job
from src.data.store.recipe import Recipe

HEIGHT, WIDTH = 90, 60


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Smooth noise that is different for every number."""
    noise_HW = np.random.default_rng(number).integers(0, 256, (height // 6, width // 6), dtype=np.uint8)
    return cv2.resize(noise_HW, (width, height), interpolation=cv2.INTER_CUBIC)


def write_pictures(root: Path, count: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(root / f"{number:04d}.png"), picture(number))


def catalogue(root: Path, count: int) -> Catalogue:
    """Two images a patient; every third image has a box and a mask; labels of all four kinds."""
    entries = [
        Entry(
            file=f"{number:04d}.png",
            image_id=f"id{number}",
            patient=f"p{number // 2}",
            row=number + 1,
            split="train" if number % 10 < 6 else "test",
            view="PA",
            report=f"FINDINGS: report {number}." if number % 4 else "",
            boxes=(Box(1, 6.0, 30.0, 36.0, 75.0, number + 1),) if number % 3 == 0 else (),
            # two columns of ten pixels
            masks=(Mask(1, RunLengths("20 10 80 10"), number + 1),) if number % 3 == 0 else (),
        )
        for number in range(count)
    ]
    labels = np.array([(0, number % 3 == 0) for number in range(count)], dtype=np.float32)
    labels[1::4, 0], labels[2::4, 0] = -1, np.nan
    return Catalogue(
        root=root, finding_names=("one", "two"), entries=entries, label_NF=labels, version="made", notes=("a note",)
    )


class LostConnection:
    """An outline that raises what a file on a network drive may raise."""

    def draw(self, height: int, width: int) -> np.ndarray:
        raise ConnectionResetError("the drive is gone")


def job(folder: Path, root: Path, count: int, **recipe: Any) -> Job:
    """The packing of ``catalogue`` into ``folder``."""
    values: dict[str, Any] = {
        "resize": "longest",
        "size": 48,
        "pad": False,
        "codec": "raw",
        "dicom_scale": "maximum",
        **recipe,
    }
    return Job(
        folder=folder,
        name="made",
        title="a made data set",
        catalogue=catalogue(root, count),
        recipe=Recipe(**values),
        reader={"views": None},
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
