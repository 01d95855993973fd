"""The model that MGCA pretrains: an image encoder, a text encoder and their projections into one space.

Axes: B image-report pairs, C channels, H and W pixels, P positions, L tokens, T words, E encoder width, D embedding
width.
"""

from pydantic import PositiveInt
from torch import Tensor, nn

from src.core.batch import PairBatch
from src.core.embeddings import Embeddings
from src.core.errors import UserError
from src.core.precision import at_least_float32
from src.core.rules import Rules
from src.models.features import (
    ImageEmbeddings,
    ImageEncoder,
    ImageFeatures,
    TextEmbeddings,
    TextEncoder,
    TextFeatures,
)
from src.models.projection import Projection


class AlignmentModel(nn.Module):
    """Global and local embeddings of images and reports (MGCA, section 3.1).

    ``embedding_dim`` is the common width D, ``hidden_dim`` the width inside the projections. ``rules``: under
    published the BatchNorms of the text see padded positions, and padding gets a local embedding that only the mask
    tells apart; under corrected padding changes no value, and its local embeddings are zero. ``sync_batch_norm``: the
    BatchNorms of the projections see the rows of all processes, not only those of their own.
    """

    def __init__(
        self,
        *,
        image_encoder: ImageEncoder,
        text_encoder: TextEncoder,
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        sync_batch_norm: bool,
        rules: Rules,
    ) -> None:
        super().__init__()
        self.rules = rules
        self.embedding_dim = embedding_dim
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder

        def projection(width: int) -> Projection:
            return Projection(in_dim=width, hidden_dim=hidden_dim, out_dim=embedding_dim, sync=sync_batch_norm)

        self.image_global = projection(image_encoder.global_dim)
        self.image_local = projection(image_encoder.local_dim)
        self.text_global = projection(text_encoder.global_dim)
        self.text_local = projection(text_encoder.local_dim)

    def forward(self, batch: PairBatch) -> Embeddings:
        """Everything a loss may read; see ``project``."""
        return self.project(*self.encode(batch.image_BCHW, batch.token_BL, batch.token_mask_BL))

    def encode(self, image_BCHW: Tensor, token_BL: Tensor, token_mask_BL: Tensor) -> tuple[ImageFeatures, TextFeatures]:
        """What the encoders make of the pairs, before the projections."""
        return self.image_encoder(image_BCHW), self.text_encoder(token_BL, token_mask_BL)

    def project(self, image_features: ImageFeatures, text_features: TextFeatures) -> Embeddings:
        """Everything a loss may read, of what the encoders made of the pairs.

        In training a batch needs two pairs, or its BatchNorms have no variance. Raises UserError for one of one pair.
        """
        if self.training and len(image_features.global_BE) < 2:
            raise UserError(
                "A training batch holds 1 pair, and batch normalisation needs at least 2: raise datamodule.batch_size, "
                "or task.micro_batch_size where it is set."
            )
        image = self._project_images(image_features)
        text = self._project_texts(text_features)
        return Embeddings(
            image_global_BD=image.global_BD,
            text_global_BD=text.global_BD,
            image_local_BPD=image.local_BPD,
            text_local_BTD=text.local_BTD,
            text_mask_BT=text.mask_BT,
            text_attention_BT=text.attention_BT,
            image_attention_BP=image.attention_BP,
        )

    def embed_images(self, image_BCHW: Tensor) -> ImageEmbeddings:
        """Embeddings of normalised float images with three equal channels."""
        return self._project_images(self.image_encoder(image_BCHW))

    def embed_texts(self, token_BL: Tensor, token_mask_BL: Tensor) -> TextEmbeddings:
        """Embeddings of token ids, [CLS] first and padded at the end; the mask is true where a token stands."""
        return self._project_texts(self.text_encoder(token_BL, token_mask_BL))

    def _project_images(self, features: ImageFeatures) -> ImageEmbeddings:
        return ImageEmbeddings(
            feature_BE=features.global_BE,
            global_BD=_unit(self.image_global(features.global_BE)),
            local_BPD=_unit(_project_positions(self.image_local, features.local_BPE, None)),
            attention_BP=features.attention_BP,
            grid=features.grid,
        )

    def _project_texts(self, features: TextFeatures) -> TextEmbeddings:
        mask_BT = None if self.rules == "published" else features.mask_BT
        local_BTD = _unit(_project_positions(self.text_local, features.local_BTE, mask_BT))
        if mask_BT is not None:
            local_BTD = local_BTD.masked_fill(~mask_BT.unsqueeze(-1), 0)
        return TextEmbeddings(
            feature_BE=features.global_BE,
            global_BD=_unit(self.text_global(features.global_BE)),
            local_BTD=local_BTD,
            mask_BT=features.mask_BT,
            attention_BT=features.attention_BT,
        )


def _project_positions(projection: Projection, local_BPE: Tensor, mask_BP: Tensor | None) -> Tensor:
    rows = projection(local_BPE.flatten(0, 1), None if mask_BP is None else mask_BP.flatten())
    projected_BPD: Tensor = rows.unflatten(0, local_BPE.shape[:2])
    return projected_BPD


def _unit(vector: Tensor) -> Tensor:
    return nn.functional.normalize(at_least_float32(vector), dim=-1)
