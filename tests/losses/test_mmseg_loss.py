"""mmsegmentation's losses on findings that are binary maps."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from src.core.dense import IGNORED
from src.core.errors import UserError
from src.losses.mmseg_loss import MMSegLoss

CONF = Path(__file__).resolve().parents[2] / "conf" / "mask_loss"
LOSSES: list[dict[str, Any]] = [
    {"type": "CrossEntropyLoss", "use_sigmoid": True},
    {"type": "CrossEntropyLoss", "use_sigmoid": False},
    {"type": "DiceLoss"},
    {"type": "DiceLoss", "use_sigmoid": False},
    {"type": "FocalLoss"},
    {"type": "LovaszLoss", "loss_type": "binary", "reduction": "none"},
    {"type": "LovaszLoss", "reduction": "none"},
    {"type": "TverskyLoss"},
]


@pytest.fixture
def logit_BFHW() -> Tensor:  # noqa: N802
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def mask_BFHW() -> Tensor:  # noqa: N802
    mask_BFHW = torch.randint(0, 2, (2, 3, 8, 8), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    mask_BFHW[:, :, :2] = IGNORED
    return mask_BFHW


@pytest.mark.parametrize("config", LOSSES, ids=str)
def test_any_of_them_tells_right_from_wrong_and_ignores(
    config: dict[str, Any], logit_BFHW: Tensor, mask_BFHW: Tensor
) -> None:
    loss = MMSegLoss(losses=[config])
    right_BFHW = (2.0 * (mask_BFHW == 1) - 1) * 20
    assert loss(right_BFHW, mask_BFHW) < 0.01 < 0.1 < loss(-right_BFHW, mask_BFHW)
    loss(logit_BFHW, mask_BFHW).backward()
    assert not logit_BFHW.grad[mask_BFHW == IGNORED].any()
    assert logit_BFHW.grad[mask_BFHW != IGNORED].any()
    other_BFHW = torch.where(mask_BFHW == IGNORED, -logit_BFHW, logit_BFHW)
    assert torch.equal(loss(other_BFHW, mask_BFHW), loss(logit_BFHW, mask_BFHW))


@pytest.mark.parametrize("config", LOSSES[:2], ids=str)
def test_cross_entropy_is_that_of_every_finding(config: dict[str, Any], logit_BFHW: Tensor, mask_BFHW: Tensor) -> None:
    """A mean over all pixels, of which an ignored one costs nothing, however the library is given the maps."""
    cost_BFHW = binary_cross_entropy_with_logits(
        logit_BFHW.detach().double(), (mask_BFHW == 1).double(), reduction="none"
    )
    expected = float((cost_BFHW * (mask_BFHW != IGNORED)).mean())
    assert float(MMSegLoss(losses=[config])(logit_BFHW, mask_BFHW).detach()) == pytest.approx(expected, rel=1e-5)


def test_focal_is_that_of_every_finding(logit_BFHW: Tensor, mask_BFHW: Tensor) -> None:
    cost_BFHW = binary_cross_entropy_with_logits(
        logit_BFHW.detach().double(), (mask_BFHW == 1).double(), reduction="none"
    )
    expected = float((0.5 * (1 - (-cost_BFHW).exp()) ** 2 * cost_BFHW * (mask_BFHW != IGNORED)).mean())
    assert float(MMSegLoss(losses=[LOSSES[4]])(logit_BFHW, mask_BFHW).detach()) == pytest.approx(expected, rel=1e-5)


def test_they_are_added_up(logit_BFHW: Tensor, mask_BFHW: Tensor) -> None:
    parts = [MMSegLoss(losses=[config])(logit_BFHW, mask_BFHW) for config in (LOSSES[0], LOSSES[2])]
    whole = MMSegLoss(losses=[LOSSES[0], {**LOSSES[2], "loss_weight": 3.0}])(logit_BFHW, mask_BFHW)
    assert torch.allclose(whole, parts[0] + 3 * parts[1])


@pytest.mark.parametrize("config", LOSSES, ids=str)
def test_everything_ignored_has_no_gradient(config: dict[str, Any], logit_BFHW: Tensor) -> None:
    found = MMSegLoss(losses=[config])(logit_BFHW, torch.full((2, 3, 8, 8), IGNORED, dtype=torch.uint8))
    found.backward()
    assert found.isfinite()
    assert not logit_BFHW.grad.any()


@pytest.mark.parametrize("name", ["mmseg", "focal_log_dice"])
def test_the_yamls_build(name: str, logit_BFHW: Tensor, mask_BFHW: Tensor) -> None:
    loss = instantiate(OmegaConf.load(CONF / f"{name}.yaml"), _convert_="all")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(logit_BFHW.bfloat16(), mask_BFHW).dtype == torch.float32


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "NoSuchLoss"}, r"mask_loss\.losses has .*NoSuchLoss.* which mmseg cannot build"),
        ({"type": "DiceLoss", "colour": 1}, r"mask_loss\.losses has .* which mmseg cannot build: .*colour"),
        ({"type": "DiceLoss", "activate": False}, r"DiceLoss, which with these settings does not tell right masks"),
    ],
)
def test_a_wrong_config(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MMSegLoss(losses=[config])
