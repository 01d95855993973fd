"""The main job in small, through the entrypoint: what it leaves, what resuming continues, what stops it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from src.core.checkpoint import read_tensors
from tests.tasks.wandb_log import only_run


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.rglob(pattern)
    return found


def test_a_run_leaves_everything_and_evaluate_agrees(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    answer = run_cli(*tiny, "name=first")
    assert answer.code == 0, answer.err
    run = _only(tmp_path / "outputs", "results.json").parent
    for name in ("results.md", "metrics.csv", "checkpoints/last.ckpt", "checkpoints/provenance.json"):
        assert (run / name).is_file(), name
    for name in ("samples", "heatmaps", "curves", "prototypes"):
        assert (run / "pictures" / f"{name}.png").stat().st_size > 10_000
    provenance = json.loads((run / "checkpoints" / "provenance.json").read_text())
    assert "name=first" in provenance["command"]
    assert provenance["packages"]["torch"] == torch.__version__
    assert "${" not in (run / "checkpoints" / "config.yaml").read_text()
    results = json.loads((run / "results.json").read_text())
    (best,) = (run / "checkpoints").glob("epoch*.ckpt")
    trained = f"vit_tiny_patch16_224, {best.name} (ITA + CTA + CPA on phantom)"
    before = "before training: vit_tiny_patch16_224, random weights"
    assert list(results) == [before, f"trained: {trained}", "chance"]
    heading = f"16 test studies, phantom; {trained}"
    assert heading in answer.out
    assert (run / "results.md").read_text().startswith(f"{heading}\n\nFew patients (16, fewer than 100): ")
    assert "text to image, recall at 10" in answer.out

    judged = run_cli(*tiny, "task=evaluate", "name=again", f"checkpoint={best}")
    assert judged.code == 0, judged.err
    again = json.loads(next((tmp_path / "outputs").rglob("*again/results.json")).read_text())
    assert again[trained] == pytest.approx(results[f"trained: {trained}"])


def test_resume_goes_on_where_it_stopped(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    quick = (*tiny, "task.pictures=false", "name=r", "scheduler=constant")
    assert run_cli(*quick, "trainer.max_epochs=1").code == 0
    resumed = run_cli(*quick, "trainer.max_epochs=2", "resume=true", "hydra.run.dir=" + str(tmp_path / "resumed"))
    assert resumed.code == 0, resumed.err
    assert "Resuming from" in resumed.out
    trained, chance = json.loads((tmp_path / "resumed" / "results.json").read_text())
    assert (trained.partition(":")[0], chance) == ("trained", "chance")
    with (tmp_path / "resumed" / "metrics.csv").open() as file:
        assert "0" not in {row["epoch"] for row in csv.DictReader(file)}
    assert torch.load(tmp_path / "resumed" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1


def test_a_checkpoint_of_another_model_is_refused(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    assert run_cli(*tiny, "task.pictures=false", "task.untrained_baseline=false", "name=narrow").code == 0
    last = next((tmp_path / "outputs").rglob("last.ckpt"))
    answer = run_cli(*tiny, "model.hidden_dim=24", f"resume={last}")
    assert answer.code != 0
    assert "was trained with another model (model.hidden_dim=16 -> 24), and cannot go on with this one" in answer.err
    assert "Traceback" not in answer.err


def test_a_truncated_checkpoint_is_refused(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "cut.ckpt").write_bytes(b"PK\x03\x04 not the rest")
    answer = run_cli(*tiny, "task=evaluate", f"checkpoint={tmp_path / 'cut.ckpt'}")
    assert answer.code != 0
    assert "cut.ckpt is truncated or not a checkpoint" in answer.err


def test_a_loss_that_is_no_number_stops_the_run(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    answer = run_cli(*tiny, "optimizer.lr=1e30", "scheduler=constant", "task.untrained_baseline=false")
    assert answer.code != 0
    assert "is not a finite number; its batch held the table rows" in answer.err
    assert "No checkpoint had been saved before it: start again with optimizer.lr=1e+29, for instance." in answer.err
    assert "Traceback" not in answer.err
    for path in (tmp_path / "outputs").rglob("*.ckpt"):
        assert all(tensor.isfinite().all() for tensor in read_tensors(path).values() if tensor.is_floating_point())


def test_a_sweep_over_losses_leaves_complete_jobs(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    quick = ("trainer.max_epochs=1", "task.pictures=false")
    answer = run_cli("-m", *tiny, *quick, "logger=[csv,wandb]", "loss=[ita],[ita,cta,cpa]")
    assert answer.code == 0, answer.err
    results = sorted((tmp_path / "outputs").rglob("results.json"))
    assert [path.parent.name for path in results] == ["0", "1"]
    assert len({path.parent.parent for path in results}) == 1
    for path in results:
        columns = [title.partition(":")[0] for title in json.loads(path.read_text())]
        assert columns == ["before training", "trained", "chance"]
        assert (path.parent / "checkpoints" / "last.ckpt").is_file()
        assert only_run(path.parent / "wandb") == (f"mgca_{path.parent.name}", "mgca")


def test_wandb_is_offline_without_a_key_and_uploads_no_pictures(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    answer = run_cli(*tiny, "logger=[csv,wandb]", "trainer.max_epochs=1")
    assert answer.code == 0, answer.err
    (offline,) = {path for path in (tmp_path / "outputs").rglob("offline-run-*") if path.is_dir()}
    assert not list(offline.rglob("*.png"))
    assert b"linear_probe/auroc_mean" in next(offline.glob("*.wandb")).read_bytes()
