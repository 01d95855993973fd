"""Smooth outlines and their drawing. Points are fractions of the picture's size; N points, 2 is (x, y), H W pixels."""

import functools

import numpy as np

_SHIFT = 6


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


def closed_curve(points_N2: np.ndarray, samples: int = 6) -> np.ndarray:
    """A smooth closed outline through the points, (N * samples, 2)."""
    return _closed_basis(len(points_N2), samples) @ points_N2


def open_curve(points_N2: np.ndarray, samples: int = 6) -> np.ndarray:
    """A smooth open line through the points, ((N - 1) * samples + 1, 2)."""
    ends = np.vstack([2 * points_N2[0] - points_N2[1], points_N2, 2 * points_N2[-1] - points_N2[-2]])
    basis = _closed_basis(len(ends), samples)
    return basis[samples : samples * (len(ends) - 2) + 1] @ ends


def ribbon(centre_N2: np.ndarray, width_N: np.ndarray | float) -> np.ndarray:
    """The outline of a band of ``width`` along a line, (2 N, 2)."""
    along = np.gradient(centre_N2, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= (np.asarray(width_N) / 2 / np.maximum(np.linalg.norm(across, axis=1), 1e-9))[..., None]
    return np.vstack([centre_N2 + across, (centre_N2 - across)[::-1]])


def _fixed(points_N2: np.ndarray, size: int) -> np.ndarray:
    """To OpenCV's fixed-point pixels, whose centres have whole numbers."""
    return np.rint((points_N2 * size - 0.5) * (1 << _SHIFT)).astype(np.int32)


def fill(canvas_HW: np.ndarray, outlines: list[np.ndarray], value: int = 255) -> np.ndarray:
    """Fill outlines on a uint8 canvas with soft edges; returns the canvas."""
    import cv2

    for outline in outlines:
        cv2.fillPoly(canvas_HW, [_fixed(outline, len(canvas_HW))], value, cv2.LINE_AA, _SHIFT)
    return canvas_HW


def stroke(canvas_HW: np.ndarray, lines: list[np.ndarray], width: float, value: float = 255) -> np.ndarray:
    """Draw lines of a width (a fraction of the size) on a uint8 canvas.

    Lines thinner than a pixel are drawn one pixel wide and fainter, as a detector would see them.
    """
    import cv2

    size = len(canvas_HW)
    pixels = max(1, round(width * size))
    shade = int(min(255.0, value * min(1.0, 0.25 + 0.75 * width * size)))
    fixed = [_fixed(line, size) for line in lines]
    cv2.polylines(canvas_HW, fixed, False, shade, pixels, cv2.LINE_AA, _SHIFT)
    return canvas_HW


def inside(outline_N2: np.ndarray, size: int) -> np.ndarray:
    """Hard mask of an outline, bool (size, size)."""
    import cv2

    mask_HW = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask_HW, [_fixed(outline_N2, size)], 1, cv2.LINE_8, _SHIFT)
    return mask_HW.astype(bool)


def blur(field_HW: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; ``sigma`` is a fraction of the size."""
    import cv2

    return cv2.GaussianBlur(field_HW, (0, 0), sigma * len(field_HW))


def resize(field_HW: np.ndarray, size: int) -> np.ndarray:
    """To another size: averaging where it shrinks, bilinear where it grows."""
    import cv2

    if len(field_HW) == size:
        return field_HW
    how = cv2.INTER_AREA if size < len(field_HW) else cv2.INTER_LINEAR
    return cv2.resize(field_HW, (size, size), interpolation=how)
