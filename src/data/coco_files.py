"""The COCO jsons of a data set: one that is split here, or one per split, each with its own folder of images."""

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from src.core.errors import UserError
from src.data.coco_json import Coco, CocoImage, read_coco
from src.data.coco_records import Number
from src.data.files_there import files_there
from src.data.sources import SPLITS, Split
from src.data.usable import say

CrowdAs = Literal["ignored", "finding"]

# Roboflow's copies of one image: a_jpg.rf.HASH.jpg
_COPY = re.compile(r"\.rf\.[0-9A-Za-z]+(?=\.[^.]+$)")


class ListedImage(NamedTuple):
    """One image of a json: the json's path, a whole number that names it there, its file, and the key of its group."""

    annotations: str
    row: int
    image: CocoImage
    path: str
    group: str


def read_all(annotations: str | Mapping[str, str] | None, iscrowd: CrowdAs) -> dict[Split, Coco]:
    """Read the json of each split, or the only one as train's; annotations with iscrowd 1 are counted in one message.

    Raises ``UserError`` where no json is named, and where two have categories of other names.
    """
    if annotations is None:
        raise UserError("dataset=coco needs your annotations: set dataset.annotations=FILE.json")
    if isinstance(annotations, str):
        files: dict[Split, Coco] = {"train": read_coco(Path(annotations))}
    else:
        if "train" not in annotations or not set(annotations) <= set(SPLITS):
            raise UserError(
                f"dataset.annotations names {', '.join(annotations)}; name a json for train, and for val and test"
            )
        files = {split: read_coco(Path(annotations[split])) for split in SPLITS if split in annotations}
    for coco in files.values():
        if sorted(coco.categories.values()) != sorted(files["train"].categories.values()):
            raise UserError(f"{coco.path} has other categories than {files['train'].path}; give all jsons the same")
        _count_crowds(coco, iscrowd)
    return files


def chosen_findings(files: Mapping[Split, Coco], ignore: Sequence[str], iscrowd: CrowdAs) -> tuple[str, ...]:
    """The names of the categories that are not in ``ignore``, in the order of the ids in train's json.

    A category without annotations is named in one message. Raises ``UserError`` where nothing could be learnt.
    """
    coco = files["train"]
    for name in ignore:
        if name not in coco.categories.values():
            known = ", ".join(coco.categories.values())
            raise UserError(f"{coco.path} has no category {name!r} of dataset.ignore; it has: {known}")
    names = tuple(name for name in coco.categories.values() if name not in ignore)
    if not names:
        raise UserError(f"{coco.path} has no category that is not ignored; name fewer in dataset.ignore")
    every = [mark for one in files.values() for image in one.images for mark in image.marks]
    if every and iscrowd == "ignored" and all(mark.crowd for mark in every):
        raise UserError(
            f"{coco.path}: all {len(every)} annotations have iscrowd 1, so that nothing can be learnt from them (CVAT "
            "writes brush masks so); give dataset.iscrowd=finding to take them as findings"
        )
    shown = Counter(
        one.categories[mark.category]
        for one in files.values()
        for image in one.images
        for mark in image.marks
        if iscrowd == "finding" or not mark.crowd
    )
    if not any(shown[name] for name in names):
        raise UserError(f"{coco.path} has no box of any finding, so nothing can be learnt from it")
    bare = [name for name in names if not shown[name]]
    if bare:
        say(
            f"{coco.path}: {len(bare)} of {len(names)} categories have no annotation and stay findings without an "
            f"example; leave them out with {_setting('dataset.ignore', [*ignore, *bare])}"
        )
    return names


def list_images(
    files: Mapping[Split, Coco], image_root: str | Mapping[str, str] | None
) -> dict[Split, list[ListedImage]]:
    """The images of each json with their files, below ``image_root``, that of their split, or the json's own folder."""
    listed = {}
    for split, coco in files.items():
        root = root_of(split, coco, image_root).resolve()
        paths = _paths(coco, root)
        plain = all(isinstance(image.number, int) and 0 <= image.number < 2**62 for image in coco.images)
        listed[split] = [
            ListedImage(
                annotations=str(coco.path),
                row=int(image.number) if plain else position,
                image=image,
                path=path,
                group=_COPY.sub("", os.path.normpath(path)),
            )
            for position, (image, path) in enumerate(zip(coco.images, paths, strict=True), start=1)
        ]
    return listed


def root_of(split: Split, coco: Coco, image_root: str | Mapping[str, str] | None) -> Path:
    """The folder that the file_name of a json's images starts from."""
    if isinstance(image_root, Mapping):
        if split not in image_root:
            raise UserError(f"dataset.image_root names {', '.join(image_root)}; name a folder for {split} too")
        return Path(image_root[split])
    return Path(image_root) if image_root else coco.path.parent


def category_ids(coco: Coco, names: Sequence[str]) -> tuple[Number, ...]:
    """The id of each of ``names`` in one json."""
    number_of = {name: number for number, name in coco.categories.items()}
    return tuple(number_of[name] for name in names)


def _setting(key: str, names: Sequence[str]) -> str:
    """What to type, quoted for a shell and for Hydra."""
    return shlex.quote(f"{key}=[{','.join(json.dumps(name, ensure_ascii=False) for name in names)}]")


def _count_crowds(coco: Coco, iscrowd: CrowdAs) -> None:
    marks = [mark for image in coco.images for mark in image.marks]
    crowds = sum(mark.crowd for mark in marks)
    if crowds and iscrowd == "ignored" and crowds < len(marks):
        say(
            f"{coco.path}: {crowds} of {len(marks)} annotations have iscrowd 1 and are ignored (CVAT writes brush "
            "masks so: dataset.iscrowd=finding takes them as findings)"
        )


def _paths(coco: Coco, root: Path) -> list[str]:
    """Each file below ``root``; by its name alone where that is there and the path of the json is not."""
    paths = [str(root / image.file) for image in coco.images]
    bare = [str(root / Path(image.file).name) for image in coco.images]
    repeated = {path for path, count in Counter(bare).items() if count > 1}
    candidates = [
        position
        for position, (exists, path) in enumerate(zip(files_there(paths), bare, strict=True))
        if not exists and path != paths[position] and path not in repeated
    ]
    moved = [
        position
        for position, exists in zip(candidates, files_there([bare[position] for position in candidates]), strict=True)
        if exists
    ]
    for position in moved:
        paths[position] = bare[position]
    if moved:
        say(
            f"{coco.path}: {len(moved)} of {len(paths)} images do not lie where file_name says below {root}; they are "
            "read from that folder by the name of their file alone"
        )
    return paths
