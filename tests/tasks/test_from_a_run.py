"""What is evaluated is what was trained: every evaluating task, from a run's folder alone, and what it refuses."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.evaluation.cases import load_cases
from src.evaluation.estimate import value_of
from src.evaluation.records import read_records
from tests.tasks.dense.made_dense import HEADS

QUICK = ("datamodule.num_workers=0", "trainer.enable_progress_bar=false", "resamples=0")
DENSE = ("tuning.max_epochs=1", "tuning.batch_size=8", "task.pictures=false")
TASKS = {
    "evaluate": ("task.pictures=false",),
    "classify": ("probe.max_epochs=1", "task.pictures=false"),
    "zero_shot": ("task.pictures=false",),
    "retrieve": ("task.ks=[1,5]",),
    "ground": ("task.pictures=false",),
    "detect": (*DENSE, *HEADS["retinanet"]),
    "segment": (*DENSE, "head=unet_narrow", "head.decoder_channels=[16,16,8,8,8]"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "tiny"


@pytest.fixture
def trained(kept: Path, run_cli: Callable, tiny: tuple[str, ...]) -> Path:
    """The folder of a tiny run, of a transform, losses, tokens and data that no default has."""
    if not kept.is_dir():
        own = ("loss=[ita,cta]", "loss.ita.temperature=0.2", "datamodule.max_tokens=60", "trainer.max_epochs=1")
        quick = ("task.untrained_baseline=false", "task.pictures=false", "resamples=0", f"hydra.run.dir={kept}")
        answer = run_cli(*tiny, *own, *quick, "name=tiny")
        assert answer.code == 0, answer.err
    return kept


@pytest.fixture
def evaluate(run_cli: Callable, tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Run a task with the words given; the answer, and the folder that it left."""

    def run(task: str, *words: str) -> tuple[Any, Path]:
        folder = tmp_path / f"{task}_{len(list(tmp_path.iterdir()))}"
        return run_cli(f"task={task}", *TASKS[task], *QUICK, *words, f"hydra.run.dir={folder}"), folder

    return run


def _figures(folder: Path) -> dict[str, Any]:
    return dict(read_records(folder)[0].figures)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_from_the_folder_alone(task: str, trained: Path, evaluate: Callable) -> None:
    answer, folder = evaluate(task, f"checkpoint={trained}")
    assert answer.code == 0, answer.err
    (best,) = (trained / "checkpoints").glob("epoch*.ckpt")
    assert f"the checkpoint {best.name} is taken" in answer.out
    theirs, ours = (OmegaConf.load(path / "checkpoints/config.yaml") for path in (trained, folder))
    for key in ("encoder", "model", "rules", "loss", "datamodule.max_tokens", "dataset"):
        assert OmegaConf.select(ours, key) == OmegaConf.select(theirs, key), key
    assert ours.checkpoint == str(best)
    if task in ("detect", "segment"):
        # whole images, of the side that the encoder was trained on
        assert ours.transform.size == ours.transform.crop == theirs.transform.crop == 32
        assert OmegaConf.to_container(ours.transform.eval.ops) == []
    else:
        assert ours.transform == theirs.transform
    if task == "zero_shot":
        assert ours.task.temperature == 0.2


def test_the_score_is_the_same_whatever_else_is_given(trained: Path, evaluate: Callable, tmp_path: Path) -> None:
    data = ("dataset.size=64", "dataset.train=24", "dataset.val=16", "dataset.test=16")
    copied = tmp_path / "copied"
    shutil.copytree(trained / "checkpoints", copied)
    best = next((trained / "checkpoints").glob("epoch*.ckpt"))
    by = {
        "folder": (f"checkpoint={trained}",),
        "file": (f"checkpoint={best}",),
        "copy of the checkpoints alone": (f"checkpoint={copied}",),
        "experiment of another transform": ("+experiment=demo", *data, f"checkpoint={trained}"),
        "the same typed again": ("transform.size=36", "transform.crop=32", "rules=corrected", f"checkpoint={trained}"),
    }
    found = {}
    for name, words in by.items():
        answer, folder = evaluate("zero_shot", *words)
        assert answer.code == 0, answer.err
        found[name] = _figures(folder)
        assert ("keeps what it was trained with in the place of what experiment=demo has" in answer.out) == (
            name == "experiment of another transform"
        )
    assert all(figures == found["folder"] for figures in found.values())
    trained_with = _figures(trained)
    assert value_of(found["folder"]["zero_shot/auroc_mean"]) == value_of(trained_with["zero_shot/auroc_mean"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("transform.size=40",),
            "was trained with transform.size=36 (here 40), so that other images would be evaluated",
        ),
        (("transform=published",), "was trained with transform.size=36 (here 256), transform.crop=32 (here 224)"),
        (("encoder.image.model_args.depth=1",), "was trained with encoder.image.model_args.depth=2 (here 1)"),
        (("encoder/image=small_cnn",), "was trained with encoder.image.name=vit_tiny_patch16_224 (here resnet10t)"),
        (("datamodule.max_tokens=40",), "was trained with datamodule.max_tokens=60 (here 40)"),
        (("rules=published",), "was trained with rules=corrected (here published)"),
        (("encoder.image.weights=x.pt",), "both name weights; give one of them"),
        (("dataset.tests=3",), "Error: dataset.tests is not a setting"),
    ],
)
def test_what_contradicts_the_checkpoint_is_refused(
    words: tuple[str, ...], said: str, trained: Path, evaluate: Callable
) -> None:
    answer, folder = evaluate("zero_shot", f"checkpoint={trained}", *words)
    assert answer.code == 1
    assert said in answer.err
    assert answer.err.count("Error: ") == 1
    assert "Traceback" not in answer.err
    assert not (folder / "checkpoints").exists()


@pytest.mark.parametrize(
    "words", [("transform.size=40",), ("transform=light", "transform.size=40", "transform.crop=32")]
)
def test_another_transform_is_forced_and_said(words: tuple[str, ...], trained: Path, evaluate: Callable) -> None:
    answer, folder = evaluate("retrieve", f"checkpoint={trained}", *words, "force_transform=true")
    assert answer.code == 0, answer.err
    assert "is evaluated with transform.size=40 (trained with 36)" in answer.out
    ours = OmegaConf.load(folder / "checkpoints/config.yaml")
    assert ours.transform.eval.resize[0].size == 40
    assert ours.transform.eval.ops[0].height == 32


def test_a_dense_task_takes_other_sizes_by_force_alone(trained: Path, evaluate: Callable) -> None:
    answer, _ = evaluate("segment", f"checkpoint={trained}", "transform.size=64")
    assert answer.code == 1
    assert "was trained with transform.size=32 (here 64)" in answer.err


def test_other_weights_take_what_is_typed(trained: Path, evaluate: Callable) -> None:
    answer, folder = evaluate("retrieve", f"checkpoint={trained}", "weights=random", "transform.size=40")
    assert answer.code == 0, answer.err
    ours = OmegaConf.load(folder / "checkpoints/config.yaml")
    assert (ours.transform.size, ours.transform.crop, ours.encoder.image.image_size) == (40, 32, 32)


def test_a_sweep_over_weights_and_over_runs(trained: Path, run_cli: Callable, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    config = OmegaConf.load(other / "checkpoints/config.yaml")
    config.transform.eval.ops[0].height = config.transform.eval.ops[0].width = config.transform.crop = 32
    config.transform.size = config.transform.eval.resize[0].size = 48
    OmegaConf.save(config, other / "checkpoints/config.yaml")
    words = ("-m", "task=retrieve", "task.ks=[1]", *QUICK, "name=s", f"checkpoint={trained},{other}")
    answer = run_cli(*words, "weights=random,checkpoint")
    assert answer.code == 0, answer.err
    sizes = [
        OmegaConf.load(tmp_path / f"outputs/sweeps/s/{job}/checkpoints/config.yaml").transform.size for job in range(4)
    ]
    assert sorted(sizes) == [36, 36, 48, 48]
    assert run_cli(*words, "weights=random,checkpoint").out.count("is finished already") == 4


def test_typed_data_settings_stand_on_top_of_the_runs_own(trained: Path, evaluate: Callable) -> None:
    answer, folder = evaluate("retrieve", f"checkpoint={trained}", "dataset.test=12")
    assert answer.code == 0, answer.err
    assert len(load_cases(folder / "cases/retrieval.parquet").keys) == 12
    assert OmegaConf.load(folder / "checkpoints/config.yaml").dataset.train == 24


def test_a_config_of_somebody_else_builds_nothing(trained: Path, evaluate: Callable, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(trained / "checkpoints", copied)
    config = OmegaConf.load(copied / "config.yaml")
    config.transform.eval.ops = [{"_target_": "os.system", "command": f"touch {tmp_path / 'ran'}"}]
    OmegaConf.save(config, copied / "config.yaml")
    answer, _ = evaluate("retrieve", f"checkpoint={copied}")
    assert answer.code == 1
    assert "transform.eval.ops[0] names os.system, which no option of conf/transform names" in answer.err
    assert not (tmp_path / "ran").exists()


def test_what_an_older_config_lacks_is_filled_in_and_said(trained: Path, evaluate: Callable, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(trained / "checkpoints", copied)
    config = OmegaConf.load(copied / "config.yaml")
    del config["model"]["sync_batch_norm"], config["num_prototypes"], config["store"]["codec"]
    del config["dataset"]["prevalence"], config["encoder"]["text"]["lowercase"]
    OmegaConf.save(config, copied / "config.yaml")
    answer, folder = evaluate("retrieve", f"checkpoint={copied}")
    assert answer.code == 0, answer.err
    said = (
        "is of an older version and lacks encoder.text.lowercase=True, model.sync_batch_norm=False, store.codec=raw, da"
    )
    assert said in answer.out
    assert OmegaConf.load(folder / "checkpoints/config.yaml").dataset.prevalence == 0.16
    config["model"]["dropped"] = 1
    OmegaConf.save(config, copied / "config.yaml")
    answer, _ = evaluate("retrieve", f"checkpoint={copied}")
    assert answer.code == 1
    assert (
        f"{copied / 'config.yaml'}, with which the checkpoint was trained: model.dropped is not a setting" in answer.err
    )


def test_a_checkpoint_without_its_config_is_said(
    trained: Path, evaluate: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    alone = tmp_path / "alone.ckpt"
    shutil.copy(next((trained / "checkpoints").glob("epoch*.ckpt")), alone)
    answer, _ = evaluate("retrieve", f"checkpoint={alone}", *tiny_head)
    assert answer.code == 0, answer.err
    assert "no config.yaml lies beside it" in answer.out


def test_a_data_set_without_prompts_stays_without(trained: Path, evaluate: Callable, tmp_path: Path) -> None:
    """Those of the default data set would be of other findings; prompts that are typed are taken."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    file = run / "checkpoints/config.yaml"
    config = OmegaConf.load(file)
    config.prompts = None
    OmegaConf.save(config, file)
    answer, folder = evaluate("evaluate", f"checkpoint={run}")
    assert answer.code == 0, answer.err
    assert not any(name.startswith("zero_shot/") for name in _figures(folder))
    answer, folder = evaluate("evaluate", f"checkpoint={run}", "prompts=generic")
    assert answer.code == 0, answer.err
    assert any(name.startswith("zero_shot/") for name in _figures(folder))
    answer, _ = evaluate("zero_shot", f"checkpoint={run}")
    assert "this data set has none; give prompts=generic" in answer.err
