"""One pass over held-out studies that keeps what every metric reads.

Axes: B studies of a batch, N studies, E image encoder's width, D embedding width, F findings.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from src.core.batch import PairBatch
from src.core.errors import UserError
from src.models.alignment import AlignmentModel


@dataclass(frozen=True)
class StudyEmbeddings:
    """N studies as the model sees them, float32 on the CPU, in the order of the data.

    ``feature_NE``: the image encoder's vector before projection. ``image_ND``, ``text_ND``: projected, L2-normalised.
    ``label_NF``: 1 present, 0 absent, NaN unknown; F may be 0. ``row_N``: int64, each study's row in its table.
    """

    feature_NE: Tensor
    image_ND: Tensor
    text_ND: Tensor
    label_NF: Tensor
    row_N: Tensor

    def __len__(self) -> int:
        return len(self.row_N)


def embed_studies(
    model: AlignmentModel,
    dataloader: Iterable[PairBatch],
    *,
    device: torch.device | str,
    precision: str,
    texts: bool = True,
) -> StudyEmbeddings:
    """Embed every study once, in eval mode and without gradients; the model's training mode is restored after.

    The model stays on ``device``, where it must already be. ``precision`` as Lightning names it: ``bf16-mixed`` and
    ``16-mixed`` run under autocast, any other as the weights are. Raises UserError where there is no study, or where
    an embedding is not finite. ``texts=False`` leaves the reports out, and ``text_ND`` without columns.
    """
    device = torch.device(device)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), autocast(device, precision):
            parts = [_embed(model, batch.to(device), texts=texts) for batch in dataloader]
    finally:
        model.train(was_training)
    if not parts:
        raise UserError("There are no studies to judge the model on: the split is empty; give it at least one study.")
    studies = StudyEmbeddings(*(torch.cat(column) for column in zip(*parts, strict=True)))
    _check_finite(studies)
    return studies


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The context in which a forward pass runs at Lightning's ``precision``."""
    dtypes = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    if precision not in dtypes:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtypes[precision])


def _embed(model: AlignmentModel, batch: PairBatch, *, texts: bool) -> tuple[Tensor, ...]:
    image = model.embed_images(batch.image_BCHW)
    text_BD = image.global_BD[:, :0]
    if texts:
        text_BD = model.embed_texts(batch.token_BL, batch.token_mask_BL).global_BD
    vectors = (image.feature_BE, image.global_BD, text_BD, batch.label_BF)
    return (*(vector.float().cpu() for vector in vectors), batch.row_B.cpu())


def _check_finite(studies: StudyEmbeddings) -> None:
    vectors = torch.cat([studies.feature_NE, studies.image_ND, studies.text_ND], dim=1)
    bad_N = ~vectors.isfinite().all(dim=1)
    if bad_N.any():
        row = int(studies.row_N[bad_N][0])
        raise UserError(
            f"The embeddings of {int(bad_N.sum())} of {len(studies)} studies (first: row {row}) are not finite, so the "
            "model cannot be judged; choose a checkpoint from before its loss went wrong, or trainer.precision=32-true."
        )
