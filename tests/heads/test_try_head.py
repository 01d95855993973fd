"""A head that does not fit ends in one sentence, before anything is trained."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from src.core.dense import Detections
from src.core.errors import UserError
from src.heads.dense import DetectionHead, SegmentationHead
from src.heads.linear import LinearHead
from src.heads.try_head import classification_head, try_dense_head

CHANNELS = {8: 4, 16: 6}
NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


class _Masks(SegmentationHead):
    def __init__(self, *, strides: tuple[int, ...] | None = (8,), width: int = 4, upsample: bool = True) -> None:
        super().__init__()
        if strides is not None:
            self.strides = strides
        self.upsample = upsample
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, maps: Any, size: tuple[int, int]) -> torch.Tensor:
        logit_BFRS = self.last(maps[0])
        return nn.functional.interpolate(logit_BFRS, size=size) if self.upsample else logit_BFRS


class _Boxes(DetectionHead):
    strides = (8,)

    def __init__(self, *, parts: Any, found: Any) -> None:
        super().__init__()
        self.parts, self.found = parts, found

    def loss(self, maps: Any, objects: Any, size: Any) -> Any:
        return self.parts

    def detect(self, maps: Any, size: Any) -> Any:
        return self.found


GOOD_LOSS = {"loss_box": torch.zeros(())}


class _NoDetect(DetectionHead):
    strides = (8,)


def _refused(head: Any) -> str:
    with pytest.raises(UserError) as refusal:
        try_dense_head(head, channels=CHANNELS, classes=2, size=(32, 48))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _Masks(strides=None), "_Masks does not say which maps it reads; set self.strides"),
        (lambda: _Masks(strides=(4,)), "stride 4, which this encoder does not give; it gives 8, 16."),
        (lambda: _Masks(width=5), "cannot be run on maps of the strides \\[8\\]: .*channels"),
        (lambda: _Masks(upsample=False), "returns \\(2, 2, 4, 6\\) for 2 images .* \\(2, 2, 32, 48\\) is needed"),
        (lambda: _Boxes(parts=torch.zeros(()), found=[NOTHING] * 2), "loss does not return scalars by name"),
        (lambda: _Boxes(parts={"a": torch.zeros(2)}, found=[NOTHING] * 2), "loss does not return scalars by name"),
        (lambda: _Boxes(parts=GOOD_LOSS, found=[NOTHING]), "detect does not return a list of one Detections"),
        (lambda: _Boxes(parts=GOOD_LOSS, found=None), "detect does not return a list"),
        (_NoDetect, "_NoDetect lacks a method that its base class describes"),
    ],
)
def test_a_dense_head_that_does_not_fit(make: Callable[[], Any], message: str) -> None:
    assert re.search(message, _refused(make()))


def test_dense_heads_that_fit_pass_and_no_random_number_is_used_up() -> None:
    drawn = torch.random.get_rng_state()
    torch.manual_seed(1)
    heads = [_Masks(), _Boxes(parts=GOOD_LOSS, found=[NOTHING] * 2)]
    torch.random.set_rng_state(drawn)
    for head in heads:
        try_dense_head(head, channels=CHANNELS, classes=2, size=(32, 48))
        assert head.training
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_a_classification_head_of_another_shape_is_refused() -> None:
    def flat(*, in_dim: int, classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(in_dim, classes), nn.Flatten(0))

    with pytest.raises(UserError, match=r"returns \(6,\) for 2 images and 3 findings, where \(2, 3\) is needed"):
        classification_head(flat, in_dim=4, classes=3)
    with pytest.raises(UserError, match="cannot be run on features of width 4: mat1 and mat2"):
        classification_head(lambda **_: nn.Linear(5, 3), in_dim=4, classes=3)
    made = classification_head(lambda **given: LinearHead(dropout=0.5, **given), in_dim=4, classes=3)
    assert made.training
