"""Published figures: beside a run of the very same method, model, data and protocol, and beside nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from src.core.case_keys import CaseKeys
from src.core.evaluated_model import TRAINING, EvaluatedModel
from src.core.finished import Done, flatten, is_below
from src.evaluation.cases import Values, save_cases
from src.tasks.reporting.axes import Point
from src.tasks.reporting.jobs import Job
from src.tasks.reporting.published import Published
from src.tasks.reporting.published_figures import SHIPPED, Figure, read_figures
from src.tasks.reporting.published_protocol import follow_references
from tests.tasks.made_sweeps import MadeJob, compose_config, make_report, write_sweep

R50, VIT = "resnet50.tv_in1k", "deit_base_patch16_224.fb_in1k"
RANDOM = EvaluatedModel(architecture=R50, weights="random")
IMAGENET = EvaluatedModel(architecture=R50, weights="pretrained")
RELEASED = EvaluatedModel(architecture=R50, weights="checkpoint", file="mgca.ckpt", released=True)
CLASSIFY = ("+experiment=classify/rsna", "encoder/image=resnet50")
COVIDX6 = ("encoder/image=resnet50", "dataset.reader.version=COVIDx6")
AUROC = "classify/auroc_mean"
RSNA_TEST = 4003
_NUMBER = count()


def _trained(experiment: str = "mgca_resnet50", **changes: Any) -> EvaluatedModel:
    """A checkpoint of ours, trained as ``experiment`` says but for ``changes`` of the kept settings."""
    flat = flatten(follow_references(compose_config((f"+experiment={experiment}",))))
    training = {key: value for key, value in flat.items() if any(is_below(key, part) for part in TRAINING)}
    return EvaluatedModel(
        architecture=R50,
        weights="checkpoint",
        file="last.ckpt",
        losses=("ita", "cta", "cpa"),
        dataset="mimic_cxr",
        training={**training, **changes},
    )


def _job(
    model: EvaluatedModel | None, *settings: str, images: int = RSNA_TEST, typed: Mapping[str, Any] | None = None
) -> MadeJob:
    """A finished job of the paper's RSNA experiment but for ``settings``."""
    hits = [float(n % 3 == 0) for n in range(images)]
    choices = {"dataset": "rsna"}
    return MadeJob(settings=typed or {}, hits=hits, choices=choices, composed=(*CLASSIFY, *settings), model=model)


@pytest.fixture(scope="module")
def published() -> Published:
    return Published(read_figures(SHIPPED), compose=lambda overrides: compose_config(tuple(overrides)))


@pytest.fixture(scope="module")
def cases_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    folder = tmp_path_factory.mktemp("cases")

    def write(images: int) -> Path:
        path = folder / f"{images}.parquet"
        if not path.is_file():
            values = torch.zeros(images, 1, dtype=torch.float64)
            save_cases(Values(keys=CaseKeys.of(torch.arange(images)), names=("hit",), value_NM=values), path)
        return path

    return write


def _point(
    config: Mapping[str, Any],
    model: EvaluatedModel | None,
    path: Path,
    *,
    dataset: str = "rsna",
    group: str = "classify",
) -> Point:
    done = Done(config=config, choices={"dataset": dataset}, overrides=(), swept=())
    job = Job(folder=Path(f"job{next(_NUMBER)}"), done=done, records=())
    return Point(job=job, settings={}, repeat=(), figures={}, cases={group: path}, model=model)


def _value(figure: Figure | None) -> float | None:
    return None if figure is None else figure.value


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (RANDOM, 0.741),
        (IMAGENET, 0.763),
        (RELEASED, 0.899),
        (_trained(), 0.899),
        # the paper does not give the ViT's figures on RSNA
        (replace(RELEASED, architecture=VIT), None),
        (replace(RANDOM, architecture=VIT), None),
        # no ResNet-50 of another kind or start is the paper's
        (replace(IMAGENET, architecture="resnet50.a1_in1k"), None),
        (replace(IMAGENET, architecture="microsoft/rad-dino"), None),
        (replace(RELEASED, architecture="resnet50d"), None),
        (replace(RANDOM, architecture="resnet10t"), None),
        (replace(IMAGENET, weights="file", file="own.pt"), None),
        # no checkpoint of ours that was trained otherwise
        (replace(_trained(), losses=("clip",)), None),
        (replace(_trained(), losses=("ita", "cta")), None),
        (replace(_trained(), losses=("ita", "cta", "cpa", "siglip")), None),
        (replace(_trained(), dataset="phantom"), None),
        (replace(_trained(), dataset=None), None),
        (_trained(rules="corrected"), None),
        (_trained(**{"loss.cta.weight": 0.5}), None),
        (_trained(**{"datamodule.fraction": 0.1}), None),
        (_trained(**{"trainer.max_epochs": 1}), None),
        # of before these were kept
        (replace(_trained(), training={}), None),
        (None, None),
    ],
)
def test_the_model_must_be_the_papers(
    published: Published, cases_of: Callable[[int], Path], model: EvaluatedModel | None, value: float | None
) -> None:
    point = _point(compose_config(CLASSIFY), model, cases_of(RSNA_TEST))
    assert _value(published.beside(point, AUROC)) == value
    assert (published.why_not(point, AUROC) is None) == (value is not None)


@pytest.mark.parametrize(
    "setting",
    [
        "task.judge_on=val",
        "datamodule.fraction=0.5",
        "dataset.split.val=0.2",
        "dataset.split.seed=3",
        "dataset.lists=my/lists",
        "dataset.uncertain=present",
        "dataset.findings=Pneumonia",
        "dataset.exclusive=true",
        "probe.max_epochs=2",
        "probe.frozen=false",
        "probe.optimizer.lr=1e-3",
        "transform.size=512",
        "encoder.image.upsample_to=224",
        "rules=corrected",
        "trainer.limit_train_batches=3",
        "store.size=512",
    ],
)
def test_the_protocol_must_be_the_papers(published: Published, cases_of: Callable[[int], Path], setting: str) -> None:
    key, _, _ = setting.partition("=")
    config = OmegaConf.to_container(OmegaConf.merge(compose_config(CLASSIFY), OmegaConf.from_dotlist([setting])))
    point = _point(config, IMAGENET, cases_of(RSNA_TEST))  # type: ignore[arg-type]
    assert published.beside(point, AUROC) is None
    assert f"{key} is " in str(published.why_not(point, AUROC))


def test_training_images_must_be_drawn_as_in_the_experiment(
    published: Published, cases_of: Callable[[int], Path]
) -> None:
    drawn = compose_config(CLASSIFY)["datamodule"]["sampling"]
    (other,) = {"published", "stratified"} - {drawn}
    point = _point(compose_config((*CLASSIFY, f"datamodule.sampling={other}")), IMAGENET, cases_of(RSNA_TEST))
    assert published.beside(point, AUROC) is None
    assert published.why_not(point, AUROC) == f"datamodule.sampling is {other} (published: {drawn})"


@pytest.mark.parametrize("option", ["head=mlp", "probe=cached", "probe=finetune", "transform=light"])
def test_other_options_are_other_protocols(published: Published, cases_of: Callable[[int], Path], option: str) -> None:
    point = _point(compose_config((*CLASSIFY, option)), IMAGENET, cases_of(RSNA_TEST))
    assert published.beside(point, AUROC) is None
    assert "(published: " in str(published.why_not(point, AUROC))


def test_what_changes_nothing_may_differ(published: Published, cases_of: Callable[[int], Path]) -> None:
    others = (
        *("seed=7", "paths.data=elsewhere", "dataset.reader.root=elsewhere", "datamodule.num_workers=0"),
        # a float32 that the experiment's own precision is not
        *("trainer=cpu", "trainer.precision=32-true"),
        *("task.pictures=false", "resamples=10", "store.codec=png"),
        # which weights is the record's business, and how they came about no part of the probe
        *("weights=named", "loss=[clip]", "encoder/text=bio_clinical_bert", "scheduler=constant"),
    )
    point = _point(compose_config((*CLASSIFY, *others)), IMAGENET, cases_of(RSNA_TEST))
    assert _value(published.beside(point, AUROC)) == 0.763


def test_a_record_has_its_own_fraction(published: Published, cases_of: Callable[[int], Path]) -> None:
    point = _point(compose_config(CLASSIFY), IMAGENET, cases_of(RSNA_TEST))
    settings = ({"datamodule.fraction": fraction} for fraction in (0.01, 0.1, 0.5))
    found = [published.beside(replace(point, settings=one), AUROC) for one in settings]
    assert [_value(one) for one in found] == [0.749, 0.745, None]


def test_values_in_the_place_of_references_are_the_same(published: Published, cases_of: Callable[[int], Path]) -> None:
    followed = follow_references(compose_config(CLASSIFY))
    assert flatten(followed)["datamodule.train_transform._target_"] == "src.data.transforms.ImageTransform"
    assert followed["paths"]["run"] == "${hydra:runtime.output_dir}"
    assert _value(published.beside(_point(followed, IMAGENET, cases_of(RSNA_TEST)), AUROC)) == 0.763


@pytest.mark.parametrize(("images", "value"), [(32, None), (RSNA_TEST - 12, 0.763), (RSNA_TEST + 200, None)])
def test_the_images_must_be_as_many_as_the_papers(
    published: Published, cases_of: Callable[[int], Path], images: int, value: float | None
) -> None:
    point = _point(compose_config(CLASSIFY), IMAGENET, cases_of(images))
    assert _value(published.beside(point, AUROC)) == value
    said = None if value else f"{images} images were evaluated (published: {RSNA_TEST})"
    assert published.why_not(point, AUROC) == said


def test_without_cases_the_images_cannot_be_counted(published: Published, tmp_path: Path) -> None:
    point = _point(compose_config(CLASSIFY), IMAGENET, tmp_path / "none.parquet")
    assert published.beside(point, AUROC) is None
    assert "no cases were kept to count" in str(published.why_not(point, AUROC))


@pytest.mark.parametrize(
    ("experiment", "dataset", "metric", "images", "value"),
    [
        (("classify/chexpert", "encoder/image=resnet50"), "chexpert", AUROC, 202, 0.657),
        (("segment/siim",), "siim", "segment_published/dice", 1600, 0.543),
        (("detect/rsna",), "rsna_detection", "detect_published/map", 5337, 0.089),
        (("detect/object_cxr",), "object_cxr", "detect_published/map", 1000, 0.044),
        (("segment/siim",), "siim", "segment/dice", 50, None),
        (("segment/siim", "head=upernet"), "siim", "segment_published/dice", 50, None),
        (("segment/siim", "tuning=full"), "siim", "segment_published/dice", 50, None),
        # any version of COVIDx may have been read
        (("classify/covidx", "encoder/image=resnet50"), "covidx", "classify/accuracy", 50, None),
        (("classify/covidx", *COVIDX6), "covidx", "classify/accuracy", 300, 0.7),
    ],
)
def test_each_of_the_papers_tasks(
    published: Published,
    cases_of: Callable[[int], Path],
    experiment: tuple[str, ...],
    dataset: str,
    metric: str,
    images: int,
    value: float | None,
) -> None:
    name, *settings = experiment
    config = compose_config((f"+experiment={name}", *settings))
    point = _point(config, RANDOM, cases_of(images), dataset=dataset, group=metric.partition("/")[0])
    assert _value(published.beside(point, metric)) == value


def _report(tmp_path: Path, *jobs: MadeJob, **settings: Any) -> tuple[list[dict[str, str]], str]:
    rows = make_report(write_sweep(tmp_path / "s", jobs), published="shipped", **settings)
    return rows, (tmp_path / "s" / "report" / "report.md").read_text()


def test_the_figure_is_printed_or_the_reason_why_not(tmp_path: Path) -> None:
    own = replace(IMAGENET, architecture="resnet10t", weights="file", file="my/own.pt")
    typed = [{"weights": weights, "task.judge_on": split} for weights, split in (("named", "test"), ("auto", "val"))]
    jobs = [_job(model, typed=one) for model, one in zip((IMAGENET, own), typed, strict=True)]
    rows, text = _report(tmp_path, *jobs)
    assert [row["published"] for row in rows] == ["0.763", ""]
    assert [row["source"] for row in rows] == ["Wang et al. NeurIPS 2022: linear classification", ""]
    assert (
        "No published figure beside auto: the encoder is resnet10t "
        f"(published: {R50}); the weights are of another origin: resnet10t, weights of own.pt (published: random); "
        "task.judge_on is val (published: test)."
    ) in text


def test_a_cell_of_several_methods_has_none(tmp_path: Path) -> None:
    jobs = [_job(model, typed={"seed": seed}) for seed, model in enumerate((RANDOM, IMAGENET), start=1)]
    jobs[1] = replace(jobs[1], hits=[*jobs[1].hits[1:], 0.0])
    rows, _ = _report(tmp_path, *jobs)
    assert [(row["n"], row["published"]) for row in rows] == [("2", "")]


def test_rows_of_other_methods_stand_where_our_cells_follow_the_protocol(tmp_path: Path) -> None:
    def make(name: str, *settings: str) -> dict[tuple[str, str], str]:
        jobs = [
            _job(model, *settings, f"datamodule.fraction={f}", typed={"weights": w, "datamodule.fraction": f})
            for w, model in (("random", RANDOM), ("checkpoint", RELEASED))
            for f in (0.01, 0.5)
        ]
        sweep = write_sweep(tmp_path / name, jobs)
        rows = make_report(sweep, published="shipped", columns="datamodule.fraction", published_rows=True)
        return {(row["row"], row["column"]): row["published"] for row in rows if row["published"]}

    assert make("s") == {
        ("random", "0.01"): "0.589",
        ("checkpoint", "0.01"): "0.886",
        ("ImageNet (published)", "0.01"): "0.749",
        ("ConVIRT (published)", "0.01"): "0.774",
        ("GLoRIA-MIMIC (published)", "0.01"): "0.87",
    }
    text = (tmp_path / "s" / "report" / "report.md").read_text()
    (header,) = [line for line in text.splitlines() if line.startswith("| ") and "AUROC" in line]
    assert header.count("published") == 1
    assert make("val", "task.judge_on=val") == {}


def test_what_is_not_reproduced_is_said_beside_the_figure(tmp_path: Path) -> None:
    listed = {"not_reproduced": ["patients are kept together", "mmdet's matching"]}
    rows, text = _report(tmp_path / "a", replace(_job(IMAGENET), config=listed))
    assert [row["published"] for row in rows] == ["0.763"]
    assert "Of the published protocol, ours does not reproduce: patients are kept together; mmdet's matching." in text
    _, text = _report(tmp_path / "b", replace(_job(replace(IMAGENET, architecture=VIT)), config=listed))
    assert "does not reproduce" not in text


def test_data_sets_without_figures_need_no_note(tmp_path: Path) -> None:
    rows, text = _report(tmp_path, MadeJob(settings={}, hits=[1.0, 0.0], model=RANDOM))
    assert [row["published"] for row in rows] == [""]
    assert "ublished" not in text


def test_the_shipped_figures_are_the_papers() -> None:
    values = {(one.experiment, one.method, one.fraction, one.metric): one.value for one in read_figures(SHIPPED)}
    assert values["classify/chexpert", "MGCA ViT-B/16", 1.0, "classify/auroc_mean"] == 0.897
    assert values["classify/covidx", "MGCA ResNet-50", 0.1, "classify/accuracy"] == 0.835
    assert values["segment/siim", "random", 0.01, "segment_published/dice"] == 0.09
    assert ("classify/rsna", "MGCA ViT-B/16", 1.0, "classify/auroc_mean") not in values
    assert all(0 < value < 1 for value in values.values())


def test_the_shipped_figures_are_of_what_their_experiments_compose() -> None:
    figures = read_figures(SHIPPED)
    assert len(set(figures)) == len(figures)
    kinds = {(f.experiment, f.settings, f.dataset, f.architecture, f.pretraining) for f in figures}
    assert {experiment for experiment, *_ in kinds} == {
        *(f"classify/{name}" for name in ("chexpert", "rsna", "covidx")),
        *("segment/siim", "segment/rsna", "detect/rsna", "detect/object_cxr"),
    }
    for experiment, settings, dataset, architecture, pretraining in kinds:
        config = compose_config((f"+experiment={experiment}", *settings))
        named = OmegaConf.to_container(OmegaConf.load(SHIPPED.parents[2] / f"conf/experiment/{experiment}.yaml"))
        assert {"override /dataset": dataset} in named["defaults"]
        assert config["encoder"]["image"]["name"] == architecture
        if pretraining:
            trained = compose_config((f"+experiment={pretraining}",))
            assert trained["encoder"]["image"] == config["encoder"]["image"]
            assert (trained["rules"], trained["dataset"]["name"]) == ("published", "mimic_cxr")


def test_the_entrypoint_composes_the_experiments(run_cli: Callable, tmp_path: Path) -> None:
    jobs = [_job(IMAGENET, typed={"weights": "named"}), _job(RANDOM, images=40, typed={"weights": "random"})]
    answer = run_cli("task=report", f"sweep={write_sweep(tmp_path / 's', jobs[:1])}", "resamples=0")
    assert answer.code == 0, answer.err
    assert "Published figures: Wang et al. NeurIPS 2022" in answer.out
    answer = run_cli("task=report", f"sweep={write_sweep(tmp_path / 'few', jobs[1:])}", "resamples=0")
    assert f"No published figure beside all jobs: 40 images were evaluated (published: {RSNA_TEST})." in answer.out
    own = tmp_path / "own.csv"
    own.write_text(SHIPPED.read_text().replace("classify/rsna", "classify/rsnaa"))
    answer = run_cli("task=report", f"sweep={tmp_path / 's'}", f"task.published={own}")
    assert answer.code == 1
    assert "+experiment=classify/rsnaa encoder/image=resnet50 makes no config" in answer.err
