"""Open-I's Indiana University chest X-rays: one XML file a report, and the images that it names.

Axes: N images, F findings.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue, Entry
from src.data.reader import Reader, index_files
from src.data.row_checks import refuse_rows
from src.data.tables import read_table, require_columns

TERMS = {
    "No Finding": ("normal",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Pleural Effusion": ("Pleural Effusion", "Hydropneumothorax", "Hemothorax", "Hemopneumothorax"),
    "Pneumothorax": ("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"),
    "Atelectasis": ("Pulmonary Atelectasis",),
    "Edema": ("Pulmonary Edema",),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Infiltrate": ("Infiltrate",),
    "Opacity": ("Opacity",),
    "Nodule": ("Nodule",),
    "Mass": ("Mass",),
    "Calcified Granuloma": ("Calcified Granuloma",),
    "Emphysema": ("Emphysema", "Pulmonary Emphysema", "Bullous Emphysema"),
    "Fracture": ("Fractures, Bone",),
}
"""Each finding, and the MeSH terms that say it."""

_REPORTS, _IMAGES = 3955, 7470
_SECTIONS = ("FINDINGS", "IMPRESSION")
_UNINDEXED = "No Indexing"
_PROJECTIONS = "indiana_projections.csv"
# "CXR1_1_IM-0001-3001", "1_IM-0001-3001.dcm" and "CXR10_IM-0002-1001" hold the key that all releases share
_KEY = re.compile(r"\d+_IM-\d+(?:-\d+)*")


class Report(NamedTuple):
    """What one XML file says."""

    study: str
    text: str
    images: tuple[str, ...]
    terms: frozenset[str]
    """First parts of the MeSH major terms: "Opacity" of "Opacity/lung/base/left"."""


@dataclass(frozen=True, kw_only=True)
class OpenIReader(Reader):
    """Every image that a report names, with the report's findings and impression.

    ``root``: the folder of ``ecgen-radiology/`` (NLMCXR_reports.tgz unpacked), or one above it; images (NLMCXR_png.tgz
    or NLMCXR_dcm.tgz unpacked) lie anywhere in that folder or in the one above it, and PNG goes before DICOM. A finding
    is present where a MeSH major term of ``TERMS`` is, absent where the report is indexed without it, and blank where
    nobody indexed the report. Each report is a patient of its own. The XML does not know the projection: ``views``
    other than null asks for ``indiana_projections.csv`` (filename, projection) there. Rows count images in the order of
    the reports' numbers.
    """

    title: ClassVar[str] = "Open-I chest X-rays"
    where: ClassVar[str] = (
        "https://openi.nlm.nih.gov/faq (NLMCXR_reports.tgz, NLMCXR_png.tgz; unpack both below one folder)"
    )
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {"ecgen-radiology/*.xml": ()}

    views: Sequence[str] | None

    def read(self) -> Catalogue:
        folder = self._unpacked()
        reports = [read_report(path) for path in sorted((folder / "ecgen-radiology").glob("*.xml"), key=_number)]
        _refuse_repeats(reports)
        root, files = self._find_images(folder, reports)
        projections = self._projections(folder)
        entries: list[Entry] = []
        labels: list[list[float]] = []
        row = 0
        for report in reports:
            for image in report.images:
                row += 1
                view = projections.get(_key(image), "")
                if self.views is None or view in self.views:
                    entry = Entry(
                        file=files.get(_key(image), f"{image}.png"),
                        image_id=image,
                        patient=report.study,
                        row=row,
                        view=view,
                        report=report.text,
                    )
                    entries.append(entry)
                    labels.append(_labels(report.terms))
        known = (len(reports), row) == (_REPORTS, _IMAGES)
        return Catalogue(
            root=root,
            finding_names=tuple(TERMS),
            entries=entries,
            label_NF=np.array(labels, dtype=np.float32).reshape(len(entries), len(TERMS)),
            version=f"{'Open-I' if known else 'no version known'}: {len(reports):,} reports, {row:,} images"
            + ("" if known else f"; Open-I has {_REPORTS:,} and {_IMAGES:,}"),
            notes=_notes(reports, sum(not entry.view for entry in entries) if projections else 0),
        )

    def _unpacked(self) -> Path:
        packed = Path(self.root) / "NLMCXR_reports.tgz"
        if packed.is_file() and not self.lies_in(Path(self.root)):
            raise UserError(f"{self.title}: {packed} is still packed; unpack it beside: tar -xzf NLMCXR_reports.tgz")
        return self.folder()

    def _bases(self, folder: Path) -> list[Path]:
        """The folder of the reports, and the one above it where ``root`` admits it."""
        return [folder] if folder == Path(self.root) else [folder, folder.parent]

    def _find_images(self, folder: Path, reports: Sequence[Report]) -> tuple[Path, dict[str, str]]:
        """The folder that image paths start from, and the file of each key."""
        keys = {_key(image) for report in reports for image in report.images}
        for base in self._bases(folder):
            found: dict[str, str] = {}
            for suffixes in ((".png", ".jpg"), (".dcm",)):
                for stem, file in index_files(base, suffixes).items():
                    if _key(stem) in keys:
                        found.setdefault(_key(stem), file)
            if found:
                return base, found
        return folder, {}

    def _projections(self, folder: Path) -> dict[str, str]:
        patterns = (_PROJECTIONS, f"*/{_PROJECTIONS}")
        found = [sorted(base.glob(pattern)) for base in self._bases(folder) for pattern in patterns]
        path = next((paths[0] for paths in found if paths), None)
        if path is None:
            if self.views is None:
                return {}
            raise UserError(
                f"{self.title}: dataset.reader.views=[{', '.join(self.views)}] asks for {_PROJECTIONS}, and there is "
                f"none in {folder}; the reports do not know the projection: add that table, or give "
                "dataset.reader.views=null"
            )
        frame = read_table(path)
        require_columns(frame, path, {name: name for name in ("filename", "projection")})
        wrong_N = ~frame["projection"].isin(["Frontal", "Lateral"]).to_numpy()
        refuse_rows(wrong_N, path, "projection", "hold neither Frontal nor Lateral", "correct the table")
        return dict(zip(map(_key, frame["filename"]), frame["projection"], strict=True))


def read_report(path: Path) -> Report:
    """The XML file ``path``. Raises ``UserError`` naming it where it is broken, or declares a DOCTYPE or an entity."""
    advice = "unpack NLMCXR_reports.tgz again"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"the report {path} is not UTF-8; {advice}") from None
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise UserError(f"the report {path} declares a DOCTYPE or an entity, which no report of Open-I does; {advice}")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        line = error.position[0]
        raise UserError(f"the report {path} is no well-formed XML, line {line}; {advice}") from None
    identity = root.find("uId")
    study = "" if identity is None else identity.get("id", "")
    if not study:
        raise UserError(f"the report {path} has no uId; {advice}")
    sections = {part.get("Label", ""): "".join(part.itertext()).strip() for part in root.iter("AbstractText")}
    return Report(
        study=study,
        text="\n\n".join(f"{name}: {sections[name]}" for name in _SECTIONS if sections.get(name)),
        images=tuple(image.get("id", "") for image in root.iter("parentImage")),
        terms=frozenset((term.text or "").split("/")[0].strip() for term in root.iter("major")),
    )


def _labels(terms: frozenset[str]) -> list[float]:
    if terms <= {_UNINDEXED, ""}:
        return [np.nan] * len(TERMS)
    return [float(not terms.isdisjoint(names)) for names in TERMS.values()]


def _refuse_repeats(reports: Sequence[Report]) -> None:
    for what, names in (
        ("report", [report.study for report in reports]),
        ("image", [_key(image) for report in reports for image in report.images]),
    ):
        repeats = len(names) - len(set(names))
        if repeats:
            raise UserError(
                f"{OpenIReader.title}: {repeats} {what}(s) of ecgen-radiology repeat an earlier one's id; unpack "
                "NLMCXR_reports.tgz again, into an empty folder"
            )


def _notes(reports: Sequence[Report], viewless: int) -> tuple[str, ...]:
    imageless = sum(not report.images for report in reports)
    empty = sum(not report.text for report in reports)
    unindexed = sum(report.terms <= {_UNINDEXED, ""} for report in reports)
    notes = (
        (imageless, "report(s) name no image and are left out."),
        (empty, "report(s) have neither findings nor impression."),
        (unindexed, "report(s) are not indexed, and their labels are blank."),
        (viewless, f"image(s) have no projection in {_PROJECTIONS}."),
    )
    return tuple(f"{count} {text}" for count, text in notes if count)


def _key(name: str) -> str:
    found = _KEY.search(name)
    return found[0] if found else name


def _number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.stem)
    return int(digits[0]) if digits else 0, path.stem
