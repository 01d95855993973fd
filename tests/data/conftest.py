"""A small source in memory, one in files, and a data module built from the project's yaml around either."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from src.data.file_table import FileTable
from src.data.sources import Split

CONF = Path(__file__).resolve().parents[2] / "conf"
PAD = 0


class WordLengths:
    """A tokenizer of one token a word: the word's length + 2; 1 is [CLS], 2 is [SEP]."""

    pad_id = PAD
    unknown_id = None

    def encode(self, captions: list[str], *, max_tokens: int) -> list[list[int]]:
        return [[1, *[len(word) + 2 for word in text.split()][: max_tokens - 2], 2] for text in captions]


class MadeTable:
    def __init__(self, reports: list[str], first_row: int) -> None:
        self.reports = reports
        self.first_row = first_row
        self.label_NF = np.arange(len(reports), dtype=np.float32)[:, None]

    def __len__(self) -> int:
        return len(self.reports)

    def image(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, (90 + index, 100), dtype=np.uint8)

    def report(self, index: int) -> str:
        return self.reports[index]

    def row(self, index: int) -> int:
        return self.first_row + index

    def file(self, index: int) -> str:
        return ""


class MadeSource:
    finding_names = ("one",)
    exclusive = False

    def __init__(self, train: list[str]) -> None:
        self.reports: dict[Split, list[str]] = {"train": train, "val": ["a short report"] * 5, "test": []}

    def table(self, split: Split) -> MadeTable:
        return MadeTable(self.reports[split], first_row=100)


class FolderSource:
    """Twenty training images in files, some of which a test spoils."""

    finding_names = ()

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / f"{i:02d}.png" for i in range(20)]
        for i, path in enumerate(self.paths):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (80, 70), dtype=np.uint8)).save(path)

    def table(self, split: Split) -> FileTable:
        paths = [str(path) for path in self.paths] if split == "train" else []
        return FileTable(
            patients=list(range(len(paths))),
            ids=[Path(path).stem for path in paths],
            paths=paths,
            rows=list(range(1, len(paths) + 1)),
            label_NF=np.zeros((len(paths), 0), np.float32),
            read_report=lambda index: f"report of image {index}",
            dicom_scale="maximum",
        )


def _transforms() -> dict[str, Any]:
    from hydra.utils import instantiate

    config = OmegaConf.create({"transform": OmegaConf.load(CONF / "transform/light.yaml")})
    config.transform.update({"size": 48, "crop": 32})
    return {f"{stage}_transform": instantiate(config.transform[stage], _convert_="all") for stage in ("train", "eval")}


@pytest.fixture
def tokenizer() -> WordLengths:
    return WordLengths()


@pytest.fixture
def made_source() -> type[MadeSource]:
    """Called with the training reports."""
    return MadeSource


@pytest.fixture
def folder_source(tmp_path: Path) -> FolderSource:
    return FolderSource(tmp_path)


@pytest.fixture
def make_module(tokenizer: WordLengths) -> Callable[..., Any]:
    """Called with a source and changes to the values of conf/datamodule/pairs.yaml."""

    def make(source: Any, **changes: Any) -> Any:
        from src.data.datamodule import PairDataModule

        values: Any = OmegaConf.to_container(OmegaConf.load(CONF / "datamodule/pairs.yaml"))
        assert values.pop("_target_") == "src.data.datamodule.PairDataModule"
        values |= {"rules": "corrected", "seed": 3, "batch_size": 4, "num_workers": 0, "max_tokens": 12}
        return PairDataModule(**{**values, "source": source, "tokenizer": tokenizer, **_transforms(), **changes})

    return make
