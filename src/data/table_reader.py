"""The user's own table as a data set that can be packed.

Axes: N images.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from src.core.rules import Rules
from src.data.catalogue import Catalogue
from src.data.heading_names import HeadingNames
from src.data.reader import Reader
from src.data.report_sections import Sections, read_sections
from src.data.sources import Split
from src.data.split_rules import Images


@dataclass(frozen=True, kw_only=True)
class TableReader(Reader):
    """The user's table as a data set that can be packed."""

    title: ClassVar[str] = "your pairs"
    where: ClassVar[str] = "your own disk"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    by_root: ClassVar[bool] = False

    catalogue: Callable[[], Catalogue]
    headings: HeadingNames

    def read(self) -> Catalogue:
        """What the source has read already."""
        return self.catalogue()

    def sections(self, report: str, file: str, rules: Rules) -> Sections:  # type: ignore[override]  # noqa: ARG002
        """Impression and findings by the table's own names of headings."""
        return read_sections(report, rules, self.headings)

    def settings(self) -> dict[str, Any]:
        """None: the catalogue says it all."""
        return {}

    @classmethod
    def recognises(cls, folder: Path) -> bool:  # noqa: ARG003
        """Never: any folder may hold one's own images."""
        return False


class GivenSplit:
    """A split that was made elsewhere."""

    def __init__(self, positions: Mapping[Split, np.ndarray]) -> None:
        self.positions = dict(positions)

    def assign(self, images: Images) -> dict[Split, np.ndarray]:  # noqa: ARG002
        """The positions as they were given."""
        return self.positions
