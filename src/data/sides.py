"""Left and right: names and texts that speak of a side, and transforms that exchange the two sides of an image."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from src.data.usable import say

_WORD = re.compile(r"[^\W\d_]+")
# leftLung, LungRight, lungL
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIDE = re.compile(
    r"(?:left|right|link(?:s|e[nmrs]?)$|recht(?:s|e[nmrs]?)$|gauche|droite?s?$|izquierd|derech|sinistr|destr|esquerd|direit"
    r"|dextro(?:c|s|v|p)|levo(?:c|s|v|p))"
)
_ENDS = re.compile(r"(?:lung|lobe|hilum|side|breast|thorax|chest|mask)(?:left|right)$")
_SHORT = frozenset({"l", "r", "lt", "rt", "lul", "lll", "rul", "rml", "rll", "lv", "rv"})
_SWAPS = frozenset({"HorizontalFlip", "Flip", "Transpose", "D4", "SquareSymmetry", "RandomRotate90"})
_LIMITS = ("rotate", "limit", "rotate_limit")
_QUARTER = 90
_NAMED = 6


def is_sided(name: str) -> bool:
    """Whether a finding's name speaks of a side: right_lung, Left Lung, lung_L, RLL, linke Lunge, dextrocardia."""
    words = [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]
    return any(word in _SHORT or _has_side(word) for word in words)


def speaks_of_sides(text: str) -> bool:
    """Whether a report says left or right."""
    return any(_has_side(word) for word in _WORD.findall(text.lower()))


def swapping_transforms(transforms: Iterable[Any]) -> list[str]:
    """The albumentations transforms, also those within others, that mirror or turn an image by a quarter or more."""
    return list(dict.fromkeys(_swapping(transforms)))


def warn_of_mirroring(
    *, horizontal_flip: float, others: Sequence[str], names: Sequence[str], captions: Sequence[str]
) -> None:
    """Warn once where training images are mirrored, and findings or reports speak of left and right.

    ``horizontal_flip``: the setting of the transform; ``others``: transforms of its own that exchange sides.
    """
    sided = [name for name in names if is_sided(name)]
    reports = sum(speaks_of_sides(caption) for caption in captions)
    if not (horizontal_flip or others) or not (sided or reports):
        return
    causes = [f"transform.horizontal_flip={horizontal_flip:g}"] if horizontal_flip else []
    causes += [f"{name} of transform.train" for name in others]
    about = []
    if sided:
        more = f" and {len(sided) - _NAMED} more" if len(sided) > _NAMED else ""
        about.append(f"the findings {', '.join(sided[:_NAMED])}{more} are named by a side")
    if reports:
        about.append(f"{reports} of {len(captions)} reports say left or right")
    advice = ["set transform.horizontal_flip=0"] if horizontal_flip else []
    advice += ["take these out of transform.train.ops"] if others else []
    say(
        f"training images are mirrored or turned ({', '.join(causes)}), but {', and '.join(about)}, and neither names "
        f"nor reports change with the image; {' and '.join(advice)} to keep left and right apart"
    )


def _has_side(word: str) -> bool:
    return bool(_SIDE.match(word) or _ENDS.search(word))


def _swapping(transforms: Iterable[Any]) -> Iterator[str]:
    for transform in transforms:
        if getattr(transform, "p", 1) == 0:
            continue
        if inner := getattr(transform, "transforms", None):
            yield from _swapping(inner)
        elif type(transform).__name__ in _SWAPS or _turns(transform):
            yield type(transform).__name__


def _turns(transform: Any) -> bool:
    for key in _LIMITS:
        limit = getattr(transform, key, None)
        ends = limit if isinstance(limit, tuple | list) else (limit,)
        # others have a limit too, of brightness
        about_turns = "rotate" in f"{key} {type(transform).__name__}".lower()
        if about_turns and any(isinstance(end, int | float) and abs(end) >= _QUARTER for end in ends):
            return True
    return False
