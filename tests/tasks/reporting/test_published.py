"""Published figures: beside what they may be compared with, and beside nothing else."""

from pathlib import Path
from typing import Any

import pytest

from src.core.errors import UserError
from src.tasks.protocol_notes import show_protocol_notes
from src.tasks.reporting.published import SHIPPED, Figure, read_published
from tests.tasks.made_sweeps import hits_job, make_report, write_sweep

FROZEN: dict[str, Any] = {"config": {"tuning": {"trained_blocks": 0}}}


def test_published_figures_stand_beside_ours(tmp_path: Path) -> None:
    chexpert = {"choices": {"dataset": "chexpert"}, "config": {"checkpoint": "mgca.ckpt"}}
    jobs = [
        hits_job({"weights": weights, "datamodule.fraction": f}, 0.5, **chexpert)
        for weights in ("random", "named", "checkpoint")
        for f in (0.01, 0.5)
    ]
    sweep = write_sweep(tmp_path / "s", jobs)
    rows = make_report(sweep, published="shipped", columns="datamodule.fraction", published_rows=True)
    beside = {(row["row"], row["column"]): row["published"] for row in rows}
    assert beside[("random", "0.01")] == "0.561"
    assert beside[("named", "0.01")] == "0.744"
    assert beside[("checkpoint", "0.01")] == "0.876"
    assert beside[("ConVIRT (published)", "0.01")] == "0.859"
    # nobody published 50 %
    assert {value for (_, column), value in beside.items() if column == "0.5"} == {""}
    (header,) = [
        line
        for line in (sweep / "report" / "report.md").read_text().splitlines()
        if line.startswith("|") and "AUROC" in line
    ]
    assert header.count("published") == 1


@pytest.mark.parametrize(
    "other",
    [
        {"choices": {"dataset": "phantom"}},
        {"choices": {"dataset": "chexpert", "head": "mlp"}},
        {"choices": {"dataset": "chexpert"}, "config": {"probe": {"frozen": False}}},
        {"choices": {"dataset": "chexpert"}, "figure": "zero_shot/auroc_mean"},
        {"choices": {"dataset": "siim", "head": "unet"}, "figure": "segment/dice", **FROZEN},
        {"choices": {"dataset": "siim", "head": "upernet"}, "figure": "segment_published/dice", **FROZEN},
        {"choices": {"dataset": "siim", "head": "unet"}, "figure": "segment_published/dice"},
    ],
)
def test_other_protocols_have_no_published_figure(tmp_path: Path, other: dict[str, Any]) -> None:
    jobs = [hits_job({"weights": weights}, 0.5, **other) for weights in ("random", "named")]
    assert {row["published"] for row in make_report(write_sweep(tmp_path / "s", jobs), published="shipped")} == {""}


@pytest.mark.parametrize(
    ("dataset", "head", "figure", "published"),
    [
        ("siim", "unet", "segment_published/dice", "0.543"),
        ("rsna_detection", "yolov3", "detect_published/map", "0.089"),
        # of the detection split too
        ("rsna_detection", "unet", "segment_published/dice", "0.185"),
    ],
)
def test_dense_figures_stand_beside_the_published_protocol(
    tmp_path: Path, dataset: str, head: str, figure: str, published: str
) -> None:
    choices = {"dataset": dataset, "head": head}
    jobs = [hits_job({"weights": w}, 0.5, choices=choices, figure=figure, **FROZEN) for w in ("random", "named")]
    rows = make_report(write_sweep(tmp_path / "s", jobs), published="shipped")
    assert {row["row"]: row["published"] for row in rows}["random"] == published


def test_where_a_run_leaves_the_published_protocol_stands_below(tmp_path: Path) -> None:
    choices = {"dataset": "siim", "head": "unet"}
    jobs = [
        hits_job({"weights": w}, 0.5, choices=choices, figure="segment_published/dice", **FROZEN)
        for w in ("random", "named")
    ]
    sweep = write_sweep(tmp_path / "s", jobs)
    note = "Differs from the published protocol: trainer.precision=bf16-mixed (published 32-true)."
    for number in range(2):
        (sweep / str(number) / "results.md").write_text("| a table |\n")
        show_protocol_notes([note], sweep / str(number))
        assert (sweep / str(number) / "results.md").read_text() == f"| a table |\n\n- {note}\n"
    make_report(sweep, published="shipped")
    (line,) = [line for line in (sweep / "report" / "report.md").read_text().splitlines() if "Differs" in line]
    assert line == f"- random, named: {note}"
    # nothing published stands beside: nothing to differ from
    make_report(sweep)
    assert "Differs" not in (sweep / "report" / "report.md").read_text()


def test_the_shipped_figures_are_the_papers() -> None:
    values = read_published(SHIPPED).values
    assert values[Figure("chexpert", "MGCA ViT-B/16", 1.0, "classify/auroc_mean")][0] == 0.897
    assert values[Figure("covidx", "MGCA ResNet-50", 0.1, "classify/accuracy")][0] == 0.835
    assert values[Figure("siim", "random", 0.01, "segment_published/dice")][0] == 0.09
    assert Figure("rsna", "MGCA ViT-B/16", 1.0, "classify/auroc_mean") not in values
    assert all(0 < value < 1 and source for value, source in values.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,method\n", "must have the columns"),
        ("dataset,method,fraction,metric,value,source\nnih,random,1 %,a/b,0.5,me\n", "line 2: fraction and value"),
        ("dataset,method,fraction,metric,value,source\nnih,random\n", "line 2: fraction and value"),
    ],
)
def test_a_file_of_published_figures_with_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_published(tmp_path / "p.csv")
