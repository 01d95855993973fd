"""What the pixel values of a mask stand for: findings, pixels to ignore, background, or nothing that was named.

Axes: H and W pixels.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.core.errors import UserError
from src.data.mask_files import SeveralMasks
from src.data.mask_png import MaskValues, Palette, read_values

_LISTED = 5
"""More unknown values than this are no findings that were forgotten, but a soft mask."""


@dataclass(frozen=True, kw_only=True)
class MaskMeaning:
    """How the mask files of some findings are read.

    ``values``: the pixel value of each finding; ``ignore_values``: of what is neither finding nor background.
    ``threshold``: the value from which a pixel belongs to the only finding, None where each value has to be named.
    """

    values: Mapping[str, int]
    ignore_values: Sequence[int]
    threshold: float | None
    palette: Palette
    several: SeveralMasks

    def read(self, paths: Sequence[Path]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The pixels of each finding and those to ignore, bool (H, W), joined over the files of one image.

        Raises ``UserError`` naming the file where it holds a value that stands for nothing, or has another size.
        """
        parts = [self._read_file(path) for path in paths]
        for path, (_, ignored_HW) in zip(paths, parts, strict=True):
            if ignored_HW.shape != parts[0][1].shape:
                raise UserError(f"the masks {paths[0]} and {path.name} are of different sizes; make them of one size")
        votes = {name: np.sum([found[name] for found, _ in parts], axis=0) for name in self.values}
        least = len(parts) / 2 if self.several == "majority" else 0
        masks = {name: vote_HW > least for name, vote_HW in votes.items()}
        ignored_HW = np.logical_or.reduce([ignored_HW for _, ignored_HW in parts])
        return masks, ignored_HW & ~np.logical_or.reduce(list(masks.values()))

    def _read_file(self, path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
        read = read_values(path, self.palette)
        value_HW = read.value_HW
        ignored_HW = np.isin(value_HW, self.ignore_values)
        if self.threshold is not None:
            (name,) = self.values
            return {name: (value_HW >= self.threshold) & ~ignored_HW}, ignored_HW
        unknown = sorted({*np.unique(value_HW).tolist()} - self._known())
        if unknown:
            raise UserError(self._unknown(path, read, unknown))
        return {name: value_HW == value for name, value in self.values.items()}, ignored_HW

    def _known(self) -> set[float]:
        return {0, *self.values.values(), *self.ignore_values}

    def _unknown(self, path: Path, read: MaskValues, unknown: Sequence[float]) -> str:
        known = ", ".join(f"{name}: {number}" for name, number in self.values.items())
        listed = ", ".join(f"{value:g}" for value in unknown[:_LISTED])
        more = f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
        said = f"the value {listed}, which stands" if len(unknown) == 1 else f"the values {listed}{more}, which stand"
        return (
            f"the mask {path} holds {said} for nothing (0 is background; {known}){_about_palette(read)}; "
            f"{self._advice(read, unknown)}"
        )

    def _advice(self, read: MaskValues, unknown: Sequence[float]) -> str:
        """The settings that read the file, from the surest on."""
        if read.grey_of is not None and not read.by_grey and set(read.grey_of.values()) <= self._known():
            return "give dataset.palette=grey to read the greys that one sees"
        # where number 0 looks brighter than the others, its numbers are the mask turned inside out
        darkest = read.grey_of is not None and read.grey_of.get(0, 0) == min(read.grey_of.values())
        if read.grey_of is not None and read.by_grey and darkest and set(read.grey_of) <= self._known():
            return "give dataset.palette=index to read the numbers of the palette"
        ways = []
        if len(self.values) == 1:
            ((name, value),) = self.values.items()
            largest = float(read.value_HW.max())
            if [largest] == list(unknown) and not (read.value_HW == value).any():
                typed = _typed("values", f"{{{_key(name)}:{largest:g}}}")
                return f"give {typed} if it is {name}, or {self._ignoring(unknown)}"
            if 2 * largest >= value:
                top = max(largest, value)
                half = f"{top / 2:g}" if read.value_HW.dtype.kind == "f" else str(int(top + 1) // 2)
                ways.append(f"give dataset.threshold={half} for a soft mask or smoothed edges")
        if len(unknown) <= _LISTED:
            ways.append(self._ignoring(unknown))
            ways.append("name it in dataset.values if it is a further finding")
        return ", or ".join(ways) or "save it with the values of dataset.values alone"

    def _ignoring(self, unknown: Sequence[float]) -> str:
        ignored = ",".join(f"{value:g}" for value in [*self.ignore_values, *unknown])
        return f"give {_typed('ignore_values', f'[{ignored}]')} to ignore these pixels"


def _typed(key: str, value: str) -> str:
    return shlex.quote(f"dataset.{key}={value}")


def _key(name: str) -> str:
    """A name as a key of Hydra's dictionaries, which are not quoted."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", name)


def _about_palette(read: MaskValues) -> str:
    if read.grey_of is None or all(number == grey for number, grey in read.grey_of.items()):
        return ""
    pairs = ", ".join(f"{number} looks {grey}" for number, grey in list(read.grey_of.items())[:_LISTED])
    taken = "greys are read" if read.by_grey else "numbers are read"
    return f"; it has a palette whose {taken}: {pairs}"
