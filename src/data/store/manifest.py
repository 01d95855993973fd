"""``store.json``: what a store is and how it was made. It is written last: a folder without it is no store."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from src.core.errors import UserError
from src.core.files import write_text
from src.data.store.recipe import FORMAT, Recipe

NAME = "store.json"
INDEX = "index.arrow"
QUARANTINE = "quarantine.csv"
_MAKERS = ("numpy", "pillow", "opencv-python-headless", "pyarrow", "pydicom", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """``plan``: a hash of the recipe, the reader's settings and the catalogue. ``files``: name to SHA-256."""

    format: int
    name: str
    title: str
    version: str
    notes: tuple[str, ...]
    recipe: dict[str, Any]
    reader: dict[str, Any]
    finding_names: tuple[str, ...]
    rows: int
    packed: int
    rows_per_shard: int
    rows_per_batch: int
    plan: str
    made_with: dict[str, str]
    files: dict[str, str]

    @property
    def shards(self) -> list[str]:
        """The files of images, in the order of their rows."""
        return sorted(name for name in self.files if name != INDEX)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``store.json`` into ``folder``, whole or not at all."""
    write_text(folder / NAME, json.dumps(asdict(manifest), indent=2) + "\n")


def read_manifest(folder: Path, *, remake: str) -> Manifest:
    """The manifest in ``folder``; ``remake`` is the command that messages end with.

    Raises ``UserError`` where there is none, it is damaged, or of another format.
    """
    try:
        values = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no store in {folder}; make it with: {remake}") from None
    except (OSError, ValueError):
        raise UserError(f"{folder / NAME} is damaged; remake the store with: {remake}") from None
    number = values.get("format") if isinstance(values, dict) else None
    if number != FORMAT:
        raise UserError(
            f"the store {folder} has format {number}, and this version reads format {FORMAT}; remake it with: {remake}"
        )
    try:
        lists = {key: tuple(values[key]) for key in ("notes", "finding_names")}
        manifest = Manifest(**{**values, **lists})
    except (TypeError, KeyError):
        raise UserError(f"{folder / NAME} is damaged; remake the store with: {remake}") from None
    return manifest


class Difference(NamedTuple):
    """A setting in which a store is not what is asked for."""

    key: str
    there: Any
    wanted: Any

    def __str__(self) -> str:
        return f"{self.key} is {self.there} in the store and {self.wanted} here"

    @property
    def override(self) -> str:
        """What to type for the value that is wanted."""
        return f"{self.key}={json.dumps(self.wanted, separators=(',', ':')).replace(chr(34), '')}"


def differences(manifest: Manifest, recipe: Recipe, reader: dict[str, Any]) -> list[Difference]:
    """The settings in which a store is not what is asked for."""
    pairs = [
        *(
            (key, f"dataset.{key}" if key == "dicom_scale" else f"store.{key}", manifest.recipe, asdict(recipe))
            for key in asdict(recipe)
        ),
        *((key, f"dataset.reader.{key}", manifest.reader, reader) for key in sorted({*manifest.reader, *reader})),
    ]
    return [
        Difference(name, there.get(key), wanted.get(key))
        for key, name, there, wanted in pairs
        if json.dumps(there.get(key)) != json.dumps(wanted.get(key))
    ]


def made_with() -> dict[str, str]:
    """Versions of the libraries that the store's bytes depend on."""
    versions = {}
    for name in _MAKERS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
