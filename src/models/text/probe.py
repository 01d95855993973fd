"""Checks whether a Hugging Face model can serve as the text encoder: by its configuration, then by running it.

Axes: B reports, L tokens, E encoder width.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from src.core.errors import UserError

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From tokens (B, L) and their mask to the last layer's output (B, L, E) and the first token's attention (B, L)."""

_ADVICE = (
    "Set encoder/text=tiny_bert or encoder/text=bio_clinical_bert, or name a bidirectional model of BERT's kind in "
    "encoder.text.name (with encoder.text.pretrained=false, in encoder.text.architecture.model_type), such as bert, "
    "roberta, electra, distilbert, albert or deberta-v2"
)
# no power of two and no multiple of ten, as windows of attention are
_LENGTH, _PADDED = 11, 16
_LEAK = 0.1
_EQUAL = 1e-6


def check_config(config: Any, name: str) -> None:
    """Raise UserError for a configuration that is of no text encoder: of two stacks, of images, without attention."""
    if getattr(config, "is_encoder_decoder", False):
        raise _refused(
            name, config, "is a model of an encoder and a decoder, which gives a report no vector of its own"
        )
    if getattr(config, "text_config", None) is not None:
        raise _refused(name, config, "is a model of images and texts together")
    sizes = ("vocab_size", "hidden_size", "num_attention_heads", "num_hidden_layers")
    lacking = [size for size in sizes if not isinstance(getattr(config, size, None), int)]
    if lacking:
        raise _refused(name, config, f"has no {' and no '.join(lacking)} in its configuration")


@contextmanager
def building(config: Any, name: str) -> Iterator[None]:
    """Turn errors of the library on a model that it cannot build or cut to a number of layers into a UserError."""
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except (AssertionError, AttributeError, IndexError, NotImplementedError, RuntimeError) as error:
        raise _refused(name, config, f"cannot be built ({_first_line(error)})") from error


@torch.no_grad()
def check_text_encoder(encode: Encode, model: Any, *, name: str, max_tokens: int, pad_id: int) -> None:
    """Run ``model`` on two short made-up reports, and raise UserError unless its output can be used.

    The first token must see a token near the end, the attention must be a table of L x L weights, and padding
    must not change the first token's vector.

    Args:
        encode: Runs the model.
        model: The model itself, which is left in the mode that it has.
        name: What the user calls the model.
        max_tokens: The number of positions that the model has.
        pad_id: The token that fills a batch up.
    """
    length = min(_LENGTH, max_tokens)
    if length < 4 or model.device.type == "meta":
        return
    token_BL, mask_BL = _reports(model.config.vocab_size, length, min(_PADDED, max_tokens), pad_id, model.device)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        # some families draw random numbers even here, which would move those of the training
        with torch.random.fork_rng(devices=[]):
            state_BLE, attention_BL = encode(token_BL, mask_BL)
            plain_BLE, plain_BL = encode(token_BL[:1, :length], mask_BL[:1, :length])
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise _refused(name, model.config, f"cannot be run as one ({_first_line(error)})") from error
    finally:
        for module, training in modes:
            module.training = training
    width = model.config.hidden_size
    if state_BLE.shape != (*token_BL.shape, width) or plain_BLE.shape != (1, length, width):
        raise _refused(name, model.config, f"does not give one vector of {width} numbers per token")
    if not _is_attention(attention_BL, mask_BL) or not _is_attention(plain_BL, mask_BL[:1, :length]):
        raise _refused(name, model.config, "gives no table of attention weights of L x L tokens")
    seen = (state_BLE[0, 0] - state_BLE[1, 0]).abs().max()
    if seen <= _EQUAL * state_BLE[0, 0].abs().max():
        hint = "; its configuration says is_decoder=true" if getattr(model.config, "is_decoder", False) else ""
        reason = f"is causal: its first token does not see the later ones, so that all reports have one vector{hint}"
        raise _refused(name, model.config, reason)
    if (state_BLE[0, 0] - plain_BLE[0, 0]).abs().max() > _LEAK * seen:
        raise _refused(
            name, model.config, "does not mask padding: a report's vector depends on the others of its batch"
        )


def _reports(entries: int, length: int, padded: int, pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two reports that differ in their last token but one, each followed by padding."""
    ordinary_V = torch.tensor([index for index in range(min(entries, 4 * _PADDED)) if index != pad_id], device=device)
    token_BL = ordinary_V[torch.arange(padded, device=device) * 7 % len(ordinary_V)].repeat(2, 1)
    token_BL[1, length - 2] = ordinary_V[((length - 2) * 7 + 1) % len(ordinary_V)]
    token_BL[:, length:] = pad_id
    mask_BL = torch.zeros_like(token_BL, dtype=torch.bool)
    mask_BL[:, :length] = True
    return token_BL, mask_BL


def _is_attention(weight_BL: Tensor, mask_BL: Tensor) -> bool:
    if weight_BL.shape != mask_BL.shape:
        return False
    inside_BL = weight_BL.where(mask_BL, 0)
    return bool(((inside_BL.sum(dim=1) - 1).abs() < 1e-2).all() and (weight_BL >= 0).all())


def _refused(name: str, config: Any, reason: str) -> UserError:
    kind = "" if name == config.model_type else f" (a {config.model_type})"
    return UserError(f"{name}{kind} cannot be the text encoder: it {reason}. {_ADVICE}.")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
