"""A data set that is packed once and read from its store: the node of almost every yaml in ``conf/dataset``.

Axes: N images, F findings.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.dicom_io import DicomScale
from src.data.packed_table import Masks, PackedTable, Reports
from src.data.reader import Reader
from src.data.sources import Split
from src.data.split_rules import IdListSplit, Images, SplitRule, count_leaks
from src.data.store.manifest import NAME, Difference, Manifest, differences
from src.data.store.packing import Job
from src.data.store.recipe import Recipe, StoreSettings
from src.data.store.store import Store
from src.data.tables import Uncertain

_log = logging.getLogger(__name__)
_VALUE = {"unknown": np.nan, "absent": 0.0, "present": 1.0}


class PackedDataSet:
    """A data set in its owner's layout, and the store that it is packed into.

    ``name``: the store's folder below ``store.folder``. ``lists``: a folder of the user's own lists of ids, which
    then stand in place of ``split``. ``findings``: the labels to read, in this order; None reads
    all. ``uncertain``: what -1 counts as, for all findings or for each. ``blank``: what a blank counts as.
    ``reports``: the owner's, or sentences made of the labels. ``masks``: the owner's, or every box filled.
    ``exclusive``: whether the findings are classes of which an image has exactly one.
    """

    table_type: ClassVar[type[PackedTable]] = PackedTable
    """What each split is read as."""

    def __init__(
        self,
        *,
        name: str,
        reader: Reader,
        store: StoreSettings,
        split: SplitRule,
        lists: str | None,
        findings: Sequence[str] | None,
        uncertain: Uncertain | Mapping[str, Uncertain],
        blank: Literal["unknown", "absent"],
        reports: Reports,
        masks: Masks,
        exclusive: bool,
        dicom_scale: DicomScale,
        show_file_names: bool = False,
    ) -> None:
        self.show_file_names = show_file_names
        self.name = name
        self._settings = store
        self.reader = reader
        self.folder = Path(store.folder) / name
        self.recipe = Recipe(
            resize=store.resize, size=store.size, pad=store.pad, codec=store.codec, dicom_scale=dicom_scale
        )
        self.split_rule: SplitRule = split if lists is None else IdListSplit(folder=lists)
        self.findings = findings
        self._uncertain = uncertain
        self._blank = blank
        self.reports: Reports = reports
        self.masks: Masks = masks
        self.exclusive = exclusive

    @property
    def packed(self) -> "PackedDataSet":
        """Itself; a source that may be packed or not has one of these beside it."""
        return self

    @property
    def is_packed(self) -> bool:
        """Whether a store lies in its place, whatever it is."""
        return (self.folder / NAME).is_file()

    def command(self, task: str, *extra: str) -> str:
        """What to type to run ``task`` on this data set, with ``extra`` overrides beside those typed already."""
        raw = ("paths.raw=DIR",) if task == "prepare" and self.reader.by_root else ()
        return self._settings.command(task, extra=[*raw, *extra])

    def job(self, catalogue: Catalogue) -> Job:
        """The packing of ``catalogue`` into this data set's store."""
        return Job(
            folder=self.folder,
            name=self.name,
            title=self.reader.title,
            catalogue=catalogue,
            recipe=self.recipe,
            reader=self.reader.settings(),
        )

    @cached_property
    def store(self) -> Store:
        """The store. Raises ``UserError`` where there is none, or one that was made with other settings."""
        if not self.is_packed:
            raise UserError(
                f"{self.reader.title} is not packed yet: there is no store {self.folder}; make it with: "
                f"{self.command('prepare')}. "
                f"Get the data at {self.reader.where}"
            )
        store = Store(self.folder, remake=self.command("prepare", "task.overwrite=true"))
        different = self.differences(store.manifest)
        if different:
            raise UserError(
                f"the store {self.folder} was made with other settings: {'; '.join(map(str, different))}. Ask for "
                f"those, or remake it with: {self.remake_with(different)}"
            )
        return store

    def remake_with(self, different: Sequence[Difference]) -> str:
        """What to type to make the store anew as it is asked for here."""
        return self.command("prepare", *(one.override for one in different), "task.overwrite=true")

    def differences(self, manifest: Manifest) -> list[Difference]:
        """The settings in which a store is not what this config asks for."""
        return differences(manifest, self.recipe, self.reader.settings())

    def check(self) -> None:
        """Raise ``UserError`` where the store is missing, another one, or leaks from one split into another."""
        _ = self._checked

    @cached_property
    def _checked(self) -> bool:
        leaks = count_leaks(self.positions, self.images.patient_N)
        if leaks:
            raise UserError(
                f"{leaks} patient(s) of {self.name} lie on two sides of its splits; correct dataset.lists or "
                "dataset.split"
            )
        if self.reports == "own" and not _any_text(self.store):
            raise UserError(f"{self.name} has no reports; give dataset.reports=labels for sentences made of its labels")
        left_out = self.store.manifest.rows - self.store.manifest.packed
        if left_out:
            _log.warning(
                "%s: %d of %d images could not be packed and are left out; %s lists them",
                self.name,
                left_out,
                self.store.manifest.rows,
                self.folder / "quarantine.csv",
            )
        return True

    @property
    def finding_names(self) -> tuple[str, ...]:
        """The findings that the labels speak of."""
        return tuple(self.findings) if self.findings is not None else self.store.manifest.finding_names

    @property
    def known_findings(self) -> tuple[str, ...]:
        """All that the owner labelled, chosen or not."""
        return self.store.manifest.finding_names

    @cached_property
    def images(self) -> Images:
        """The store's rows as a split rule sees them."""
        return images_of(self.store)

    @cached_property
    def positions(self) -> dict[Split, np.ndarray]:
        """The store's rows of each split, with those that could not be packed."""
        return self.split_rule.assign(self.images)

    def table(self, split: Split) -> PackedTable:
        """The packed images of one split."""
        self.check()
        position_N = self.positions[split]
        position_N = position_N[self.store.column("height")[position_N] > 0]
        rule = self.split_rule
        return self.table_type(
            store=self.store,
            position_N=position_N,
            label_NF=self.labels(self.store.label_NF[position_N]),
            finding_names=self.finding_names,
            reports=self.reports,
            masks=self.masks,
            given_subset=partial(rule.subset, self.images) if isinstance(rule, IdListSplit) else _no_subset,
            read_sections=self.reader.sections,
        )

    def labels(self, label_NF: np.ndarray) -> np.ndarray:
        """The owner's labels as the config reads them: the chosen findings as 1, 0 and NaN.

        Raises ``UserError`` for a finding that the data set does not have.
        """
        there = self.store.manifest.finding_names
        for name in (*self.finding_names, *(self._uncertain if isinstance(self._uncertain, Mapping) else ())):
            if name not in there:
                raise UserError(f"{self.name} has no finding {name!r}; it has: {', '.join(there)}")
        chosen_NF = label_NF[:, [there.index(name) for name in self.finding_names]].copy()
        if self._blank == "absent":
            chosen_NF[np.isnan(chosen_NF)] = 0.0
        for column, name in enumerate(self.finding_names):
            meaning = self._uncertain.get(name, "unknown") if isinstance(self._uncertain, Mapping) else self._uncertain
            chosen_NF[chosen_NF[:, column] == -1, column] = _VALUE[meaning]
        return chosen_NF


def images_of(store: Store) -> Images:
    """The rows of a store as a split rule sees them."""
    return Images(
        id_N=store.column("image_id"),
        patient_N=store.patient_N,
        split_N=store.column("split"),
        label_NF=store.label_NF,
        finding_names=store.manifest.finding_names,
    )


def _any_text(store: Store) -> bool:
    import pyarrow.compute as pc

    return bool(pc.max(pc.binary_length(store.index.column("report"))).as_py())


def _no_subset(fraction: float) -> None:  # noqa: ARG001
    return None
