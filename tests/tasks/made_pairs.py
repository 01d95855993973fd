"""A model of two small made encoders, and pairs for it, in float64.

Axes: B pairs, C channels, H and W pixels, L tokens.
"""

import torch
from torch import Tensor, nn

from src.core.batch import PairBatch
from src.core.rules import Rules
from src.core.torchvision_ops import ensure_torchvision
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.models.features import ImageEncoder, ImageFeatures, TextEncoder, TextFeatures
from tests.losses.every import make_loss

# processes of their own start here, without what conftest.py has done
ensure_torchvision()

from src.tasks.gradient_cache import GradientCache  # noqa: E402
from src.tasks.pretrain_module import Negatives, PretrainModule  # noqa: E402

WIDTH = 8


class MadeImages(ImageEncoder):
    """Pixels are the patches; with ``batch_norm`` they are normalised over the batch first."""

    def __init__(self, *, batch_norm: bool) -> None:
        super().__init__()
        self.global_dim, self.local_dim = 6, 5
        self.norm = nn.BatchNorm2d(3) if batch_norm else nn.Identity()
        self.whole, self.patch, self.see = nn.Linear(48, 6), nn.Linear(3, 5), nn.Linear(48, 16)

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        image_BCHW = self.norm(image_BCHW)
        return ImageFeatures(
            global_BE=self.whole(image_BCHW.flatten(1)).tanh(),
            local_BPE=self.patch(image_BCHW.flatten(2).mT).tanh(),
            attention_BP=self.see(image_BCHW.flatten(1)).softmax(dim=1).detach(),
            grid=(4, 4),
        )


class MadeTexts(TextEncoder):
    """Every token is a word."""

    def __init__(self) -> None:
        super().__init__()
        self.global_dim = self.local_dim = 6
        self.word, self.see = nn.Embedding(20, 6), nn.Embedding(20, 1)

    def forward(self, token_BL: Tensor, token_mask_BL: Tensor) -> TextFeatures:
        word_BLE = self.word(token_BL) * token_mask_BL.unsqueeze(-1)
        return TextFeatures(
            global_BE=word_BLE.sum(dim=1).tanh(),
            local_BTE=word_BLE,
            mask_BT=token_mask_BL,
            attention_BT=(self.see(token_BL).squeeze(-1).sigmoid() * token_mask_BL).detach(),
        )


def made_losses(names: list[str], rules: Rules) -> CompositeLoss:
    """The losses of these names as their yamls describe them, at weights that differ."""
    weights = {name: 0.5 + 0.2 * place for place, name in enumerate(sorted(names))}
    return CompositeLoss({name: make_loss(name, width=WIDTH, rules=rules, weight=weights[name]) for name in names})


def made_module(
    losses: list[str],
    *,
    rules: Rules = "corrected",
    negatives: Negatives = "global",
    sync_batch_norm: bool = True,
    encoder_batch_norm: bool = False,
    gradient_cache: GradientCache | None = None,
) -> PretrainModule:
    """The module that pretraining trains, always of the same weights; what it logs is in its ``logged``."""
    torch.manual_seed(0)
    model = AlignmentModel(
        image_encoder=MadeImages(batch_norm=encoder_batch_norm),
        text_encoder=MadeTexts(),
        embedding_dim=WIDTH,
        hidden_dim=10,
        sync_batch_norm=sync_batch_norm,
        rules=rules,
    )
    module = PretrainModule(
        model=model,
        loss=made_losses(losses, rules),
        negatives=negatives,
        gradient_cache=gradient_cache,
        optimizer=lambda parts: torch.optim.SGD([p for part in parts for p in part.parameters()]),
        scheduler=lambda *_: None,
    ).double()
    module.logged = {}
    module.log = lambda name, value, **_: module.logged.update({name: float(value)})
    return module


def made_batch(pairs: int) -> PairBatch:
    """Reports of every length from one word on."""
    generator = torch.Generator().manual_seed(3)
    length_B1 = torch.arange(pairs).unsqueeze(1) % 6 + 1
    token_BL = torch.randint(1, 20, (pairs, 6), generator=generator)
    image_BCHW = torch.randn(pairs, 3, 4, 4, generator=generator, dtype=torch.float64)
    mask_BL = torch.arange(6) < length_B1
    return PairBatch(image_BCHW, token_BL * mask_BL, mask_BL, torch.arange(pairs), torch.zeros(pairs, 0))


def part_of(batch: PairBatch, first: int, count: int) -> PairBatch:
    """``count`` pairs of the batch from ``first`` on."""
    own = slice(first, first + count)
    return PairBatch(*(getattr(batch, name)[own] for name in PairBatch.__dataclass_fields__))


def gradients_of(module: nn.Module) -> dict[str, Tensor]:
    """The gradient of each parameter that has one."""
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
