"""How much of the encoder learns with a dense head, and the maps that are made once.

Axes: F findings, H and W pixels.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from src.data.annotated_images import AnnotatedImages
from src.engine.parts import Parts
from src.heads.dense import SegmentationHead
from src.tasks.dense.cached_maps import cached_maps
from src.tasks.dense.module import SegmentationModule
from src.tasks.dense.network import MapBatch
from src.tasks.dense.train import make_network, train
from src.tasks.dense.tuning import Tuning
from tests.tasks.dense.made_dense import parts, typed


def _made(run_dir: Path, encoder: str, *words: str) -> tuple[Parts, AnnotatedImages, SegmentationModule, Tuning]:
    made = parts(run_dir, *typed("segment", head="upernet", encoder=encoder), *words)
    tuning: Tuning = made.tuning
    images = made.annotated_images(kind="masks", batch_size=tuning.batch_size, drop_last=tuning.drop_last)
    network = make_network(images, made.image_encoder, made.make_head, SegmentationHead, tuning)
    return made, images, SegmentationModule(network=network, mask_loss=made.mask_loss, tuning=tuning), tuning


def _copied(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def _moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("encoder", ["cnn", "vit"])
@pytest.mark.parametrize("tuning", ["frozen", "partial", "full"])
def test_only_what_is_to_learn_moves(tuning: str, encoder: str, tmp_path: Path) -> None:
    blocks = ("tuning.trained_blocks=1",) if tuning == "partial" else ()
    made, images, module, _ = _made(tmp_path, encoder, f"tuning={tuning}", *blocks)
    encoder_before, head_before = _copied(made.image_encoder), _copied(module.network.head)
    assert train(module, images, made.make_trainer(max_epochs=1, patience=1), None)
    moved = _moved(encoder_before, _copied(made.image_encoder))
    learnt = {name for name, _ in made.image_encoder.named_parameters()} & moved
    statistics = {name for name in encoder_before if name.endswith(("running_mean", "running_var"))}
    assert _moved(head_before, _copied(module.network.head))
    if tuning == "frozen":
        assert not moved
    elif tuning == "full":
        # the classifier's token and norm of a vision transformer are no part of its maps
        assert len(learnt) > 0.8 * len(dict(made.image_encoder.named_parameters()))
        assert statistics <= moved
    else:
        last = ("model.layer4",) if encoder == "cnn" else ("model.blocks.1", "model.norm")
        assert learnt
        assert not {name for name in moved if not name.startswith(last)}
        assert {name for name in statistics if name.startswith(last)} <= moved


def test_kept_maps_give_the_loss_that_the_images_give(tmp_path: Path) -> None:
    _, images, module, _ = _made(tmp_path, "cnn", "tuning.batch_size=3")
    module.eval()
    loader = images.val_dataloader()
    device = torch.device("cpu")
    kept = cached_maps(module.network, loader, device=device, precision="32-true", most_bytes=2**30)
    assert len(kept) == len(loader) == 3
    assert all(isinstance(batch, MapBatch) for batch in kept)
    with torch.no_grad():
        fresh = [module.loss(pixels.to(device), *module.network.maps(pixels.to(device))) for pixels in loader]
        again = [module.loss(batch.to(device), *module.network.maps(batch.to(device))) for batch in kept]
    torch.testing.assert_close(torch.stack(again), torch.stack(fresh))
    assert torch.cat([batch.position_B for batch in kept]).tolist() == list(range(8))


def test_maps_that_take_too_much_memory_are_not_kept(tmp_path: Path) -> None:
    _, images, module, _ = _made(tmp_path, "cnn")
    loader = images.val_dataloader()
    given = cached_maps(module.network, loader, device=torch.device("cpu"), precision="32-true", most_bytes=0)
    assert given is loader
