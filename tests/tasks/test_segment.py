"""Segmentation through the entrypoint: every head on both kinds of encoder, what it leaves, fractions, loggers."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tasks.dense.made_dense import ENCODERS, SIDE, check_left, figures_of, only_run, parts, typed
from tests.tasks.real_processes import run


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("head", ["unet", "setr_pup", "upernet", "fcn"])
def test_every_head_on_both_encoders(head: str, encoder: str, run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*typed("segment", head=head, encoder=encoder))
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    figures = figures_of(run_dir)
    assert figures["segment/images"] == figures["segment_published/images"] == 8
    for name in ("segment/dice", "segment/iou", "segment_published/dice"):
        assert 0 <= figures[name] <= 1
    masks = sorted((run_dir / "predictions/masks").glob("*/*.png"))
    assert len(masks) == 8 * 9
    assert len({path.parent.name for path in masks}) == 9
    for path in masks:
        with Image.open(path) as mask:
            assert (mask.mode, mask.size) == ("L", (SIDE, SIDE))
            assert set(np.unique(np.asarray(mask))) <= {0, 255}
    check_left(run_dir, "segment", ["masks.png"])
    assert re.search(r"^8 test images, phantom; \w+, random weights$", answer.out, flags=re.MULTILINE)
    assert re.search(r"^ +published +corrected$", answer.out, flags=re.MULTILINE)
    (row,) = (line for line in answer.out.splitlines() if line.startswith("Dice  "))
    assert f"{figures['segment/dice']:.3f}" in row
    assert f"{figures['segment_published/dice']:.3f}" in row


def test_no_pixel_is_sure_enough(run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*typed("segment", head="fcn"), "task.threshold=0.999", "task.pictures=false")
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    figures = figures_of(run_dir)
    # nothing is outlined, which is right where nothing is there
    assert figures["segment/dice_positive"] == figures["segment/pooled_dice"] == 0
    assert figures["segment/dice"] > 0
    assert all(not np.asarray(Image.open(path)).any() for path in (run_dir / "predictions").rglob("*.png"))


def test_a_share_of_the_training_images(tmp_path: Path) -> None:
    words = typed("segment", head="fcn")
    chosen = [
        set(
            parts(tmp_path, *words, f"datamodule.fraction={share}")
            .annotated_images(kind="masks", batch_size=8)
            .split("train")
            .pairs.index_K.tolist()
        )
        for share in (0.5, 1.0)
    ]
    assert [len(of_share) for of_share in chosen] == [8, 16]
    assert chosen[0] < chosen[1]


def test_a_sweep_over_fractions_and_its_table(run_cli: Callable, tmp_path: Path) -> None:
    quick = ("task.pictures=false", "name=s")
    answer = run_cli("-m", "+sweep=data_fraction", *typed("segment", head="fcn"), *quick, "datamodule.fraction=0.5,1.0")
    assert answer.code == 0, answer.err
    sweep = tmp_path / "outputs/sweeps/s"
    assert sorted(path.parent.name for path in sweep.glob("*/done.json")) == ["0", "1"]
    table = run_cli(
        "task=report", f"sweep={sweep}", "resamples=20", "task.metrics=[segment/dice,segment_published/dice]"
    )
    assert table.code == 0, table.err
    report = (sweep / "report/report.csv").read_text()
    assert "segment/dice" in report
    assert "segment_published/dice" in report
    for job in ("0", "1"):
        assert f"{figures_of(sweep / job)['segment/dice']:.3f}" in table.out


@pytest.mark.parametrize("media", [False, True])
def test_pictures_are_logged_where_media_logging_is_on(media: bool, run_cli: Callable, tmp_path: Path) -> None:
    words = ("logger=[csv,wandb]", f"logger.wandb.log_media={str(media).lower()}")
    answer = run_cli(*typed("segment", head="fcn"), *words)
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    assert (run_dir / "pictures/masks.png").is_file()
    (offline,) = {path for path in run_dir.rglob("offline-run-*") if path.is_dir()}
    uploaded = list(offline.rglob("*.png"))
    assert [path.name.startswith("masks") for path in uploaded] == ([True] if media else [])
    assert b"segment/dice" in next(offline.glob("*.wandb")).read_bytes()


def test_two_processes_train_and_one_judges(tmp_path: Path) -> None:
    words = (
        *typed("segment", head="unet"),
        *("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true", "task.pictures=false"),
        # seven images for one process, so that the shares are padded
        *("dataset.train=13", "tuning.batch_size=4", "trainer.enable_progress_bar=false"),
    )
    done = run(tmp_path / "run", *words)
    assert done.code == 0, done.err[-3000:]
    run_dir = tmp_path / "run"
    assert figures_of(run_dir)["segment/images"] == 8
    assert len(list((run_dir / "predictions/masks").glob("*/*.png"))) == 8 * 9
    assert len(list(tmp_path.rglob("last.ckpt"))) == 1
