"""Classification through the entrypoint: every probe from one checkpoint, what it leaves, and what it refuses."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.evaluation.cases import Scores, load_cases
from src.evaluation.measure import measure
from src.evaluation.records import read_records

QUICK = ("probe.max_epochs=2", "dataset.train=40", "dataset.test=60", "resamples=30")
CLASSIFY = ("task=classify", "callbacks.progress=null")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a tiny pretraining run, with the config beside it."""
    return tmp_path_factory.mktemp("pretrained") / "last.ckpt"


@pytest.fixture
def pretrained(checkpoint: Path, run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> Path:
    if not checkpoint.is_file():
        quick = ("task.untrained_baseline=false", "task.pictures=false", "trainer.max_epochs=1", "resamples=0")
        assert run_cli(*tiny, *quick).code == 0
        made = next((tmp_path / "outputs").rglob("last.ckpt"))
        for name in ("last.ckpt", "config.yaml"):
            shutil.copy(made.with_name(name), checkpoint.with_name(name))
        shutil.rmtree(tmp_path / "outputs")
    return checkpoint


def _run_dir(tmp_path: Path) -> Path:
    return next((tmp_path / "outputs").rglob("records.json")).parent


def test_a_fine_tuned_encoder_is_judged_again(
    pretrained: Path, run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    tuned = run_cli(*tiny_head, *QUICK, *CLASSIFY, "probe=finetune", "task.pictures=false", f"checkpoint={pretrained}")
    assert tuned.code == 0, tuned.err
    last = next((tmp_path / "outputs").rglob("last.ckpt"))
    again = run_cli(*tiny_head, *QUICK, *CLASSIFY, "probe=cached", "probe.fractions=[1.0]", f"checkpoint={last}")
    assert again.code == 0, again.err


@pytest.mark.parametrize("probe", ["published", "finetune"])
def test_a_trained_probe(
    probe: str, pretrained: Path, run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    answer = run_cli(*tiny_head, *QUICK, *CLASSIFY, f"probe={probe}", f"checkpoint={pretrained}")
    assert answer.code == 0, answer.err
    assert "60 test images, phantom; vit_tiny_patch16_224, last.ckpt (ITA + CTA + CPA" in answer.out
    assert "support device" in answer.out
    folder = _run_dir(tmp_path)
    (record,) = read_records(folder)
    assert record.model is not None
    assert (record.model.weights, record.model.losses) == ("checkpoint", ("ita", "cta", "cpa"))
    assert record.model.training["trainer.max_epochs"] == 1
    cases = load_cases(folder / record.cases["classify"])
    assert isinstance(cases, Scores)
    assert cases.keys.row_N.tolist() == list(range(60))
    assert ((cases.score_NF > 0) & (cases.score_NF < 1)).all()
    again = measure(cases, group="classify", resamples=0)
    assert record.figures["classify/auroc_mean"].value == again["classify/auroc_mean"].value
    assert record.figures["classify/auroc_mean"].low < record.figures["classify/auroc_mean"].high
    kept = json.loads((folder / "results.json").read_text())
    (column,) = kept.values()
    assert column["classify/auroc_mean"] == again["classify/auroc_mean"].value
    (table,) = re.findall(r"```text\n(.*?)\n```", (folder / "results.md").read_text(), re.DOTALL)
    assert table in answer.out
    assert {path.name for path in (folder / "pictures").iterdir()} == {
        "roc.png",
        "precision_recall.png",
        "reliability.png",
    }


def test_the_cached_probe_fills_a_table(
    pretrained: Path, run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    cells = ("probe.fractions=[0.5,1.0]", "probe.seeds=[3,4]", "probe.lrs=[1e-3,1e-2]")
    answer = run_cli(*tiny_head, *QUICK, *CLASSIFY, "probe=cached", *cells, f"checkpoint={pretrained}")
    assert answer.code == 0, answer.err
    assert "50 % (2 seeds)" in answer.out
    records = read_records(_run_dir(tmp_path))
    assert [(r.settings["datamodule.fraction"], r.settings["seed"]) for r in records] == [
        (0.5, 3),
        (0.5, 4),
        (1.0, 3),
        (1.0, 4),
    ]
    assert {r.figures["classify/learning_rate"] for r in records} <= {1e-3, 1e-2}
    values = [r.figures["classify/auroc_mean"].value for r in records]
    assert len(set(values)) > 1
    folder = _run_dir(tmp_path)
    # the file holds the very table that was printed
    (table,) = re.findall(r"```text\n(.*?)\n```", (folder / "results.md").read_text(), re.DOTALL)
    assert table in answer.out
    assert f"{np.mean(values[:2]):.3f} ± {np.std(values[:2], ddof=1):.3f}" in table
    assert (folder / "pictures" / "fractions.png").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dataset.prevalence=0",), "has both a positive and a negative among the 16 images of the test split"),
        (("dataset.test=0",), "the test split is empty, and task.judge_on=test"),
        (("probe=cached", "datamodule.fraction=0.5"), "probe=cached takes its fractions from probe.fractions"),
        (("probe=cached", "probe.fractions=[0.01]"), "probe.fractions=0.01 at seed 1 has 1 image(s)"),
        (("probe=cached", "probe.seeds=[1,1]"), "repeats a value"),
        (("probe=cached", "probe.fractions=[0,1]"), "probe.fractions[0]=0 is not valid: it must be greater than 0"),
        (("datamodule.fraction=0.03",), "datamodule.fraction=0.03 has 1 image(s)"),
        (("weights=checkpoint",), "weights=checkpoint needs a checkpoint"),
        (("weights=named",), "names no pretrained weights"),
        (("~probe",), "This run needs probe, which was left out"),
        (
            ("probe=publishd",),
            "the config group probe has no option 'publishd' (did you mean published?); it has cached, ",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    words: tuple[str, ...], said: str, run_cli: Callable, tiny_head: tuple[str, ...]
) -> None:
    answer = run_cli(*tiny_head, *CLASSIFY, *words)
    assert answer.code == 1
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_checkpoint_of_another_encoder_is_refused(
    pretrained: Path, run_cli: Callable, tiny_head: tuple[str, ...]
) -> None:
    answer = run_cli(*tiny_head, *CLASSIFY, f"checkpoint={pretrained}", "encoder.image.model_args.depth=1")
    assert answer.code == 1
    assert "was trained with encoder.image.model_args.depth=2" in answer.err


def _table(folder: Path, labels: list[str]) -> Path:
    rng = np.random.default_rng(0)
    for i, _ in enumerate(labels):
        Image.fromarray(rng.integers(0, 256, (40, 36), dtype=np.uint8)).save(folder / f"{i}.png")
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(len(labels))], "patient": range(len(labels))})
    frame["class"] = labels
    frame.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


PAIRS = ("dataset=pairs", "dataset.report_column=null", "dataset.category_column=class", "dataset.exclusive=true")


def _of_pairs(tiny_head: tuple[str, ...], table: Path) -> list[str]:
    rest = [word for word in tiny_head if not word.startswith("dataset.")]
    share = ("dataset.val_fraction=0.2", "dataset.test_fraction=0.3")
    return [*rest, *CLASSIFY, *PAIRS, *share, f"dataset.table={table}", "probe.max_epochs=1", "resamples=20"]


def test_ones_own_classes_without_reports(run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path) -> None:
    table = _table(tmp_path, (["covid", "normal", "other", ""] * 15))
    answer = run_cli(
        *_of_pairs(tiny_head, table),
        "dataset.category_values=[covid,normal,other]",
        "probe=cached",
        "probe.fractions=[1.0]",
    )
    assert answer.code == 0, answer.err
    assert "have none of the classes, or several; they are left out" in answer.out + answer.err
    figures = read_records(_run_dir(tmp_path))[0].figures
    assert 0 <= figures["classify/accuracy"].value <= 1
    assert {f"classify/accuracy/{name}" for name in ("covid", "normal", "other")} <= set(figures)


def test_a_row_of_two_classes_is_named(run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path) -> None:
    table = _table(tmp_path, ["covid", "normal", "covid, normal"] * 5)
    answer = run_cli(*_of_pairs(tiny_head, table), "dataset.category_values=[covid,normal]")
    assert answer.code == 1
    assert "row 3: 5 row(s) have more than one class" in answer.err


def test_data_without_labels_is_refused(run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path) -> None:
    table = _table(tmp_path, ["covid", "normal"] * 5)
    words = [word for word in _of_pairs(tiny_head, table) if "category_column" not in word and "exclusive" not in word]
    answer = run_cli(*words)
    assert answer.code == 1
    assert "dataset=pairs needs reports or labels" in answer.err
    answer = run_cli(*words, "dataset.report_column=class")
    assert "task=classify needs labels" in answer.err


def _rare(folder: Path, per_split: dict[str, list[int]]) -> Path:
    """A table of two findings, of which ``rare`` is as ``per_split`` says and ``common`` in every other image."""
    rng = np.random.default_rng(0)
    rows = [(split, rare) for split, labels in per_split.items() for rare in labels]
    for i, _ in enumerate(rows):
        Image.fromarray(rng.integers(0, 256, (40, 36), dtype=np.uint8)).save(folder / f"{i}.png")
    names = [f"{i}.png" for i in range(len(rows))]
    frame = pd.DataFrame({"image": names, "patient": range(len(rows)), "split": [split for split, _ in rows]})
    frame["rare"], frame["common"] = [rare for _, rare in rows], [i % 2 for i in range(len(rows))]
    frame.to_csv(folder / "rare.csv", index=False)
    return folder / "rare.csv"


def _classify_rare(run_cli: Callable, tiny: tuple[str, ...], table: Path, *probe: str) -> tuple[str, Path]:
    words = [word for word in tiny if not word.startswith("dataset.")]
    data = ("dataset=pairs", "dataset.report_column=null", "dataset.label_columns=[rare,common]")
    split = (f"dataset.table={table}", "dataset.split_column=split")
    answer = run_cli(*words, *CLASSIFY, *data, *split, *probe, "resamples=20", "task.pictures=false")
    assert answer.code == 0, answer.err
    return answer.out, _run_dir(table.parent)


CACHED = ("probe=cached", "probe.fractions=[1.0]", "probe.seeds=[1]", "probe.max_epochs=2")


def test_a_threshold_that_nothing_chose_is_said_and_its_figures_left_out(
    run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    table = _rare(tmp_path, {"train": [0, 1] * 8, "val": [0] * 8, "test": [0, 0, 1, 1] * 5})
    out, folder = _classify_rare(run_cli, tiny_head, table, *CACHED)
    (record,) = read_records(folder)
    assert not {f"classify/{name}/rare" for name in ("f1", "sensitivity", "specificity")} & set(record.figures)
    assert record.figures["classify/f1_mean"].value == record.figures["classify/f1/common"].value
    assert "classify/auroc/rare" in record.figures
    (row,) = [line for line in out.splitlines() if line.startswith("rare")]
    assert row.startswith("rare ‡ ")
    assert row.split()[-3:] == ["–"] * 3
    (note,) = [note for note in record.notes if note.startswith("‡")]
    assert note.startswith("‡ rare: the validation images choose the threshold")
    assert note in out
    assert note in (folder / "results.md").read_text()
    assert out.splitlines()[[note in line for line in out.splitlines()].index(True) - 1].startswith("---")
    assert "20 test images, pairs (rare.csv); vit_tiny_patch16_224, random weights" in out
    assert record.model is not None
    assert record.model.title == "vit_tiny_patch16_224, random weights"
    assert record.evaluated_on == "20 test images, pairs (rare.csv)"


def test_a_finding_that_nothing_could_teach_is_marked(
    run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    table = _rare(tmp_path, {"train": [0] * 16, "val": [0, 1] * 4, "test": [0, 0, 1, 1] * 5})
    out, folder = _classify_rare(run_cli, tiny_head, table, *CACHED, "probe.seeds=[1,2]", "probe.fractions=[0.5,1.0]")
    records = read_records(folder)
    assert len(records) == 4
    for record in records:
        assert any(note.startswith("† rare: among the training images there is none with it") for note in record.notes)
    # said once, with the columns that it is true of
    (line,) = [line for line in out.splitlines() if line.startswith("†")]
    assert line.startswith("† at 50 % rare; at 100 % rare: among the training images")
