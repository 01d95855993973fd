"""Data sets on disk, made from the phantom, for the options that read one."""

from pathlib import Path

import cv2
import pandas as pd
import pytest

from src.data.phantom.source import PhantomSource


@pytest.fixture(scope="session")
def user_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 40 pairs with images, reports, patients and one label, as a user might have it."""
    folder = tmp_path_factory.mktemp("user")
    table = PhantomSource(seed=3, size=64, train=40, val=1, test=1, prevalence=0.3).table("train")
    rows = []
    for index in range(40):
        cv2.imwrite(str(folder / f"{index}.png"), table.image(index))
        rows.append((f"{index}.png", table.report(index), f"p{index // 2}", int(table.label_NF[index, 0])))
    pd.DataFrame(rows, columns=["image", "report", "patient", "big_heart"]).to_csv(folder / "pairs.csv", index=False)
    return folder / "pairs.csv"


@pytest.fixture(scope="session")
def made_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of made trees, filled by whoever needs one."""
    return tmp_path_factory.mktemp("raw")
