"""Cases and records come back as they went, and nothing else is taken for them."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.evaluation.cases import Scores, Values, load_cases, save_cases
from src.evaluation.estimate import Estimate
from src.evaluation.records import Record, read_records, write_records

KEYS = CaseKeys(row_N=torch.tensor([5, 9]), group_N=torch.tensor([1, 1]), image_id_N=["p", "q"])
SCORES = Scores(
    keys=KEYS,
    names=("Edema", "No/Finding"),
    score_NF=torch.tensor([[0.1, 0.9], [0.4, 0.2]], dtype=torch.float64),
    label_NF=torch.tensor([[1, math.nan], [0, 1]], dtype=torch.float64),
    exclusive=False,
    probabilities=True,
    threshold_F=torch.tensor([0.3, 0.5], dtype=torch.float64),
)


def test_scores_come_back(tmp_path: Path) -> None:
    save_cases(SCORES, tmp_path / "cases/a.parquet")
    back = load_cases(tmp_path / "cases/a.parquet")
    assert isinstance(back, Scores)
    assert (back.names, back.exclusive, back.probabilities) == (SCORES.names, False, True)
    assert back.keys.image_id_N == ["p", "q"]
    for name in ("score_NF", "label_NF", "threshold_F"):
        torch.testing.assert_close(getattr(back, name), getattr(SCORES, name), equal_nan=True, rtol=0, atol=0)
    table = pd.read_parquet(tmp_path / "cases/a.parquet")
    assert list(table.columns) == [
        *("row", "group", "image_id", "score/Edema", "label/Edema"),
        *("score/No/Finding", "label/No/Finding"),
    ]


def test_values_come_back(tmp_path: Path) -> None:
    value_NM = torch.tensor([[1.0, math.nan], [0.5, 2.0]], dtype=torch.float64)
    save_cases(Values(keys=CaseKeys.of(torch.tensor([3, 4])), names=("hit", "size"), value_NM=value_NM), tmp_path / "v")
    back = load_cases(tmp_path / "v")
    assert isinstance(back, Values)
    torch.testing.assert_close(back.value_NM, value_NM, equal_nan=True)
    assert back.keys.image_id_N is None


def test_another_file_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"row": [1]}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    for name in ("other.parquet", "half.parquet", "absent.parquet"):
        with pytest.raises(UserError, match=f"{name} is missing or does not hold the cases"):
            load_cases(tmp_path / name)


def test_taken_cases_keep_who_they_are() -> None:
    taken = KEYS.take(torch.tensor([1, 1, 0]))
    assert taken.row_N.tolist() == [9, 9, 5]
    assert taken.image_id_N == ["q", "q", "p"]
    assert len(taken) == 3


def test_records_come_back(tmp_path: Path) -> None:
    figures = {"a/auroc_mean": Estimate(0.8, 0.7, 0.9), "a/rank": Estimate(3.0, math.nan, math.nan), "a/findings": 4}
    record = Record(settings={"seed": 2}, figures={**figures, "a/odd": math.inf}, cases={"a": "cases/a.parquet"})
    write_records([record], tmp_path)
    (back,) = read_records(tmp_path)
    assert back.settings == {"seed": 2}
    assert back.figures["a/auroc_mean"] == Estimate(0.8, 0.7, 0.9)
    assert math.isnan(back.figures["a/rank"].low)
    assert math.isnan(back.figures["a/odd"])
    assert back.figures["a/findings"] == 4


@pytest.mark.parametrize("text", ["", "{", '[{"settings": {}}]', '[{"settings": {}, "figures": [], "cases": {}}]'])
def test_damaged_records_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "records.json").write_text(text)
    with pytest.raises(UserError, match=r"records\.json is missing or damaged"):
        read_records(tmp_path)
