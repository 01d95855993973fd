"""The text encoder over several families, both rules, and what it says when something does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from src.core.errors import UserError
from src.core.rules import Rules
from src.models.text.bert import BertEncoder
from tests.models.text.small import SIZES

FAMILIES: dict[str, dict[str, Any]] = {
    "bert": SIZES,
    "roberta": {**SIZES, "pad_token_id": 1},
    "distilbert": {"vocab_size": 2048, "dim": 32, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 66},
    "electra": {**SIZES, "embedding_size": 16},
    "albert": {**SIZES, "embedding_size": 16},
    "deberta-v2": SIZES,
}
CAPTIONS = ["no pleural effusion or pneumothorax", "heart size is normal"]
Make = Callable[..., BertEncoder]


@pytest.fixture
def make() -> Make:
    def build(family: str = "bert", rules: Rules = "corrected", **changed: Any) -> BertEncoder:
        settings: dict[str, Any] = {
            "name": "tiny",
            "pretrained": False,
            "architecture": {"model_type": family, **FAMILIES[family]},
            "num_layers": 2,
            "vocabulary": "radiology_wordpiece",
            "lowercase": True,
            "rules": rules,
        }
        torch.manual_seed(0)
        return BertEncoder(**{**settings, **changed}).eval()

    return build


def padded(encoder: BertEncoder, captions: list[str], length: int) -> tuple[Tensor, Tensor]:
    rows = encoder.tokenizer.encode(captions, max_tokens=length)
    tokens = torch.tensor([row + [encoder.tokenizer.pad_id] * (length - len(row)) for row in rows])
    return tokens, tokens != encoder.tokenizer.pad_id


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_attention_is_the_eager_one(make: Make, family: str, rules: Rules) -> None:
    encoder = make(family, rules)
    tokens, mask = padded(encoder, CAPTIONS, 12)
    state, attention = encoder._encode(tokens, mask)
    encoder.model.set_attn_implementation("eager")
    positions = {"position_ids": torch.full_like(tokens, encoder._first_position)} if rules == "published" else {}
    output = encoder.model(tokens, attention_mask=mask.long(), output_attentions=True, **positions)
    torch.testing.assert_close(state[mask], output.last_hidden_state[mask], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(attention, output.attentions[-1][:, :, 0].mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_published_knows_no_word_order(make: Make, family: str) -> None:
    for rules, same in (("published", True), ("corrected", False)):
        encoder = make(family, rules)
        tokens, mask = padded(encoder, ["heart size is normal", "normal size heart is"], 8)
        features = encoder(tokens, mask)
        assert torch.allclose(features.global_BE[0], features.global_BE[1], atol=1e-6) is same


def test_published_token_types_are_zero_and_stay(make: Make) -> None:
    table = make(rules="published").model.embeddings.token_type_embeddings.weight
    assert not table.any()
    assert not table.requires_grad
    assert make(rules="corrected").model.embeddings.token_type_embeddings.weight.any()


def test_words_match_the_tokenizer(make: Make) -> None:
    encoder = make()
    tokens, mask = padded(encoder, CAPTIONS, 20)
    features = encoder(tokens, mask)
    for row, count in zip(tokens.tolist(), features.mask_BT.sum(1).tolist(), strict=True):
        assert len(encoder.tokenizer.words(row)) == count


def test_attention_has_neither_gradient_nor_dropout(make: Make) -> None:
    encoder = make()
    tokens, mask = padded(encoder, CAPTIONS, 12)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    quiet = encoder.train()(tokens, mask).attention_BT
    encoder.model.encoder.layer[-1].attention.self.dropout.p = 0.9
    assert torch.equal(encoder(tokens, mask).attention_BT, quiet)
    assert not quiet.requires_grad


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A local model of three layers with its vocabulary, as the hub would lay it out."""
    from importlib import resources

    encoder = make(num_layers=3)
    encoder.model.save_pretrained(tmp_path)
    vocabulary = resources.files("src.assets").joinpath("radiology_wordpiece.txt").read_text(encoding="utf-8")
    (tmp_path / "vocab.txt").write_text(vocabulary, encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    return tmp_path


def test_first_layers_of_a_local_folder(make: Make, folder: Path) -> None:
    whole = make(num_layers=3).model
    encoder = make(name=str(folder), pretrained=True, vocabulary=None)
    assert len(encoder.model.encoder.layer) == 2
    for key, value in encoder.model.state_dict().items():
        assert torch.equal(value, whole.state_dict()[key])
    shipped = make().tokenizer
    assert encoder.tokenizer.encode(CAPTIONS, max_tokens=20) == shipped.encode(CAPTIONS, max_tokens=20)
    assert encoder.tokenizer.piece == shipped.piece


def test_folder_faults(make: Make, folder: Path) -> None:
    with pytest.raises(UserError, match="has 3 layers"):
        make(name=str(folder), pretrained=True, num_layers=4)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"encoder\.text\.pretrained=false"):
        make(name=str(folder), pretrained=True)


def test_absent_weights_name_the_way_out(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.models.hugging_face.hub_reachable", lambda: False)
    with pytest.raises(UserError, match=r"emilyalsentzer/Bio_ClinicalBERT.*encoder\.text\.pretrained=false"):
        make(name="emilyalsentzer/Bio_ClinicalBERT", pretrained=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": {"model_type": "bert", **SIZES, "vocab_size": 50}}, "vocab_size"),
        ({"architecture": SIZES}, "model_type"),
        ({"architecture": {"model_type": "berd", **SIZES}}, r"encoder\.text\.architecture"),
        ({"architecture": {"model_type": "bert", **SIZES, "num_attention_heads": 5}}, r"encoder\.text\.architecture"),
    ],
)
def test_wrong_architecture(make: Make, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**changed)


def test_too_many_tokens(make: Make) -> None:
    tokens = torch.ones(2, 67, dtype=torch.long)
    with pytest.raises(UserError, match=r"datamodule\.max_tokens"):
        make()(tokens, tokens != 0)
