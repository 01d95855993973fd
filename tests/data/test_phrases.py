"""Phrases: how a packed report carries them, and where their regions come to lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from src.data.phantom.source import PhantomSource
from src.data.phrase_regions import seen_regions
from src.data.phrases import Phrase, Said, phrased_report, read_phrases
from src.data.report import caption_of_report
from src.data.sources import GroundedTable
from src.data.transforms import ImageTransform

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.fixture(scope="module")
def transform() -> ImageTransform:
    """The published one: the longer side to 64, zeros around it, the middle 48."""
    config = OmegaConf.create({"transform": OmegaConf.load(CONF / "transform/published.yaml")})
    config.transform.update({"size": 64, "crop": 48})
    made: ImageTransform = instantiate(config.transform.eval, _convert_="all")
    return made


def _phrase(box: Any = (), mask_HW: np.ndarray | None = None) -> Phrase:
    return Phrase(text="an effusion", category="effusion", box_N4=np.array(box, float).reshape(-1, 4), mask_HW=mask_HW)


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(1, 9)), min_size=1))
def test_a_report_gives_its_phrases_back(said: list[tuple[str, int]]) -> None:
    assert read_phrases(phrased_report([Said(*one) for one in said])) == [Said(*one) for one in said]


def test_captions_see_the_phrases_alone() -> None:
    report = phrased_report([Said("Left basal opacity", 2), Said("No PHRASES: here.", 1)])
    assert caption_of_report(report, "corrected") == "left basal opacity no phrases here"
    assert caption_of_report(report, "published") == "left basal opacity no phrases here"
    assert read_phrases(" FINDINGS:\n Clear lungs.") == []


def test_regions_go_where_the_image_goes(transform: ImageTransform) -> None:
    """Whatever is drawn white on the image is, in the image as the model sees it, white where the region is."""
    places = {(128, 128): (54, 40, 92, 66), (128, 96): (10, 21, 55, 100), (71, 143): (30, 11, 88, 60)}
    for (height, width), (left, top, right, bottom) in places.items():
        mask_HW = np.zeros((height, width), dtype=bool)
        mask_HW[top:bottom, left:right] = True
        seen_HW = transform.augment(transform.shrink(255 * mask_HW.astype(np.uint8)), seed=0)
        phrases = [_phrase((left, top, right, bottom)), _phrase((0, 0, 1, 1), mask_HW)]
        for region_HW in seen_regions(phrases, (height, width), transform, region="auto"):
            surely_HW, perhaps_HW = seen_HW > 250, seen_HW > 4
            assert surely_HW.any()
            assert region_HW[surely_HW].all()
            assert not region_HW[~perhaps_HW].any()


def test_masks_give_way_to_boxes_where_asked(transform: ImageTransform) -> None:
    mask_HW = np.zeros((64, 64), dtype=bool)
    mask_HW[30, 30] = True
    phrase = _phrase([(20, 20, 28, 24), (40, 20, 44, 28)], mask_HW)
    sizes = {name: int(seen_regions([phrase], (64, 64), transform, region=name).sum()) for name in ("auto", "boxes")}
    assert sizes == {"auto": 1, "boxes": 8 * 4 + 4 * 8}


def test_what_the_crop_leaves_out_has_no_region(transform: ImageTransform) -> None:
    edge_HW = np.zeros((64, 64), dtype=bool)
    edge_HW[:, :6] = True
    # a box that float32 has moved past the edge is cut
    phrases = [_phrase((0, 0, 7, 64)), _phrase(mask_HW=edge_HW), _phrase((30, 30, 64.00001, 34))]
    seen_QHW = seen_regions(phrases, (64, 64), transform, region="auto")
    assert seen_QHW.any(axis=(1, 2)).tolist() == [False, False, True]
    assert seen_QHW[2].sum() == 4 * (56 - 30)


def test_the_phantom_says_where_its_findings_are() -> None:
    table = PhantomSource(seed=3, size=96, train=1, val=1, test=36, prevalence=0.4).table("test")
    assert isinstance(table, GroundedTable)
    several = 0
    for index in range(16, 36):
        study = table.study(index)
        masks = study.masks(96)
        flat = " ".join(study.report.split())
        for phrase in table.phrases(index):
            assert phrase.text in flat
            own = [k for k, finding in enumerate(study.findings) if finding.name == phrase.category]
            assert phrase.mask_HW is not None
            assert phrase.mask_HW.any()
            named = [k for k in own if (masks[k] & phrase.mask_HW).sum() == masks[k].sum()]
            assert np.array_equal(phrase.mask_HW, np.any([masks[k] for k in named], axis=0))
            several += len(phrase.box_N4) > 1
        spoken = {study.findings[k].name for sentence in study.sentences for k in sentence.instances}
        assert {phrase.category for phrase in table.phrases(index)} == spoken
        assert len({phrase.text for phrase in table.phrases(index)}) == len(table.phrases(index))
    assert several
