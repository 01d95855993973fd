"""Models that cannot be the text encoder are refused by name when they are built, and the others are not."""

from typing import Any

import pytest
import torch

from src.core.errors import UserError
from src.core.rules import Rules
from src.models.text.bert import BertEncoder
from tests.models.text.small import SIZES

SEQ2SEQ = {"vocab_size": 2048, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1}
CAUSAL = "is causal: its first token does not see the later ones"
NO_TABLE = "gives no table of attention weights of L x L tokens"
TWO_STACKS = "is a model of an encoder and a decoder"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gpt2": ({"vocab_size": 2048, "n_embd": 32, "n_head": 4}, CAUSAL),
    "clip_text_model": (SIZES, CAUSAL),
    "biogpt": (SIZES, CAUSAL),
    "llama": (SIZES, CAUSAL),
    "bloom": ({"vocab_size": 2048, "hidden_size": 32, "n_head": 4}, CAUSAL),
    "longformer": ({**SIZES, "attention_window": 16}, NO_TABLE),
    "big_bird": (SIZES, NO_TABLE),
    "yoso": (SIZES, NO_TABLE),
    "t5": ({"vocab_size": 2048, "d_model": 32, "num_heads": 4}, TWO_STACKS),
    "bart": (SEQ2SEQ, TWO_STACKS),
    "led": (SEQ2SEQ, TWO_STACKS),
    "clip": ({}, "is a model of images and texts together"),
    "xlnet": ({"vocab_size": 2048, "d_model": 32, "n_head": 4, "d_inner": 48}, "cannot be run as one"),
    "funnel": ({"vocab_size": 2048, "d_model": 32, "n_head": 4, "d_head": 8}, "cannot be built"),
    "fnet": (SIZES, NO_TABLE),
    "reformer": (
        {"vocab_size": 2048, "hidden_size": 32, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16]},
        "does not give one vector of 32 numbers per token",
    ),
    "canine": (SIZES, "does not mask padding"),
    "nystromformer": (SIZES, "does not mask padding"),
    "mamba": ({"vocab_size": 2048, "hidden_size": 32}, "has no num_attention_heads"),
    "vit": ({"hidden_size": 32, "num_attention_heads": 4}, "has no vocab_size"),
}
USED: dict[str, dict[str, Any]] = {
    "modernbert": SIZES,
    "mpnet": {**SIZES, "pad_token_id": 1},
    "convbert": SIZES,
    "rembert": {**SIZES, "input_embedding_size": 16},
    "xlm": {"n_words": 2048, "vocab_size": 2048, "emb_dim": 32, "n_heads": 4, "max_position_embeddings": 66},
    "mobilebert": {**SIZES, "embedding_size": 32},
}


def build(family: str, sizes: dict[str, Any], rules: Rules = "corrected", **changed: Any) -> BertEncoder:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "name": "tiny",
        "pretrained": False,
        "architecture": {"model_type": family, **sizes},
        "num_layers": 1,
        "vocabulary": "radiology_wordpiece",
        "lowercase": True,
        "rules": rules,
    }
    return BertEncoder(**{**settings, **changed})


@pytest.mark.parametrize("rules", ["corrected", "published"])
@pytest.mark.parametrize("family", REFUSED)
def test_a_model_that_cannot_serve_is_refused_by_name(family: str, rules: Rules) -> None:
    sizes, reason = REFUSED[family]
    with pytest.raises(UserError, match=f"^{family} cannot be the text encoder: it .*{reason}.*encoder/text=tiny_bert"):
        build(family, sizes, rules)


@pytest.mark.parametrize("rules", ["corrected", "published"])
@pytest.mark.parametrize("family", USED)
def test_reports_of_bidirectional_families_have_vectors_of_their_own(family: str, rules: Rules) -> None:
    encoder = build(family, USED[family], rules).eval()
    rows = encoder.tokenizer.encode(["large right pleural effusion", "no acute disease"], max_tokens=32)
    length = max(map(len, rows))
    token_BL = torch.tensor([row + [encoder.tokenizer.pad_id] * (length - len(row)) for row in rows])
    with torch.no_grad():
        global_BE = encoder(token_BL, token_BL != encoder.tokenizer.pad_id).global_BE
    assert (global_BE[0] - global_BE[1]).abs().max() > 1e-3


def test_a_decoder_is_refused_where_it_is_causal_and_used_where_our_mask_makes_it_see_all() -> None:
    assert build("bert", {**SIZES, "is_decoder": True}) is not None
    with pytest.raises(UserError, match=r"is causal.*its configuration says is_decoder=true"):
        build("ernie", {**SIZES, "is_decoder": True})


def test_the_look_at_a_model_leaves_its_mode_and_the_random_numbers_alone() -> None:
    encoder = build("bert", SIZES)
    after = torch.rand(3)
    assert all(module.training for module in encoder.model.modules())
    torch.manual_seed(0)
    from src.models.hugging_face import architecture_config, random_model

    config = architecture_config({"model_type": "bert", **SIZES}, encoder="encoder.text")
    config.num_hidden_layers = 1
    random_model(config, attention="sdpa", encoder="encoder.text")
    assert torch.equal(torch.rand(3), after)


def test_a_local_folder_of_a_causal_model_is_refused_by_its_path(tmp_path: Any) -> None:
    from src.models.hugging_face import architecture_config, random_model

    sizes, _ = REFUSED["gpt2"]
    config = architecture_config({"model_type": "gpt2", **sizes, "n_layer": 2}, encoder="encoder.text")
    random_model(config, attention="eager", encoder="encoder.text").save_pretrained(tmp_path)
    with pytest.raises(UserError, match=rf"^{tmp_path} \(a gpt2\) cannot be the text encoder: it is causal"):
        build("bert", SIZES, name=str(tmp_path), pretrained=True)
