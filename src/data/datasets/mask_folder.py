"""The user's own images in one folder, and their masks in the same or another.

Axes: N images, F findings, I ignored regions, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from src.core.errors import UserError
from src.core.ranges import Seed, SplitFraction
from src.data.dicom_io import DicomScale
from src.data.file_groups import FileColumns, groups_of, split_groups
from src.data.file_table import FileTable
from src.data.image_io import ImageError
from src.data.label_sentences import label_sentences
from src.data.mask_files import MaskedImage, MaskNames, SeveralMasks, Unmasked, match_masks
from src.data.mask_meaning import MaskMeaning
from src.data.mask_png import Palette, mask_size
from src.data.sources import Original, Split, unchanged


class MaskTable(FileTable):
    """One split: also a ``MaskedTable``, ``IgnoringTable`` and ``MeasuredTable``.

    ``meanings``: how the files of each entry of ``MaskedImage.masks`` are read. An entry without a file shows nothing.
    Every mask is read once, for the labels.
    """

    reports_from: Literal["own", "labels"] = "labels"

    def __init__(
        self,
        *,
        images: Sequence[MaskedImage],
        meanings: Sequence[MaskMeaning],
        rows: Sequence[int],
        patients: Sequence[str],
        dicom_scale: DicomScale,
    ) -> None:
        self._images = images
        self._meanings = meanings
        self._names = [name for meaning in meanings for name in meaning.values]
        labels = [self._labels(index) for index in range(len(images))]
        super().__init__(
            paths=[str(one.image) for one in images],
            rows=rows,
            patients=patients,
            ids=[one.image.stem for one in images],
            label_NF=np.array(labels, dtype=np.float32).reshape(len(images), len(self._names)),
            read_report=self._sentences,
            dicom_scale=dicom_scale,
        )

    def image(self, index: int) -> np.ndarray:
        image_HW = super().image(index)
        for mask in self._files(index):
            height, width = mask_size(mask)
            if (height, width) != image_HW.shape:
                raise ImageError(
                    f"row {self.row(index)}: {Path(self.file(index)).name} is {image_HW.shape[1]} x "
                    f"{image_HW.shape[0]} pixels, but its mask is {width} x {height}; make them of one size"
                )
        return image_HW

    def original(self, index: int) -> Original:
        """Of the mask's size; ``image`` refuses any other."""
        files = self._files(index)
        return unchanged(*(mask_size(files[0]) if files else self.image(index).shape))

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """UserError naming file and value where a mask holds a value that stands for nothing."""
        found = [one for masks, _ in self._read(index) for one in masks.items()]
        return [(name, mask_HW) for name, mask_HW in found if mask_HW.any()]

    def ignored_boxes(self, index: int) -> np.ndarray:  # noqa: ARG002
        """None: a mask has no boxes."""
        return np.zeros((0, 4), dtype=np.float32)

    def ignored_mask(self, index: int) -> np.ndarray:
        read = self._read(index)
        if not read:
            return np.zeros(self.image(index).shape, dtype=bool)
        return np.logical_or.reduce([ignored_HW for _, ignored_HW in read])

    def _sentences(self, index: int) -> str:
        return label_sentences(self.label_NF[index].tolist(), tuple(self._names))

    def _labels(self, index: int) -> list[float]:
        shown = {name for name, _ in self.masks(index)}
        return [float(name in shown) for name in self._names]

    def _read(self, index: int) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        entries = zip(self._meanings, self._images[index].masks, strict=True)
        return [meaning.read(files) for meaning, files in entries if files]

    def _files(self, index: int) -> list[Path]:
        return [path for files in self._images[index].masks for path in files]


class MaskFolderSource:
    """Images and their masks; every setting is described in ``conf/dataset/mask_folder.yaml``.

    ``values``: the pixel value of each finding in a mask. ``ignore_values``: of what is neither a finding nor
    background. ``masks`` and ``mask_suffix``: one for all findings, or one for each. ``unmasked``: whether an image
    without a mask is left out, or shows nothing. ``table``: names patients and splits.

    Raises ``UserError`` for whatever cannot be right; a mask is opened when its split is first asked for.
    """

    exclusive = False

    def __init__(
        self,
        *,
        images: str | None,
        masks: str | Mapping[str, str] | None,
        mask_suffix: str | Mapping[str, str],
        values: Mapping[str, int] | None,
        ignore_values: Sequence[int],
        unmasked: Unmasked,
        table: str | None,
        file_column: str,
        group_column: str | None,
        split_column: str | None,
        split_values: Mapping[str, Sequence[str]],
        val_fraction: SplitFraction,
        test_fraction: SplitFraction,
        dicom_scale: DicomScale,
        seed: Seed,
        mask_prefix: str = "",
        several_masks: SeveralMasks = "refuse",
        threshold: float | None = None,
        palette: Palette = "auto",
        show_file_names: bool = True,
    ) -> None:
        self.show_file_names = show_file_names
        if images is None or masks is None:
            raise UserError("dataset=mask_folder needs two folders: set dataset.images=DIR and dataset.masks=DIR")
        if not values:
            raise UserError("dataset=mask_folder needs its findings: set e.g. dataset.values={Lung:255}")
        parts = _parts(masks, mask_suffix, values)
        for part in parts:
            _check_values(part, ignore_values)
            _check_threshold(part, threshold)
        self.finding_names = tuple(values)
        self._meanings = [
            MaskMeaning(
                values=part, ignore_values=ignore_values, threshold=threshold, palette=palette, several=several_masks
            )
            for part in parts
        ]
        layers = [MaskNames(Path(_of_part(masks, part)), mask_prefix, _of_part(mask_suffix, part)) for part in parts]
        self._images = match_masks(Path(images), layers, unmasked=unmasked, several=several_masks)
        columns = FileColumns(Path(table), file_column, group_column, split_column, split_values) if table else None
        groups = groups_of([one.image.name for one in self._images], columns)
        self._group_N = groups.group_N
        self._positions = split_groups(groups, columns, val=val_fraction, test=test_fraction, seed=seed)
        self._dicom_scale: DicomScale = dicom_scale
        self._tables: dict[Split, MaskTable] = {}

    def check(self) -> None:
        """Nothing is left to check: the constructor has matched the files."""

    def table(self, split: Split) -> MaskTable:
        """The images of one split, made once."""
        if split not in self._tables:
            position_N = self._positions[split]
            self._tables[split] = MaskTable(
                images=[self._images[position] for position in position_N],
                meanings=self._meanings,
                rows=(position_N + 1).tolist(),
                patients=[self._group_N[position] for position in position_N],
                dicom_scale=self._dicom_scale,
            )
        return self._tables[split]


def _parts(
    masks: str | Mapping[str, str], suffix: str | Mapping[str, str], values: Mapping[str, int]
) -> list[Mapping[str, int]]:
    """The findings that share a mask file: all of them, or each alone where a setting is given by finding."""
    by_finding = {"masks": masks, "mask_suffix": suffix}
    mappings = {key: one for key, one in by_finding.items() if isinstance(one, Mapping)}
    for key, one in mappings.items():
        if set(one) != set(values):
            raise UserError(
                f"dataset.{key} names the findings {', '.join(one)}, and dataset.values {', '.join(values)}; name the "
                "same in both"
            )
    return [{name: value} for name, value in values.items()] if mappings else [values]


def _of_part(setting: str | Mapping[str, str], part: Mapping[str, int]) -> str:
    return setting if isinstance(setting, str) else setting[next(iter(part))]


def _check_values(values: Mapping[str, int], ignore_values: Sequence[int]) -> None:
    numbers = [*values.values(), *ignore_values]
    if len(set(numbers)) < len(numbers) or any(number <= 0 for number in numbers):
        raise UserError(
            f"dataset.values and dataset.ignore_values hold {numbers}; each value must stand for one thing and be "
            "above 0, which is background"
        )


def _check_threshold(values: Mapping[str, int], threshold: float | None) -> None:
    if threshold is None:
        return
    if threshold <= 0:
        raise UserError(f"dataset.threshold={threshold:g} takes background for a finding; give a value above 0")
    if len(values) > 1:
        raise UserError(
            f"dataset.threshold needs masks of one finding each, and dataset.values has {', '.join(values)} in one "
            "file; name one, or give a folder for each finding as dataset.masks={NAME:DIR,...}"
        )
