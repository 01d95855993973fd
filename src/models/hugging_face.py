"""Hugging Face models by name, from a folder or a file, or with random weights: never with code from the hub.

Weights are read from safetensors, or by torch's reader of tensors and plain values. ``encoder`` is the config's key of
the encoder that asks, e.g. ``encoder.text``, and ``otherwise`` ends a message about weights that are not there with
what to do.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from src.core.checkpoint_kind import refuse_run
from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision
from src.models.hub import hub_reachable

_LISTED = 10


def read_config(name: str, *, encoder: str, otherwise: str) -> Any:
    """The configuration of a hub name or a local folder. Raises UserError where it cannot be had."""
    ensure_torchvision()
    from transformers import AutoConfig

    refuse_run(name, key=f"{encoder}.name")
    try:
        return AutoConfig.from_pretrained(name, **from_where(name))
    except (OSError, ValueError, KeyError) as error:
        raise _absent(name, encoder, error, otherwise) from error


def read_model(name: str, config: Any, *, attention: str, encoder: str, otherwise: str) -> Any:
    """The bare model of ``config`` in float32 with the weights of a hub name or a local folder.

    Raises UserError for weights that are not there, are damaged, or do not fill the model.
    """
    ensure_torchvision()
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        model, loading = AutoModel.from_pretrained(
            name, config=config, **_loading(attention), **from_where(name), weights_only=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError, ImportError) as error:
        raise _absent(name, encoder, error, otherwise) from error
    _check_filled(name, loading, encoder)
    return model


def fill_model(config: Any, tensors: Mapping[str, Tensor], *, source: str, attention: str, encoder: str) -> Any:
    """The bare model of ``config`` in float32 with ``tensors``, under the names that the library saves or once saved.

    Tensors of a classifier may be left over. Raises UserError where they do not fill the model.
    """
    model, loading = model_class(config, source=source, encoder=encoder).from_pretrained(
        None, config=config, state_dict=dict(tensors), **_loading(attention)
    )
    _check_filled(source, loading, encoder)
    return model


def architecture_config(architecture: Mapping[str, Any], *, encoder: str) -> Any:
    """The configuration that ``model_type`` and its sizes describe. Raises UserError where they describe none."""
    ensure_torchvision()
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    sizes = dict(architecture)
    try:
        return AutoConfig.for_model(sizes.pop("model_type"), **sizes)
    except (KeyError, ValueError, TypeError, StrictDataclassError) as error:
        raise _undescribed(encoder, error) from error


def random_model(config: Any, *, attention: str, encoder: str) -> Any:
    """The bare model of ``config`` with random weights. Raises UserError where its sizes do not go together."""
    ensure_torchvision()
    from transformers import AutoModel

    try:
        return AutoModel.from_config(config, attn_implementation=attention)
    except (KeyError, ValueError, TypeError, ImportError) as error:
        raise _undescribed(encoder, error) from error


def model_class(config: Any, *, source: str, encoder: str) -> Any:
    """The library's class of the bare model. Raises UserError where it has none."""
    ensure_torchvision()
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING:
        raise UserError(f"{source} is a {config.model_type}, which is no encoder: name another in {encoder}.name.")
    return MODEL_MAPPING[type(config)]


def from_where(name: str) -> dict[str, bool]:
    """Arguments of ``from_pretrained``: no code from the hub, and no waiting for a hub that does not answer."""
    return {"local_files_only": Path(name).is_dir() or not hub_reachable(), "trust_remote_code": False}


def _loading(attention: str) -> dict[str, Any]:
    # Tensors of another shape are listed with those that are missing, in place of the library's error.
    return {
        "dtype": torch.float32,
        "attn_implementation": attention,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }


def _check_filled(source: str, loading: Mapping[str, Iterable[Any]], encoder: str) -> None:
    # Poolers are put on top by some objectives only, and no encoder here uses one that may be missing.
    missing = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    reshaped = sorted(key for key, *_ in loading["mismatched_keys"] if "pooler" not in key)
    faults = [
        f"lack {len(keys)} tensors, among them {', '.join(keys[:_LISTED])}"
        if keys is missing
        else f"hold {len(keys)} of another shape, among them {', '.join(keys[:_LISTED])}"
        for keys in (missing, reshaped)
        if keys
    ]
    if faults:
        raise UserError(
            f"The weights in {source} {' and '.join(faults)}: they are of another model than {encoder} describes."
        )


def _absent(name: str, encoder: str, error: Exception, otherwise: str) -> UserError:
    kind = encoder.rpartition(".")[2]
    return UserError(
        f"No weights for the {kind} encoder {name}: neither a local model folder, nor an earlier download, nor the "
        f"Hugging Face hub gave them ({_first_line(error)}); {otherwise}"
    )


def _undescribed(encoder: str, error: Exception) -> UserError:
    return UserError(
        f"{encoder}.architecture does not describe a Hugging Face model ({_first_line(error)}): give model_type and "
        "its sizes."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
