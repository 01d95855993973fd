"""What the encoders hand to the alignment model, and what the model hands to evaluation.

Axes: B images or reports, P patches, T words, E encoder width, D embedding width, R and S rows and columns of a map.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from src.models.text.tokenizer import ReportTokenizer


@dataclass(frozen=True)
class ImageFeatures:
    """One image encoder's output before projection.

    ``global_BE``: one vector an image. ``local_BPE``: one vector a patch, row by row; its width may differ from the
    global one's. ``attention_BP``: what the class token attends to in the last block, averaged over heads, without
    gradient; None where the model has none. ``grid``: rows and columns of the patches, P = rows * columns.
    """

    global_BE: Tensor
    local_BPE: Tensor
    attention_BP: Tensor | None
    grid: tuple[int, int]


@dataclass(frozen=True)
class TextFeatures:
    """One text encoder's output before projection.

    ``global_BE``: one vector a report. ``local_BTE``: one vector a word, zeros at padding. ``mask_BT``: bool, true
    where a word stands. ``attention_BT``: what [CLS] attends to in the last layer, averaged over heads, summed over
    the pieces of each word, zero at padding, without gradient, not clipped.
    """

    global_BE: Tensor
    local_BTE: Tensor
    mask_BT: Tensor
    attention_BT: Tensor


@dataclass(frozen=True)
class ImageEmbeddings:
    """Projected images: ``global_BD`` and ``local_BPD`` are L2-normalised; ``feature_BE`` is before projection."""

    feature_BE: Tensor
    global_BD: Tensor
    local_BPD: Tensor
    attention_BP: Tensor | None
    grid: tuple[int, int]


@dataclass(frozen=True)
class TextEmbeddings:
    """Projected reports: ``global_BD`` and ``local_BTD`` are L2-normalised; ``feature_BE`` is before projection."""

    feature_BE: Tensor
    global_BD: Tensor
    local_BTD: Tensor
    mask_BT: Tensor
    attention_BT: Tensor


class ImageEncoder(nn.Module):
    """Base of image encoders. A new one sets the widths of its vectors and implements ``forward``.

    ``model`` is the network itself, as its library gives it.
    """

    model: nn.Module
    global_dim: int
    local_dim: int

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        """Features of normalised float images with three equal channels."""
        raise NotImplementedError

    def maps(self, image_BCHW: Tensor) -> list[Tensor]:
        """Maps of the images, (B, E, R, S) each, finest first, for tasks that ask where something is.

        The local features as one map, unless an encoder has maps of several sizes.
        """
        features = self(image_BCHW)
        return [features.local_BPE.transpose(1, 2).unflatten(2, features.grid)]

    def __call__(self, image_BCHW: Tensor) -> ImageFeatures:
        features: ImageFeatures = super().__call__(image_BCHW)
        return features


class TextEncoder(nn.Module):
    """Base of text encoders. A new one sets its widths and its tokenizer and implements ``forward``.

    ``model`` is the network itself, as its library gives it.
    """

    model: nn.Module
    global_dim: int
    local_dim: int
    tokenizer: ReportTokenizer

    def forward(self, token_BL: Tensor, token_mask_BL: Tensor) -> TextFeatures:
        """Features of token ids, [CLS] first and padded at the end, with a mask that is true where a token stands."""
        raise NotImplementedError

    def __call__(self, token_BL: Tensor, token_mask_BL: Tensor) -> TextFeatures:
        features: TextFeatures = super().__call__(token_BL, token_mask_BL)
        return features
