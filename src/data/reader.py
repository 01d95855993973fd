"""What every data set has in common: a folder in its owner's layout, found and recognised, and read to a catalogue."""

import importlib
import os
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from src.core.errors import UserError
from src.core.rules import Rules
from src.data.catalogue import Catalogue
from src.data.report_sections import Sections, read_sections
from src.data.tables import read_header, require_named

_DEPTH = 4
_MOST_FOLDERS = 64


@dataclass(frozen=True, kw_only=True)
class Reader(ABC):
    """Reads one data set in the layout in which its owner hands it out.

    ``root``: the folder, or one above it. A subclass is a frozen dataclass whose other fields say what is packed;
    a change of one asks for a new store.
    """

    title: ClassVar[str]
    """The data set's name as its owner writes it."""
    where: ClassVar[str]
    """Where to get it."""
    marks: ClassVar[Mapping[str, tuple[str, ...]]]
    """Files that tell this data set from every other: a pattern below its folder, and columns that the table has."""

    by_root: ClassVar[bool] = True
    """Whether ``paths.raw`` says where it lies."""

    root: str

    @abstractmethod
    def read(self) -> Catalogue:
        """Every image that the owner's tables name; no image is opened. UserError for what cannot be right."""

    @classmethod
    def sections(cls, report: str, file: str, rules: Rules) -> Sections:  # noqa: ARG003
        """Impression and findings of the ``report`` of the image at ``file``, a path below the catalogue's root."""
        return read_sections(report, rules)

    def settings(self) -> dict[str, Any]:
        """What was asked for, without where it lies."""
        return {name: value for name, value in asdict(self).items() if not name.endswith("root")}

    def folder(self) -> Path:
        """The folder that holds this data set's tables: ``root``, or one at most four levels below it.

        Raises ``UserError`` that says what was looked for, and what the folder looks like instead.
        """
        root = Path(self.root)
        if not root.is_dir():
            raise UserError(
                f"{self.title}: there is no folder {root}; give paths.raw=DIR. Get the data at {self.where}"
            )
        complete = [folder for folder in folders(root) if all(_first(folder, pattern) for pattern in self.marks)]
        for folder in complete:
            if self.recognises(folder):
                return folder
        other = next(
            (reader.title for reader in every_reader() if reader is not type(self) and reader.lies_in(root)), ""
        )
        if other:
            raise UserError(f"{self.title}: {root} looks like another data set, {other}; check dataset and paths.raw")
        if not complete:
            raise UserError(
                f"{self.title} is not complete: looked for {', '.join(self.marks)} in {root} and the folders below and "
                f"did not find all of them. Get the data at {self.where}, or correct paths.raw"
            )
        for pattern, columns in self.marks.items():
            table = self.file(complete[0], pattern)
            require_named(read_header(table), table, {column: column for column in columns})
        return complete[0]

    def file(self, folder: Path, pattern: str) -> Path:
        """The newest file below ``folder`` that ``pattern`` fits. Raises ``UserError`` where there is none."""
        found = _first(folder, pattern)
        if found is None:
            raise UserError(
                f"{self.title} is not complete: there is no {pattern} in {folder}. Get the data at {self.where}"
            )
        return found

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        """Whether ``folder`` itself holds every mark, with its columns."""
        for pattern, columns in cls.marks.items():
            file = _first(folder, pattern)
            if file is None or (columns and not set(columns) <= set(read_header(file))):
                return False
        return True

    @classmethod
    def lies_in(cls, root: Path) -> bool:
        """Whether ``root`` or a folder below it holds this data set."""
        return any(cls.recognises(folder) for folder in folders(root))


def every_reader() -> list[type[Reader]]:
    """The reader of every data set in ``src.data.datasets``."""
    import src.data.datasets as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return sorted(Reader.__subclasses__(), key=lambda reader: reader.title)


def folders(root: Path) -> Iterator[Path]:
    """``root`` and the folders at most four levels below it, nearest first.

    A folder of more than a few dozen folders holds patients, not data sets, and is not entered.
    """
    level = [root]
    for _ in range(_DEPTH):
        yield from level
        level = [below for folder in level for below in _folders_in(folder)]
    yield from level


def _folders_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as items:
        below = sorted(item.path for item in items if item.is_dir())
    return [Path(path) for path in below] if len(below) <= _MOST_FOLDERS else []


def _first(folder: Path, pattern: str) -> Path | None:
    """The last by name of the files that ``pattern`` fits, which is the newest version; patterns may hold folders."""
    return max((path for path in folder.glob(pattern) if path.is_file()), default=None)


def index_files(root: Path, suffixes: Collection[str], below: str = "") -> dict[str, str]:
    """Every file below ``root/below`` whose suffix, in any case, is among ``suffixes``: stem to path below ``root``.

    Of two files of one stem the first by path counts.
    """
    found: dict[str, str] = {}
    seen: set[tuple[int, int]] = set()
    # folders that are links are common where disks are shared; one that leads back to its parents is not entered again
    for folder, names, files in os.walk(root / below, followlinks=True):
        names[:] = [name for name in sorted(names) if _is_new(Path(folder, name), seen)]
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix.lower() in suffixes:
                found.setdefault(path.stem, path.relative_to(root).as_posix())
    return found


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True
