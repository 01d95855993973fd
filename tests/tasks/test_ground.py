"""Phrase grounding: a model that knows the answer finds it, and the task through the entrypoint."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor, nn

from src.core.errors import UserError
from src.data.datamodule import PairDataModule
from src.data.phrases import Phrase
from src.data.sources import Split
from src.evaluation.cases import Values, load_cases
from src.evaluation.grounding import HEAT_MEASURES, MAP_MEASURES
from src.models.text.tokenizer import ReportTokenizer, load_tokenizer
from src.tasks.ground import choose_shown
from src.tasks.ground_phrases import Targets, embed_captions, find_targets, ground_phrases
from src.tasks.ground_prior import ground_by_prior

CONF = Path(__file__).resolve().parents[2] / "conf"
SIZE, GRID = 64, 8
MODEL = "vit_tiny_patch16_224"


class Lamps:
    """Grey images with a bright square, which two phrases name, one that cleaning empties and one of a corner that the
    crop leaves out. Row 1 has no phrase.
    """

    def __init__(self, count: int = 5) -> None:
        self.count = count
        self.label_NF = np.zeros((count, 0), dtype=np.float32)

    def __len__(self) -> int:
        return self.count

    def box(self, index: int) -> np.ndarray:
        left, top = 16 + 4 * index, 32 - 4 * index
        return np.array([[left, top, left + 12, top + 12]], dtype=np.float32)

    def image(self, index: int) -> np.ndarray:
        left, top, right, bottom = self.box(index)[0].astype(int)
        image_HW = np.full((SIZE, SIZE), 20, dtype=np.uint8)
        image_HW[top:bottom, left:right] = 240
        return image_HW

    def phrases(self, index: int) -> list[Phrase]:
        if index == 1:
            return []
        named = [("a bright lamp", self.box(index)), ("a lamp there", self.box(index)), ("...", self.box(index))]
        named.append(("a dark corner", np.array([[0, 0, 5, 5]], dtype=np.float32)))
        return [Phrase(text=text, category="lamp", box_N4=box, mask_HW=None) for text, box in named]

    def report(self, index: int) -> str:
        return f"the lamp of image {index}"

    def row(self, index: int) -> int:
        return 10 + index

    def file(self, index: int) -> str:
        return ""


class LampSource:
    """``val``: how many images of the validation split."""

    finding_names = ()
    exclusive = False

    def __init__(self, val: int = 5) -> None:
        self.val = val

    def check(self) -> None: ...

    def table(self, split: Split) -> Lamps:
        return Lamps(self.val if split == "val" else 5)


class Knows(nn.Module):
    """A patch is how bright it is; every word, and every whole phrase, asks for what is bright, or for what is dark."""

    def __init__(self, tokenizer: ReportTokenizer, *, asks: float) -> None:
        super().__init__()
        self.text_encoder = SimpleNamespace(tokenizer=tokenizer)
        self.register_parameter("asked", nn.Parameter(torch.tensor([asks, 0.0])))
        self.seen = 0

    def embed_images(self, image_BCHW: Tensor) -> SimpleNamespace:
        assert not self.training
        self.seen += len(image_BCHW)
        grey_BRS = nn.functional.adaptive_avg_pool2d(image_BCHW[:, 0], GRID)
        angle_BP = grey_BRS.flatten(1).sigmoid()
        return SimpleNamespace(local_BPD=torch.stack([angle_BP.sin(), angle_BP.cos()], dim=-1), grid=(GRID, GRID))

    def embed_texts(self, token_BL: Tensor, token_mask_BL: Tensor) -> SimpleNamespace:
        mask_BT = token_mask_BL[:, 1:]
        word_BTD = self.asked.expand(*mask_BT.shape, 2)
        return SimpleNamespace(local_BTD=word_BTD, mask_BT=mask_BT, global_BD=self.asked.expand(len(token_BL), 2))


@pytest.fixture(scope="module")
def tokenizer() -> ReportTokenizer:
    return load_tokenizer("radiology_wordpiece", lowercase=True)


@pytest.fixture
def lamps(tokenizer: ReportTokenizer) -> PairDataModule:
    config = OmegaConf.create({"transform": OmegaConf.load(CONF / "transform/light.yaml")})
    config.transform.update({"size": SIZE, "crop": 48})
    made = {f"{stage}_transform": instantiate(config.transform[stage], _convert_="all") for stage in ("train", "eval")}
    values: Any = OmegaConf.to_container(OmegaConf.load(CONF / "datamodule/pairs.yaml"))
    del values["_target_"]
    values |= {"rules": "corrected", "seed": 3, "batch_size": 2, "num_workers": 0, "max_tokens": 20}
    return PairDataModule(**{**values, **made, "source": LampSource(), "tokenizer": tokenizer})


def _ground(model: Knows, lamps: PairDataModule, targets: Targets, heat: Any) -> tuple[dict[str, float], Any]:
    measure_QM, shown, grid = ground_phrases(
        model,  # type: ignore[arg-type]
        lamps,
        "test",
        targets.found,
        heat=heat,
        temperature=0.1,
        show=[3],
        precision="32-true",
    )
    assert measure_QM.shape == (len(targets.found), len(MAP_MEASURES))
    assert grid == (GRID, GRID)
    return dict(zip(MAP_MEASURES, measure_QM.mean(dim=0).tolist(), strict=True)), shown


def test_phrases_that_cannot_be_grounded_are_counted(lamps: PairDataModule) -> None:
    targets = find_targets(lamps, "test", region="auto")
    assert [target.position for target in targets.found] == [0, 0, 2, 2, 3, 3, 4, 4]
    assert (targets.unread, targets.unseen) == (4, 4)


def test_phrases_in_unknown_words_are_refused(lamps: PairDataModule) -> None:
    lamps.split("test")
    lamps.tokenizer = SimpleNamespace(pad_id=0, unknown_id=7, encode=lambda texts, **_: [[1, 7, 2]] * len(texts))
    with pytest.raises(UserError, match=r"100\.0% of the tokens of the phrases"):
        find_targets(lamps, "test", region="auto")


@pytest.mark.parametrize("heat", ["attention", "similarity", "global"])
def test_a_model_that_knows_points_at_the_region(lamps: PairDataModule, tokenizer: ReportTokenizer, heat: Any) -> None:
    """Also the geometry of patches, crop and region as a whole; whoever asks for the opposite finds it nowhere."""
    targets = find_targets(lamps, "test", region="auto")
    model = Knows(tokenizer, asks=1.0).train()
    found, shown = _ground(model, lamps, targets, heat)
    assert found["pointing_game"] == 1
    assert found["cnr"] > 1.5
    assert model.training
    assert model.seen == 4
    seen, target = shown[3], targets.found[3]
    assert seen.image_HW.shape == target.region_HW.shape
    assert seen.image_HW[target.region_HW].mean() > 200
    assert seen.image_HW[~target.region_HW].mean() < 40
    lost, _ = _ground(Knows(tokenizer, asks=-1.0), lamps, targets, heat)
    assert lost["pointing_game"] == 0
    assert lost["cnr"] < -1
    # each lamp, as large as four cells of six pixels, holds the peaks of four of the 64
    assert lost["chance_pointing_game"] == found["chance_pointing_game"] == pytest.approx(4 / 64)
    assert found["ceiling_pointing_game"] == 1


def _prior(lamps: PairDataModule, *, val: int, judge_on: Split = "test") -> tuple[dict[str, float], str]:
    lamps.source = LampSource(val)
    targets = find_targets(lamps, judge_on, region="auto")
    prior = ground_by_prior(lamps, judge_on, targets.found, region="auto", stretch=False)
    return dict(zip(HEAT_MEASURES, prior.measure_QM.mean(dim=0).tolist(), strict=True)), prior.said


def test_the_prior_is_of_the_validation_split_and_of_no_image_that_is_judged(lamps: PairDataModule) -> None:
    """Only the first lamp validates: its own place is the prior of all, which the others leave ever further behind.

    The lamps of image 0, 2, 3 and 4 stand 0, 8, 12 and 16 pixels from the first one's along both axes, 12 wide.
    """
    found, said = _prior(lamps, val=1)
    # of the first lamp's 144 pixels, 144, 16, 0 and 0 lie in the others
    assert found["pointing_game"] == pytest.approx((1 + 16 / 144) / 4)
    assert found["miou"] == pytest.approx((1 + 16 / (2 * 144 - 16)) / 4)
    # the corner that the crop leaves out is no region, while the text that cleaning empties is one all the same
    assert said == "over 3 phrases of the val split"


@pytest.mark.parametrize(("val", "judge_on"), [(0, "test"), (5, "val")])
def test_without_another_split_the_prior_is_of_the_other_patients(
    val: int, judge_on: Split, lamps: PairDataModule
) -> None:
    found, said = _prior(lamps, val=val, judge_on=judge_on)
    why = ", as the val split has no phrase" if judge_on == "test" else ""
    assert said == f"over the other patients' phrases of the {judge_on} split{why}"
    # by brute force: each image's own lamp is no part of its prior
    squares = []
    for index in (0, 2, 3, 4):
        square = np.zeros((SIZE, SIZE))
        left, top, right, bottom = Lamps().box(index)[0].astype(int)
        square[top:bottom, left:right] = 1
        squares.append(square)
    points = []
    for index, own in enumerate(squares):
        others = np.mean([square for other, square in enumerate(squares) if other != index], axis=0)
        points.append(own[others == others.max()].mean())
    assert found["pointing_game"] == pytest.approx(np.mean(points))


def test_a_category_that_no_other_patient_has_gets_no_prior_and_is_named(lamps: PairDataModule) -> None:
    lamps.source = LampSource(2)
    targets = find_targets(lamps, "val", region="auto")
    prior = ground_by_prior(lamps, "val", targets.found, region="auto", stretch=True)
    assert prior.measure_QM.isnan().all()
    assert prior.said.endswith("; none for lamp, of which there is no such phrase")


def test_heat_that_is_no_number_is_refused(lamps: PairDataModule, tokenizer: ReportTokenizer) -> None:
    targets = find_targets(lamps, "test", region="auto")
    with pytest.raises(UserError, match=r"heat of 8 of 8 phrases \(first: row 10\) is not finite"):
        _ground(Knows(tokenizer, asks=float("nan")), lamps, targets, "attention")


@pytest.mark.parametrize("rules", ["corrected", "published"])
def test_words_are_asked_and_marks_are_not(rules: str, tokenizer: ReportTokenizer) -> None:
    """The end mark counts as a word in training; a phrase is its words, all of them, cut or not."""
    encoder = instantiate(
        OmegaConf.merge(
            OmegaConf.load(CONF / "encoder/text/tiny_bert.yaml"), {"rules": rules, "num_layers": 1, "pretrained": False}
        ),
        _convert_="all",
    )

    def embed_texts(token_BL: Tensor, token_mask_BL: Tensor) -> SimpleNamespace:
        features = encoder(token_BL, token_mask_BL)
        return SimpleNamespace(local_BTD=features.local_BTE, mask_BT=features.mask_BT, global_BD=features.global_BE)

    model = SimpleNamespace(
        text_encoder=SimpleNamespace(tokenizer=tokenizer), embed_texts=embed_texts, parameters=encoder.parameters
    )
    captions = ["large pneumothorax", "small left pleural effusion", "edema"]
    with torch.inference_mode():
        texts = embed_captions(model, captions, max_tokens=50, precision="32-true")  # type: ignore[arg-type]
    assert texts.mask_UT.sum(dim=1).tolist() == [2, 4, 1]
    assert texts.mask_UT[:, 0].all()


def test_what_is_shown_is_spread_over_the_categories() -> None:
    assert choose_shown(["b", "b", "a", "b", "c"], 4) == [2, 0, 4, 1]
    assert choose_shown(["b"], 4) == [0]


def test_an_untrained_model_through_the_entrypoint(
    run_cli: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    answer = run_cli("task=ground", *tiny, "resamples=50", "task.shown=3")
    assert answer.code == 0, answer.err
    run_dir = next((tmp_path / "outputs").rglob("records.json")).parent
    [record] = json.loads((run_dir / "records.json").read_text())
    cases = load_cases(run_dir / record["cases"]["grounding"])
    assert isinstance(cases, Values)
    figures = record["figures"]
    assert figures["grounding/phrases"] == len(cases.keys)
    images = len(cases.keys.row_N.unique())
    assert f"{len(cases.keys)} phrases of {images} test images, phantom; {MODEL}, random weights" in answer.out
    assert "pointing game" in answer.out
    assert (
        "Prior: the mean region of the phrase's category, without the image and at its own pixels, over " in answer.out
    )
    assert re.search(r"chance +prior +ceiling", answer.out)
    # phrases of one study are drawn together
    assert len(cases.keys.group_N.unique()) == len(cases.keys.row_N.unique()) < len(cases.keys)
    points = cases.value_NM[:, cases.names.index("pointing_game")]
    assert figures["grounding/pointing_game"]["value"] == pytest.approx(float(points.mean()))
    assert (
        figures["grounding/pointing_game"]["low"] <= float(points.mean()) <= figures["grounding/pointing_game"]["high"]
    )
    with Image.open(run_dir / "pictures/grounding.png") as picture:
        assert picture.size[0] == 3 * 404 + 24


def test_what_cannot_be_grounded_is_said_before_anything_is_embedded(
    run_cli: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    answer = run_cli("task=ground", *tiny, "task.temperature=0")
    assert answer.code == 1
    assert "task.temperature=0 is not valid: it must be greater than 0" in answer.err
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(tmp_path / "one.png")
    (tmp_path / "pairs.csv").write_text("image,report,patient\n" + "one.png,clear lungs on both sides,p1\n" * 4)
    small = [word for word in tiny if not word.startswith("dataset.")]
    answer = run_cli("task=ground", "dataset=pairs", f"dataset.table={tmp_path / 'pairs.csv'}", *small)
    assert answer.code == 1
    assert "has no phrases that name regions" in answer.err
    assert "dataset=phantom or dataset=ms_cxr" in answer.err
