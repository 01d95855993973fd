"""Released checkpoints: what is known passes, everything else is an error that lists it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from src.core.errors import UserError
from src.core.rules import Rules
from src.interop.released_mgca import load_released
from src.models.alignment import AlignmentModel
from src.models.image.timm_encoder import TimmEncoder
from src.models.text.bert import BertEncoder

HEADS = {
    "image_global": "img_encoder_q.global_embed",
    "image_local": "img_encoder_q.local_embed",
    "text_global": "text_encoder_q.global_embed",
    "text_local": "text_encoder_q.local_embed",
}
LAYERS = {"expand": "0", "expand_norm": "1", "reduce": "3", "reduce_norm": "4"}
Save = Callable[..., Path]


def model_of(rules: Rules = "published", seed: int = 0) -> AlignmentModel:
    torch.manual_seed(seed)
    image = TimmEncoder(
        name="vit_tiny_patch16_224",
        pretrained=False,
        weights=None,
        image_size=32,
        upsample_to=None,
        model_args={"embed_dim": 16, "depth": 1, "num_heads": 2},
    )
    text = BertEncoder(
        name="tiny",
        pretrained=False,
        architecture={
            "model_type": "bert",
            "vocab_size": 2048,
            "hidden_size": 16,
            "num_attention_heads": 2,
            "intermediate_size": 16,
            "max_position_embeddings": 40,
        },
        num_layers=1,
        vocabulary="radiology_wordpiece",
        lowercase=True,
        rules=rules,
    )
    return AlignmentModel(
        image_encoder=image, text_encoder=text, embedding_dim=8, hidden_dim=12, sync_batch_norm=False, rules=rules
    )


def released(model: AlignmentModel) -> dict[str, Tensor]:
    """The state dict of ``model`` as the released code would have stored it."""
    stored: dict[str, Tensor] = {}
    for key, value in model.state_dict().items():
        part, _, rest = key.partition(".")
        if "token_type" in key:
            continue
        if part in HEADS:
            layer, _, leaf = rest.partition(".")
            wide = part.endswith("local") and value.ndim == 2
            stored[f"{HEADS[part]}.head.{LAYERS[layer]}.{leaf}"] = value.unsqueeze(-1) if wide else value
        else:
            stored[f"{'img' if part == 'image_encoder' else 'text'}_encoder_q.{rest}"] = value
    stored["prototype_layer.weight"] = torch.randn(5, 8)
    stored["text_encoder_q.model.embeddings.position_ids"] = torch.arange(40)[None]
    stored["text_encoder_q.model.encoder.layer.0.crossattention.self.query.weight"] = torch.ones(16, 16)
    stored["patch_local_atten_layer.in_proj_weight"] = torch.ones(24, 8)
    stored["word_local_atten_layer.out_proj.bias"] = torch.ones(8)
    return stored


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(state_dict: dict[str, Tensor], **others: Any) -> Path:
        path = tmp_path / "released.ckpt"
        torch.save(
            {"state_dict": state_dict, "hyper_parameters": {"emb_dim": 8, "img_encoder": "vit_base"}, **others}, path
        )
        return path

    return write


def test_everything_arrives(save: Save) -> None:
    source, target = model_of(seed=1), model_of(seed=2)
    stored = released(source)
    prototypes = load_released(target, save(stored))
    assert torch.equal(prototypes, stored["prototype_layer.weight"])
    for key, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[key]), key


def test_left_over_names_are_listed(save: Save) -> None:
    stored = {
        **released(model_of()),
        "decoder.weight": torch.ones(1),
        "img_encoder_q.global_embed.head.7.weight": torch.ones(1),
    }
    with pytest.raises(
        UserError, match=r"2 unknown weights.*decoder\.weight, img_encoder_q\.global_embed\.head\.7\.weight"
    ):
        load_released(model_of(), save(stored))


def test_left_over_in_a_known_part(save: Save) -> None:
    stored = {**released(model_of()), "text_encoder_q.model.encoder.layer.1.output.dense.weight": torch.ones(1)}
    with pytest.raises(UserError, match=r"1 left over: text_encoder\.model\.encoder\.layer\.1"):
        load_released(model_of(), save(stored))


@pytest.mark.parametrize("key", ["img_encoder_q.model.cls_token", "prototype_layer.weight"])
def test_missing_names_are_listed(save: Save, key: str) -> None:
    stored = released(model_of())
    del stored[key]
    with pytest.raises(UserError, match=key.rpartition(".")[2] if "cls" in key else key):
        load_released(model_of(), save(stored))


def test_another_architecture(save: Save) -> None:
    stored = released(model_of())
    stored["img_encoder_q.model.patch_embed.proj.weight"] = torch.ones(16, 3, 8, 8)
    with pytest.raises(UserError, match=r"1 of another shape: .*\(16, 3, 8, 8\) in place of \(16, 3, 16, 16\)"):
        load_released(model_of(), save(stored))


def test_corrected_rules_are_refused(save: Save) -> None:
    with pytest.raises(UserError, match="rules=published"):
        load_released(model_of("corrected"), save(released(model_of())))


def test_hyper_parameters_with_classes_are_refused_with_the_way_out(save: Save) -> None:
    class_in_file = {"hyper_parameters": {"path": Path("x"), "call": os.getcwd}}
    with pytest.raises(UserError, match=r"asks for .*safetensors\.torch\.save_file"):
        load_released(model_of(), save(released(model_of()), **class_in_file))
