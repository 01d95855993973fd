"""Settings that cannot be used end in a sentence before torch is imported."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ("dataset=pairs", f"dataset.table={Path(__file__)}")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=-1"], "seed=-1 is not valid: it must be greater than or equal to 0"),
        (["seed=4294967296"], "seed=4294967296 is not valid: it must be less than or equal to 4294967295"),
        (["num_prototypes=1"], "num_prototypes=1 is not valid"),
        (["resamples=-1"], "resamples=-1 is not valid"),
        (["trainer.limit_val_batches=0"], "trainer.limit_val_batches=0 is not valid"),
        (["trainer.limit_train_batches=0.0"], "trainer.limit_train_batches=0.0 is not valid"),
        (["trainer.limit_val_batches=-1"], "trainer.limit_val_batches=-1 is not valid"),
        (["trainer.precision=bf16-true"], "trainer.precision=bf16-true is not valid: it must be '32-true', '16-mixed'"),
        (["trainer.precision=16-true"], "trainer.precision=16-true is not valid"),
        (["trainer.precision=64-true"], "trainer.precision=64-true is not valid"),
        (["trainer.precision=transformer-engine"], "trainer.precision=transformer-engine is not valid"),
        (["trainer.accumulate_grad_batches=0"], "trainer.accumulate_grad_batches=0 is not valid"),
        (["trainer.gradient_clip_val=-1"], "trainer.gradient_clip_val=-1 is not valid"),
        (["trainer.log_every_n_steps=0"], "trainer.log_every_n_steps=0 is not valid"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0 is not valid"),
        (["trainer.max_epochs=-1"], "the training has no end"),
        (["trainer.max_epochs=2.0"], "trainer.max_epochs=2.0 is not valid: it must be an integer"),
        (["task.pictures=no"], "task.pictures=no is not valid: it must be true or false"),
        (["callbacks.checkpoint.filename='a{b'"], "callbacks.checkpoint.filename=a{b is not valid"),
        (["encoder.text.num_layers=0"], "encoder.text.num_layers=0 is not valid"),
        (["model.hidden_dim=0"], "model.hidden_dim=0 is not valid"),
        (["optimizer.lr=-1"], "optimizer.lr=-1 is not valid"),
        (["optimizer.lr=nan"], "optimizer.lr=nan is not valid: it must be a finite number"),
        (["optimizer.betas=[0.9]"], "optimizer.betas=[0.9] is not valid"),
        (["scheduler.warmup_fraction=2"], "scheduler.warmup_fraction=2 is not valid"),
        (["loss.ita.temperature=0"], "loss.ita.temperature=0 is not valid"),
        (["loss.cta.weight=-1"], "loss.cta.weight=-1 is not valid"),
        (["loss=[ita]", "loss.ita.weight=0"], "every loss has the weight 0"),
        (["datamodule.num_workers=-1"], "datamodule.num_workers=-1 is not valid"),
        (["datamodule.max_tokens=1"], "datamodule.max_tokens=1 is not valid"),
        (["datamodule.fraction=0"], "datamodule.fraction=0 is not valid"),
        (["transform.size=0"], "transform.size=0 is not valid"),
        (["transform.size=64", "transform.crop=72"], "transform.crop=72 is larger than transform.size=64"),
        (["transform.train.ops=abc"], "transform.train.ops=abc is not valid: it must be a list"),
        ([*PAIRS, "dataset.test_fraction=0"], "dataset.test_fraction=0 leaves no rows to evaluate on"),
        ([*PAIRS, "dataset.val_fraction=0"], "dataset.val_fraction=0 leaves no rows for validation"),
        ([*PAIRS, "dataset.val_fraction=1"], "dataset.val_fraction=1 is not valid: it must be less than 1"),
        ([*PAIRS, "dataset.val_fraction=0.6", "dataset.test_fraction=0.4"], "leave no rows to train on"),
        ([*PAIRS, "dataset.category_values=[0,1]"], """give 'dataset.category_values=["0","1"]'."""),
        ([*PAIRS, "dataset.split_values.train=[1]"], """give 'dataset.split_values.train=["1"]'."""),
        ([*PAIRS, "dataset.report_column=2020"], """give 'dataset.report_column="2020"'."""),
        (["dataset=pairs", "dataset.table=nowhere.csv"], "dataset.table=nowhere.csv: there is no such file"),
        (["encoder.image.weights=nowhere.pth"], "encoder.image.weights=nowhere.pth: there is no such file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said(run_cli: Callable, words: list[str], expected: str) -> None:
    answer = run_cli(*words)
    assert answer.code == 1
    assert expected in answer.err
    assert answer.err.count("Error: ") == 1
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dataset.test=0"], "the test split is empty, and task.judge_on=test"),
        (["dataset.val=0"], "the val split is empty"),
    ],
)
def test_a_split_without_rows_is_said_before_the_training(run_cli: Callable, words: list[str], expected: str) -> None:
    answer = run_cli("dataset.train=8", "dataset.size=64", *words)
    assert answer.code == 1
    assert expected in answer.err


@pytest.mark.parametrize(
    "words",
    [
        "trainer.max_epoch=3",
        "trainer.precision=bf16-true",
        "dataset=pairs dataset.table=nowhere.csv",
        "task=classify checkpoint=nowhere.ckpt",
        "resume=nowhere.ckpt",
    ],
)
def test_no_heavy_module_is_needed_to_say_it(words: str, tmp_path: Path) -> None:
    probe = (
        "import sys, atexit\n"
        "heavy = {'torch', 'lightning', 'transformers', 'timm', 'pandas', 'cv2'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from src.run import cli; cli()"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *words.split(), f"paths.output={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("Error: ") == 1
    assert done.stdout.rstrip().endswith("HEAVY []")
