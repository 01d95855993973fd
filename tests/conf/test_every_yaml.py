"""Every yaml below conf/ goes through the real entrypoint: a new one is driven without a change here."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
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

SMALL_CHEXPERT = ("dataset.split.per_class=1", "dataset.split.val_images=5")

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
    "dataset/chexpert": SMALL_CHEXPERT,
    "dataset/chexpert_5x200": SMALL_CHEXPERT,
    "experiment/mgca_vit": ("encoder/image=vit_base", *SMALL_DEIT, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/mgca_resnet50": ("encoder/image=resnet50", *SMALL_RESNET, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]"),
    "task/evaluate": ("checkpoint={checkpoint}",),
    "task/bench": ("bench.warmup=0", "bench.repeats=1"),
    "task/prepare": ("dataset=rsna", "task.num_workers=0"),
    "task/doctor": ("dataset=rsna", "task.num_workers=0"),
    "bench/step": ("task=bench", "bench.warmup=0", "bench.repeats=1"),
    "bench/loader": (
        "task=bench",
        *("bench.height=200", "bench.width=160", "bench.files=2", "bench.repeats=1", "bench.rows=600"),
        *("bench.size=64", "bench.num_workers=1", "bench.batch_size=2"),
    ),
}
REPLACES = {"experiment": {"encoder/image", "dataset"}}


TREES = {path.stem for path in (ROOT / "tests/trees").glob("*.py")} - {"make", "pictures"}
OTHER_TREE = {"rsna_detection": "rsna", "chexpert_5x200": "chexpert", "covidx_2": "covidx"}
"""Data sets that read the tree of another."""


def _options() -> list[str]:
    """Every option; the prompts of a data set are read by its own run, of which the test makes sure."""
    every = sorted(str(path.relative_to(CONF).with_suffix("")) for path in CONF.glob("*/**/[!_]*.yaml"))
    return [
        option for option in every if option.replace("prompts/", "dataset/") not in every or "prompts/" not in option
    ]


def _data_set_of(option: str) -> str:
    """The data set that an option needs, where it is one that is packed from a tree; else nothing."""
    group, _, name = option.rpartition("/")
    chosen = [word.partition("=")[2] for word in NEEDS.get(option, ()) if word.startswith("dataset=")]
    wanted = chosen[0] if chosen else name if group in {"dataset", "prompts"} else ""
    return wanted if OTHER_TREE.get(wanted, wanted) in TREES else ""


def overrides_for(option: str) -> list[str]:
    """The command line that runs ``option`` small."""
    group, _, name = option.rpartition("/")
    data_set = _data_set_of(option)
    replaced = {group} | REPLACES.get(group, set()) if option in NEEDS else set()
    replaced |= {"dataset"} if data_set else set()
    small = [value for part, values in PARTS.items() if part not in replaced for value in values]
    own = f"{'+' if group in ADDED else ''}{group}={f'[{name}]' if group in LISTS else name}"
    quick = QUICK if group not in {"task", "bench"} or name == "pretrain" else ("trainer.max_epochs=1",)
    needs = [word for word in NEEDS.get(option, ()) if not (data_set and word.startswith("dataset="))]
    return [own, *([f"dataset={data_set}"] if data_set and group != "dataset" else []), *small, *quick, *needs]


def _prepare(arguments: list[str], raw: Path, store: Path, run_cli: Callable) -> list[str]:
    """Make the tree of the data set among ``arguments``, pack it, and say where both lie."""
    data_set = next(word.partition("=")[2] for word in arguments if word.startswith("dataset="))
    tree = OTHER_TREE.get(data_set, data_set)
    if not (raw / tree).exists():
        importlib.import_module(f"tests.trees.{tree}").make(raw / tree)
    places = [f"paths.raw={raw / tree}", f"paths.store={store}"]
    own = [word for word in arguments if word.startswith("dataset")]
    chosen_by_itself = arguments[0] == f"dataset={data_set}"
    for task in ("prepare", "doctor") if chosen_by_itself else ("prepare",):
        answer = run_cli(f"task={task}", *own, *places, "task.num_workers=0")
        assert answer.code == 0, answer.out + answer.err
    return places


@pytest.mark.parametrize("option", _options())
def test_it_runs(option: str, run_cli: Callable, user_table: Path, made_raw: Path, tmp_path: Path) -> None:
    arguments = overrides_for(option)
    if option == "task/evaluate":
        assert run_cli(*overrides_for("task/pretrain")).code == 0
        checkpoint = next((tmp_path / "outputs").rglob("last.ckpt"))
        arguments = [word.replace("{checkpoint}", str(checkpoint)) for word in arguments]
    arguments = [word.replace("{user_table}", str(user_table)) for word in arguments]
    if _data_set_of(option):
        store = tmp_path / "store" if option == "task/prepare" else made_raw / "store"
        arguments += _prepare(arguments, made_raw, store, run_cli)
    answer = run_cli(*arguments)
    assert answer.code == 0, answer.err
    if option.startswith("dataset/"):
        used = OmegaConf.load(next((tmp_path / "outputs").rglob("checkpoints/config.yaml")))
        own = OmegaConf.load(CONF / f"prompts/{option.partition('/')[2]}.yaml")
        assert used.prompts.findings == own.get("findings", used.prompts.findings)
    written = {path.name for path in (tmp_path / "outputs").rglob("*")}
    left = {"task/prepare": "run.log", "task/doctor": "doctor.md"}
    assert left.get(option, "bench.txt" if "bench" in option else "results.json") in written
