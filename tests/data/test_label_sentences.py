"""Sentences made of labels."""

import numpy as np
import pytest

from src.data.label_sentences import label_sentences


@pytest.mark.parametrize(
    ("labels", "names", "text"),
    [
        ([1, 0, np.nan], ["Edema", "Pleural Effusion", "Fracture"], "There is edema. There is no pleural effusion."),
        ([0, 1], ["lung_lesion", "nodule"], "There is nodule. There is no lung lesion."),
        ([np.nan], ["Edema"], ""),
        (
            [1, 0, 0],
            ["normal", "pneumonia", "COVID-19"],
            "The chest radiograph is normal. There is no pneumonia. There is no covid-19.",
        ),
        ([0, 1], ["negative", "positive"], "The radiograph shows COVID-19."),
        ([0], ["No Finding"], "There are abnormal findings."),
    ],
)
def test_what_is_known_is_said(labels: list[float], names: list[str], text: str) -> None:
    assert label_sentences(labels, names) == text
