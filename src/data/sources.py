"""What a data set of image-report pairs offers to the rest of the project.

Axes: N pairs of one split, F findings, I ignored regions, H and W pixels.
"""

from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from src.core.rules import Rules
from src.data.axis_map import IDENTITY, AxisMap
from src.data.phrases import Phrase
from src.data.report_sections import Sections

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class PairTable(Protocol):
    """The pairs of one split; ``index`` counts from 0 to ``len(table) - 1``."""

    label_NF: np.ndarray
    """float32, (N, F): 1 present, 0 absent, NaN unknown; F may be 0."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> np.ndarray:
        """The image as grey uint8 (H, W); raises ``UserError`` naming row and file where it cannot be read."""
        ...

    def report(self, index: int) -> str:
        """The full report with its section headings, or plain text."""
        ...

    def row(self, index: int) -> int:
        """The pair's row in the user's table: the one identity that may be printed."""
        ...

    def file(self, index: int) -> str:
        """The image's file for messages; empty for an image that is made, not read."""
        ...


@runtime_checkable
class BoxedTable(Protocol):
    """A table that also knows where in its images the findings are."""

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        """The name of each finding, and its left, top, right and bottom in pixels of ``image(index)``."""
        ...


@runtime_checkable
class MaskedTable(Protocol):
    """A table that also knows the findings' pixels, those of the original, so that a mask is resampled once."""

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """The name of each finding, and its pixels, bool (H, W) of the original of ``image(index)``."""
        ...


@runtime_checkable
class IgnoringTable(Protocol):
    """A table that also knows regions that are neither a finding nor background."""

    def ignored_boxes(self, index: int) -> np.ndarray:
        """float32 (I, 4): left, top, right and bottom of each, in pixels of ``image(index)``."""
        ...

    def ignored_mask(self, index: int) -> np.ndarray:
        """Their pixels, bool (H, W) of the original of ``image(index)``."""
        ...


class Original(NamedTuple):
    """The image as its owner has it, and ``image(index)``, which may be smaller, in it: sizes in pixels."""

    height: int
    width: int
    image_height: int
    image_width: int
    to_image: AxisMap
    """From pixels of the original to those of ``image(index)``."""


@runtime_checkable
class MeasuredTable(Protocol):
    """A table that knows the size of an image before it is read, and of the original that it was made from."""

    def original(self, index: int) -> Original:
        """Of ``image(index)``."""
        ...


@runtime_checkable
class GroundedTable(Protocol):
    """A table that also knows phrases that name a region of an image."""

    def phrases(self, index: int) -> list[Phrase]:
        """The phrases of an image, with their regions in pixels of ``image(index)``; may be none."""
        ...


@runtime_checkable
class SectionedTable(Protocol):
    """A table whose data set has rules of its own for the sections of its reports."""

    def sections(self, index: int, rules: Rules) -> Sections:
        """Impression and findings of ``report(index)``."""
        ...


@runtime_checkable
class SentenceTable(Protocol):
    """A table that says whether its reports are sentences made of its labels."""

    @property
    def reports_from(self) -> Literal["own", "labels"]:
        """``own``: reports that somebody wrote."""
        ...


@runtime_checkable
class IdentifiedTable(Protocol):
    """A table that knows whose images it holds, and what their owner calls them."""

    def groups(self) -> np.ndarray:
        """int64 (N,): one number a patient, or whatever else is never on two sides of a split."""
        ...

    def image_ids(self) -> list[str] | None:
        """The owner's name of each image, or None where there are none."""
        ...


@runtime_checkable
class CocoIdTable(Protocol):
    """A table whose images have ids in their owner's COCO json."""

    def coco_image_ids(self) -> list[int | str]:
        """The id of each image."""
        ...


@runtime_checkable
class CocoIdSource(Protocol):
    """A source whose findings have ids in their owner's COCO jsons."""

    def coco_category_ids(self, split: Split) -> tuple[int | str, ...]:
        """The id of each finding in the json of ``split``."""
        ...


@runtime_checkable
class HasImageFiles(Protocol):
    """A table whose images are files of their owner, for the captions of pictures."""

    def relative_file(self, index: int) -> str:
        """The image's file below the folder of the data set, with forward slashes."""
        ...


@runtime_checkable
class SubsetTable(Protocol):
    """A table whose owner may have chosen which of its images train at a fraction."""

    def given_subset(self, fraction: float) -> np.ndarray | None:
        """Ascending indices into the table, or None where nobody chose for ``fraction``."""
        ...


@runtime_checkable
class PairSource(Protocol):
    """A data set, built from ``conf/dataset/NAME.yaml``."""

    @property
    def finding_names(self) -> tuple[str, ...]:
        """The F findings that the labels speak of; may be empty."""
        ...

    @property
    def exclusive(self) -> bool:
        """Whether the findings are classes of which every image has exactly one."""
        ...

    def check(self) -> None:
        """Raise ``UserError`` where the data set cannot be read."""
        ...

    def table(self, split: Split) -> PairTable:
        """The pairs of one split; may be empty."""
        ...


@runtime_checkable
class AdvisingSource(Protocol):
    """A source with settings for the reading of its reports."""

    @property
    def report_advice(self) -> str:
        """A sentence that names them, for people whose reports hold nothing usable; "" where there are none."""
        ...


@runtime_checkable
class ChosenSource(Protocol):
    """A source whose findings the user may choose from those of its owner."""

    @property
    def known_findings(self) -> tuple[str, ...]:
        """All that the owner labelled, chosen or not."""
        ...


def known_findings(source: PairSource) -> tuple[str, ...]:
    """All findings of a data set, of which ``finding_names`` may be a choice."""
    return source.known_findings if isinstance(source, ChosenSource) else source.finding_names


def original_of(table: PairTable, index: int) -> Original:
    """The original of ``table.image(index)``, which is that image itself where the table knows of no other."""
    if isinstance(table, MeasuredTable):
        return table.original(index)
    return unchanged(*table.image(index).shape)


def unchanged(height: int, width: int) -> Original:
    """An original that is read as it is."""
    return Original(height, width, height, width, IDENTITY)


@runtime_checkable
class Tokenizer(Protocol):
    """What the data module asks of a tokenizer of reports."""

    @property
    def pad_id(self) -> int: ...

    @property
    def unknown_id(self) -> int | None:
        """The token of words that the vocabulary does not know; None where it knows all."""
        ...

    def encode(self, captions: list[str], *, max_tokens: int) -> list[list[int]]:
        """Token ids of each caption, [CLS] first and [SEP] last, at most ``max_tokens`` of them."""
        ...
