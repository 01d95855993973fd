"""The user's own images with boxes, and perhaps masks, in the COCO format.

Axes: N images, F findings, I ignored regions, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from src.core.errors import UserError
from src.core.ranges import Fraction, Seed, SplitFraction
from src.data.coco_files import CrowdAs, ListedImage, category_ids, chosen_findings, list_images, read_all, root_of
from src.data.coco_json import Coco, CocoMark
from src.data.coco_records import Number
from src.data.dicom_io import DicomScale
from src.data.file_groups import FileColumns, groups_of, split_groups
from src.data.file_table import FileTable
from src.data.files_there import refuse_missing
from src.data.grouped_split import draw_val
from src.data.image_io import ImageError
from src.data.label_sentences import label_sentences
from src.data.outlines import Rectangle
from src.data.sources import SPLITS, Original, Split, unchanged

CocoMasks = Literal["own", "boxes"]


class CocoTable(FileTable):
    """One split: also a ``BoxedTable``, ``MaskedTable``, ``IgnoringTable`` and ``MeasuredTable``.

    ``names``: of the categories that are findings, by id; annotations of all others, and where ``crowds`` is false
    those with iscrowd 1, are regions to ignore.
    """

    unit = "image"
    reports_from: Literal["own", "labels"] = "labels"

    def __init__(
        self,
        *,
        listed: Sequence[ListedImage],
        names: Mapping[Number, str],
        crowds: bool,
        masks: CocoMasks,
        patients: Sequence[str],
        dicom_scale: DicomScale,
    ) -> None:
        self._images = [one.image for one in listed]
        self._annotations = [one.annotations for one in listed]
        self._names = names
        self._crowds = crowds
        self._masks = masks
        shown = [{mark.category for mark in self._marks(index, ignored=False)} for index in range(len(listed))]
        labels = [[float(category in marked) for category in names] for marked in shown]
        super().__init__(
            paths=[one.path for one in listed],
            rows=[one.row for one in listed],
            patients=patients,
            ids=[image.name for image in self._images],
            label_NF=np.array(labels, dtype=np.float32).reshape(len(listed), len(names)),
            read_report=self._sentences,
            dicom_scale=dicom_scale,
        )

    def image(self, index: int) -> np.ndarray:
        image_HW, wanted = super().image(index), self._images[index]
        if image_HW.shape != (wanted.height, wanted.width):
            raise ImageError(
                f"image {wanted.number}: {Path(wanted.file).name} is {image_HW.shape[1]} x {image_HW.shape[0]} pixels, "
                f"but {self._annotations[index]} says {wanted.width} x {wanted.height}; "
                "correct it, as the boxes are of that size"
            )
        return image_HW

    def coco_image_ids(self) -> list[Number]:
        return [image.number for image in self._images]

    def original(self, index: int) -> Original:
        """As the json has it; ``image`` refuses any other."""
        return unchanged(self._images[index].height, self._images[index].width)

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        return [(self._names[mark.category], _edges(mark)) for mark in self._marks(index, ignored=False)]

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """UserError where a finding has no outline and ``masks`` are the owner's."""
        joined: dict[str, np.ndarray] = {}
        for mark in self._marks(index, ignored=False):
            if mark.outline is None and self._masks == "own":
                raise UserError(
                    f"{self._annotations[index]}: annotation {mark.number} has no segmentation; give "
                    "dataset.masks=boxes to have every box filled, or add it"
                )
            name = self._names[mark.category]
            joined[name] = joined.get(name, False) | self._drawn(mark, index)
        return list(joined.items())

    def ignored_boxes(self, index: int) -> np.ndarray:
        edges = [_edges(mark) for mark in self._marks(index, ignored=True)]
        return np.array(edges, dtype=np.float32).reshape(-1, 4)

    def ignored_mask(self, index: int) -> np.ndarray:
        mask_HW = np.zeros((self._images[index].height, self._images[index].width), dtype=bool)
        for mark in self._marks(index, ignored=True):
            mask_HW |= self._drawn(mark, index)
        return mask_HW

    def _sentences(self, index: int) -> str:
        return label_sentences(self.label_NF[index].tolist(), tuple(self._names.values()))

    def _marks(self, index: int, *, ignored: bool) -> list[CocoMark]:
        return [mark for mark in self._images[index].marks if self._is_ignored(mark) is ignored]

    def _is_ignored(self, mark: CocoMark) -> bool:
        return (mark.crowd and not self._crowds) or mark.category not in self._names

    def _drawn(self, mark: CocoMark, index: int) -> np.ndarray:
        filled = mark.outline is None or self._masks == "boxes"
        outline = Rectangle(*mark.edge_4) if filled or mark.outline is None else mark.outline
        return outline.draw(self._images[index].height, self._images[index].width)


class CocoSource:
    """COCO jsons and their images; every setting is described in ``conf/dataset/coco.yaml``.

    ``annotations``: one json, which is split by ``val_fraction`` and ``test_fraction``, or one for each of train, val
    and test, each with its own folder of images. ``table``: names the patient of each image. ``ignore``: categories
    that are neither a finding nor background. ``iscrowd``: the meaning of annotations with iscrowd 1. A finding is
    present where an annotation shows it, and absent elsewhere; an image without annotations is a negative.

    Raises ``UserError`` naming the json, and the annotation or image in it, for whatever cannot be right.
    """

    exclusive = False

    def __init__(
        self,
        *,
        annotations: str | Mapping[str, str] | None,
        image_root: str | Mapping[str, str] | None,
        ignore: Sequence[str],
        masks: CocoMasks,
        table: str | None,
        file_column: str,
        group_column: str,
        val_fraction: SplitFraction,
        test_fraction: SplitFraction,
        dicom_scale: DicomScale,
        max_missing: Fraction,
        seed: Seed,
        iscrowd: CrowdAs = "ignored",
        show_file_names: bool = True,
    ) -> None:
        self.show_file_names = show_file_names
        self._files = read_all(annotations, iscrowd)
        self.finding_names = chosen_findings(self._files, ignore, iscrowd)
        listed = list_images(self._files, image_root)
        self._listed = [one for part in listed.values() for one in part]
        columns = FileColumns(Path(table), file_column, group_column, None, {}) if table else None
        groups = groups_of([one.path if columns else one.group for one in self._listed], columns)
        self._group_N = groups.group_N
        if isinstance(annotations, Mapping):
            ends = np.cumsum([0, *(len(part) for part in listed.values())])
            self._positions = {split: np.arange(0) for split in SPLITS}
            self._positions |= {split: np.arange(*ends[i : i + 2]) for i, split in enumerate(listed)}
            _refuse_shared(self._positions, self._group_N, table)
            draw_val(self._positions, self._group_N, fraction=val_fraction, seed=seed)
        else:
            self._positions = split_groups(groups, columns, val=val_fraction, test=test_fraction, seed=seed)
        root = root_of("train", self._files["train"], image_root)
        paths = [one.path for one in self._listed]
        refuse_missing(paths, root, max_missing, "check dataset.image_root and the json's file_name")
        self._iscrowd: CrowdAs = iscrowd
        self._masks: CocoMasks = masks
        self._dicom_scale: DicomScale = dicom_scale

    def check(self) -> None:
        """Nothing is left to check: the constructor has read it all but the images."""

    def coco_category_ids(self, split: Split) -> tuple[Number, ...]:
        """The id of each finding in the json that the images of ``split`` come from."""
        return category_ids(self._json_of(split), self.finding_names)

    def table(self, split: Split) -> CocoTable:
        """The images of one split."""
        position_N = self._positions[split]
        numbers = self.coco_category_ids(split)
        return CocoTable(
            listed=[self._listed[position] for position in position_N],
            names=dict(zip(numbers, self.finding_names, strict=True)),
            crowds=self._iscrowd == "finding",
            masks=self._masks,
            patients=[self._group_N[position] for position in position_N],
            dicom_scale=self._dicom_scale,
        )

    def _json_of(self, split: Split) -> Coco:
        """What is drawn of train, or cut off from it, has its json."""
        return self._files.get(split, self._files["train"])


def _refuse_shared(positions: Mapping[Split, np.ndarray], group_N: Sequence[str], table: str | None) -> None:
    held_out = {group_N[position] for split in ("val", "test") for position in positions[split]}
    shared = held_out & {group_N[position] for position in positions["train"]}
    if shared:
        what = "patient(s)" if table else "image file(s)"
        raise UserError(
            f"{len(shared)} {what} lie in the json of train and in one that is held out; take them out of one of "
            "dataset.annotations"
        )


def _edges(mark: CocoMark) -> np.ndarray:
    return np.array(mark.edge_4, dtype=np.float32)
