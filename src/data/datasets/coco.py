"""The user's own images with boxes, and perhaps masks, in the COCO format.

Axes: N images, F findings, I ignored regions, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.coco_json import Coco, CocoImage, CocoMark, read_coco
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

    ``names``: of the categories that are findings; marks of all others, and of crowds, are regions to ignore.
    """

    def __init__(
        self,
        *,
        annotations: Sequence[str],
        images: Sequence[CocoImage],
        names: Mapping[int, str],
        masks: CocoMasks,
        paths: Sequence[str],
        rows: Sequence[int],
        patients: Sequence[str],
        dicom_scale: DicomScale,
    ) -> None:
        there = [{mark.category for mark in image.marks if not _is_ignored(mark, names)} for image in images]
        labels = [[float(category in marked) for category in names] for marked in there]
        super().__init__(
            paths=paths,
            rows=rows,
            patients=patients,
            ids=[image.file for image in images],
            label_NF=np.array(labels, dtype=np.float32).reshape(len(images), len(names)),
            read_report=self._sentences,
            dicom_scale=dicom_scale,
        )
        self._annotations = annotations
        self._images = images
        self._names = names
        self._masks = masks

    def image(self, index: int) -> np.ndarray:
        image_HW, wanted = super().image(index), self._images[index]
        if image_HW.shape != (wanted.height, wanted.width):
            raise ImageError(
                f"row {self.row(index)}: {Path(wanted.file).name} is {image_HW.shape[1]} x {image_HW.shape[0]} pixels, "
                f"but {self._annotations[index]} says {wanted.width} x {wanted.height} (image {wanted.number}); "
                "correct it, as the boxes are of that size"
            )
        return image_HW

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
        return [mark for mark in self._images[index].marks if _is_ignored(mark, self._names) is ignored]

    def _drawn(self, mark: CocoMark, index: int) -> np.ndarray:
        filled = mark.outline is None or self._masks == "boxes"
        outline = Rectangle(*mark.edge_4) if filled or mark.outline is None else mark.outline
        return outline.draw(self._images[index].height, self._images[index].width)


class _Listed(NamedTuple):
    annotations: str
    row: int
    image: CocoImage


class CocoSource:
    """COCO jsons and their images; every setting is described in ``conf/dataset/coco.yaml``.

    ``annotations``: one json, which is split by ``val_fraction`` and ``test_fraction``, or one for each of train, val
    and test. ``table``: names the patient of each image. ``ignore``: categories that are neither a finding nor
    background. A finding is present where an annotation shows it, and absent elsewhere; an image without annotations is
    a negative.

    Raises ``UserError`` naming the json, and the annotation or image in it, for whatever cannot be right.
    """

    exclusive = False

    def __init__(
        self,
        *,
        annotations: str | Mapping[str, str] | None,
        image_root: str | None,
        ignore: Sequence[str],
        masks: CocoMasks,
        table: str | None,
        file_column: str,
        group_column: str,
        val_fraction: float,
        test_fraction: float,
        dicom_scale: DicomScale,
        max_missing: float,
        seed: int,
        show_file_names: bool = False,
    ) -> None:
        self.show_file_names = show_file_names
        files = _read_all(annotations)
        self._names = _findings(files, ignore)
        self.finding_names = tuple(self._names.values())
        listed = {
            split: [_Listed(str(coco.path), row, image) for row, image in enumerate(coco.images, start=1)]
            for split, coco in files.items()
        }
        self._listed = [one for part in listed.values() for one in part]
        if not any(not _is_ignored(mark, self._names) for one in self._listed for mark in one.image.marks):
            raise UserError(
                f"{next(iter(files.values())).path} has no box of any finding, so nothing can be learnt from it"
            )
        columns = FileColumns(Path(table), file_column, group_column, None, {}) if table else None
        groups = groups_of([one.image.file for one in self._listed], columns)
        self._group_N = groups.group_N
        if isinstance(annotations, Mapping):
            ends = np.cumsum([0, *(len(part) for part in listed.values())])
            self._positions = {split: np.arange(0) for split in SPLITS}
            self._positions |= {split: np.arange(*ends[i : i + 2]) for i, split in enumerate(listed)}
            _refuse_shared(self._positions, self._group_N, table)
            draw_val(self._positions, self._group_N, fraction=val_fraction, seed=seed)
        else:
            self._positions = split_groups(groups, columns, val=val_fraction, test=test_fraction, seed=seed)
        root = Path(image_root) if image_root else next(iter(files.values())).path.parent
        self._paths = [str(root / one.image.file) for one in self._listed]
        refuse_missing(self._paths, root, max_missing, "check dataset.image_root and the json's file_name")
        self._masks: CocoMasks = masks
        self._dicom_scale: DicomScale = dicom_scale

    def check(self) -> None:
        """Nothing is left to check: the constructor has read it all but the images."""

    def table(self, split: Split) -> CocoTable:
        """The images of one split."""
        position_N = self._positions[split]
        chosen = [self._listed[position] for position in position_N]
        return CocoTable(
            annotations=[one.annotations for one in chosen],
            images=[one.image for one in chosen],
            names=self._names,
            masks=self._masks,
            paths=[self._paths[position] for position in position_N],
            rows=[one.row for one in chosen],
            patients=[self._group_N[position] for position in position_N],
            dicom_scale=self._dicom_scale,
        )


def _read_all(annotations: str | Mapping[str, str] | None) -> dict[Split, Coco]:
    if annotations is None:
        raise UserError("dataset=coco needs your annotations: set dataset.annotations=FILE.json")
    if isinstance(annotations, str):
        return {"train": read_coco(Path(annotations))}
    if "train" not in annotations or not set(annotations) <= set(SPLITS):
        raise UserError(
            f"dataset.annotations names {', '.join(annotations)}; name a json for train, and for val and test"
        )
    files = {split: read_coco(Path(annotations[split])) for split in SPLITS if split in annotations}
    for coco in files.values():
        if coco.categories != files["train"].categories:
            raise UserError(f"{coco.path} has other categories than {files['train'].path}; give all jsons the same")
    return files


def _findings(files: Mapping[Split, Coco], ignore: Sequence[str]) -> dict[int, str]:
    coco = files["train"]
    for name in ignore:
        if name not in coco.categories.values():
            known = ", ".join(coco.categories.values())
            raise UserError(f"{coco.path} has no category {name!r} of dataset.ignore; it has: {known}")
    names = {number: name for number, name in coco.categories.items() if name not in ignore}
    if not names:
        raise UserError(f"{coco.path} has no category that is not ignored; name fewer in dataset.ignore")
    return names


def _refuse_shared(positions: Mapping[Split, np.ndarray], group_N: Sequence[str], table: str | None) -> None:
    held_out = {group_N[position] for split in ("val", "test") for position in positions[split]}
    shared = held_out & {group_N[position] for position in positions["train"]}
    if shared:
        what = "patient(s)" if table else "image file(s)"
        raise UserError(
            f"{len(shared)} {what} lie in the json of train and in one that is held out; take them out of one of "
            "dataset.annotations"
        )


def _is_ignored(mark: CocoMark, names: Mapping[int, str]) -> bool:
    return mark.crowd or mark.category not in names


def _edges(mark: CocoMark) -> np.ndarray:
    return np.array(mark.edge_4, dtype=np.float32)
