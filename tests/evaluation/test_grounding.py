"""Pointing game, mIoU and contrast-to-noise ratio against values worked out by hand and plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.case_keys import CaseKeys
from src.evaluation.estimate import Estimate
from src.evaluation.grounding import (
    HEAT_MEASURES,
    MAP_MEASURES,
    MEASURES,
    grounding_cases,
    grounding_figures,
    heat_measures,
    map_measures,
)
from src.evaluation.resample import resampled

NAN = float("nan")
HEAT = torch.tensor([[0.05, 0.15, 0.25], [0.35, 0.45, 0.55]])
REGION = torch.tensor([[0, 0, 1], [0, 1, 1]], dtype=torch.bool)


def _measures(heat: torch.Tensor, region: torch.Tensor, *, stretch: bool = False) -> dict[str, float]:
    """Of heat that has a value for each pixel."""
    grid = (heat.shape[0], heat.shape[1])
    values = map_measures(heat.flatten()[None], grid, region[None], stretch=stretch)[0]
    return dict(zip(MAP_MEASURES, values.tolist(), strict=True))


def test_by_hand():
    found = _measures(HEAT, REGION)
    assert found["pointing_game"] == 1
    assert found["chance_pointing_game"] == 0.5
    assert found["ceiling_pointing_game"] == 1
    # above 0.1 lie five pixels, three of the region's; then four, three; three, two of them; two; one
    assert found["miou"] == pytest.approx((3 / 5 + 3 / 4 + 2 / 4 + 2 / 3 + 1 / 3) / 5)
    inside, outside = np.array([0.25, 0.45, 0.55]), np.array([0.05, 0.15, 0.35])
    wanted = (inside.mean() - outside.mean()) / math.sqrt(inside.var() + outside.var())
    assert found["cnr"] == pytest.approx(wanted, rel=1e-6)
    assert found["cnr_absolute"] == found["cnr"]


def test_stretched_heat_is_measured_between_its_ends():
    # cubed and stretched: 0, 0.02, 0.09 and 0.26, 0.55, 1
    heat = HEAT**3 / 100
    assert _measures(heat, REGION, stretch=True)["miou"] == pytest.approx((2 / 4 + 2 / 4 + 3 * 2 / 3) / 5)
    assert _measures(heat, REGION)["miou"] == 0


def test_one_minus_attention_points_where_the_phrase_does_not_look():
    """The trap: the pointing game turns to its opposite, and the contrast changes its sign, which its absolute value
    hides.
    """
    attention, region = HEAT / HEAT.sum(), REGION
    right, wrong = _measures(attention, region), _measures(1 - attention, region)
    assert (right["pointing_game"], wrong["pointing_game"]) == (1, 0)
    assert wrong["cnr"] == pytest.approx(-right["cnr"], rel=1e-4)
    assert wrong["cnr_absolute"] == pytest.approx(right["cnr_absolute"], rel=1e-4)
    assert _measures(1 - attention, ~region)["pointing_game"] == 1


def test_pixels_that_share_the_maximum_share_the_point():
    heat = torch.tensor([[0.7, 0.7, 0.1], [0.7, 0.2, 0.7]])
    region = torch.tensor([[1, 0, 1], [1, 1, 0]], dtype=torch.bool)
    assert _measures(heat, region)["pointing_game"] == 0.5


def test_the_same_heat_everywhere_is_chance():
    for value in (0.0, 1 / 7, -0.3):
        found = _measures(torch.full((2, 3), value), REGION)
        assert found["pointing_game"] == found["chance_pointing_game"] == 0.5
        assert found["cnr"] == 0
        assert _measures(torch.full((2, 3), value), REGION, stretch=True)["miou"] == 0


def test_heat_that_is_no_number_has_no_measure():
    heat_QP = torch.stack([torch.full((6,), NAN), HEAT.flatten()])
    values = heat_measures(heat_QP, (2, 3), REGION.expand(2, 2, 3), stretch=True)
    assert values[0].isnan().all()
    assert not values[1].isnan().any()
    assert values.shape == (2, len(HEAT_MEASURES))


def test_a_region_that_is_the_whole_image_has_no_contrast():
    found = _measures(HEAT, torch.ones(2, 3, dtype=torch.bool))
    assert math.isnan(found["cnr"])
    assert math.isnan(found["cnr_absolute"])
    assert found["pointing_game"] == found["chance_pointing_game"] == 1


@given(st.integers(0, 10_000))
def test_against_loops(seed: int) -> None:
    draw = np.random.default_rng(seed)
    heat = draw.normal(0.2, 0.3, (4, 5, 6))
    region = draw.random((4, 5, 6)) < 0.3
    region[:, 0, 0], region[:, 1, 1] = True, False
    values = map_measures(torch.from_numpy(heat).flatten(1), (5, 6), torch.from_numpy(region), stretch=False)
    for q in range(4):
        hot, named = heat[q].ravel(), region[q].ravel()
        point = float(named[hot.argmax()])
        overlap = np.mean([(named & (hot > t)).sum() / (named | (hot > t)).sum() for t in (0.1, 0.2, 0.3, 0.4, 0.5)])
        inside, outside = hot[named], hot[~named]
        contrast = (inside.mean() - outside.mean()) / math.sqrt(inside.var() + outside.var())
        # a cell a pixel: chance is the region's share of the image, and the best map points into the region
        wanted = [point, overlap, contrast, abs(contrast), named.mean(), 1]
        np.testing.assert_allclose(values[q].numpy(), wanted, rtol=1e-9)


def _figures(resamples: int) -> dict[str, Estimate | float | int]:
    measure_QM = torch.zeros(6, len(MEASURES), dtype=torch.float64)
    measure_QM[:, 0] = torch.tensor([1.0, 1, 1, 0, 0, 1])
    # the prior knows nothing of category b
    measure_QM[:, MEASURES.index("prior_pointing_game")] = torch.tensor([1.0, 0, 0, 0, NAN, NAN])
    keys = CaseKeys(row_N=torch.tensor([4, 4, 5, 6, 6, 7]), group_N=torch.tensor([0, 0, 1, 2, 2, 2]), image_id_N=None)
    categories = ["a", "a", "a", "a", "b", "b"]
    return grounding_figures(grounding_cases(measure_QM, categories, keys), resamples=resamples)


def test_means_over_phrases_and_over_categories():
    figures = _figures(0)
    values = {name: figure.value for name, figure in figures.items() if isinstance(figure, Estimate)}
    assert values["grounding/pointing_game"] == pytest.approx(4 / 6)
    assert values["grounding/pointing_game/a"] == 0.75
    assert values["grounding/pointing_game/b"] == 0.5
    assert values["grounding/pointing_game_mean"] == pytest.approx((0.75 + 0.5) / 2)
    assert figures["grounding/phrases"] == 6
    assert values["grounding/prior_pointing_game"] == values["grounding/prior_pointing_game_mean"] == 0.25
    assert math.isnan(values["grounding/prior_pointing_game/b"])
    assert figures["grounding/chance_cnr"] == 0


def test_patients_are_drawn_whole_and_few_give_no_interval():
    """All phrases of a patient come and go together: five patients are right throughout, and the sixth is not."""
    measure_QM = torch.ones(12, len(MEASURES), dtype=torch.float64)
    measure_QM[10:, 0] = 0
    keys = CaseKeys(row_N=torch.arange(12), group_N=torch.arange(12) // 2, image_id_N=None)
    figures = grounding_figures(grounding_cases(measure_QM, ["a", "b"] * 6, keys), resamples=2000)
    for name in ("pointing_game", "pointing_game_mean", "pointing_game/a"):
        figure = figures[f"grounding/{name}"]
        assert isinstance(figure, Estimate)
        assert figure.value == pytest.approx(5 / 6)
        # a resample of six draws the sixth k times with the probabilities of Binomial(6, 1/6)
        assert (figure.low, figure.high) == pytest.approx((3 / 6, 1))
    few = _figures(50)
    assert few["grounding/pointing_game"].reason == "3 patients in all"
    assert few["grounding/pointing_game/b"].reason == "1 patient with it"
    assert few["grounding/pointing_game_mean"].reason == "b has 1 patient with it"


def test_a_resample_without_a_category_has_no_mean_over_categories():
    keys = CaseKeys.of(torch.arange(3))
    measure_QM = torch.tensor([[1.0], [0.0], [0.5]], dtype=torch.float64).expand(3, len(MEASURES))
    drawn = resampled(grounding_cases(measure_QM, ["a", "a", "b"], keys), torch.tensor([[1.0, 1, 1], [2, 1, 0]]))
    assert float(drawn["pointing_game_mean"][0]) == pytest.approx((0.5 + 0.5) / 2)
    assert drawn["pointing_game_mean"][1].isnan()
