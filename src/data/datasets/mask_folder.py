"""The user's own images in one folder, and a PNG mask for each in another.

Axes: N images, F findings, I ignored regions, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from src.core.errors import UserError
from src.data.dicom_io import DicomScale
from src.data.file_groups import FileColumns, groups_of, split_groups
from src.data.file_table import FileTable
from src.data.image_io import ImageError
from src.data.label_sentences import label_sentences
from src.data.mask_png import mask_size, read_values
from src.data.sources import Original, Split, unchanged
from src.data.usable import say

_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"}


class MaskTable(FileTable):
    """One split: also a ``MaskedTable``, ``IgnoringTable`` and ``MeasuredTable``.

    ``masks``: the file of each image's mask, None for a negative without one. Every mask is read once, for the labels.
    """

    def __init__(
        self,
        *,
        masks: Sequence[Path | None],
        values: Mapping[str, int],
        ignore_values: Sequence[int],
        paths: Sequence[str],
        rows: Sequence[int],
        patients: Sequence[str],
        dicom_scale: DicomScale,
    ) -> None:
        self._masks = masks
        self._values = values
        self._ignore_values = ignore_values
        labels = [self._labels(path) for path in masks]
        super().__init__(
            paths=paths,
            rows=rows,
            patients=patients,
            ids=[Path(path).stem for path in paths],
            label_NF=np.array(labels, dtype=np.float32).reshape(len(masks), len(values)),
            read_report=self._sentences,
            dicom_scale=dicom_scale,
        )

    def image(self, index: int) -> np.ndarray:
        image_HW, mask = super().image(index), self._masks[index]
        if mask is not None and mask_size(mask) != image_HW.shape:
            height, width = mask_size(mask)
            raise ImageError(
                f"row {self.row(index)}: {Path(self.file(index)).name} is {image_HW.shape[1]} x {image_HW.shape[0]} "
                f"pixels, but its mask is {width} x {height}; make them of one size"
            )
        return image_HW

    def original(self, index: int) -> Original:
        """Of the mask's size; ``image`` refuses any other."""
        mask = self._masks[index]
        return unchanged(*(self.image(index).shape if mask is None else mask_size(mask)))

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """UserError naming file and value where a mask holds a value that stands for nothing."""
        mask = self._masks[index]
        if mask is None:
            return []
        value_HW = self._read(mask)
        found = [(name, value_HW == value) for name, value in self._values.items()]
        return [(name, mask_HW) for name, mask_HW in found if mask_HW.any()]

    def ignored_boxes(self, index: int) -> np.ndarray:  # noqa: ARG002
        """None: a mask has no boxes."""
        return np.zeros((0, 4), dtype=np.float32)

    def ignored_mask(self, index: int) -> np.ndarray:
        mask = self._masks[index]
        if mask is None:
            return np.zeros(self.image(index).shape, dtype=bool)
        return np.isin(self._read(mask), self._ignore_values)

    def _sentences(self, index: int) -> str:
        return label_sentences(self.label_NF[index].tolist(), tuple(self._values))

    def _labels(self, mask: Path | None) -> list[float]:
        there = set() if mask is None else set(np.unique(self._read(mask)).tolist())
        return [float(value in there) for value in self._values.values()]

    def _read(self, mask: Path) -> np.ndarray:
        value_HW = read_values(mask)
        unknown_HW = ~np.isin(value_HW, [0, *self._values.values(), *self._ignore_values])
        if unknown_HW.any():
            value = int(value_HW[unknown_HW][0])
            known = ", ".join(f"{name}: {number}" for name, number in self._values.items())
            raise UserError(
                f"the mask {mask} holds the value {value}, which stands for nothing (0 is background; {known}); name "
                "it in dataset.values or dataset.ignore_values"
            )
        return value_HW


class MaskFolderSource:
    """Images and masks of the same names; every setting is described in ``conf/dataset/mask_folder.yaml``.

    ``values``: the pixel value of each finding in a mask. ``ignore_values``: of what is neither a finding nor
    background. ``unmasked``: whether an image without a mask is left out, or shows nothing. ``table``: names patients
    and splits.

    Raises ``UserError`` for whatever cannot be right; a mask is opened when its split is first asked for.
    """

    exclusive = False

    def __init__(
        self,
        *,
        images: str | None,
        masks: str | None,
        mask_suffix: str,
        values: Mapping[str, int] | None,
        ignore_values: Sequence[int],
        unmasked: Literal["left_out", "negative"],
        table: str | None,
        file_column: str,
        group_column: str | None,
        split_column: str | None,
        split_values: Mapping[str, Sequence[str]],
        val_fraction: float,
        test_fraction: float,
        dicom_scale: DicomScale,
        seed: int,
        show_file_names: bool = False,
    ) -> None:
        self.show_file_names = show_file_names
        if images is None or masks is None:
            raise UserError("dataset=mask_folder needs two folders: set dataset.images=DIR and dataset.masks=DIR")
        if not values:
            raise UserError("dataset=mask_folder needs its findings: set e.g. dataset.values={Lung:255}")
        _check_values(values, ignore_values)
        self.finding_names = tuple(values)
        self._values = values
        self._ignore_values = ignore_values
        self._dicom_scale: DicomScale = dicom_scale
        self._images, self._masks = _match(Path(images), Path(masks), mask_suffix, unmasked)
        columns = FileColumns(Path(table), file_column, group_column, split_column, split_values) if table else None
        groups = groups_of([path.name for path in self._images], columns)
        self._group_N = groups.group_N
        self._positions = split_groups(groups, columns, val=val_fraction, test=test_fraction, seed=seed)
        self._tables: dict[Split, MaskTable] = {}

    def check(self) -> None:
        """Nothing is left to check: the constructor has matched the files."""

    def table(self, split: Split) -> MaskTable:
        """The images of one split, made once."""
        if split not in self._tables:
            position_N = self._positions[split]
            self._tables[split] = MaskTable(
                masks=[self._masks[position] for position in position_N],
                values=self._values,
                ignore_values=self._ignore_values,
                paths=[str(self._images[position]) for position in position_N],
                rows=(position_N + 1).tolist(),
                patients=[self._group_N[position] for position in position_N],
                dicom_scale=self._dicom_scale,
            )
        return self._tables[split]


def _check_values(values: Mapping[str, int], ignore_values: Sequence[int]) -> None:
    numbers = [*values.values(), *ignore_values]
    if len(set(numbers)) < len(numbers) or any(number <= 0 for number in numbers):
        raise UserError(
            f"dataset.values and dataset.ignore_values hold {numbers}; each value must stand for one thing and be "
            "above 0, which is background"
        )


def _match(
    images: Path, masks: Path, suffix: str, unmasked: Literal["left_out", "negative"]
) -> tuple[list[Path], list[Path | None]]:
    """The images to use, by name, and the mask of each."""
    image_of, mask_of = _by_stem(images, _ENDINGS, "images"), _by_stem(masks, {".png"}, "masks")
    found = {stem: mask_of.get(f"{stem}{suffix}") for stem in image_of}
    with_mask = [stem for stem, mask in found.items() if mask is not None]
    if not with_mask:
        raise UserError(
            f"no mask in {masks} has the name of an image in {images}, as NAME.png beside NAME.jpg; where masks are "
            "called NAME_mask.png, give dataset.mask_suffix=_mask"
        )
    lonely = len(mask_of) - len(with_mask)
    if lonely:
        say(f"{lonely} of {len(mask_of)} masks in {masks} have no image in {images}; they are not used")
    if unmasked == "left_out" and len(with_mask) < len(found):
        say(
            f"{len(found) - len(with_mask)} of {len(found)} images in {images} have no mask; they are left out "
            "(dataset.unmasked=negative takes them as images without any finding)"
        )
    used = sorted(with_mask if unmasked == "left_out" else found)
    return [image_of[stem] for stem in used], [found[stem] for stem in used]


def _by_stem(folder: Path, endings: set[str], key: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError(f"the folder {folder} is not there; check dataset.{key}")
    by_stem: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in endings:
            continue
        if path.stem in by_stem:
            raise UserError(f"{path.name} and {by_stem[path.stem].name} in {folder} share a name; rename one of them")
        by_stem[path.stem] = path
    if not by_stem:
        raise UserError(
            f"the folder {folder} holds no file ending in {', '.join(sorted(endings))}; check dataset.{key}"
        )
    return by_stem
