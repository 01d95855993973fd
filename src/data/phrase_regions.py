"""Where the regions of phrases come to lie in an image as the model sees it.

Axes: M phrases, N boxes of all phrases, H and W pixels of the image as it is, h and w as the model sees it.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from src.data.outlines import Rectangle
from src.data.phrases import Phrase
from src.data.transforms import ImageTransform

Region = Literal["auto", "boxes"]
"""``auto``: masks where they are known, else boxes."""


def seen_regions(
    phrases: Sequence[Phrase], shape: tuple[int, int], transform: ImageTransform, *, region: Region
) -> np.ndarray:
    """The pixels of each phrase's region, bool (M, h, w), through the very geometry of ``transform``.

    ``shape``: height and width of the image before it. A region that the crop leaves out, or that is smaller than a
    pixel, has none.
    """
    by_mask = [phrase.mask_HW is not None and region == "auto" for phrase in phrases]
    masks = [phrase.mask_HW for phrase, masked in zip(phrases, by_mask, strict=True) if masked]
    boxed = [m for m, masked in enumerate(by_mask) if not masked]
    owner_N = np.array([m for m in boxed for _ in phrases[m].box_N4], dtype=np.int64)
    box_N4 = np.concatenate([np.zeros((0, 4)), *(phrases[m].box_N4 for m in boxed)])
    height, width = shape
    seen = transform.annotated(
        np.zeros(shape, dtype=np.uint8),
        mask_MHW=np.array(masks, dtype=np.uint8).reshape(-1, *shape),
        # what was moved with float32 may end a hair outside
        box_N4=box_N4.clip(0, [width, height, width, height]),
        seed=0,
    )
    region_Mhw = np.zeros((len(phrases), *seen.image_HW.shape), dtype=bool)
    region_Mhw[np.array(by_mask, dtype=bool)] = seen.mask_MHW.astype(bool)
    for kept, edge_4 in zip(seen.kept_N, seen.box_N4, strict=True):
        region_Mhw[owner_N[kept]] |= Rectangle(*map(float, edge_4)).draw(*seen.image_HW.shape)
    return region_Mhw
