"""The maps that a constant encoder makes of the validation images, made once where they fit into memory."""

from collections.abc import Iterable, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from src.core.dense import DensePixels
from src.evaluation.embed import autocast
from src.tasks.dense.network import DenseNetwork, Head, MapBatch

MOST_BYTES = 2 * 1024**3
"""Of the maps that are kept, in the computer's memory."""


def cached_maps(
    network: DenseNetwork[Head], loader: DataLoader, *, device: torch.device, precision: str, most_bytes: int
) -> DataLoader:
    """A loader of ``MapBatch`` in the place of ``loader``, or ``loader`` itself where the maps take ``most_bytes``."""
    kept: list[MapBatch] = []
    network.encoder_to(device)
    for pixels in _batches(loader):
        batch = pixels.to(device)
        with torch.no_grad(), autocast(device, precision):
            maps = [map_BERS.cpu() for map_BERS in network.encoder_maps(batch.image_BCHW)]
        size = (batch.image_BCHW.shape[2], batch.image_BCHW.shape[3])
        kept.append(MapBatch(maps, size, pixels.mask_BFHW, pixels.objects, pixels.position_B))
        if sum(map_BERS.nbytes for map_BERS in maps) * len(loader) > most_bytes:
            return loader
    return DataLoader(_Kept(kept), batch_size=None)


def _batches(loader: DataLoader) -> Iterable[DensePixels]:
    yield from loader


class _Kept(Dataset[MapBatch]):
    def __init__(self, batches: Sequence[MapBatch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> MapBatch:
        return self.batches[index]
