"""Figures of segmentation against naive loops in float64, and masks small enough to count by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.case_keys import CaseKeys
from src.core.dense import IGNORED
from src.evaluation.cases import Values
from src.evaluation.estimate import value_of
from src.evaluation.mask_distance import nearest, outline, outline_distances
from src.evaluation.segmentation import MaskFigures

NAN = math.nan


def cases_of(pairs, names=("lung",), *, published=False) -> Values:
    figures = MaskFigures(names, published=published)
    for predicted_FHW, truth_FHW in pairs:
        figures.add(torch.as_tensor(predicted_FHW).bool(), torch.as_tensor(truth_FHW).to(torch.uint8))
    return figures.cases(CaseKeys.of(torch.arange(len(pairs))))


def naive_overlap(predicted_HW, truth_HW) -> tuple[float, float]:
    both = found = there = 0.0
    for y in range(len(truth_HW)):
        for x in range(len(truth_HW[0])):
            if truth_HW[y][x] != IGNORED:
                both += predicted_HW[y][x] * truth_HW[y][x]
                found += predicted_HW[y][x]
                there += truth_HW[y][x]
    if there == 0:
        return (1.0, 1.0) if found == 0 else (0.0, 0.0)
    return 2 * both / (found + there), both / (found + there - both)


def naive_outline(mask_HW: np.ndarray, ignored_HW: np.ndarray) -> list[tuple[int, int]]:
    height, width = mask_HW.shape
    points = []
    for y in range(height):
        for x in range(width):
            if not mask_HW[y, x] or ignored_HW[y, x]:
                continue
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= v < height and 0 <= u < width and (mask_HW[v, u] or ignored_HW[v, u])
                if not inside:
                    points.append((y, x))
                    break
    return points


def naive_distances(one, other, shape: tuple[int, int]) -> tuple[float, float]:
    reach = 1.0
    if not one and not other:
        return 0.0, 1.0
    if not one or not other:
        return math.hypot(*shape), 0.0
    away = [[min(math.dist(p, q) for q in b) for p in a] for a, b in ((one, other), (other, one))]
    shares = [sum(d <= reach for d in each) / len(each) for each in away]
    f = 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0
    return max(float(np.percentile(each, 95)) for each in away), f


def made_mask(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros(shape, dtype=np.uint8)
    if kind == 1:
        return (rng.random(shape) < 0.5).astype(np.uint8)
    mask_HW = np.zeros(shape, dtype=np.uint8)
    top, left = (int(rng.integers(0, side)) for side in shape)
    mask_HW[top : top + int(rng.integers(1, 8)), left : left + int(rng.integers(1, 8))] = 1
    return mask_HW


@given(seed=st.integers(0, 10_000), ignores=st.booleans())
def test_every_measure_of_an_image_is_the_naive_one(seed: int, ignores: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 12)), int(rng.integers(1, 12)))
    predicted_FHW, truth_FHW = (np.stack([made_mask(rng, shape) for _ in range(2)]) for _ in range(2))
    if ignores:
        truth_FHW[rng.random(truth_FHW.shape) < 0.2] = IGNORED
    columns = []
    for predicted_HW, truth_HW in zip(predicted_FHW, truth_FHW, strict=True):
        dice, iou = naive_overlap(predicted_HW.astype(float), truth_HW.astype(float))
        ignored_HW = truth_HW == IGNORED
        nothing_HW = np.zeros_like(ignored_HW)
        known = [(mask_HW == 1) & ~ignored_HW for mask_HW in (predicted_HW, truth_HW)]
        outlines = [naive_outline(m_HW, ignored_HW) or naive_outline(m_HW, nothing_HW) for m_HW in known]
        columns.append((dice, iou, dice if (truth_HW == 1).any() else NAN, *naive_distances(*outlines, shape)))
        if ignored_HW.all():
            columns[-1] = (NAN,) * 5
    # a finding that no image has enters no mean, unless none has any
    there = [f for f in range(2) if (truth_FHW[f] == 1).any()] or [0, 1]
    known = [[value for value in of if value == value] for of in zip(*(columns[f] for f in there), strict=True)]
    expected = [sum(of) / len(of) if of else NAN for of in known]
    cases = cases_of([(predicted_FHW, truth_FHW)], ("a", "b"))
    assert cases.names == ("dice", "iou", "dice_positive", "hd95", "boundary_f", *(f"dice/{'ab'[f]}" for f in there))
    assert cases.value_NM[0].tolist() == pytest.approx([*expected, *(columns[f][0] for f in there)], nan_ok=True)


def test_four_by_four_by_hand() -> None:
    truth = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 255]])
    predicted = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    (dice, iou, positive, hd95, boundary) = cases_of([(predicted[None], truth[None])]).value_NM[0].tolist()
    assert dice == positive == pytest.approx(2 * 2 / (4 + 4))
    assert iou == pytest.approx(2 / 6)
    # one step aside: two of the four pixels of either outline lie on the other's, the others a pixel away
    assert hd95 == 1
    assert boundary == 1


@pytest.mark.parametrize("published", [False, True])
def test_the_rule_of_empty_masks(published: bool) -> None:
    empty, some = np.zeros((1, 4, 4)), np.eye(4)[None]
    unknown = np.where(some == 1, IGNORED, 0)
    cases = cases_of([(empty, empty), (some, empty), (empty, some), (some, some), (some, unknown)], published=published)
    assert cases.value_NM[:, 0].tolist() == [1, 0, 0, 1, 1]
    if published:
        assert cases.names == ("dice",)
        return
    assert cases.value_NM[:, 1].tolist() == [1, 0, 0, 1, 1]
    assert cases.value_NM[:, 2].tolist() == pytest.approx([NAN, NAN, 0, 1, NAN], nan_ok=True)
    # found nothing where nothing is; invented; missed, the diagonal of 4 x 4 each; found; nothing known
    assert cases.value_NM[:, 3].tolist() == pytest.approx([0, 32**0.5, 32**0.5, 0, 0])
    assert cases.value_NM[:, 4].tolist() == [1, 0, 0, 1, 1]


def test_the_outline_stops_where_nobody_knows() -> None:
    mask_HW, ignored_HW = np.zeros((9, 9), dtype=bool), np.zeros((9, 9), dtype=bool)
    mask_HW[2:7, 2:7] = True
    assert len(outline(mask_HW, ignored_HW)) == 16
    ignored_HW[:, 5:] = True
    # the three columns that are left have no edge on the right
    assert sorted(map(tuple, outline(mask_HW, ignored_HW).tolist())) == sorted(naive_outline(mask_HW, ignored_HW))
    assert len(outline(mask_HW, ignored_HW)) == 9


def test_a_finding_amid_ignored_pixels_has_an_outline() -> None:
    ignored_HW = np.zeros((9, 9), dtype=bool)
    ignored_HW[1:8, 1:8] = True
    ignored_HW[3:6, 3:6] = False
    whole_HW, middle_HW, none_HW = np.zeros((3, 9, 9), dtype=bool)
    whole_HW[3:6, 3:6], middle_HW[4, 4] = True, True
    assert outline_distances(whole_HW, whole_HW, ignored_HW) == (0, 1)
    # of the eight pixels around the middle the farthest are the diagonal ones
    assert outline_distances(middle_HW, whole_HW, ignored_HW).hd95 == pytest.approx(2**0.5)
    assert outline_distances(whole_HW, none_HW, ignored_HW) == (162**0.5, 0)


def disc(x: int, y: int, radius: int = 9) -> np.ndarray:
    y_HW, x_HW = np.mgrid[:96, :96]
    return ((x_HW - x) ** 2 + (y_HW - y) ** 2 <= radius**2)[None]


def test_who_misses_findings_is_not_the_better_for_it() -> None:
    """A finds all of 12 lesions, B misses the 9 that are hardest: HD95 is over 12 images for both, and B's is worse."""
    truth = disc(40, 48)
    a = [(disc(42 + n, 48), truth) for n in range(12)]
    b = [(found if n < 3 else np.zeros_like(truth), truth) for n, (found, _) in enumerate(a)]
    value_A, value_B = (cases_of(pairs).value_NM for pairs in (a, b))
    # a disc moved by n pixels has its outline n pixels off at most
    assert value_A[:, 3].max() <= 13
    assert value_B[3:, 3].tolist() == pytest.approx([96 * 2**0.5] * 9)
    assert value_B[:, 3].mean() > value_A[:, 3].mean()
    for column in range(5):
        assert torch.equal(value_A[:, column].isnan(), value_B[:, column].isnan())


@given(seed=st.integers(0, 10_000))
def test_two_models_are_compared_on_the_same_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths = [made_mask(rng, (8, 7)) for _ in range(3)]
    for truth_HW in truths:
        truth_HW[rng.random((8, 7)) < rng.choice([0, 0.3, 1])] = IGNORED
    models = [cases_of([(made_mask(rng, (8, 7))[None], t_HW[None]) for t_HW in truths]).value_NM for _ in range(2)]
    assert torch.equal(models[0].isnan(), models[1].isnan())
    known_N = torch.tensor([bool((truth_HW != IGNORED).any()) for truth_HW in truths])
    for column in (0, 1, 3, 4):
        assert torch.equal(~models[0][:, column].isnan(), known_N)


def test_the_tolerance_is_a_share_of_the_diagonal() -> None:
    one_HW, other_HW = np.zeros((2, 300, 400), dtype=bool)
    one_HW[100, 100], other_HW[100, 103] = True, True
    none_HW = np.zeros_like(one_HW)
    # 0.75 % of 500 pixels are 3.75
    assert outline_distances(one_HW, other_HW, none_HW) == (3, 1)
    other_HW[100, 103], other_HW[100, 104] = False, True
    assert outline_distances(one_HW, other_HW, none_HW) == (4, 0)


def test_outlines_of_noise_are_measured_alike() -> None:
    rng = np.random.default_rng(0)
    noise_HW, none_HW = rng.random((420, 380)) < 0.5, np.zeros((420, 380), dtype=bool)
    noise_HW[:100] = False
    many_K2, few_L2 = outline(noise_HW, none_HW), np.array([[3, 7], [50, 300], [419, 1]])
    assert len(many_K2) < 100_000 < 2 * len(many_K2)
    # the same pixels given twice are many enough for the map of distances
    twice_K2 = np.concatenate([many_K2, many_K2])
    np.testing.assert_allclose(nearest(twice_K2, few_L2)[: len(many_K2)], nearest(many_K2, few_L2), rtol=1e-12)
    np.testing.assert_allclose(nearest(few_L2, twice_K2), nearest(few_L2, many_K2), rtol=1e-12)


def test_figures_of_a_split() -> None:
    masks = MaskFigures(("lung",), published=False)
    small, large = np.zeros((1, 4, 4)), np.ones((1, 4, 4))
    small[0, 0, 0] = 1
    for predicted, truth in ((small, small), (small, large), (large * 0, large * 0)) * 3:
        masks.add(torch.as_tensor(predicted).bool(), torch.as_tensor(truth).to(torch.uint8))
    cases = masks.cases(CaseKeys.of(torch.arange(9)))
    figures = masks.figures(cases, resamples=50)
    assert value_of(figures["segment/dice"]) == pytest.approx((1 + 2 / 17 + 1) / 3)
    assert value_of(figures["segment/dice_positive"]) == pytest.approx((1 + 2 / 17) / 2)
    assert value_of(figures["segment/pooled_dice"]) == pytest.approx(2 * 2 / (2 + 17))
    assert (figures["segment/images"], figures["segment/positives"]) == (9, 6)
    low, high = figures["segment/dice"].low, figures["segment/dice"].high
    assert 2 / 17 - 1e-9 <= low < high <= 1
    published = MaskFigures(("lung",), published=True)
    published.add(torch.as_tensor(small).bool(), torch.as_tensor(large).to(torch.uint8))
    found = published.figures(published.cases(CaseKeys.of(torch.arange(1))), resamples=0)
    assert {name: value_of(figure) for name, figure in found.items()} == {
        "segment_published/dice": pytest.approx(2 / 17),
        "segment_published/images": 1,
    }


def test_a_finding_of_few_patients_has_no_interval() -> None:
    masks = MaskFigures(("common", "rare"), published=False)
    one = torch.ones(1, 3, 3, dtype=torch.uint8)
    for n in range(10):
        masks.add(torch.ones(2, 3, 3).bool(), torch.cat([one, one * (n < 4)]))
    figures = masks.figures(masks.cases(CaseKeys.of(torch.arange(10))), resamples=50)
    assert figures["segment/dice/common"].low == 1
    assert figures["segment/dice/rare"].reason == "4 patients with it"
    # a mean with it shows no more
    for measure in ("dice", "iou", "hd95", "boundary_f"):
        assert figures[f"segment/{measure}"].reason == "rare has 4 patients with it"


def test_a_finding_that_no_image_has_enters_no_mean(caplog: pytest.LogCaptureFixture) -> None:
    masks = MaskFigures(("there", "absent"), published=False)
    truth = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]]], dtype=torch.uint8)
    for _ in range(6):
        masks.add(torch.ones(2, 2, 2).bool(), truth)
    figures = masks.figures(masks.cases(CaseKeys.of(torch.arange(6))), resamples=50)
    assert value_of(figures["segment/dice"]) == pytest.approx(2 * 2 / (4 + 2))
    assert "segment/dice/absent" not in figures
    assert "segment: left out, as no image has it: absent" in caplog.text


def test_masks_of_another_size_are_refused() -> None:
    masks = MaskFigures(("lung",), published=False)
    with pytest.raises(ValueError, match=r"masks of \(1, 4, 4\) and \(1, 4, 5\)"):
        masks.add(torch.zeros(1, 4, 4).bool(), torch.zeros(1, 4, 5, dtype=torch.uint8))
    with pytest.raises(ValueError, match="no two of 1 findings"):
        masks.add(torch.zeros(2, 4, 4).bool(), torch.zeros(2, 4, 4, dtype=torch.uint8))


def test_an_image_that_is_wholly_ignored_counts_in_nothing() -> None:
    figures_of, keys = MaskFigures(["f"], published=False), CaseKeys.of(torch.arange(2))
    mask_FHW = torch.ones(1, 4, 4, dtype=torch.uint8)
    figures_of.add(mask_FHW.bool(), torch.full_like(mask_FHW, IGNORED))
    figures_of.add(~mask_FHW.bool(), mask_FHW)
    figures = figures_of.figures(figures_of.cases(keys), resamples=0)
    assert figures["segment/images"] == 1
    assert value_of(figures["segment/dice"]) == value_of(figures["segment/iou"]) == 0
