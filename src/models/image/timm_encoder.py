"""Any timm model as the image encoder.

Axes: B images, C channels, H and W pixels, P patches, N tokens (class and register tokens, then patches), G heads,
A width of a head, E encoder width, R and S rows and columns of patches.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from src.core.checkpoint import load_exactly, read_tensors
from src.core.checkpoint_kind import refuse_checkpoint, refuse_run
from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision
from src.models.class_row import Keeper, class_row
from src.models.features import ImageEncoder, ImageFeatures
from src.models.hub import cached_file, hub_reachable
from src.models.image.fit import patch_grid, wrong_size


class TimmEncoder(ImageEncoder):
    """Global and local features of any timm model (MGCA, section 3.1).

    A plain vision transformer gives its final-norm class token, its patch tokens, and what the class token attends
    to in the last block, averaged over heads, without dropout and without gradient; every block keeps the fused
    attention. One that pools its tokens gives its own pooled vector; one without a class token, or whose last
    attention is more than softmax(q k), gives no attention (None). Every other model (CNNs, hierarchical
    transformers) gives its own pooled last stage, the map of the stage before it (a ResNet's layer3) row by row,
    and no attention.

    ``name``: a timm name, with or without its tag. ``pretrained``: weights from timm's hub. ``weights``: a local
    .safetensors or torch file in place of them, null for none. ``image_size``: the side in pixels of a model that is
    built for one size, null for the model's own. ``upsample_to``: resize the input to this side first, bilinear with
    aligned corners (299 for the published ResNet-50), null to leave it. ``model_args``: further arguments of
    timm.create_model.

    Raises UserError for an unknown name, weights that are not there or do not fit, or images of another size.
    """

    model: Any

    def __init__(
        self,
        *,
        name: str,
        pretrained: bool,
        weights: str | None,
        image_size: PositiveInt | None,
        upsample_to: PositiveInt | None,
        model_args: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.upsample_to = upsample_to
        arguments = dict(model_args) if image_size is None else {**model_args, "img_size": image_size}
        self.model = _create(name, pretrained=pretrained and weights is None, arguments=arguments)
        if weights is not None:
            _load(self.model, weights, name)
        stages = self.model.feature_info
        if not stages:
            raise UserError(
                f"encoder.image: {name} has no layer; correct encoder.image.model_args, whose depth is at least 1."
            )
        before_last, last = stages[max(len(stages) - 2, 0)], stages[-1]
        one_scale = before_last["reduction"] == last["reduction"]
        self._plain = one_scale and hasattr(self.model, "blocks") and hasattr(self.model, "num_prefix_tokens")
        self.global_dim = self.model.num_features if self._plain else self.model.head_hidden_size
        self.local_dim = self.model.num_features if self._plain else before_last["num_chs"]
        self._kept: dict[str, Tensor] = {}
        self._attends = self._plain and _has_plain_class_attention(self.model)
        if self._attends:
            self.model.blocks[-1].attn.qkv.register_forward_hook(Keeper(self._kept, "qkv"))

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        """Features of normalised float images with three equal channels."""
        if self.upsample_to is not None:
            image_BCHW = nn.functional.interpolate(
                image_BCHW, size=(self.upsample_to, self.upsample_to), mode="bilinear", align_corners=True
            )
        self._check_size(image_BCHW)
        return self._tokens(image_BCHW) if self._plain else self._maps(image_BCHW)

    def maps(self, image_BCHW: Tensor) -> list[Tensor]:
        """The last map of every stage of a CNN or a hierarchical transformer; a plain transformer's patches, as one.

        Of models with stages images are read at their own size: ``upsample_to`` is of what is aligned with reports.
        """
        if self._plain:
            return super().maps(image_BCHW)
        self._check_size(image_BCHW)
        image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = self.model.forward_intermediates(image_BCHW, output_fmt="NCHW", intermediates_only=True)
        return maps

    def _maps(self, image_BCHW: Tensor) -> ImageFeatures:
        # Convolutions run up to twice as fast so, and the local map's rows need no transpose.
        image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        last, (local_BERS, _) = self.model.forward_intermediates(image_BCHW, indices=[-2, -1], output_fmt="NCHW")
        return ImageFeatures(
            global_BE=self.model.forward_head(last, pre_logits=True),
            local_BPE=local_BERS.flatten(2).transpose(1, 2),
            attention_BP=None,
            grid=(local_BERS.shape[2], local_BERS.shape[3]),
        )

    def _tokens(self, image_BCHW: Tensor) -> ImageFeatures:
        token_BNE = self.model.forward_features(image_BCHW)
        by_class_token = self.model.global_pool == "token" and self.model.num_prefix_tokens > 0
        global_BE = token_BNE[:, 0] if by_class_token else self.model.forward_head(token_BNE, pre_logits=True)
        if token_BNE.ndim == 4:
            token_BNE = token_BNE.flatten(1, 2)
        local_BPE = token_BNE[:, self.model.num_prefix_tokens :]
        return ImageFeatures(
            global_BE=global_BE,
            local_BPE=local_BPE,
            attention_BP=self._class_row() if self._attends else None,
            grid=patch_grid(local_BPE.shape[1], image_BCHW.shape[2], image_BCHW.shape[3]),
        )

    def _class_row(self) -> Tensor:
        attention = self.model.blocks[-1].attn
        qkv_BN3GA = self._kept.pop("qkv").unflatten(-1, (3, attention.num_heads, -1))
        with torch.no_grad():
            query_BGA, key_BNGA = attention.q_norm(qkv_BN3GA[:, 0, 0]), attention.k_norm(qkv_BN3GA[:, :, 1])
        return class_row(query_BGA, key_BNGA, scale=attention.scale)[:, self.model.num_prefix_tokens :]

    def _check_size(self, image_BCHW: Tensor) -> None:
        embedding: Any = getattr(self.model, "patch_embed", None)
        if not getattr(embedding, "strict_img_size", False) or embedding.img_size is None:
            return
        size, built = tuple(image_BCHW.shape[2:]), tuple(embedding.img_size)
        if size != built:
            raise wrong_size(size, built)


def _has_plain_class_attention(model: Any) -> bool:
    from timm.layers import Attention

    # Other attention classes add a position bias or a rotation, which q and k alone do not show.
    plain = type(getattr(model.blocks[-1], "attn", None)) is Attention
    return plain and getattr(model, "cls_token", None) is not None


def _create(name: str, *, pretrained: bool, arguments: dict[str, Any]) -> Any:
    ensure_torchvision()
    import timm

    if name.split(".")[0] not in timm.list_models():
        near = get_close_matches(name, [*timm.list_models(), *timm.list_pretrained()], n=3, cutoff=0.0)
        raise UserError(f"timm has no model {name}: did you mean {', '.join(near)}? Set encoder.image.name.")
    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"The timm model {name} could not be built ({error}): leave encoder.image.image_size null for a model that "
            "takes any size, and check encoder.image.name and encoder.image.model_args."
        ) from error
    return _fetched(model, name, arguments) if pretrained else model


def _fetched(model: Any, name: str, arguments: dict[str, Any]) -> Any:
    import timm

    repository = model.pretrained_cfg.get("hf_hub_id")
    tried = f"timm's hub ({repository or model.pretrained_cfg.get('url') or 'which has none for this model'})"
    offline = UserError(
        f"No weights for the image encoder {name}: {tried} did not give them, and no earlier run fetched them; set "
        "encoder.image.weights=FILE to a local copy, or encoder.image.pretrained=false to start from random weights."
    )
    if hub_reachable():
        try:
            return timm.create_model(name, pretrained=True, num_classes=0, **arguments)
        except (OSError, RuntimeError) as error:
            raise offline from error
    file = cached_file(repository, ("model.safetensors", "pytorch_model.bin")) if repository else None
    if file is None:
        raise offline
    _load(model, str(file), name)
    return model


def _load(model: Any, file: str, name: str) -> None:
    import timm

    if Path(file).is_dir():
        refuse_run(file, key="encoder.image.weights")
    tensors = read_tensors(file)
    refuse_checkpoint(tensors, key="encoder.image.weights", file=file)
    # timm keeps one function a family that renames old keys and resizes position tables.
    family = sys.modules[timm.model_entrypoint(name.split(".")[0]).__module__]
    rename = getattr(family, "checkpoint_filter_fn", None)
    if rename is not None:
        # Weights of another family can break it anywhere; what does not fit is then listed below.
        with suppress(LookupError, AttributeError, TypeError, ValueError, RuntimeError):
            tensors = rename(dict(tensors), model)
    heads = model.pretrained_cfg.get("classifier") or ()
    for head in (heads,) if isinstance(heads, str) else heads:
        tensors.pop(f"{head}.weight", None)
        tensors.pop(f"{head}.bias", None)
    counters = {key: value for key, value in model.state_dict().items() if key.endswith("num_batches_tracked")}
    load_exactly(model, {**counters, **tensors}, source=file)
