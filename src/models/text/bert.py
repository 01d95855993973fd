"""Any BERT-like model of Hugging Face as the text encoder.

Axes: B reports, L tokens, T words, H heads, A width of a head, E encoder width, V vocabulary.
"""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from src.core.errors import UserError
from src.core.precision import at_least_float32
from src.core.rules import Rules
from src.models.class_row import Keeper, class_row
from src.models.features import TextEncoder, TextFeatures
from src.models.hugging_face import architecture_config, random_model, read_config, read_model
from src.models.text.probe import building, check_config, check_text_encoder
from src.models.text.tokenizer import load_tokenizer
from src.models.text.word_pooling import pool_words

# Families whose attention is softmax(q k / sqrt(A)) and nothing else, with the names of their query and key layers.
_PLAIN_ATTENTION = {
    "bert": ("query", "key"),
    "roberta": ("query", "key"),
    "xlm-roberta": ("query", "key"),
    "camembert": ("query", "key"),
    "electra": ("query", "key"),
    "distilbert": ("q_lin", "k_lin"),
}
_OTHERWISE = (
    "set encoder.text.name to a folder with config.json, weights and vocabulary, or encoder.text.pretrained=false with "
    "encoder.text.vocabulary=radiology_wordpiece to start from random weights."
)
_POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")


class BertEncoder(TextEncoder):
    """The first ``num_layers`` layers of a BERT-like model, its word pieces summed into words (MGCA, section 3.1).

    ``name`` is a Hugging Face name or a local folder. With ``pretrained`` its weights and configuration are read;
    without, ``architecture`` (a Hugging Face configuration: ``model_type`` and its sizes) is built with random weights.
    ``vocabulary``: see ``load_tokenizer``; null takes the one of ``name``. ``lowercase`` applies to a vocab.txt.

    The attention of [CLS] in the last layer is taken for that one row, from the layer's own queries and keys, without
    dropout and without gradient; every layer keeps the fused attention. Families outside BERT, RoBERTa, ELECTRA and
    DistilBERT fall back on the slower eager attention, whose weights carry dropout in training.

    published: every token sits at the first position, the token-type table is zero and stays so, and words are
    pooled as ``pool_words`` says. corrected: true positions.

    Raises UserError where the weights, the vocabulary or the architecture are not there or do not fit, and for a model
    that cannot serve: causal, of an encoder and a decoder, or with an attention that is no table of L x L weights.
    """

    model: Any

    def __init__(
        self,
        *,
        name: str,
        pretrained: bool,
        architecture: Mapping[str, Any],
        num_layers: Annotated[int, Field(ge=1, le=512)],
        vocabulary: str | None,
        lowercase: bool,
        rules: Rules,
    ) -> None:
        super().__init__()
        self.rules = rules
        self.model = (
            _pretrained_model(name, num_layers=num_layers) if pretrained else _random_model(architecture, num_layers)
        )
        config = self.model.config
        self.tokenizer = load_tokenizer(vocabulary or name, lowercase=lowercase)
        if self.tokenizer.vocab_size > config.vocab_size:
            raise UserError(
                f"The vocabulary {vocabulary or name} has {self.tokenizer.vocab_size} entries, the text encoder takes "
                f"{config.vocab_size}: set encoder.text.architecture.vocab_size or name the vocabulary made for it."
            )
        self.global_dim = self.local_dim = config.hidden_size
        self._heads = config.num_attention_heads
        shift = config.pad_token_id + 1 if config.model_type in _POSITIONS_AFTER_PADDING else 0
        self._first_position = shift
        positions = getattr(config, "max_position_embeddings", None) or 0
        # families of relative positions alone have no limit, and name none or -1
        self._max_tokens = positions - shift if positions > 0 else sys.maxsize
        self._kept: dict[str, Tensor] = {}
        self._plain = config.model_type in _PLAIN_ATTENTION
        if self._plain:
            for role, part in zip(("query", "key"), _PLAIN_ATTENTION[config.model_type], strict=True):
                layer = [module for path, module in self.model.named_modules() if path.endswith(f".{part}")][-1]
                layer.register_forward_hook(Keeper(self._kept, role))
        if rules == "published":
            self._drop_token_types()
        piece_V = torch.zeros(config.vocab_size, dtype=torch.bool)
        piece_V[: self.tokenizer.vocab_size] = torch.tensor(self.tokenizer.piece)
        self.register_buffer("piece_V", piece_V, persistent=False)
        known_as = name if pretrained else config.model_type
        positions, pad_id = self._max_tokens, self.tokenizer.pad_id
        check_text_encoder(self._encode, self.model, name=known_as, max_tokens=positions, pad_id=pad_id)

    def forward(self, token_BL: Tensor, token_mask_BL: Tensor) -> TextFeatures:
        """One vector a report and one a word, T = L - 1. Raises UserError for more tokens than there are positions."""
        if token_BL.shape[1] > self._max_tokens:
            raise UserError(
                f"Reports of {token_BL.shape[1]} tokens do not fit a text encoder of {self._max_tokens} positions: "
                "lower datamodule.max_tokens or raise encoder.text.architecture.max_position_embeddings."
            )
        state_BLE, attention_BL = self._encode(token_BL, token_mask_BL)
        global_BE, local_BTE, mask_BT, attention_BT = pool_words(
            state_BLE,
            token_BL,
            token_mask_BL,
            attention_BL,
            self.get_buffer("piece_V"),
            sep_id=self.tokenizer.sep_id,
            rules=self.rules,
        )
        return TextFeatures(global_BE=global_BE, local_BTE=local_BTE, mask_BT=mask_BT, attention_BT=attention_BT)

    def _encode(self, token_BL: Tensor, token_mask_BL: Tensor) -> tuple[Tensor, Tensor]:
        seen_B11L = token_mask_BL[:, None, None, :]
        inputs = {"input_ids": token_BL}
        if self.rules == "published":
            inputs["position_ids"] = torch.full_like(token_BL, self._first_position)
        if not self._plain:
            output = self.model(**inputs, attention_mask=token_mask_BL, output_attentions=True)
            if not output.attentions:
                raise ValueError("it gives no table of attention weights of L x L tokens")
            return output.last_hidden_state, at_least_float32(output.attentions[-1][:, :, 0].mean(dim=1).detach())
        # A mask of four axes goes to the attention as it is; one of two axes costs a host synchronisation.
        state_BLE = self.model(**inputs, attention_mask=seen_B11L).last_hidden_state
        return state_BLE, self._class_row(token_mask_BL)

    def _class_row(self, token_mask_BL: Tensor) -> Tensor:
        query_BHA = self._kept.pop("query")[:, 0].unflatten(-1, (self._heads, -1))
        key_BLHA = self._kept.pop("key").unflatten(-1, (self._heads, -1))
        return class_row(query_BHA, key_BLHA, scale=query_BHA.shape[-1] ** -0.5, seen_BN=token_mask_BL)

    def _drop_token_types(self) -> None:
        table = getattr(getattr(self.model, "embeddings", None), "token_type_embeddings", None)
        if table is not None:
            nn.init.zeros_(table.weight)
            table.weight.requires_grad_(False)


def _pretrained_model(name: str, *, num_layers: int) -> Any:
    who = {"encoder": "encoder.text", "otherwise": _OTHERWISE}
    config = read_config(name, **who)
    check_config(config, name)
    available = config.num_hidden_layers
    if not 0 < num_layers <= available:
        raise UserError(f"{name} has {available} layers: set encoder.text.num_layers to 1 to {available}.")
    with building(config, name):
        config.num_hidden_layers = num_layers
        return _without_pooler(read_model(name, config, attention=_attention(config.model_type), **who))


def _random_model(architecture: Mapping[str, Any], num_layers: int) -> Any:
    config = architecture_config(architecture, encoder="encoder.text")
    check_config(config, config.model_type)
    if "pad_token_id" not in architecture and (config.pad_token_id or 0) >= config.vocab_size:
        # a family's default, of its own and larger vocabulary (ModernBERT)
        config.pad_token_id = 0
    with building(config, config.model_type):
        config.num_hidden_layers = num_layers
        return _without_pooler(random_model(config, attention=_attention(config.model_type), encoder="encoder.text"))


def _attention(model_type: str) -> str:
    return "sdpa" if model_type in _PLAIN_ATTENTION else "eager"


def _without_pooler(model: Any) -> Any:
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model
