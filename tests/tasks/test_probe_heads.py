"""Many heads at once do what each would do alone, in a loop written out with torch's own parts.

Axes: H heads, N images, E width, F findings.
"""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from src.core.errors import UserError
from src.evaluation.features import Features
from src.heads.linear import LinearHead
from src.heads.mlp import MlpHead
from src.heads.objective import classification_loss
from src.tasks.probes.heads import Recipe, fit_heads

WIDTH, FINDINGS = 5, 3


def made(count: int, seed: int, *, exclusive: bool = False) -> Features:
    draw = torch.Generator().manual_seed(seed)
    feature = torch.randn(count, WIDTH, generator=draw)
    push = feature[:, :FINDINGS] + torch.randn(count, FINDINGS, generator=draw)
    label = torch.nn.functional.one_hot(push.argmax(1), FINDINGS).float() if exclusive else (push > 0.3).float()
    if not exclusive:
        label[torch.rand(count, FINDINGS, generator=draw) < 0.1] = math.nan
    return Features(feature, label)


def recipe(
    *, exclusive: bool, max_epochs: int = 6, patience: int = 10, lr: float = 0.03, drop_last: bool = False
) -> Recipe:
    return Recipe(
        lr=lr,
        weight_decay=0.01,
        betas=(0.9, 0.999),
        batch_size=4,
        drop_last=drop_last,
        max_epochs=max_epochs,
        patience=patience,
        exclusive=exclusive,
    )


def alone(
    head: nn.Module, train: Features, index: torch.Tensor, val: Features, how: Recipe, seed: int
) -> tuple[nn.Module, float, int]:
    """The head of the lowest validation loss, that loss, and the number of epochs that were run."""
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(head.parameters(), lr=how.lr, betas=how.betas, weight_decay=how.weight_decay)
    lowest, kept, waited, epoch = math.inf, {}, 0, 0
    while epoch < how.max_epochs and waited < how.patience:
        order = index[torch.randperm(len(index), generator=draw)]
        for batch in DataLoader(order, batch_size=how.batch_size, drop_last=how.drop_last):
            loss = classification_loss(head(train.feature_NE[batch]), train.label_NF[batch], exclusive=how.exclusive)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        kept_val = len(val) - (len(val) % how.batch_size if how.drop_last else 0)
        loss = classification_loss(
            head(val.feature_NE[:kept_val]), val.label_NF[:kept_val], exclusive=how.exclusive
        ).item()
        epoch, waited = epoch + 1, waited + 1
        if loss < lowest:
            lowest, waited, kept = loss, 0, {name: p.detach().clone() for name, p in head.named_parameters()}
    head.load_state_dict(kept)
    return head, lowest, epoch


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_each_head_is_what_it_would_be_alone(kind: str, exclusive: bool, drop_last: bool) -> None:
    # neither 10 images to train on nor 22 to validate on are whole batches of 4
    train, val = made(30, 0, exclusive=exclusive), made(22, 1, exclusive=exclusive)
    index_HN = torch.stack([torch.arange(10), torch.arange(20, 30), torch.arange(5, 15)])

    def head(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        if kind == "linear":
            return LinearHead(in_dim=WIDTH, classes=FINDINGS, dropout=0.0)
        return MlpHead(in_dim=WIDTH, classes=FINDINGS, hidden_dim=4, dropout=0.0)

    how = recipe(exclusive=exclusive, drop_last=drop_last)
    draws = [torch.Generator().manual_seed(seed) for seed in range(3)]
    fitted = fit_heads([head(seed) for seed in range(3)], train, index_HN, val, recipe=how, generators=draws)
    for seed in range(3):
        single, lowest, _ = alone(head(seed), train, index_HN[seed], val, how, seed)
        assert float(fitted.val_loss_H[seed]) == pytest.approx(lowest, rel=1e-4)
        torch.testing.assert_close(
            fitted.logits(val.feature_NE, seed), single(val.feature_NE).detach(), rtol=1e-3, atol=1e-4
        )


def test_a_head_that_stopped_keeps_its_best_while_others_go_on() -> None:
    train, val = made(30, 2), made(20, 3)
    # a large rate overshoots, so that the heads stop at different epochs
    how = recipe(exclusive=False, max_epochs=40, patience=2, lr=0.3)
    index_HN = torch.stack([torch.arange(start, start + 8) for start in (0, 8, 16)])
    heads = []
    for seed in range(3):
        torch.manual_seed(seed)
        heads.append(LinearHead(in_dim=WIDTH, classes=FINDINGS, dropout=0.0))
    copies = [LinearHead(in_dim=WIDTH, classes=FINDINGS, dropout=0.0) for _ in heads]
    for copy, head in zip(copies, heads, strict=True):
        copy.load_state_dict(head.state_dict())
    draws = [torch.Generator().manual_seed(seed) for seed in range(3)]
    fitted = fit_heads(heads, train, index_HN, val, recipe=how, generators=draws)
    singles = [alone(copies[i], train, index_HN[i], val, how, i) for i in range(3)]
    assert len({epochs for _, _, epochs in singles}) > 1
    for i, (_, lowest, _) in enumerate(singles):
        assert float(fitted.val_loss_H[i]) == pytest.approx(lowest, rel=1e-4)


@pytest.mark.parametrize(("size", "used"), [(10, 8), (8, 8), (5, 4), (3, 3)])
def test_a_batch_that_is_the_only_one_is_kept(size: int, used: int) -> None:
    assert recipe(exclusive=False, drop_last=True).used(size) == used
    assert recipe(exclusive=False).used(size) == size


def test_a_head_with_statistics_of_its_own_is_refused() -> None:
    head = nn.Sequential(nn.Linear(WIDTH, FINDINGS), nn.BatchNorm1d(FINDINGS))
    index_HN = torch.arange(8).unsqueeze(0)
    with pytest.raises(UserError, match=r"Sequential keeps statistics of its batches .* give probe=published"):
        fit_heads(
            [head],
            made(8, 1),
            index_HN,
            made(8, 2),
            recipe=recipe(exclusive=False),
            generators=[torch.Generator().manual_seed(0)],
        )
