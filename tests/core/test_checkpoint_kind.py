from pathlib import Path

import pytest

from src.core.checkpoint_kind import checkpoint_kind, refuse_checkpoint, refuse_run
from src.core.errors import UserError


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["model.image_encoder.model.conv1.weight", "loss.parts.cpa.prototypes_KD"], "pretraining"),
        (["img_encoder_q.model.cls_token", "prototype_layer.weight"], "released"),
        (["encoder.model.conv1.weight", "head.linear.weight"], "classifier"),
        (["network.encoder.model.conv1.weight", "network.head.x"], "dense"),
        (["network.pyramid.x", "network.head.x"], "head"),
        (["head.linear.weight"], "head"),
        # libraries' own: timm's ViT with its classifier, Hugging Face's, a language model
        (["cls_token", "blocks.0.norm1.weight", "head.weight", "head.bias"], "weights"),
        (["encoder.layer.0.attention.q.weight", "embeddings.cls_token"], "weights"),
        ([], "weights"),
    ],
)
def test_names_tell_what_a_file_is_of(names: list[str], kind: str) -> None:
    assert checkpoint_kind(names) == kind


def test_a_whole_checkpoint_is_no_file_of_weights() -> None:
    refuse_checkpoint(["cls_token", "head.weight"], key="encoder.image.weights", file="vit.pth")
    with pytest.raises(
        UserError,
        match=r"encoder\.image\.weights=a\.ckpt is a checkpoint of a pretraining run, not the weights of one encoder; "
        r"give checkpoint=a\.ckpt in its place",
    ):
        refuse_checkpoint(["model.image_encoder.x"], key="encoder.image.weights", file="a.ckpt")
    with pytest.raises(UserError, match="it holds no encoder: give the checkpoint that its run was given"):
        refuse_checkpoint(["head.x"], key="encoder.image.weights", file="a.ckpt")


def test_a_runs_folder_is_no_folder_of_a_library(tmp_path: Path) -> None:
    refuse_run(str(tmp_path), key="encoder.text")
    refuse_run("hub/name", key="encoder.text")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(
        UserError, match=r"encoder\.text=.* is of a run, whose checkpoint holds both encoders; give check"
    ):
        refuse_run(str(tmp_path), key="encoder.text")
    (tmp_path / "checkpoints/last.ckpt").touch()
    with pytest.raises(UserError, match="is of a run"):
        refuse_run(str(tmp_path / "checkpoints/last.ckpt"), key="encoder.text")
