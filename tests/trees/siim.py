"""SIIM-ACR as Kaggle's first stage had it: nested folders, " EncodedPixels", "-1" and " -1", several rows an image."""

from pathlib import Path

import cv2
import numpy as np

from tests.trees.pictures import phantom_table, write_dicom

SIDE = 320
LESIONS = ("pneumothorax", "effusion")
"""Findings of the phantom that count as pneumothorax here, so that a small tree has enough of them."""


def run_lengths(mask_HW: np.ndarray) -> str:
    """Column by column from the top left, each start counted from the end of the run before."""
    padded = np.r_[0, mask_HW.T.reshape(-1).astype(np.int8), 0]
    start_R, end_R = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    skip_R = start_R - np.r_[0, end_R[:-1]]
    return " ".join(f"{skip} {end - start}" for skip, start, end in zip(skip_R, start_R, end_R, strict=True))


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` images, each mask in a row of its own."""
    table = phantom_table(count, seed)
    lines = ["ImageId, EncodedPixels"]
    for index in range(count):
        study = table.study(index)
        stem = f"1.2.276.0.7230010.3.1.4.8323329.{1000 + index}.15178752{seed:02d}.{500000 + 7919 * index}"
        nested = root / "dicom-images-train" / stem.replace("3.1.4", "3.1.2") / stem.replace("3.1.4", "3.1.3")
        write_dicom(
            nested / f"{stem}{'.DCM' if index % 8 == 3 else '.dcm'}", cv2.resize(study.image(SIDE), (SIDE, SIDE))
        )
        masks = [
            mask_HW
            for finding, mask_HW in zip(study.findings, study.masks(SIDE), strict=True)
            if finding.name in LESIONS and mask_HW.any()
        ]
        lines += [f"{stem}, {run_lengths(mask_HW)}" for mask_HW in masks]
        if not masks:
            lines.append(f"{stem},{' -1' if index % 2 else '-1'}")
    (root / "train-rle.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
