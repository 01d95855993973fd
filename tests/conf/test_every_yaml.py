"""Every yaml below conf/ goes through the real entrypoint: a new one is driven without a change here."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.heads.every import task_of

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
# Groups whose options are chosen together in a list, and groups that are added rather than exchanged.
LISTS = {"loss", "logger"}
ADDED = {"experiment", "sweep"}

PRETRAIN = ("trainer.max_epochs=1", "task.pictures=false", "task.untrained_baseline=false", "callbacks.progress=null")
CLASSIFY = ("task.pictures=false", "probe.max_epochs=1", "callbacks.progress=null")
DENSE = ("task.pictures=false", "tuning.max_epochs=1", "tuning.batch_size=8", "callbacks.progress=null")
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

SMALL_CNN = ("encoder.image.model_args.channels=[8,8,8,16]", "encoder.image.model_args.stem_width=8")
# enlarged by a third as the published 224 to 299, with the same strides
SMALL_DENSE_RESNET = (
    "encoder.image.pretrained=false",
    "encoder.image.upsample_to=85",
    "+encoder.image.model_args.channels=[4,4,4,4]",
    "transform.size=64",
)
SMALL_YOLO = ("head.config.neck.out_channels=[16,8,8]", "head.config.bbox_head.out_channels=[16,16,8]")
SMALL_RETINANET = ("head.config.neck.out_channels=16",)
SMALL_UNET = ("head.decoder_channels=[16,16,8,8,8]",)
DETECT = ("task=detect", "transform.size=32", *SMALL_RETINANET)
SEGMENT = ("task=segment", "transform.size=32", *SMALL_UNET)

MADE_CHEXPERT = ("dataset.split.per_class=1", "dataset.split.val_images=5")

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
    "encoder/image/huggingface": (
        *("encoder.image.pretrained=false", "encoder.image.image_size=32", "encoder.image.architecture.patch_size=8"),
        *("encoder.image.architecture.hidden_size=32", "encoder.image.architecture.num_hidden_layers=2"),
        "encoder.image.architecture.num_attention_heads=4",
    ),
    "encoder/image/resnet50": SMALL_RESNET,
    "encoder/image/timm": ("encoder.image.name=resnet10t", "encoder.image.pretrained=false"),
    "dataset/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]"),
    "dataset/chexpert": MADE_CHEXPERT,
    "dataset/chexpert_5x200": MADE_CHEXPERT,
    "experiment/classify/chexpert": MADE_CHEXPERT,
    "experiment/classify/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]", *SMALL_IMAGE),
    "experiment/zero_shot/chexpert": MADE_CHEXPERT,
    "experiment/zero_shot/chexpert_5x200": MADE_CHEXPERT,
    # the others are 36 pixels before they are cropped to 32
    "transform/whole": ("transform.size=32",),
    "transform/segment_published": ("task=segment", "transform.size=32", *SMALL_UNET),
    "transform/detect_published": ("transform.size=32",),
    "dataset/ms_cxr": ("dataset.split.values={train:[train],val:[val],test:[test]}",),
    "experiment/mgca_vit": ("encoder/image=vit_base", *SMALL_DEIT, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/mgca_resnet50": ("encoder/image=resnet50", *SMALL_RESNET, "dataset=phantom", *SMALL_PHANTOM, *ONE_CPU),
    "experiment/pairs": ("dataset.table={user_table}", "dataset.label_columns=[big_heart]"),
    "experiment/retrieve/mimic_cxr": ("task.ks=[1,5]",),
    "task/evaluate": ("checkpoint={checkpoint}",),
    "task/bench": ("bench.warmup=0", "bench.repeats=1"),
    "task/report": ("sweep={sweep}", "resamples=20"),
    "sweep/data_fraction": ("datamodule.fraction=1.0",),
    "sweep/encoders": ("task=retrieve", "weights=random"),
    "sweep/loss_ablation": ("loss=[ita]",),
    "sweep/prototypes": ("num_prototypes=20",),
    "sweep/schedule": ("trainer.max_epochs=1", "optimizer.lr=1e-3"),
    "sweep/seeds": ("seed=1",),
    "task/prepare": ("dataset=rsna", "task.num_workers=0"),
    "task/doctor": ("dataset=rsna", "task.num_workers=0"),
    "probe/cached": ("task=classify", "probe.fractions=[1.0]"),
    "probe/published": ("task=classify",),
    "probe/finetune": ("task=classify",),
    # narrower; each is trained in the task that its class is for
    "head/yolov3": SMALL_YOLO,
    "head/retinanet": SMALL_RETINANET,
    "head/faster_rcnn": (*SMALL_RETINANET, "head.config.roi_head.bbox_head.fc_out_channels=32"),
    "head/unet": SMALL_UNET,
    "head/unet_narrow": SMALL_UNET,
    "head/retinanet_narrow": SMALL_RETINANET,
    "head/setr_pup": ("head.decoder_channels=[8,8,8,8]",),
    "head/upernet": ("head.config.channels=8",),
    "head/fcn": ("head.config.channels=8",),
    "task/detect": DETECT[1:],
    "task/segment": SEGMENT[1:],
    "tuning/frozen": SEGMENT,
    "tuning/frozen_published": SEGMENT,
    "tuning/partial": (*SEGMENT, "tuning.trained_blocks=1"),
    "tuning/full": SEGMENT,
    "tuning/scratch": DETECT,
    "mask_loss/focal_log_dice": SEGMENT,
    "mask_loss/mmseg": SEGMENT,
    "experiment/detect/coco": ("transform.size=32", "head.config.neck.out_channels=16", *SMALL_CNN),
    "experiment/detect/object_cxr": SMALL_YOLO,
    "experiment/detect/rsna": SMALL_YOLO,
    "experiment/detect/vindr": SMALL_YOLO,
    "experiment/segment/mask_folder": ("transform.size=32", *SMALL_UNET, *SMALL_CNN),
    "experiment/segment/rsna": SMALL_UNET,
    "experiment/segment/siim": SMALL_UNET,
    "bench/probe": (
        *("task=bench", "bench.published.max_epochs=1", "bench.cached.max_epochs=1"),
        *("bench.cached.fractions=[1.0]", "bench.cached.seeds=[1]"),
    ),
    "bench/step": ("task=bench", "bench.warmup=0", "bench.repeats=1"),
    "bench/memory": (
        *("task=bench", "bench.micro_batch_sizes=[4]", "bench.global_batch_sizes=[64]"),
        *("bench.warmup=0", "bench.repeats=1"),
    ),
    "bench/gather": (
        *("task=bench", "bench.global_batch_sizes=[4]", "bench.warmup=0", "bench.repeats=1", "bench.exchanges=1"),
        *("loss=[ita]", "datamodule.batch_size=2"),
    ),
    "bench/loader": (
        "task=bench",
        *("bench.height=200", "bench.width=160", "bench.files=2", "bench.repeats=1", "bench.rows=600"),
        *("bench.size=64", "bench.num_workers=1", "bench.batch_size=2"),
    ),
}
DATA_TASKS = {"task/prepare", "task/doctor", "task/report"}
"""Tasks that read neither a model nor the settings of its training."""
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
    group = "dataset" if group.startswith("experiment/") else group
    chosen = [word.partition("=")[2] for word in NEEDS.get(option, ()) if word.startswith("dataset=")]
    wanted = chosen[0] if chosen else name if group in {"dataset", "prompts"} else ""
    return wanted if OTHER_TREE.get(wanted, wanted) in TREES else ""


def _group_and_name(option: str) -> tuple[str, str]:
    """``experiment/classify/rsna`` is the option ``classify/rsna`` of the group ``experiment``."""
    group, _, name = option.partition("/") if option.startswith("experiment/") else option.rpartition("/")
    return group, name


def _is_dense(experiment: str) -> bool:
    """``detect/rsna`` is an experiment whose boxes or masks are judged by both protocols."""
    return experiment.startswith(("detect/", "segment/"))


def _needs(option: str) -> tuple[str, ...]:
    """What the option cannot do without, or is slow without."""
    group, name = _group_and_name(option)
    if group != "head":
        return NEEDS.get(option, ())
    task = task_of(name)
    return (f"task={task}", *(() if task == "classify" else ("transform.size=32",)), *NEEDS.get(option, ()))


def _quick(option: str) -> tuple[str, ...]:
    """What makes the option's task short."""
    group, name = _group_and_name(option)
    judged = {"classify": CLASSIFY, "ground": ("task.pictures=false",), "zero_shot": (), "retrieve": ()}
    judged |= {"detect": DENSE, "segment": DENSE}
    if {"task=detect", "task=segment"} & set(_needs(option)):
        return DENSE
    if group in {"probe", "head"}:
        return CLASSIFY
    if group == "experiment" and "/" in name:
        return judged[name.partition("/")[0]]
    if group == "task" and name in judged:
        return judged[name]
    if option in DATA_TASKS:
        return ()
    if option == "sweep/encoders" or (group in {"task", "bench"} and name != "pretrain"):
        return ("trainer.max_epochs=1",)
    return PRETRAIN


def overrides_for(option: str) -> list[str]:
    """The command line that runs ``option`` small."""
    group, name = _group_and_name(option)
    data_set = _data_set_of(option)
    replaced = {group} | REPLACES.get(group, set()) if option in NEEDS else set()
    replaced |= {"dataset"} if data_set else set()
    published = group == "experiment" and "/_base" in (CONF / f"{option}.yaml").read_text()
    replaced |= {"encoder/image"} if published else set()
    if option in DATA_TASKS:
        replaced |= PARTS.keys()
    small = [value for part, values in PARTS.items() if part not in replaced for value in values]
    if _quick(option) in (CLASSIFY, DENSE):
        # a probe and a tuning have their own
        small.remove("datamodule.batch_size=8")
    own = f"{'+' if group in ADDED else ''}{group}={f'[{name}]' if group in LISTS else name}"
    needs = [word for word in _needs(option) if not (data_set and word.startswith("dataset="))]
    if published:
        needs += [*(SMALL_DENSE_RESNET if _is_dense(name) else SMALL_DEIT), *ONE_CPU]
    chosen = [f"dataset={data_set}"] if data_set and group not in {"dataset", "experiment"} else []
    resampled = [] if option in DATA_TASKS else ["resamples=20"]
    return [own, *chosen, *small, *resampled, *_quick(option), *needs]


def _prepare(option: str, arguments: list[str], raw: Path, store: Path, run_cli: Callable) -> list[str]:
    """Make the tree of the data set among ``arguments``, pack it if it is one to be packed, and say where it lies."""
    data_set = _data_set_of(option)
    tree = OTHER_TREE.get(data_set, data_set)
    if not (raw / tree).exists():
        importlib.import_module(f"tests.trees.{tree}").make(raw / tree)
    if reads := getattr(importlib.import_module(f"tests.trees.{tree}"), "READS", ()):
        return [word.replace("{root}", str(raw / tree)) for word in reads]
    places = [f"paths.raw={raw / tree}", f"paths.store={store}"]
    own = [f"dataset={data_set}", *(word for word in arguments if word.startswith("dataset."))]
    # an experiment may choose another store, and other settings of the reader
    own += [word for word in arguments[:1] if word.startswith(("+experiment=detect", "+experiment=segment"))]
    chosen_by_itself = arguments[0] == f"dataset={data_set}"
    for task in ("prepare", "doctor") if chosen_by_itself else ("prepare",):
        answer = run_cli(f"task={task}", *own, *places, "task.num_workers=0")
        assert answer.code == 0, answer.out + answer.err
    return places


def _assert_own_prompts(used: DictConfig, path: Path) -> None:
    """The run read the prompts of its data set; a data set without any ran without."""
    if not path.is_file():
        assert used.prompts is None
        return
    own = OmegaConf.load(path)
    assert all(used.prompts.findings[name] == own.findings[name] for name in own.get("findings", {}))


@pytest.mark.parametrize("option", _options())
def test_it_runs(option: str, run_cli: Callable, user_table: Path, made_raw: Path, tmp_path: Path) -> None:
    arguments = overrides_for(option)
    if option == "task/evaluate":
        assert run_cli(*overrides_for("task/pretrain")).code == 0
        checkpoint = next((tmp_path / "outputs").rglob("last.ckpt"))
        arguments = [word.replace("{checkpoint}", str(checkpoint)) for word in arguments]
    if option == "task/report":
        assert run_cli(*overrides_for("task/retrieve")).code == 0
        sweep = next((tmp_path / "outputs").rglob("records.json")).parent
        arguments = [word.replace("{sweep}", str(sweep)) for word in arguments]
    arguments = [word.replace("{user_table}", str(user_table)) for word in arguments]
    if _data_set_of(option):
        store = tmp_path / "store" if option == "task/prepare" else made_raw / "store"
        arguments += _prepare(option, arguments, made_raw, store, run_cli)
    answer = run_cli(*arguments)
    assert answer.code == 0, answer.err
    if option.startswith("dataset/"):
        used = OmegaConf.load(next((tmp_path / "outputs").rglob("checkpoints/config.yaml")))
        _assert_own_prompts(used, CONF / f"prompts/{option.partition('/')[2]}.yaml")
    written = {path.name for path in (tmp_path / "outputs").rglob("*")}
    left = {"task/prepare": "run.log", "task/doctor": "doctor.md", "task/report": "report.md"}
    assert left.get(option, "bench.txt" if "bench" in option else "results.json") in written
    if option.startswith("experiment/") and _is_dense(option.removeprefix("experiment/")):
        task = option.split("/")[1]
        results = json.loads(next((tmp_path / "outputs").rglob("results.json")).read_text())
        assert {f"{task}/images", f"{task}_published/images"} <= {name for group in results.values() for name in group}
    if option.startswith(("experiment/detect/", "experiment/segment/", "experiment/classify/")):
        # smaller than published, which the runs of the paper's experiments say
        published = "/_base" in (CONF / f"{option}.yaml").read_text()
        assert ("Differs from the published protocol: " in answer.out) == published
