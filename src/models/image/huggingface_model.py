"""A Hugging Face vision model and the normalisation that it was trained with."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.core.checkpoint import read_tensors
from src.core.checkpoint_kind import refuse_checkpoint, refuse_run
from src.core.errors import UserError
from src.models.hugging_face import (
    architecture_config,
    fill_model,
    from_where,
    model_class,
    random_model,
    read_config,
    read_model,
)

_log = logging.getLogger(__name__)
_ENCODER = "encoder.image"
_OTHERWISE = (
    "set encoder.image.weights to a local folder with config.json and weights, or to a file of weights, or "
    "encoder.image.pretrained=false to start from random weights."
)


def create_model(name: str | None, weights: str | None, architecture: Mapping[str, Any]) -> Any:
    """The bare model: from the file or folder ``weights``, else from ``name``, else ``architecture`` at random.

    Raises UserError for weights that are not there or do not fit, and for a model that reads no images.
    """
    if weights is not None and Path(weights).is_dir():
        refuse_run(weights, key="encoder.image.weights")
    file = None if weights is None or Path(weights).is_dir() else Path(weights)
    folder = weights if file is None else str(file.parent) if (file.parent / "config.json").is_file() else None
    source = folder if weights is not None else name
    # A wrong path is said before anything is built.
    tensors = None if file is None else read_tensors(file)
    if tensors is not None:
        refuse_checkpoint(tensors, key="encoder.image.weights", file=str(file))
    if source is None:
        config = architecture_config(architecture, encoder=_ENCODER)
    else:
        config = read_config(source, encoder=_ENCODER, otherwise=_OTHERWISE)
    config = getattr(config, "vision_config", config)
    known_as = weights or name or f"architecture.model_type={config.model_type}"
    kind = model_class(config, source=known_as, encoder=_ENCODER)
    if kind.main_input_name != "pixel_values":
        raise UserError(
            f"{known_as} is a {config.model_type}, which reads no images: set encoder.image.name to another."
        )
    if getattr(config, "is_encoder_decoder", False):
        # the tokens that it gives are those of its decoder (DETR's 100 queries), which lie nowhere in the image
        raise UserError(
            f"{known_as} is a {config.model_type}, a model of an encoder and a decoder, which gives no patches: set "
            "encoder.image.name to a model of an encoder alone, such as a ViT, DINOv2, Swin, ConvNeXt or ResNet."
        )
    attention = "sdpa" if kind._supports_sdpa else "eager"
    if tensors is not None:
        return _bare(fill_model(config, tensors, source=str(file), attention=attention, encoder=_ENCODER))
    if source is None:
        return _bare(random_model(config, attention=attention, encoder=_ENCODER))
    return _bare(read_model(source, config, attention=attention, encoder=_ENCODER, otherwise=_OTHERWISE))


def _bare(model: Any) -> Any:
    """Without what no output here depends on: a dense layer over the class token, the token of masked patches."""
    if hasattr(getattr(model, "pooler", None), "dense"):
        model.pooler = None
    for name, parameter in model.named_parameters():
        if name.endswith("mask_token"):
            parameter.requires_grad_(False)
    return model


def own_mean_and_std(source: str) -> tuple[list[float], list[float]] | None:
    """Mean and deviation, one or one a channel, of the images that the model of a name, folder or file was trained on.

    They are of values between 0 and 1, from its preprocessor_config.json; None, and a warning, where it names none.
    """
    from transformers.image_processing_base import ImageProcessingMixin

    folder = source if Path(source).is_dir() or not Path(source).is_file() else str(Path(source).parent)
    try:
        settings, _ = ImageProcessingMixin.get_image_processor_dict(folder, **from_where(folder))
    except (OSError, ValueError):
        settings = {}
    mean, std = settings.get("image_mean"), settings.get("image_std")
    if not settings.get("do_normalize", True):
        mean, std = [0.0], [1.0]
    if not mean or not std:
        _log.warning("%s names no mean and deviation of its images: they stay as the transform gives them.", source)
        return None
    return [float(value) for value in mean], [float(value) for value in std]
