"""Smooth outlines and their drawing. Points are fractions of the picture's size.

Axes: X any leading axes, N and M points, 2 is (x, y), H W pixels.
"""

import functools
from collections.abc import Sequence

import numpy as np

_SHIFT = 6
_NO_BLUR, _WIDE_BLUR = 0.25, 4.0
_MIRROR = np.array([-1.0, 1.0])
_MIDLINE = np.array([0.5, 0.0])


@functools.cache
def _closed_basis(count: int, samples: int) -> np.ndarray:
    """Catmull-Rom weights of ``count`` control points, closed: (count * samples, count)."""
    t_S1 = np.arange(samples)[:, None] / samples
    weights_S4 = np.hstack(
        [
            -0.5 * t_S1 + t_S1**2 - 0.5 * t_S1**3,
            1 - 2.5 * t_S1**2 + 1.5 * t_S1**3,
            0.5 * t_S1 + 2 * t_S1**2 - 1.5 * t_S1**3,
            -0.5 * t_S1**2 + 0.5 * t_S1**3,
        ]
    )
    basis = np.zeros((count, samples, count))
    for start in range(count):
        for column in range(4):
            basis[start, :, (start + column - 1) % count] += weights_S4[:, column]
    return basis.reshape(count * samples, count)


def closed_curve(points_XN2: np.ndarray, samples: int = 6) -> np.ndarray:
    """Smooth closed outlines through the points, (..., N * samples, 2)."""
    return _closed_basis(points_XN2.shape[-2], samples) @ points_XN2


def open_curve(points_XN2: np.ndarray, samples: int = 6) -> np.ndarray:
    """Smooth open lines through the points, (..., (N - 1) * samples + 1, 2)."""
    first, last = points_XN2[..., :1, :], points_XN2[..., -1:, :]
    before, after = 2 * first - points_XN2[..., 1:2, :], 2 * last - points_XN2[..., -2:-1, :]
    ends = np.concatenate([before, points_XN2, after], axis=-2)
    basis = _closed_basis(ends.shape[-2], samples)
    return basis[samples : samples * (ends.shape[-2] - 2) + 1] @ ends


def ribbon(centre_XN2: np.ndarray, width_N: np.ndarray | float) -> np.ndarray:
    """Outlines of bands of ``width`` along lines, (..., 2 N, 2): one edge forth, the other back."""
    along = np.empty_like(centre_XN2)
    along[..., 1:-1, :] = centre_XN2[..., 2:, :] - centre_XN2[..., :-2, :]
    along[..., 0, :] = centre_XN2[..., 1, :] - centre_XN2[..., 0, :]
    along[..., -1, :] = centre_XN2[..., -1, :] - centre_XN2[..., -2, :]
    reach = np.asarray(width_N) / 2 / np.hypot(along[..., 0], along[..., 1])
    across = along[..., ::-1] * np.array([-1.0, 1.0]) * reach[..., None]
    return np.concatenate([centre_XN2 + across, (centre_XN2 - across)[..., ::-1, :]], axis=-2)


def edges(ribbon_XM2: np.ndarray) -> np.ndarray:
    """The two edges of ribbons, (..., 2, N, 2)."""
    return ribbon_XM2.reshape(*ribbon_XM2.shape[:-2], 2, -1, 2)


def both_sides(half_XN2: np.ndarray) -> np.ndarray:
    """Points given as (offset from the midline, y) on the patient's left and right, (2, ..., N, 2)."""
    return np.stack([half_XN2, half_XN2 * _MIRROR]) + _MIDLINE


def _fixed(points_XN2: np.ndarray, size: int) -> list[np.ndarray]:
    """To lists of points in OpenCV's fixed-point pixels, whose centres have whole numbers."""
    fixed = np.rint((points_XN2 * size - 0.5) * (1 << _SHIFT)).astype(np.int32)
    return list(fixed.reshape(-1, *fixed.shape[-2:]))


def fill(canvas_HW: np.ndarray, outlines: Sequence[np.ndarray], value: int = 255) -> np.ndarray:
    """Fill outlines, each (..., N, 2), on a uint8 canvas with soft edges; returns the canvas."""
    import cv2

    for outline in outlines:
        for one in _fixed(outline, len(canvas_HW)):
            cv2.fillPoly(canvas_HW, [one], value, cv2.LINE_AA, _SHIFT)
    return canvas_HW


def stroke(canvas_HW: np.ndarray, lines: Sequence[np.ndarray], width: float, value: float = 255) -> np.ndarray:
    """Draw lines, each (..., N, 2), of a width (a fraction of the size) on a uint8 canvas.

    Lines thinner than a pixel are drawn one pixel wide and fainter, as a detector would see them.
    """
    import cv2

    size = len(canvas_HW)
    pixels = max(1, round(width * size))
    shade = int(min(255.0, value * min(1.0, 0.35 + 0.65 * width * size)))
    for line in lines:
        cv2.polylines(canvas_HW, _fixed(line, size), False, shade, pixels, cv2.LINE_AA, _SHIFT)
    return canvas_HW


def inside(outline_N2: np.ndarray, size: int) -> np.ndarray:
    """Hard mask of an outline, bool (size, size)."""
    import cv2

    mask_HW = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask_HW, _fixed(outline_N2, size), 1, cv2.LINE_8, _SHIFT)
    return mask_HW.astype(bool)


def blur(field_HW: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; ``sigma`` is a fraction of the size. Wide ones use a coarser grid, the narrowest do nothing."""
    import cv2

    size = len(field_HW)
    pixels = sigma * size
    if pixels < _NO_BLUR:
        return field_HW
    if pixels > _WIDE_BLUR and size % 4 == 0:
        return resize(blur(resize(field_HW, size // 4), sigma), size)
    reach = 2 * int(np.ceil(2.6 * pixels)) + 1
    return cv2.GaussianBlur(field_HW, (reach, reach), pixels)


def resize(field_HW: np.ndarray, size: int) -> np.ndarray:
    """To another size: averaging where it shrinks, bilinear where it grows."""
    import cv2

    if len(field_HW) == size:
        return field_HW
    how = cv2.INTER_AREA if size < len(field_HW) else cv2.INTER_LINEAR
    return cv2.resize(field_HW, (size, size), interpolation=how)
