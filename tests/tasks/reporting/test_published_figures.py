"""The file of published figures, ours and a user's own."""

from pathlib import Path

import pytest

from src.core.errors import UserError
from src.tasks.reporting.published_figures import COLUMNS, SHIPPED, Figure, read_figures
from tests.tasks.made_sweeps import MadeJob, make_report, write_sweep

HEADER = ",".join(COLUMNS) + "\n"
LINE = "nih,classify/nih,encoder/image=resnet50 seed=3,mine,resnet50d,pretrained,,25,0.1,classify/auroc_mean,0.7,me\n"


def test_a_line_says_what_it_is_of(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + LINE + LINE.replace(",25,", ",,"))
    first, second = read_figures(tmp_path / "p.csv")
    assert first == Figure(
        dataset="nih",
        experiment="classify/nih",
        settings=("encoder/image=resnet50", "seed=3"),
        method="mine",
        architecture="resnet50d",
        weights="pretrained",
        pretraining="",
        images=25,
        fraction=0.1,
        metric="classify/auroc_mean",
        value=0.7,
        source="me",
    )
    assert second.images is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # the columns of earlier versions
        (
            "dataset,method,fraction,metric,value,source\n",
            "must have the columns dataset, experiment, settings",
        ),
        (HEADER + LINE.replace("0.1", "10 %"), "line 2: images, fraction and value must be numbers"),
        (HEADER + LINE.replace(",25,", ",few,"), "line 2: images, fraction and value must be numbers"),
        (HEADER + "nih,classify/nih\n", "line 2 must have 12 values"),
        (HEADER + LINE.replace("me\n", "me, myself\n"), "line 2 must have 12 values"),
        (HEADER + LINE.replace("pretrained", "ImageNet"), "line 2: weights must be random, pretrained, empty"),
        (
            HEADER + LINE.replace("pretrained", "checkpoint"),
            "or checkpoint with the experiment",
        ),
    ],
)
def test_a_file_with_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_figures(tmp_path / "p.csv")


def test_the_shipped_file_is_read() -> None:
    assert {figure.source for figure in read_figures(SHIPPED)} == {
        "Wang et al. NeurIPS 2022: linear classification",
        "Wang et al. NeurIPS 2022: frozen encoder; as quoted by later papers",
    }


def test_an_experiment_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + LINE.replace("classify/nih", "classify/nihil"))
    sweep = write_sweep(tmp_path / "s", [MadeJob(settings={}, hits=[1.0, 0.0], choices={"dataset": "nih"})])

    def compose(overrides: object) -> dict[str, object]:
        raise UserError(f"{overrides} makes no config")

    with pytest.raises(UserError, match=r"\+experiment=classify/nihil.* makes no config"):
        make_report(sweep, published=str(tmp_path / "p.csv"), compose_config=compose)
