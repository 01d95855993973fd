"""What an image looks like, in a few numbers: whether two are the same picture, and whether one is inverted.

The thresholds were measured on 819 images of NIH ChestX-ray14 (64 pixels), 185 other real ones (up to 512) and 400 of
the phantom; ``tests/data/test_appearance.py`` measures them again. Axes: H and W pixels.
"""

import numpy as np

INVERTED = -0.1
"""A frontal chest whose ``tone`` is lower is inverted. No upright image of 1,404 was below 0.12; all inverted were."""
BLANK = 5.0
"""An image whose ``spread`` is lower shows next to nothing; that of 1,004 real ones is 9 and more."""
LOOK_BITS = 256
LOOK_TOLERANCE = 12
"""Looks of the same picture differ in 12 bits at most; those of two real people never differed in fewer than 19.

JPEG of quality 60, half size, 0.7 of the contrast or a gamma of 0.8 change 9 bits at most of an image of 160 pixels and
more; brightening by 15 per cent, which cuts off the whites, changes over 12 in one image of thirty. Among hundreds of
thousands a few strangers come closer, by the measured distances' tail: ``detail`` tells them apart."""
DETAIL_LIKENESS = 0.95
"""The least correlation of two ``detail`` of one picture. Pictures of different people reach 0.88, phantoms 0.93."""
CENTRE_LIKENESS = 0.9
"""The same of their central halves, which a common frame or caption does not touch: different people reach 0.87."""

_SIDE = 16
# of the grid's standard deviation: below it, what a JPEG does to even ground would decide
_STEP = 0.05
# of 255: what averaging in single precision may add to even ground
_EVEN = 0.01
_FINE = 64
_BLUR = 4.0
# How bright the left half of a frontal chest is, by eighths of its height and width: the mean of the NIH images, each
# joined with its mirror image and standardised, in tenths.
_CHEST = (
    (-17, -14, -10, 1),
    (-3, -1, -5, 0),
    (1, 0, -9, -1),
    (0, 0, -8, 3),
    (-3, 0, -2, 8),
    (-6, 1, 4, 11),
    (-8, 4, 11, 14),
    (-9, 7, 14, 16),
)


def look(image_HW: np.ndarray) -> bytes:
    """32 bytes that change little when the same picture is scaled, compressed or rescaled in brightness.

    Each bit says whether a cell of a 16 x 17 grid is clearly darker than its right neighbour (a difference hash).
    """
    grid_HW = _grid(image_HW, _SIDE, _SIDE + 1)
    return np.packbits(np.diff(grid_HW, axis=1) > max(_STEP * grid_HW.std(), _EVEN)).tobytes()


def tone(image_HW: np.ndarray) -> float:
    """How much an image's light and dark are those of a frontal chest: their correlation, -1 to 1.

    An image is below 0 where black is white, near 0 where it is no frontal chest, and 0 where it is even.
    """
    grid_HW = _grid(image_HW, len(_CHEST), 2 * len(_CHEST[0]))
    half_HW = (grid_HW + grid_HW[:, ::-1])[:, : len(_CHEST[0])]
    return _correlation(half_HW, np.array(_CHEST, dtype=np.float32))


def spread(image_HW: np.ndarray) -> float:
    """Return the standard deviation of the grey levels, of the image or of its central half, whichever is lower.

    A white frame or caption around a picture that is nearly blank gives the whole a high deviation.
    """
    return float(min(image_HW.std(), _centre(image_HW).std()))


def detail(image_HW: np.ndarray) -> np.ndarray:
    """The fine structure of an image, float32 (64, 64): without light and shade that all chests share."""
    import cv2

    fine_HW = _grid(image_HW, _FINE, _FINE)
    return np.asarray(fine_HW - cv2.GaussianBlur(fine_HW, (0, 0), _BLUR))


def same_picture(one_HW: np.ndarray, other_HW: np.ndarray) -> bool:
    """Whether two ``detail`` come from one picture, whatever its size, compression and brightness."""
    if _correlation(one_HW, other_HW) < DETAIL_LIKENESS:
        return False
    return _correlation(_centre(one_HW), _centre(other_HW)) >= CENTRE_LIKENESS


def _centre(image_HW: np.ndarray) -> np.ndarray:
    height, width = image_HW.shape
    return image_HW[height // 4 : height - height // 4, width // 4 : width - width // 4]


def _grid(image_HW: np.ndarray, rows: int, columns: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(image_HW.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA))


def _correlation(one_HW: np.ndarray, other_HW: np.ndarray) -> float:
    one_HW, other_HW = one_HW - one_HW.mean(), other_HW - other_HW.mean()
    scale = float(np.sqrt((one_HW**2).sum() * (other_HW**2).sum()))
    return float((one_HW * other_HW).sum() / scale) if scale > 0 else 0.0
