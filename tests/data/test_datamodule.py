"""From a source to batches: the same batches for the same seed, whatever the workers."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from src.core.batch import PairBatch, PixelBatch
from src.data.collate import pad_tokens
from src.data.transforms import ImageTransform


def _reports(count: int) -> list[str]:
    return [f"report number {'x' * (i + 1)} " + "word " * (i % 5) for i in range(count)]


def _equal(first: list[PixelBatch], second: list[PixelBatch]) -> bool:
    pairs = [(vars(a.to("cpu")), vars(b.to("cpu"))) for a, b in zip(first, second, strict=True)]
    return all(torch.equal(a[key], b[key]) for a, b in pairs for key in a)


def test_a_batch_holds_what_its_rows_hold(
    make_module: Callable[..., Any], made_source: Callable[..., Any], tokenizer: Any
) -> None:
    reports = _reports(10)
    module = make_module(made_source(reports))
    batches = list(module.train_dataloader())
    assert len(batches) == 2
    for batch in batches:
        assert batch.image_BCHW.shape == (4, 3, 32, 32)
        assert batch.image_BCHW.dtype == torch.float32
        assert batch.image_BCHW.is_contiguous()
        for position, row in enumerate(batch.row_B.tolist()):
            (expected,) = tokenizer.encode([" ".join(reports[row - 100].split())], max_tokens=12)
            assert batch.token_BL[position][batch.token_mask_BL[position]].tolist() == expected
            assert batch.label_BF[position].tolist() == [row - 100]
    assert module.captions("train") == [" ".join(report.split()) for report in reports]


def test_reports_are_padded_to_the_longest_or_always(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    reports = ["one two three"] * 4
    (longest,) = make_module(made_source(reports)).train_dataloader()
    (always,) = make_module(made_source(reports), pad_to="max_tokens").train_dataloader()
    assert longest.token_BL.shape == longest.token_mask_BL.shape == (4, 5)
    assert always.token_BL.shape == (4, 12)
    assert always.token_mask_BL.sum(1).tolist() == [5] * 4
    assert (always.token_BL[:, 5:] == 0).all()


def test_padding_by_hand() -> None:
    token_BL, mask_BL = pad_tokens([np.array([5, 6, 7]), np.array([8])], 9, None)
    assert token_BL.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert mask_BL.tolist() == [[True, True, True], [True, False, False]]


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_workers_and_cache_change_nothing(
    make_module: Callable[..., Any], made_source: Callable[..., Any], cache: str
) -> None:
    alone = list(make_module(made_source(_reports(12))).train_dataloader())
    shared = list(make_module(made_source(_reports(12)), num_workers=2, cache=cache).train_dataloader())
    assert _equal(alone, shared)


def test_seed_and_epoch_decide_order_and_augmentation(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    loader = make_module(made_source(_reports(12)), num_workers=1).train_dataloader()
    epochs = []
    for epoch in (0, 1, 0):
        loader.batch_sampler.sampler.set_epoch(epoch)
        epochs.append(list(loader))
    assert _equal(epochs[0], epochs[2])
    assert not _equal(epochs[0], epochs[1])
    other = list(make_module(made_source(_reports(12)), seed=4).train_dataloader())
    assert not _equal(epochs[0], other)
    by_row = [{int(r): b.image_BCHW[i] for b in batches for i, r in enumerate(b.row_B)} for batches in epochs[:2]]
    # the crop of one and the same image differs between epochs, also in a worker that outlives them
    assert any(not torch.equal(by_row[0][row], by_row[1][row]) for row in by_row[0])


def test_the_models_random_numbers_do_not_depend_on_the_loader(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    module = make_module(made_source(_reports(12)))
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(module.train_dataloader())
    assert torch.equal(torch.rand(3), expected)


def test_evaluation_keeps_order_and_every_pair(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    module = make_module(made_source(_reports(4)))
    first, second = list(module.val_dataloader()), list(module.val_dataloader())
    assert [row for batch in first for row in batch.row_B.tolist()] == [100, 101, 102, 103, 104]
    assert _equal(first, second)
    assert list(module.test_dataloader()) == []


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, ([4, 4], [4])), (False, ([4, 4, 2], [3, 2]))])
def test_the_last_incomplete_batch_is_dropped_where_it_is_asked_for(
    drop_last: bool,
    sizes: tuple[list[int], list[int]],
    make_module: Callable[..., Any],
    made_source: Callable[..., Any],
) -> None:
    # without reports nothing is contrasted; of the labels, each image has one
    module = make_module(made_source(_reports(10)), tokenizer=None, drop_last=drop_last)
    assert ([len(batch) for batch in module.train_dataloader()], [len(b) for b in module.val_dataloader()]) == sizes
    assert [row for batch in module.judging_dataloader("val") for row in batch.row_B.tolist()] == list(range(100, 105))


def test_training_images_of_less_than_one_batch_are_kept(
    make_module: Callable[..., Any], made_source: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    (batch,) = make_module(made_source(_reports(3)), tokenizer=None, drop_last=True).train_dataloader()
    assert sorted(batch.row_B.tolist()) == [100, 101, 102]
    assert caplog.messages[0].startswith("train: 3 image(s) for each process are fewer than the batch size of 4")


def test_processes_share_the_training_pairs(make_module: Callable[..., Any], made_source: Callable[..., Any]) -> None:
    rows = []
    for rank in (0, 1):
        module = make_module(made_source(_reports(16)))
        module.trainer = SimpleNamespace(world_size=2, global_rank=rank)
        rows += [row for batch in module.train_dataloader() for row in batch.row_B.tolist()]
    assert sorted(rows) == list(range(100, 116))


def test_fractions_are_nested_and_seeded(make_module: Callable[..., Any], made_source: Callable[..., Any]) -> None:
    source = made_source(_reports(200))
    kept = {fraction: set(make_module(source, fraction=fraction).captions("train")) for fraction in (0.05, 0.1, 1.0)}
    assert [len(rows) for rows in kept.values()] == [10, 20, 200]
    assert kept[0.05] < kept[0.1] < kept[1.0]
    assert kept[0.1] != set(make_module(source, fraction=0.1, seed=4).captions("train"))
    assert len(make_module(source, fraction=0.1).captions("val")) == 5


def test_lightning_trains_from_it(make_module: Callable[..., Any], made_source: Callable[..., Any]) -> None:
    from lightning import LightningModule, Trainer

    class Rows(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.seen: list[list[int]] = []

        def training_step(self, batch: PairBatch, _: int) -> torch.Tensor:
            self.seen[-1] += batch.row_B.tolist()
            return self.weight * batch.image_BCHW.mean()

        def on_train_epoch_start(self) -> None:
            self.seen.append([])

        def validation_step(self, batch: PairBatch, _: int) -> None:
            assert batch.image_BCHW.shape[1:] == (3, 32, 32)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    model = Rows()
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, datamodule=make_module(made_source(_reports(12)), num_workers=1))
    assert [sorted(rows) for rows in model.seen] == [list(range(100, 112))] * 2
    assert model.seen[0] != model.seen[1]


def test_mirroring_beside_reports_of_left_and_right_is_told(
    make_module: Callable[..., Any], made_source: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reports = ["Small left effusion, heart is normal.", "Lungs are clear, heart is normal."] * 4
    mirroring = ImageTransform(resize=[], ops=[], mean=0.5, std=0.5, horizontal_flip=0.5)
    for transform, told in (({}, False), ({"train_transform": mirroring}, True)):
        make_module(made_source(reports), cache="none", **transform).train_dataloader()
        assert ("4 of 8 reports say left or right" in caplog.text) is told
