"""MIMIC-CXR: images and labels of MIMIC-CXR-JPG 2.x, reports of MIMIC-CXR, in their owner's layout.

Axes: N images, S studies, F findings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from src.core.errors import UserError
from src.core.rules import Rules
from src.data.catalogue import Catalogue, Entry
from src.data.mimic_sections import published_sections, studies_with_custom_rules
from src.data.reader import Reader, folders
from src.data.report_sections import Sections
from src.data.row_checks import refuse_duplicates, refuse_rows
from src.data.tables import read_labels, read_table, require_columns

if TYPE_CHECKING:
    import pandas as pd

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
PHANTOM_COMMAND = (
    "python -m src.run +experiment=mgca_vit dataset=phantom trainer=cpu "
    "encoder.image.pretrained=false encoder.text.pretrained=false encoder.text.vocabulary=radiology_wordpiece"
)

_IMAGES, _STUDIES = 377_110, 227_835
_IDS = {"subject_id": r"\d{8}", "study_id": r"\d{8}", "dicom_id": r"[\w-]+"}
_PROBES = 1000


@dataclass(frozen=True, kw_only=True)
class MimicCxrReader(Reader):
    """Images with the report of their study and its labels.

    ``root``: the folder of ``mimic-cxr-2.*-metadata.csv.gz``, ``-split``, ``-chexpert`` and ``files/``, or one above.
    ``report_root``: the folder of ``files/p10/p10000032/s50414267.txt``; null looks in the same tree, and in
    ``mimic-cxr-reports`` and ``mimic-cxr`` beside it. ``views``: view positions that count; null takes every image.
    ``labels``: the labeller whose table is read. Rows are those of the metadata table. A study without a report file
    has an empty report, one without labels blank ones.
    """

    title: ClassVar[str] = "MIMIC-CXR-JPG"
    where: ClassVar[str] = (
        "https://physionet.org (credentialed access): MIMIC-CXR-JPG 2.1.0 for images and tables, and "
        "mimic-cxr-reports.zip of MIMIC-CXR 2.1.0, unpacked beside it, for reports; without it, the same experiment "
        f"runs on the phantom: {PHANTOM_COMMAND}"
    )
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mimic-cxr-2.*-metadata.csv*": ("dicom_id", "subject_id", "study_id", "ViewPosition"),
        "mimic-cxr-2.*-split.csv*": ("dicom_id", "split"),
        "mimic-cxr-2.*-chexpert.csv*": ("study_id", *FINDINGS),
    }

    report_root: str | None
    views: Sequence[str] | None
    labels: Literal["chexpert", "negbio"]

    @classmethod
    def sections(cls, report: str, file: str, rules: Rules) -> Sections:
        """Under ``published`` rules those of MIT-LCP for these files, and none for studies with custom rules."""
        if rules == "corrected":
            return super().sections(report, file, rules)
        if PurePosixPath(file).parent.name in studies_with_custom_rules():
            return Sections(impression="", findings="")
        return published_sections(report)

    def folder(self) -> Path:
        root = Path(self.root)
        if root.is_dir() and not self.lies_in(root):
            for place in folders(root):
                if any(place.glob("cxr-record-list.csv*")):
                    raise UserError(
                        f"{self.title}: {place} holds MIMIC-CXR in DICOM, without tables of splits and labels. "
                        f"Get the data at {self.where}"
                    )
        return super().folder()

    def read(self) -> Catalogue:
        folder = self.folder()
        if not (folder / "files").is_dir():
            raise UserError(
                f"{self.title} is not complete: there is no {folder / 'files'}. Get the data at {self.where}"
            )
        path = self.file(folder, "mimic-cxr-2.*-metadata.csv*")
        images = _read_images(path)
        total, studies = len(images), images["study_id"].nunique()
        images = self._with_split(self._in_views(images, path), folder)
        path_N = "files/p" + images["subject_id"].str[:2] + "/p" + images["subject_id"] + "/s" + images["study_id"]
        label_NF, without = self._labels(images["study_id"], folder)
        columns = (path_N, *(images[name] for name in ("dicom_id", "subject_id", "row", "split", "ViewPosition")))
        entries = [
            Entry(
                file=f"{study}/{image}.jpg",
                image_id=image,
                patient=patient,
                row=row,
                split=split,
                view=view,
                report_file=f"{study}.txt",
            )
            for study, image, patient, row, split, view in zip(*(c.tolist() for c in columns), strict=True)
        ]
        return Catalogue(
            root=folder,
            report_root=self._find_reports(folder, path_N.unique()),
            finding_names=FINDINGS,
            entries=entries,
            label_NF=label_NF,
            version=_version(folder, total, studies),
            notes=(f"{without} image(s) belong to a study without labels.",) if without else (),
        )

    def _in_views(self, images: "pd.DataFrame", path: Path) -> "pd.DataFrame":
        if self.views is None:
            return images
        kept = images[images["ViewPosition"].isin(list(self.views))]
        if kept.empty:
            known = ", ".join(sorted({view or "(blank)" for view in images["ViewPosition"]}))
            raise UserError(
                f"the table {path}, column 'ViewPosition': no image has a view of dataset.reader.views="
                f"[{', '.join(self.views)}]; the table has {known}"
            )
        return kept

    def _with_split(self, images: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
        path = self.file(folder, "mimic-cxr-2.*-split.csv*")
        official = read_table(path)
        require_columns(official, path, {name: name for name in ("dicom_id", "split")})
        refuse_duplicates(official, path, ["dicom_id"])
        split_N = images["dicom_id"].map(official.set_index("dicom_id")["split"])
        lacking = int(split_N.isna().sum())
        if lacking:
            raise UserError(
                f"the table {path} lacks {lacking} of the {len(images)} images that the metadata table names; "
                "take both tables from one download"
            )
        return images.assign(split=split_N)

    def _labels(self, study_N: "pd.Series", folder: Path) -> tuple[np.ndarray, int]:
        """Labels (N, F) with -1 as written, and how many images have no row."""
        path = self.file(folder, f"mimic-cxr-2.*-{self.labels}.csv*")
        frame = read_table(path)
        require_columns(frame, path, {name: name for name in ("study_id", *FINDINGS)})
        refuse_duplicates(frame, path, ["study_id"])
        label_SF = read_labels(frame, path, FINDINGS, "written")
        row_of_study = dict(zip(frame["study_id"].tolist(), range(len(frame)), strict=True))
        row_N = study_N.map(row_of_study).fillna(-1).to_numpy(dtype=np.int64)
        label_SF = np.concatenate([label_SF, np.full((1, len(FINDINGS)), np.nan, np.float32)])
        return label_SF[row_N], int((row_N < 0).sum())

    def _find_reports(self, folder: Path, study_S: np.ndarray) -> Path:
        probe = study_S[:: -(-len(study_S) // _PROBES)]
        places = [Path(self.report_root)] if self.report_root is not None else list(_report_places(folder))
        for place in places:
            if (place / "files").is_dir() and any((place / f"{study}.txt").is_file() for study in probe):
                return place
        looked = f"{places[0]}/files" if len(places) == 1 else f"{folder} and in mimic-cxr-reports/files beside it"
        raise UserError(
            f"{self.title} is not complete: looked for reports (files/p10/p10000032/s50414267.txt) in {looked} and "
            f"found none; give dataset.reader.report_root=DIR. Get the data at {self.where}"
        )


def _read_images(path: Path) -> "pd.DataFrame":
    images = read_table(path)
    wanted = ["dicom_id", "subject_id", "study_id", "ViewPosition"]
    require_columns(images, path, {name: name for name in wanted})
    images = images[wanted]
    for column, pattern in _IDS.items():
        bad_N = ~images[column].str.fullmatch(pattern).to_numpy(dtype=bool)
        refuse_rows(bad_N, path, column, "hold no id of MIMIC-CXR", "get the table again")
    refuse_duplicates(images, path, ["dicom_id"])
    return images.assign(row=np.arange(1, len(images) + 1))


def _report_places(folder: Path) -> Iterator[Path]:
    """Where people unpack mimic-cxr-reports.zip: in the tree of the images, or beside it up to three levels up."""
    patterns = (
        "mimic-cxr-reports*",
        "mimic-cxr",
        "mimic-cxr/mimic-cxr-reports*",
        "mimic-cxr/2.*",
        "mimic-cxr/2.*/mimic-cxr-reports*",
    )
    yield folder
    for base in [folder, *list(folder.parents)[:3]]:
        for pattern in patterns:
            yield from sorted(base.glob(pattern), reverse=True)


def _version(folder: Path, images: int, studies: int) -> str:
    if (images, studies) == (_IMAGES, _STUDIES):
        labelled = any(folder.glob("mimic-cxr-2.1.0-test-set-labeled.csv*"))
        return f"MIMIC-CXR-JPG {'2.1.0' if labelled else '2.0.0 or 2.1.0'}: {images:,} images, {studies:,} studies"
    return (
        f"no version known: {images:,} images, {studies:,} studies; 2.0.0 and 2.1.0 have {_IMAGES:,} and {_STUDIES:,}"
    )
