"""Every yaml below conf/ goes through the real entrypoint: a new one is driven without a change here."""

from collections.abc import Callable
from pathlib import Path

import pytest

CONF = Path(__file__).resolve().parents[2] / "conf"
# Groups whose options are chosen together in a list, and groups that are added rather than exchanged.
LISTS = {"loss", "logger"}
ADDED = {"experiment", "sweep"}

QUICK = ("trainer.max_epochs=1", "task.pictures=false", "task.untrained_baseline=false", "callbacks.progress=null")
SMALL_IMAGE = ("encoder/image=small_vit", "encoder.image.image_size=32", "encoder.image.model_args.embed_dim=32")
SMALL_TEXT = (
    "encoder.text.pretrained=false",
    "encoder.text.vocabulary=radiology_wordpiece",
    "encoder.text.num_layers=1",
    "encoder.text.architecture.hidden_size=48",
    "encoder.text.architecture.num_attention_heads=4",
    "encoder.text.architecture.intermediate_size=32",
)
SMALL_MODEL = ("model.hidden_dim=16", "model.embedding_dim=16")
SMALL_TRANSFORM = ("transform.size=36", "transform.crop=32")
SMALL_PHANTOM = ("dataset.size=64", "dataset.train=24", "dataset.val=16", "dataset.test=16")
SMALL_BATCH = ("datamodule.batch_size=8", "datamodule.num_workers=0")
ONE_CPU = ("trainer.accelerator=cpu", "trainer.devices=1", "trainer.strategy=auto", "trainer.precision=32-true")
SMALL_DEIT = (
    "encoder.image.pretrained=false",
    "encoder.image.image_size=32",
    "+encoder.image.model_args.embed_dim=48",
    "+encoder.image.model_args.depth=2",
    "+encoder.image.model_args.num_heads=4",
)
SMALL_RESNET = (
    "encoder.image.pretrained=false",
    "encoder.image.upsample_to=64",
    "+encoder.image.model_args.channels=[8,8,8,8]",
)

PARTS = {
    "encoder/image": SMALL_IMAGE,
    "encoder/text": SMALL_TEXT,
    "model": SMALL_MODEL,
    "transform": SMALL_TRANSFORM,
    "dataset": SMALL_PHANTOM,
    "datamodule": SMALL_BATCH,
    "trainer": (),
}
"""The parts of a run of a second or two. An option replaces the overrides of its own group by what it needs."""

NEEDS: dict[str, tuple[str, ...]] = {
    "trainer/gpu": ONE_CPU,
    "trainer/ddp": ONE_CPU,
    "encoder/image/small_vit": ("encoder.image.image_size=32",),
    "encoder/image/vit_base": SMALL_DEIT,
    "encoder/image/resnet50": SMALL_RESNET,
    "dataset/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]"),
    "dataset/mimic_cxr": ("paths.data={mimic_root}", "dataset.findings=[Cardiomegaly]"),
    "experiment/mgca_vit": ("encoder/image=vit_base", *SMALL_DEIT, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/mgca_resnet50": ("encoder/image=resnet50", *SMALL_RESNET, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]"),
    "task/evaluate": ("checkpoint={checkpoint}",),
    "task/bench": ("bench.warmup=0", "bench.repeats=1"),
    "bench/step": ("task=bench", "bench.warmup=0", "bench.repeats=1"),
}
REPLACES = {"experiment": {"encoder/image", "dataset"}}


def _options() -> list[str]:
    return sorted(str(path.relative_to(CONF).with_suffix("")) for path in CONF.glob("*/**/*.yaml"))


def overrides_for(option: str) -> list[str]:
    """The command line that runs ``option`` small."""
    group, _, name = option.rpartition("/")
    replaced = {group} | (REPLACES.get(group, set()) if option in NEEDS else set())
    small = [value for part, values in PARTS.items() if part not in replaced or option not in NEEDS for value in values]
    own = f"{'+' if group in ADDED else ''}{group}={f'[{name}]' if group in LISTS else name}"
    quick = QUICK if group != "task" or name == "pretrain" else ("trainer.max_epochs=1",)
    if group == "bench":
        quick = ("trainer.max_epochs=1",)
    return [own, *small, *quick, *NEEDS.get(option, ())]


@pytest.mark.parametrize("option", _options())
def test_it_runs(
    option: str, run_cli: Callable, user_table: Path, mimic_root: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if option == "task/evaluate":
        assert run_cli(*overrides_for("task/pretrain")).code == 0
    arguments = [
        override.format(
            user_table=user_table,
            mimic_root=mimic_root,
            checkpoint=next(iter((tmp_path / "outputs").rglob("last.ckpt")), ""),
        )
        if override.startswith(("dataset.table", "paths.data", "checkpoint"))
        else override
        for override in overrides_for(option)
    ]
    answer = run_cli(*arguments)
    assert answer.code == 0, answer.err
    written = {path.name for path in (tmp_path / "outputs").rglob("*")}
    assert ("bench.txt" if "bench" in option else "results.json") in written
