"""Detection and segmentation in small: what to type, what a run must leave, and its parts without the entrypoint."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

from src.engine.parts import Parts
from src.engine.say import CONF
from src.engine.schema import RunConfig
from src.evaluation.cases import load_cases

SIDE, SEEN = 64, 32
"""Pixels of a side of the phantom's images, and of what the network sees of them."""

ENCODERS = {
    "cnn": ("encoder/image=small_cnn", "encoder.image.model_args={channels:[8,8,8,16],stem_width:8}"),
    "vit": (
        *("encoder/image=small_vit", f"encoder.image.image_size={SEEN}", "encoder.image.model_args.embed_dim=32"),
        "encoder.image.model_args.depth=2",
    ),
}
HEADS = {
    "yolov3": (
        *("head.config.neck.out_channels=[16,8,8]", "head.config.bbox_head.out_channels=[16,16,8]"),
        *("head.config.test_cfg.score_thr=0", "head.config.test_cfg.conf_thr=0"),
        "head.config.test_cfg.nms_pre=100",
    ),
    "retinanet": (
        *("head.config.neck.out_channels=16", "head.config.test_cfg.score_thr=0"),
        "head.config.test_cfg.nms_pre=100",
    ),
    "faster_rcnn": (
        *("head.config.neck.out_channels=16", "head.config.roi_head.bbox_head.fc_out_channels=32"),
        "head.config.test_cfg.rcnn.score_thr=0",
    ),
    "unet": ("head.decoder_channels=[16,16,8,8,8]",),
    "setr_pup": ("head.decoder_channels=[8,8,8,8]",),
    "upernet": ("head.config.channels=8",),
    "fcn": ("head.config.channels=8",),
}
"""Each head narrow; a detector keeps whatever it finds, so that a barely trained one finds something."""

QUICK = (
    *(f"transform.size={SEEN}", "datamodule.num_workers=0", "trainer.enable_progress_bar=false"),
    *("tuning.batch_size=8", "tuning.max_epochs=1", "resamples=10"),
)
PHANTOM = (f"dataset.size={SIDE}", "dataset.train=16", "dataset.val=8", "dataset.test=8", "dataset.prevalence=0.3")


def typed(task: str, *, head: str, encoder: str = "cnn") -> tuple[str, ...]:
    """The words that run ``task`` on the phantom in a second or two."""
    return (f"task={task}", f"head={head}", *ENCODERS[encoder], *HEADS[head], *QUICK, *PHANTOM, "task.shown=2")


def parts(run_dir: Path, *words: str) -> Parts:
    """The parts of the run that the words describe."""
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        # what only Hydra's own start knows
        known = (
            f"paths.run={run_dir}",
            f"paths.output={run_dir}",
            "store.dataset=phantom",
            "store.overrides=[]",
            "store.name=default",
        )
        return Parts(compose("config", overrides=[*words, *known]))


def only_run(folder: Path) -> Path:
    """The folder of the one finished run below ``folder``."""
    (results,) = folder.rglob("results.json")
    return results.parent


def figures_of(run_dir: Path) -> dict[str, Any]:
    """The model's figures by their names."""
    model, *_ = json.loads((run_dir / "results.json").read_text()).values()
    return dict(model)


def check_left(run_dir: Path, task: str, pictures: Sequence[str]) -> None:
    """Both protocols' cases of all eight images, and pictures that show something."""
    for group in (task, f"{task}_published"):
        assert load_cases(run_dir / f"cases/{group}.parquet").keys.row_N.tolist() == list(range(8))
    for name in pictures:
        with Image.open(run_dir / "pictures" / name) as picture:
            assert picture.format == "PNG"
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    assert not list(run_dir.rglob("wandb"))
