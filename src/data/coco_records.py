"""The lists of a COCO json: each entry has its keys, and what comes twice is taken once or refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.core.errors import UserError
from src.data.usable import say

Number = int | str
"""An id as the json has it: COCO's are whole numbers, and some tools write texts."""


class Categories(NamedTuple):
    """``names``: by id, in the order of the ids. ``taken_as``: for each id of the json the one that stands for it."""

    names: dict[Number, str]
    taken_as: dict[Number, Number]


def load_records(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lists ``images``, ``categories`` and ``annotations``, with whole numbers that were written as 512.0 as int.

    An entry that repeats an earlier one to the letter is left out, and counted in one message. Raises ``UserError`` for
    a file that is no COCO json, an entry without one of its keys, and two different entries of one id.
    """
    content = _parse(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in _PARTS):
        raise UserError(
            f"{path} is no COCO json of detection: it must hold the lists {', '.join(_PARTS)}; export it as COCO"
        )
    return {part: _entries(path, part, content[part]) for part in _PARTS}


def merge_categories(path: Path, written: Sequence[Mapping[str, Any]]) -> Categories:
    """Take categories of one name as one, under the first id in order; they are named in one message."""
    by_name: dict[str, Number] = {}
    taken_as: dict[Number, Number] = {}
    repeated: dict[str, list[Number]] = {}
    for one in sorted(written, key=lambda one: _order(one["id"])):
        name = one["name"].strip()
        first = by_name.setdefault(name, one["id"])
        taken_as[one["id"]] = first
        if first != one["id"]:
            repeated.setdefault(name, [first]).append(one["id"])
    for name, numbers in repeated.items():
        say(
            f"{path}: the categories {', '.join(map(str, numbers))} have one name, {name!r}; they are taken as one, "
            f"which is category {numbers[0]} in predictions/detections.json"
        )
    return Categories({number: name for name, number in by_name.items()}, taken_as)


def first_repeated(values: Sequence[Any]) -> Any | None:
    """The first value that an earlier one equals; None where there is none."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"the annotations {path} are not there; check dataset.annotations") from None
    except OSError as error:
        raise UserError(f"the annotations {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UserError(f"the annotations {path} are no json; give a COCO json as dataset.annotations") from None


def _is_number(value: Any) -> bool:
    # True is an int to Python
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class _Kind(NamedTuple):
    fits: Callable[[Any], bool]
    words: str


_ID = _Kind(_is_number, "a whole number or a text")
_WHOLE = _Kind(_is_whole, "a whole number")
_TEXT = _Kind(lambda value: isinstance(value, str) and bool(value.strip()), "a text")
_LIST = _Kind(lambda value: isinstance(value, list), "a list")
_PARTS: Mapping[str, Mapping[str, _Kind]] = {
    "images": {"id": _ID, "file_name": _TEXT, "width": _WHOLE, "height": _WHOLE},
    "categories": {"id": _ID, "name": _TEXT},
    "annotations": {"id": _ID, "image_id": _ID, "category_id": _ID, "bbox": _LIST},
}


def _entries(path: Path, part: str, written: Sequence[Any]) -> list[dict[str, Any]]:
    entries: dict[Number, dict[str, Any]] = {}
    for position, one in enumerate(written, start=1):
        if isinstance(one, dict):
            one = {key: _unfloated(value) for key, value in one.items()}
        _check_keys(path, part, position, one)
        first = entries.setdefault(one["id"], one)
        if first is not one and first != one:
            raise UserError(f"{path}: the id {one['id']} comes twice among its {part}; give each its own")
    repeats = len(written) - len(entries)
    if repeats:
        say(f"{path}: {repeats} of its {part} repeat an earlier entry of the same id; each is taken once")
    return list(entries.values())


def _unfloated(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_keys(path: Path, part: str, position: int, one: Any) -> None:
    for key, kind in _PARTS[part].items():
        value = one.get(key) if isinstance(one, dict) else None
        if not kind.fits(value):
            number = one["id"] if isinstance(one, dict) and _is_number(one.get("id")) else f"number {position}"
            raise UserError(f"{path}: {key!r} of {number} among its {part} is missing or not {kind.words}; correct it")


def _order(number: Number) -> tuple[bool, Number]:
    return isinstance(number, str), number
