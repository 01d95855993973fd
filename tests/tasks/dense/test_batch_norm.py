"""BatchNorms of frozen layers while a dense head trains: held, or as in the released code.

Axes: B images, E channels of a map.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from src.core.checkpoint import read_tensors
from src.core.dense import DenseBatch
from src.core.errors import UserError
from src.heads.dense import SegmentationHead
from src.tasks.dense.module import SegmentationModule
from src.tasks.dense.train import make_network, train
from tests.tasks.dense.made_dense import parts, typed

STATISTICS = ("running_mean", "running_var")
FROZEN = typed("segment", head="upernet", encoder="cnn")
PUBLISHED = (*FROZEN, "tuning.batch_norm=published")


class _Seen:
    """The inputs of one BatchNorm, kept in float64."""

    def __init__(self, norm: nn.Module) -> None:
        self.inputs: list[Tensor] = []
        norm.register_forward_pre_hook(lambda _, given: self.inputs.append(given[0].detach().double()))


def _made(run_dir: Path, *words: str) -> tuple:
    made = parts(run_dir, *words)
    tuning = made.tuning
    images = made.annotated_images(kind="masks", batch_size=tuning.batch_size, drop_last=tuning.drop_last)
    network = make_network(images, made.image_encoder, made.make_head, SegmentationHead, tuning)
    module = SegmentationModule(network=network, mask_loss=made.mask_loss, tuning=tuning)
    return made, images, module, made.image_encoder.model


def _first_batch_norm(model: nn.Module) -> nn.BatchNorm2d:
    return next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))


def _batch(images: object) -> DenseBatch:
    return next(iter(images.train_dataloader())).to(torch.device("cpu"))  # type: ignore[attr-defined]


def test_published_statistics_after_three_steps_by_hand(tmp_path: Path) -> None:
    """running = 0.9 running + 0.1 batch, with the variance over n - 1; in three steps of one batch each."""
    _, images, module, model = _made(tmp_path, *PUBLISHED)
    norm = _first_batch_norm(model)
    assert norm.momentum == 0.1
    norm.running_mean.normal_()
    mean_E, var_E = (getattr(norm, name).double().clone() for name in STATISTICS)
    seen = _Seen(norm)
    module.network.train()
    for _ in range(3):
        module.network.maps(_batch(images))
        given_BERS = seen.inputs[-1]
        mean_E = 0.9 * mean_E + 0.1 * given_BERS.mean(dim=(0, 2, 3))
        var_E = 0.9 * var_E + 0.1 * given_BERS.var(dim=(0, 2, 3), unbiased=True)
    torch.testing.assert_close(norm.running_mean.double(), mean_E, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), var_E, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_norm", ["published", "held"])
def test_which_statistics_the_head_sees(batch_norm: str, tmp_path: Path) -> None:
    """The output of a BatchNorm while the head trains, from its input in float64; and in evaluation, in both modes."""
    _, images, module, model = _made(tmp_path, *FROZEN, f"tuning.batch_norm={batch_norm}")
    norm = _first_batch_norm(model)
    norm.running_mean.fill_(0.3)
    kept = norm.running_mean.double().clone(), norm.running_var.double().clone()
    seen, given = _Seen(norm), []
    norm.register_forward_hook(lambda *call: given.append(call[2].detach().double()))
    module.network.train()
    module.network.maps(_batch(images))
    module.network.eval()
    module.network.maps(_batch(images))
    (first, second), axes = seen.inputs, (0, 2, 3)
    own = first.mean(dim=axes), first.var(dim=axes, unbiased=False)
    if batch_norm == "published":
        moved = 0.9 * kept[0] + 0.1 * own[0], 0.9 * kept[1] + 0.1 * first.var(dim=axes, unbiased=True)
        expected = _normalised(norm, first, *own), _normalised(norm, second, *moved)
    else:
        expected = _normalised(norm, first, *kept), _normalised(norm, second, *kept)
    for found, wanted in zip(given, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def _normalised(norm: nn.BatchNorm2d, given_BERS: Tensor, mean_E: Tensor, var_E: Tensor) -> Tensor:
    """The formula, and the activation that timm's BatchNorm may hold too."""
    scaled = (given_BERS - mean_E[:, None, None]) / (var_E + norm.eps).sqrt()[:, None, None]
    scaled = scaled * norm.weight.double()[:, None, None] + norm.bias.double()[:, None, None]
    return scaled.clamp(min=0) if isinstance(getattr(norm, "act", None), nn.ReLU) else scaled


def test_nothing_of_the_encoder_gets_a_gradient_and_only_its_statistics_move(tmp_path: Path) -> None:
    made, images, module, model = _made(tmp_path, *PUBLISHED)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    module.network.train()
    module.loss(_batch(images), *module.network.maps(_batch(images))).backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert made.image_encoder not in module.network.trained
    assert train(module, images, made.make_trainer(max_epochs=1, patience=1), None)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved
    assert {name.rpartition(".")[2] for name in moved} == {*STATISTICS, "num_batches_tracked"}


def test_the_best_weights_come_back_with_their_statistics(tmp_path: Path) -> None:
    """The checkpoint holds them, and what is evaluated has those of the best epoch, not of the last."""
    # the highest loss counts as the best, so that the first epoch is it
    words = (*PUBLISHED, "callbacks.checkpoint.mode=max", "callbacks.early_stopping.mode=max")
    torch.manual_seed(0)
    made, images, module, model = _made(tmp_path, *words)
    trainer = made.make_trainer(max_epochs=3, patience=3)
    assert train(module, images, trainer, None)
    best = read_tensors(trainer.checkpoint_callback.best_model_path)
    own = {name: tensor for name, tensor in model.state_dict().items() if name.endswith(STATISTICS)}
    assert own
    for name, tensor in own.items():
        assert torch.equal(tensor, best[f"network.encoder.model.{name}"])
    (last,) = tmp_path.rglob("last.ckpt")
    assert trainer.checkpoint_callback.best_model_path.endswith("epoch000.ckpt")
    final = read_tensors(last)
    assert all(not torch.equal(final[f"network.encoder.model.{name}"], tensor) for name, tensor in own.items())


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    def trained(name: str, epochs: int, resume_from: Path | None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        made, images, module, _ = _made(tmp_path / name, *PUBLISHED)
        train(module, images, made.make_trainer(max_epochs=epochs, patience=9), resume_from)
        return read_tensors(tmp_path / name / "checkpoints" / "last.ckpt")

    through = trained("through", 2, None)
    trained("first", 1, None)
    again = trained("again", 2, tmp_path / "first" / "checkpoints" / "last.ckpt")
    assert any(name.endswith(STATISTICS) and name.startswith("network.encoder.") for name in through)
    assert through.keys() == again.keys()
    assert all(torch.equal(tensor, again[name]) for name, tensor in through.items())


@pytest.mark.parametrize("encoder", ["cnn", "vit"])
@pytest.mark.parametrize("batch_norm", ["published", "held"])
def test_maps_are_kept_where_they_stay_the_same(encoder: str, batch_norm: str, tmp_path: Path) -> None:
    words = (*typed("segment", head="fcn", encoder=encoder), f"tuning.batch_norm={batch_norm}")
    _, _, module, _ = _made(tmp_path, *words)
    constant = encoder == "vit" or batch_norm == "held"
    assert module.network.constant_encoder == constant
    # a constant encoder is in no checkpoint
    assert any(name.startswith("network.encoder.") for name in module.state_dict()) != constant


def test_a_partly_frozen_encoder_moves_the_statistics_of_all_its_layers(tmp_path: Path) -> None:
    words = (*FROZEN, "tuning=partial", "tuning.trained_blocks=1", "tuning.batch_norm=published")
    _, images, module, model = _made(tmp_path, *words)
    before = {name: tensor.clone() for name, tensor in model.named_buffers() if name.endswith(STATISTICS)}
    module.network.train()
    module.loss(_batch(images), *module.network.maps(_batch(images))).backward()
    after = dict(model.named_buffers())
    assert all(not torch.equal(tensor, after[name]) for name, tensor in before.items())
    learnt = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learnt == {"layer4"}


def test_without_a_frozen_layer_there_is_nothing_to_choose(tmp_path: Path) -> None:
    made = parts(tmp_path, *FROZEN, "tuning=full", "tuning.batch_norm=published")
    with pytest.raises(UserError, match=r"batch_norm=published is about frozen layers, and .*=null freezes none"):
        _ = made.tuning


def test_another_word_is_refused(run_cli: object) -> None:
    answer = run_cli(*FROZEN, "tuning.batch_norm=train")  # type: ignore[operator]
    assert answer.code == 1
    assert "tuning.batch_norm=train is not valid" in answer.err
    assert "Traceback" not in answer.err
