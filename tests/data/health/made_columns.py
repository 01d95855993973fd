"""Columns of a healthy data set, to be spoilt one by one."""

from typing import Any

import numpy as np

from src.data.health.columns import Columns, Marks, sides


def no_marks() -> Marks:
    return marks([], [], [], [])


def marks(image: list[int], finding: list[int], area: list[float], share: list[float]) -> Marks:
    return Marks(
        image_B=np.array(image, dtype=np.int64),
        finding_B=np.array(finding, dtype=np.int64),
        area_B=np.array(area, dtype=np.float64),
        share_B=np.array(share, dtype=np.float64),
    )


def healthy(count: int = 30, **changed: Any) -> Columns:
    """Two images a patient, a third of them in each split, two findings, boxes for the second one's positives."""
    import pyarrow as pa

    rng = np.random.default_rng(0)
    label_NF = np.zeros((count, 2), dtype=np.float32)
    label_NF[::2, 0], label_NF[::3, 1] = 1, 1
    third = count // 3
    boxed = np.flatnonzero(label_NF[:, 1] == 1).tolist()
    values: dict[str, Any] = {
        "finding_names": ("one", "two"),
        "row_N": np.arange(1, count + 1),
        "patient_N": np.arange(count) // 2,
        "view_N": np.array(["PA"] * count, dtype=object),
        "side_N": sides(
            {
                "train": np.arange(third),
                "val": np.arange(third, 2 * third),
                "test": np.arange(2 * third, count),
            },
            count,
        ),
        "label_NF": label_NF,
        "report_N": pa.array([f"FINDINGS: the lungs are clear {n}." for n in range(count)], pa.large_string()),
        "source_N": pa.array([f"{n}.png" for n in range(count)]),
        "sha_N32": rng.integers(0, 256, (count, 32), dtype=np.uint8),
        "look_N32": rng.integers(0, 256, (count, 32), dtype=np.uint8),
        "tone_N": np.full(count, 0.8, dtype=np.float32),
        "spread_N": np.full(count, 50.0, dtype=np.float32),
        "height_N": np.full(count, 300),
        "width_N": np.full(count, 200),
        "problem_N": np.array([""] * count, dtype=object),
        "boxes": marks(boxed, [1] * len(boxed), [600.0] * len(boxed), [0.01] * len(boxed)),
        "masks": no_marks(),
    }
    return Columns(**{**values, **changed})


def spoilt(values: np.ndarray, changes: dict[int, Any]) -> np.ndarray:
    """A copy of ``values`` with other ones at some positions."""
    copy = values.copy()
    for position, value in changes.items():
        copy[position] = value
    return copy
