"""Which files of a folder are images, which are masks, and whose: by their names alone."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from src.core.errors import UserError
from src.data.usable import say

Unmasked = Literal["left_out", "negative"]
SeveralMasks = Literal["refuse", "union", "majority"]

_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"})
_OTHER_MASKS = frozenset({".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg"})
# case_mask_1, case_mask (2), case_mask3
_NUMBER = r"(?:[ _.-]?\(?\d+\)?)?"


class MaskNames(NamedTuple):
    """How the masks of some findings are called: ``prefix``, the image's name, ``suffix``, in which ``*`` is any text.

    Where there is a prefix or a suffix, a number may follow: it counts several masks of one image.
    """

    folder: Path
    prefix: str
    suffix: str

    @property
    def affixed(self) -> bool:
        return bool(self.prefix or self.suffix)

    def owner(self, stem: str, images: Mapping[str, Path] | frozenset[str]) -> str | None:
        """The longest name among ``images`` that ``stem`` is a mask's name of."""
        if not stem.startswith(self.prefix):
            return None
        rest, ending = stem[len(self.prefix) :], self._ending()
        return next(
            (rest[:end] for end in range(len(rest), 0, -1) if rest[:end] in images and ending.fullmatch(rest[end:])),
            None,
        )

    def fits(self, stem: str) -> bool:
        """Whether ``stem`` is a mask's name of some image, there or not."""
        return bool(re.fullmatch(f"{re.escape(self.prefix)}.+{self._ending().pattern}", stem))

    def _ending(self) -> re.Pattern[str]:
        number = _NUMBER if self.affixed else ""
        return re.compile(f"{re.escape(self.suffix).replace(re.escape('*'), '.*')}{number}")


class MaskedImage(NamedTuple):
    """An image and its mask files, those of each ``MaskNames`` in turn; none where it has no mask."""

    image: Path
    masks: tuple[tuple[Path, ...], ...]


def match_masks(
    images: Path, layers: Sequence[MaskNames], *, unmasked: Unmasked, several: SeveralMasks
) -> list[MaskedImage]:
    """The images to use, by name, with their masks; what is left out is counted in a message for each reason.

    A file that is another image's mask is no image. Raises ``UserError`` where no mask is an image's, and where an
    image has several masks and ``several`` does not say how they are joined.
    """
    image_of = _images(images, layers)
    found: dict[str, list[tuple[Path, ...]]] = {stem: [] for stem in image_of}
    for layer in layers:
        masks = _masks(images, layer, image_of)
        owned: dict[str, list[Path]] = {}
        lonely = []
        for stem, path in masks.items():
            owner = layer.owner(stem, image_of)
            if owner is None:
                lonely.append(path)
            else:
                owned.setdefault(owner, []).append(path)
        if not owned:
            raise UserError(_no_match(images, layer, image_of, masks))
        if lonely:
            _say_lonely(images, layer, image_of, lonely, len(masks))
        if several == "refuse":
            _refuse_several(images, owned)
        for stem, paths in found.items():
            paths.append(tuple(owned.get(stem, ())))
    complete = [stem for stem, paths in found.items() if all(paths)]
    if not complete and unmasked == "left_out":
        raise UserError(
            f"no image in {images} has a mask of every finding; check dataset.masks and dataset.mask_suffix"
        )
    if unmasked == "left_out" and len(complete) < len(found):
        say(
            f"{len(found) - len(complete)} of {len(found)} images in {images} have no mask; they are left out "
            "(dataset.unmasked=negative takes them as images without any finding)"
        )
    used = sorted(complete if unmasked == "left_out" else found)
    return [MaskedImage(image_of[stem], tuple(found[stem])) for stem in used]


def _images(folder: Path, layers: Sequence[MaskNames]) -> dict[str, Path]:
    """The images of a folder by name, without the files that are masks by their name."""
    paths = _files(folder, _IMAGES, "images")
    stems = frozenset(path.stem for path in paths)
    kept = [path for path in paths if not any(_is_mask(path, folder, layer, stems) for layer in layers)]
    beside = [layer for layer in layers if _same(layer.folder, folder)]
    if beside and not all(layer.affixed for layer in beside):
        # NAME.jpg and its mask NAME.png
        others = {path.stem for path in kept if path.suffix.lower() != ".png"}
        kept = [path for path in kept if path.suffix.lower() != ".png" or path.stem not in others]
        if not others:
            raise UserError(
                f"dataset.images and dataset.masks are one folder, {folder}, in which each file would be its own mask; "
                f"say what a mask's name has after its image's: {_advice(_guess(stems, stems))}"
            )
    elif not beside and len(kept) < len(paths):
        say(f"{len(paths) - len(kept)} of {len(paths)} files in {folder} are masks by their name, and no images")
    if not kept:
        raise UserError(f"the folder {folder} holds masks alone, by their names; check dataset.images")
    return _by_stem(kept, folder)


def _is_mask(path: Path, folder: Path, layer: MaskNames, stems: frozenset[str]) -> bool:
    if not layer.affixed:
        return False
    if _same(layer.folder, folder):
        return layer.fits(path.stem)
    return layer.owner(path.stem, stems - {path.stem}) is not None


def _masks(images: Path, layer: MaskNames, image_of: Mapping[str, Path]) -> dict[str, Path]:
    if _same(layer.folder, images):
        taken = set(image_of.values())
        paths = [path for path in _files(images, _IMAGES | _OTHER_MASKS, "masks") if path not in taken]
        paths = [path for path in paths if not layer.affixed or layer.fits(path.stem)]
    else:
        paths = _files(layer.folder, {".png"} | _OTHER_MASKS, "masks")
        plain = [path for path in paths if path.suffix.lower() == ".png"]
        paths = plain or paths
    return _by_stem(paths, layer.folder)


def _say_lonely(
    images: Path, layer: MaskNames, image_of: Mapping[str, Path], lonely: Sequence[Path], masks: int
) -> None:
    further = [path for path in lonely if not layer.affixed and layer._replace(suffix="*").owner(path.stem, image_of)]
    advice = "'dataset.mask_suffix=*' dataset.several_masks=union" if further else ""
    say(
        f"{len(lonely)} of {masks} masks in {layer.folder} have no image in {images}; they are not used (the first is "
        f"{lonely[0].name})" + (f"; if they are further masks of these images, give {advice}" if further else "")
    )


def _refuse_several(images: Path, owned: Mapping[str, Sequence[Path]]) -> None:
    several = {stem: paths for stem, paths in owned.items() if len(paths) > 1}
    if several:
        stem, paths = next(iter(several.items()))
        names = " and ".join(path.name for path in paths[:2])
        raise UserError(
            f"{len(several)} of {len(owned)} images in {images} have several masks, as {stem} has {names}; give "
            "dataset.several_masks=union for the pixels that any of them marks, as where each shows one lesion, or "
            "dataset.several_masks=majority for those that more than half mark, as where each is by another reader"
        )


def _no_match(images: Path, layer: MaskNames, image_of: Mapping[str, Path], masks: Mapping[str, Path]) -> str:
    said = f"no mask in {layer.folder} has the name of an image in {images}"
    if layer.affixed:
        said += f" with the prefix {layer.prefix!r} and the suffix {layer.suffix!r}"
    guess = _guess(frozenset(image_of), frozenset(masks or image_of))
    return f"{said}, as NAME.png beside NAME.jpg; {_advice(guess)}"


def _advice(words: Sequence[str]) -> str:
    if words:
        return f"give {' '.join(words)}"
    return "where masks are called NAME_mask.png, give dataset.mask_suffix=_mask"


def _guess(images: frozenset[str], masks: frozenset[str]) -> list[str]:
    """The settings under which most of the masks would be those of images; empty where none comes near."""
    after: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for stem in masks:
        after.update(stem[end:] for end in range(1, len(stem)) if stem[:end] in images)
        before.update(stem[:start] for start in range(1, len(stem)) if stem[start:] in images)
    if not after and not before:
        return []
    if max(before.values(), default=0) > max(after.values(), default=0):
        return [_typed("mask_prefix", _most(before))]
    best = _most(after)
    common = best
    for other in (affix for affix, times in after.items() if 2 * times >= after[best]):
        shared = _common_start(common, other)
        # what begins otherwise is another thing
        if len(shared) > 1 and not re.fullmatch(f"{re.escape(best)}{_NUMBER}", other):
            common = shared
    return [_typed("mask_suffix", best if common == best else f"{common}*")]


def _most(affixes: Counter[str]) -> str:
    """The most frequent one, of several the shortest."""
    return min(affixes, key=lambda affix: (-affixes[affix], len(affix), affix))


def _typed(key: str, text: str) -> str:
    # Hydra would take a number for one, and leave out blanks at an end
    plain = re.fullmatch(r"[A-Za-z_*-][\w.*-]*", text) and text.lower() not in {"null", "true", "false", "nan", "inf"}
    return shlex.quote(f"dataset.{key}={text if plain else json.dumps(text, ensure_ascii=False)}")


def _common_start(one: str, other: str) -> str:
    length = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _files(folder: Path, endings: frozenset[str] | set[str], key: str) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"the folder {folder} is not there; check dataset.{key}")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings and path.is_file()]
    if not paths:
        known = ", ".join(sorted(endings))
        raise UserError(f"the folder {folder} holds no file ending in {known}; check dataset.{key}")
    return paths


def _by_stem(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    by_stem: dict[str, Path] = {}
    for path in paths:
        if path.stem in by_stem:
            raise UserError(f"{path.name} and {by_stem[path.stem].name} in {folder} share a name; rename one of them")
        by_stem[path.stem] = path
    return by_stem
