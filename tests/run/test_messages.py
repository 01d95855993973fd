"""What a user's mistake prints: one message that names the key and says what to do, and no traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seeed=3", ["no config key seeed", "did you mean seed?"]),
        ("loss.cta.wieght=0.5", ["no config key loss.cta.wieght"]),
        ("+loss.cta.wieght=0.5", ["loss.cta.wieght is not a setting", "did you mean loss.cta.weight?"]),
        ("seed=abc", ["seed must be of type int", "'abc'", "seed=VALUE"]),
        ("loss.cta.weight=heavy", ["loss.cta.weight=heavy", "valid number"]),
        ("trainer.max_epochs=many", ["trainer.max_epochs=many", "valid integer"]),
        ("callbacks.early_stopping.patience=long", ["callbacks.early_stopping.patience=long", "valid integer"]),
        ("+trainer.max_epoch=3", ["trainer.max_epoch is not a setting", "did you mean trainer.max_epochs?"]),
        ("datamodule.batch_size=0", ["datamodule.batch_size=0", "greater than 0"]),
        ("loss=[]", ["loss"]),
        ("+loss.clip.weight=0.5", ["loss.clip has settings", "not among this run's losses"]),
        ("rules=both", ["rules=both", "'published' or 'corrected'"]),
        ("datamodule.batch_size=many", ["datamodule.batch_size=many", "valid integer"]),
        ("loss=[itaa]", ["config group loss", "'itaa'", "ita", "siglip"]),
        ("trainer=tpu", ["config group trainer", "'tpu'", "cpu", "ddp"]),
        ("+experiment=mgca", ["config group experiment", "'mgca'", "mgca_vit"]),
        ("encoder.image.name=resnet5", ["resnet5"]),
        ("dataset.size=10", ["size", "64"]),
        ("encoder.text.pretrained=true", ["tiny_bert", "encoder.text.name", "encoder.text.pretrained=false"]),
        ("resume=true", ["resume=true", "no run called mgca"]),
        ("resume=nowhere.ckpt", ["nowhere.ckpt", "no such file"]),
        ("task=evaluate", ["checkpoint=PATH"]),
        ("trainer.accelerator=quantum", ["trainer", "quantum"]),
        ("logger=[csv,telegraph]", ["config group logger", "'telegraph'"]),
        ("loss=[ita", ["loss=[ita"]),
        ("probe=null", ["probe=null", "~probe"]),
        ("resamples=-1", ["resamples=-1 is not valid", "greater than or equal to 0"]),
    ],
)
def test_a_mistake_is_one_message(run_cli: Callable, tiny: tuple[str, ...], override: str, words: list[str]) -> None:
    answer = run_cli(*tiny, override)
    assert answer.code != 0
    assert answer.err.count("Error: ") == 1, answer.err
    assert "Traceback" not in answer.err + answer.out
    for word in words:
        assert word in answer.err


def test_mgca_vit_without_mimic_says_how_to_get_it(run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(
        "+experiment=mgca_vit",
        f"paths.data={tmp_path}",
        "trainer.accelerator=cpu",
        "encoder.image.pretrained=false",
        "encoder.text.pretrained=false",
        "encoder.text.vocabulary=radiology_wordpiece",
    )
    assert answer.code != 0
    assert "Traceback" not in answer.err
    for word in (
        "MIMIC-CXR",
        str(tmp_path),
        "physionet",
        "task=prepare dataset=mimic_cxr",
        "python -m src.run +experiment=mgca_vit dataset=phantom",
    ):
        assert word in answer.err


def test_a_run_without_loggers_still_works(run_cli: Callable, tiny: tuple[str, ...]) -> None:
    answer = run_cli(*tiny, "logger=[]", "trainer.max_epochs=1")
    assert answer.code == 0, answer.err
    assert "linear probe" in answer.out


def test_an_output_folder_that_cannot_be_made(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file stands here")
    answer = run_cli(*tiny)
    assert answer.code != 0
    assert str(tmp_path / "outputs") in answer.err
    assert "paths.output=DIR" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"], ["+experiment=mgca_vit", "--cfg", "job"]])
def test_help_and_config_load_nothing_heavy(arguments: list[str]) -> None:
    probe = (
        "import sys, atexit; sys.argv[1:] = sys.argv[1:]\n"
        "heavy = {'torch', 'lightning', 'transformers', 'timm', 'pandas', 'cv2', 'numpy'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from src.run import cli; cli()"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("HEAVY []")


def test_a_real_process_exits_with_1_and_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-m", "src.run", "sed=1"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "Error: there is no config key sed (did you mean seed?); --cfg job shows every key and its value."
    )


def test_the_traceback_is_there_for_whoever_asks_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hydra.core.global_hydra import GlobalHydra

    from src.run import cli

    GlobalHydra.instance().clear()
    words = ("task=retrieve", "checkpoint=nowhere.ckpt", f"paths.output={tmp_path}")
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError, match=r"No checkpoint at nowhere\.ckpt") as caught:
        cli()
    assert any(entry.name == "with_trained_config" for entry in caught.traceback)
