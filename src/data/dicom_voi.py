"""The modality LUT and the VOI LUT or window of a DICOM, in double precision (PS3.3 C.11.1 and C.11.2).

Axes: K values of an image, N entries of a table.
"""

import math
from typing import Any

import numpy as np

ADVICE = "set dataset.dicom_scale=maximum to read it by its stored values"
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_WORD = 1 << 16


def windowed(level_K: np.ndarray, dataset: Any) -> np.ndarray:
    """Return stored values after the modality LUT and the VOI LUT, float64 (K,), 0 the least and 1 the largest output.

    The VOI LUT is preferred to a window, and the first window that is valid to the others. Without either, the range of
    the values is shown. Raises ``ValueError`` for elements that do not describe a LUT, and for a single grey level.
    """
    value_K = _modality(level_K, dataset)
    low, high = float(value_K.min()), float(value_K.max())
    if not low < high < math.inf:
        raise ValueError(f"has one value after its modality LUT or rescaling; {ADVICE}")
    if dataset.get("VOILUTSequence"):
        output_K, table_N = _looked_up(value_K, dataset, "VOILUTSequence")
        # tables of 12 bits that are declared as 16 are common, so that the declared depth would show them black
        shown_K, name = (output_K - table_N.min()) / max(float(np.ptp(table_N)), 1.0), "LUT"
    else:
        function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
        if function not in _FUNCTIONS:
            raise ValueError(f"has a VOILUTFunction that is none of {', '.join(_FUNCTIONS)}; {ADVICE}")
        window = _window(dataset, function)
        if window is None:
            return (value_K - low) / (high - low)
        shown_K, name = apply_window(value_K, *window, function), f"window (centre {window[0]:g}, width {window[1]:g})"
    if shown_K.min() == shown_K.max():
        raise ValueError(f"shows one grey level in its VOI {name}, its values are {low:g} to {high:g}; {ADVICE}")
    return np.asarray(shown_K)


def apply_window(value_K: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Return ``value_K`` within a window, 0 to 1, by a VOI LUT function of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        # beyond 500 the result is 0 or 1 in double precision
        return np.asarray(1 / (1 + np.exp((-4 * (value_K - centre) / width).clip(-500, 500))))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (value_K > centre).astype(np.float64)
    return np.asarray(((value_K - centre) / width + 0.5).clip(0, 1))


def number(dataset: Any, keyword: str) -> float | None:
    """Return the number in an element, the first of several; None for an absent or blank element.

    Raises ``ValueError`` for an element that holds no finite number.
    """
    return next(iter(_numbers(dataset, keyword)), None)


def _numbers(dataset: Any, keyword: str) -> list[float]:
    try:
        value = dataset.get(keyword)
        values = [] if value is None or value == "" else [float(part) for part in np.ravel(value)]
    except Exception as error:
        raise ValueError(f"has an element {keyword} that is no number") from error
    if not all(map(math.isfinite, values)):
        raise ValueError(f"has an element {keyword} that is no finite number")
    return values


def _modality(level_K: np.ndarray, dataset: Any) -> np.ndarray:
    if dataset.get("ModalityLUTSequence"):
        return _looked_up(level_K, dataset, "ModalityLUTSequence")[0]
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    return level_K * (1.0 if slope is None else slope) + (intercept or 0.0)


def _window(dataset: Any, function: str) -> tuple[float, float] | None:
    """The first window whose width its function admits (at least 1 for LINEAR, else above 0); None for none."""
    windows = zip(_numbers(dataset, "WindowCenter"), _numbers(dataset, "WindowWidth"), strict=False)
    return next(((c, w) for c, w in windows if (w >= 1 if function == "LINEAR" else w > 0)), None)


def _looked_up(value_K: np.ndarray, dataset: Any, keyword: str) -> tuple[np.ndarray, np.ndarray]:
    """The output for each value, float64 (K,), and the table (N,), of the first item of a LUT sequence."""
    name = keyword.removesuffix("LUTSequence") + " LUT"
    try:
        item = dataset[keyword].value[0]
        count, first, _ = (int(part) for part in item.LUTDescriptor)
        data = item.LUTData
        count = count % _WORD or _WORD
        if isinstance(data, bytes):
            order = "<" if dataset.original_encoding[1] is not False else ">"
            table_N = np.frombuffer(data, "u1" if len(data) in (count, count + count % 2) else f"{order}u2")
        else:
            table_N = np.ravel(data).astype(np.int64) % _WORD
    except Exception as error:
        raise ValueError(f"has a {name} that cannot be read ({type(error).__name__}); {ADVICE}") from error
    if len(table_N) < count:
        raise ValueError(f"has a {name} of {len(table_N)} entries where its LUTDescriptor says {count}; {ADVICE}")
    table_N = table_N[:count].astype(np.float64)
    # the element may have the VR of the other sign
    if first >= _WORD // 2 and value_K.min() < 0:
        first -= _WORD
    elif first < 0 <= value_K.min():
        first %= _WORD
    return table_N[(np.rint(value_K) - first).clip(0, count - 1).astype(np.int64)], table_N
