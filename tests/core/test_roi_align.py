"""RoIAlign, through mmcv's own function, against the formula written out sample by sample."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from src.core import roi_align
from src.core.mmcv_ops import ensure_mmcv

# image, left, top, right, bottom: inside, beyond every edge, wholly outside, without area, one that is a point
ROIS = [
    [0, 1.3, 2.1, 7.9, 9.2],
    [1, -6.0, -3.0, 4.0, 30.0],
    [1, 40.0, 40.0, 60.0, 50.0],
    [0, 3.0, 3.0, 3.0, 8.0],
    [0, 5.0, 5.0, 5.0, 5.0],
    [1, 0.0, 0.0, 12.0, 10.0],
    [1, 2.2, 1.7, 3.1, 2.9],
]


@pytest.fixture(scope="module")
def mmcv_roi_align() -> Callable:
    ensure_mmcv()
    from mmcv.ops import roi_align as function

    return function


def bilinear(plane: list[list[float]], y: float, x: float) -> float:
    rows, columns = len(plane), len(plane[0])
    if y < -1 or y > rows or x < -1 or x > columns:
        return 0.0
    y, x = min(max(y, 0.0), rows - 1.0), min(max(x, 0.0), columns - 1.0)
    top, left = math.floor(y), math.floor(x)
    bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
    below, beside = y - top, x - left
    upper = plane[top][left] * (1 - beside) + plane[top][right] * beside
    lower = plane[bottom][left] * (1 - beside) + plane[bottom][right] * beside
    return upper * (1 - below) + lower * below


def naive(
    image: Tensor, rois: list[list[float]], bins: tuple[int, int], scale: float, ratio: int, mode: str, aligned: bool
) -> Tensor:
    found = torch.zeros(len(rois), image.shape[1], *bins, dtype=torch.float64)
    for k, (index, *corners) in enumerate(rois):
        left, top, right, bottom = (value * scale - (0.5 if aligned else 0) for value in corners)
        sides = (bottom - top, right - left)
        high, wide = sides if aligned else (max(sides[0], 1.0), max(sides[1], 1.0))
        down = ratio if ratio > 0 else math.ceil(high / bins[0])
        across = ratio if ratio > 0 else math.ceil(wide / bins[1])
        for c in range(image.shape[1]):
            plane = image[int(index), c].tolist()
            for p in range(bins[0]):
                for q in range(bins[1]):
                    values = [
                        bilinear(
                            plane,
                            top + (p + (i + 0.5) / down) * high / bins[0],
                            left + (q + (j + 0.5) / across) * wide / bins[1],
                        )
                        for i in range(down)
                        for j in range(across)
                    ]
                    if values:
                        found[k, c, p, q] = max(values) if mode == "max" else sum(values) / len(values)
    return found


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_it_is_the_formula(mmcv_roi_align: Callable, ratio: int, mode: str, aligned: bool) -> None:
    image_BCHW = torch.randn(2, 3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rois_K5 = torch.tensor(ROIS, dtype=torch.float64)
    found = mmcv_roi_align(image_BCHW, rois_K5, (2, 3), 0.5, ratio, mode, aligned)
    assert torch.allclose(found, naive(image_BCHW, ROIS, (2, 3), 0.5, ratio, mode, aligned), atol=1e-12)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_its_gradient(mmcv_roi_align: Callable, mode: str, aligned: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    image_BCHW = torch.randn(2, 2, 6, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    rois_K5 = torch.tensor(ROIS, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda image: mmcv_roi_align(image, rois_K5, (2, 3), 0.5, 0, mode, aligned), (image_BCHW,)
    )


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_no_boxes(mmcv_roi_align: Callable, mode: str) -> None:
    image_BCHW = torch.randn(2, 3, 6, 5, requires_grad=True)
    found = mmcv_roi_align(image_BCHW, torch.zeros(0, 5), (2, 2), 0.5, 0, mode, True)
    found.sum().backward()
    assert found.shape == (0, 3, 2, 2)
    assert image_BCHW.grad is not None
    assert not image_BCHW.grad.any()


def test_many_boxes_in_turns_are_the_same(mmcv_roi_align: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    image_BCHW = torch.randn(3, 2, 6, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    corner_N2 = torch.rand(40, 2, generator=generator, dtype=torch.float64) * 8
    image_N1 = torch.randint(0, 3, (40, 1), generator=generator).double()
    rois_K5 = torch.cat((image_N1, corner_N2, corner_N2 + 3), dim=1)
    whole = mmcv_roi_align(image_BCHW, rois_K5, (2, 2), 0.5, 0, "avg", True)
    (gradient,) = torch.autograd.grad(whole.square().sum(), image_BCHW)
    monkeypatch.setattr(roi_align, "_NUMBERS", 3 * 2 * 2 * 5 * 4)
    parts = mmcv_roi_align(image_BCHW, rois_K5, (2, 2), 0.5, 0, "avg", True)
    (gradient_of_parts,) = torch.autograd.grad(parts.square().sum(), image_BCHW)
    assert torch.allclose(whole, parts)
    assert torch.allclose(gradient, gradient_of_parts)


def test_torchvision_does_averages_where_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of arguments is that of torchvision's ``roi_align`` and ``_roi_align_backward``."""
    calls = []

    def compiled(*arguments: object) -> Tensor:
        calls.append(arguments[2:])
        return torch.zeros(())

    monkeypatch.setattr(roi_align, "has_compiled", lambda _operator, _tensor: True)
    for name in ("roi_align", "_roi_align_backward"):
        monkeypatch.setattr(torch.ops.torchvision, name, compiled, raising=False)
    grid = roi_align.Grid(height=2, width=3, scale=0.5, sampling=4, aligned=True)
    roi_align.average(torch.zeros(1, 2, 6, 5), torch.zeros(1, 5), grid)
    roi_align.average_backward(torch.zeros(1, 2, 2, 3), torch.zeros(1, 5), torch.Size((1, 2, 6, 5)), grid)
    assert calls == [(0.5, 2, 3, 4, True), (0.5, 2, 3, 1, 2, 6, 5, 4, True)]
