"""Any Hugging Face vision model as the image encoder.

Axes: B images, C channels, H and W pixels, P patches, N tokens (class and register tokens, then patches), G heads,
A width of a head, E encoder width, R and S rows and columns of a map.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from src.core.errors import UserError
from src.models.class_row import Keeper, class_row
from src.models.features import ImageEncoder, ImageFeatures
from src.models.image.fit import patch_grid, wrong_size
from src.models.image.huggingface_model import create_model, own_mean_and_std

# Families whose attention is softmax(q k / sqrt(A)) and nothing else; others add a position bias or a rotation.
_PLAIN_ATTENTION = ("vit", "deit", "dinov2", "dinov2_with_registers", "vit_msn", "clip_vision_model")
_ROLES = {"query": ("q_proj", "query"), "key": ("k_proj", "key")}
# What families put before the patches.
_PREFIX = ("cls_token", "class_embedding", "distillation_token", "register_tokens")
# Families whose stages end by merging patches, after the map that is wanted.
_MERGING = ("swin", "swinv2")
_SIDE = 224


class HuggingFaceEncoder(ImageEncoder):
    """Global and local features of any Hugging Face vision model: ViT, DINOv2, BEiT, CLIP, Swin, ConvNeXt, ResNet.

    A plain transformer gives its patch tokens and, as global feature, its own pooled vector where that is more than
    a dense layer over the class token, or else its class token, or the mean of its patches where it has none. What
    the class token attends to in the last layer is taken for that row alone, averaged over heads, without dropout
    and without gradient, and every layer keeps the fused attention; families with a position bias or a rotation give
    none. A model of maps (CNNs, hierarchical transformers) gives its own pooled vector, or the mean of its last map,
    and the last map that is finer than the last one (a ResNet's third stage) row by row. Of a model of two towers
    (CLIP) only the images' is built.

    ``name``: a Hugging Face name or a local folder. ``pretrained``: its weights and configuration are read; without,
    ``architecture`` (a Hugging Face configuration: ``model_type`` and its sizes) is built with random weights.
    ``weights``: in their place a local folder, or a .safetensors or torch file, which is of the config.json beside it
    or else of ``architecture``; null for none. ``image_size``: the side of the images in pixels, to which position
    tables are interpolated; null for the model's own. ``own_normalisation``: images, which come as
    (value - ``transform_mean``) / ``transform_std``, are brought to the mean and the deviation that the model was
    trained with, channel by channel, where its preprocessor_config.json names them.

    Raises UserError for weights that are not there or do not fit, for a model that is no vision encoder, and for
    images of a size that it cannot read.
    """

    model: Any

    def __init__(
        self,
        *,
        name: str,
        pretrained: bool,
        weights: str | None,
        architecture: Mapping[str, Any],
        image_size: PositiveInt | None,
        own_normalisation: bool,
        transform_mean: float,
        transform_std: PositiveFloat,
    ) -> None:
        super().__init__()
        source = weights or (name if pretrained else None)
        self._name = source or str(architecture.get("model_type"))
        self.model = create_model(name if pretrained else None, weights, architecture)
        own_sides = _sides(getattr(self.model.config, "image_size", None))
        self._built = _sides(image_size) or own_sides or (_SIDE, _SIDE)
        resized = self._built != own_sides and _interpolates(self.model)
        self._arguments = {"interpolate_pos_encoding": True} if resized else {}
        self._prefix = _count_prefix(self.model)
        self._kept: dict[str, Tensor] = {}
        self._attends = self.model.config.model_type in _PLAIN_ATTENTION and self._prefix > 0
        if self._attends:
            for role, names in _ROLES.items():
                _last_module(self.model, names).register_forward_hook(Keeper(self._kept, role))
        if self.model.config.model_type in _MERGING:
            _last_module(self.model, ("downsample",)).register_forward_pre_hook(_InputKeeper(self._kept, "merged"))
        own = own_mean_and_std(source) if own_normalisation and source is not None else None
        mean_C, std_C = own or ([transform_mean], [transform_std])
        mean_C11, std_C11 = torch.tensor(mean_C).view(-1, 1, 1), torch.tensor(std_C).view(-1, 1, 1)
        # In the state, so that a checkpoint that is read without the model's folder sees what was trained.
        self.register_buffer("scale_C11", (transform_std / std_C11).expand(3, 1, 1).clone())
        self.register_buffer("shift_C11", ((transform_mean - mean_C11) / std_C11).expand(3, 1, 1).clone())
        self._sizes: set[tuple[int, int]] = set()
        self._has_maps: bool | None = None
        features = self._try(self._built)
        self.global_dim, self.local_dim = features.global_BE.shape[-1], features.local_BPE.shape[-1]

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        """Features of normalised float images with three equal channels."""
        size = (image_BCHW.shape[2], image_BCHW.shape[3])
        if not torch.compiler.is_compiling() and size not in self._sizes:
            self._try(size)
        return self._features(image_BCHW)

    @torch.no_grad()
    def _try(self, size: tuple[int, int]) -> ImageFeatures:
        """Features of one black image, so that a size that does not fit is said before a step is under way."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            features = self._features(torch.zeros(1, 3, *size, device=self.get_buffer("scale_C11").device))
        except torch.OutOfMemoryError:
            raise
        except (ValueError, RuntimeError, TypeError, LookupError, AttributeError, AssertionError) as error:
            if size != self._built:
                raise wrong_size(size, self._built) from error
            raise UserError(
                f"The Hugging Face model {self._name} cannot read images of {size[0]} x {size[1]} pixels "
                f"({(str(error).splitlines() or [type(error).__name__])[0]}): set encoder.image.image_size=null or to "
                "a size that it takes, or encoder.image.name to a model of single images."
            ) from error
        finally:
            for module, training in modes:
                module.training = training
        self._sizes.add(size)
        return features

    def _features(self, image_BCHW: Tensor) -> ImageFeatures:
        size = (image_BCHW.shape[2], image_BCHW.shape[3])
        image_BCHW = image_BCHW * self.get_buffer("scale_C11") + self.get_buffer("shift_C11")
        if self._has_maps:
            # Convolutions run up to twice as fast so.
            image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        # The tokens of every layer are not asked for where only the last ones are read.
        asked = self._has_maps is not False
        output = self.model(pixel_values=image_BCHW, output_hidden_states=asked, **self._arguments)
        maps: Any = output.get("reshaped_hidden_states") or output.get("hidden_states")
        if self._has_maps is None:
            self._has_maps = maps is not None and maps[-1].ndim == 4
        pooled = output.get("pooler_output")
        pooled_BE = None if pooled is None else pooled.flatten(1)
        if self._has_maps:
            return self._maps(maps, pooled_BE)
        return self._tokens(output.last_hidden_state, pooled_BE, size)

    def _tokens(self, token_BNE: Tensor, pooled_BE: Tensor | None, size: tuple[int, int]) -> ImageFeatures:
        local_BPE = token_BNE[:, self._prefix :]
        patch = _sides(getattr(self.model.config, "patch_size", None))
        patches = local_BPE.shape[1]
        grid = (size[0] // patch[0], size[1] // patch[1]) if patch else patch_grid(patches, *size)
        if grid[0] * grid[1] != patches:
            raise UserError(
                f"The Hugging Face model {self._name} gives {token_BNE.shape[1]} tokens for an image, which are not "
                f"{self._prefix} and {grid[0]} x {grid[1]} patches: set encoder.image.name to a model that hands out "
                "all its patches."
            )
        if pooled_BE is None:
            pooled_BE = token_BNE[:, 0] if self._prefix else local_BPE.mean(dim=1)
        attention_BP = self._class_row()[:, self._prefix :] if self._attends else None
        return ImageFeatures(global_BE=pooled_BE, local_BPE=local_BPE, attention_BP=attention_BP, grid=grid)

    def _maps(self, maps: tuple[Tensor, ...], pooled_BE: Tensor | None) -> ImageFeatures:
        if pooled_BE is not None and maps[-1].shape[1] != pooled_BE.shape[1] == maps[-1].shape[-1]:
            maps = tuple(map_BRSE.movedim(-1, 1) for map_BRSE in maps)
        last_BERS = maps[-1]
        finer = [map_BERS for map_BERS in maps if map_BERS.shape[-1] > last_BERS.shape[-1]]
        local_BERS = finer[-1] if finer else last_BERS
        local_BPE = self._kept.pop("merged") if "merged" in self._kept else local_BERS.flatten(2).transpose(1, 2)
        return ImageFeatures(
            global_BE=last_BERS.mean(dim=(2, 3)) if pooled_BE is None else pooled_BE,
            local_BPE=local_BPE,
            attention_BP=None,
            grid=(local_BERS.shape[2], local_BERS.shape[3]),
        )

    def _class_row(self) -> Tensor:
        heads = self.model.config.num_attention_heads
        query_BGA = self._kept.pop("query")[:, 0].unflatten(-1, (heads, -1))
        key_BNGA = self._kept.pop("key").unflatten(-1, (heads, -1))
        return class_row(query_BGA, key_BNGA, scale=query_BGA.shape[-1] ** -0.5)


class _InputKeeper:
    """A forward hook that keeps what a layer is given, with its gradient, under a name."""

    def __init__(self, kept: dict[str, Tensor], name: str) -> None:
        self.kept = kept
        self.name = name

    def __call__(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.kept[self.name] = inputs[0]


def _sides(size: Any) -> tuple[int, int] | None:
    """Height and width of a size as configurations write it; None for anything else."""
    if isinstance(size, int):
        return size, size
    return (size[0], size[1]) if isinstance(size, list | tuple) and len(size) == 2 else None


def _interpolates(model: Any) -> bool:
    return "interpolate_pos_encoding" in inspect.signature(model.forward).parameters


def _count_prefix(model: nn.Module) -> int:
    tokens = [value for name, value in model.named_parameters() if name.rpartition(".")[2] in _PREFIX]
    return sum(value.numel() // value.shape[-1] for value in tokens)


def _last_module(model: nn.Module, names: tuple[str, ...]) -> nn.Module:
    return [module for path, module in model.named_modules() if path.rpartition(".")[2] in names][-1]
