"""MIMIC-CXR: images and labels of MIMIC-CXR-JPG 2.x, reports of MIMIC-CXR, in their owner's layout.

Axes: N rows, F findings.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from src.core.errors import UserError
from src.data.file_table import FileTable
from src.data.grouped_split import refuse_leaks, split_by_column
from src.data.sources import Split
from src.data.tables import Uncertain, read_labels, read_table, require_columns

_TABLES = ("metadata", "split", "chexpert")
_HELP = (
    "MIMIC-CXR needs credentialed access at https://physionet.org: get MIMIC-CXR-JPG 2.1.0 (images and tables) for "
    "dataset.root and mimic-cxr-reports.zip of MIMIC-CXR 2.1.0 for dataset.report_root; without it, the same "
    "experiment runs on the phantom: python -m src.run +experiment=mgca_vit dataset=phantom trainer=cpu "
    "encoder.image.pretrained=false encoder.text.pretrained=false encoder.text.vocabulary=radiology_wordpiece"
)


class MimicCxrSource:
    """Frontal images with the report of their study and its CheXpert labels.

    ``root``: the folder of ``mimic-cxr-2.*-metadata.csv.gz``, ``-split``, ``-chexpert`` and ``files/``.
    ``report_root``: the folder of ``files/p10/p10000032/s50414267.txt``. ``views``: view positions that count.
    ``split_values``: the official splits behind each of ours; the published set-up validates on validate + test.
    A study without a report file counts as one with an empty report. Rows are those of the metadata table.

    Raises ``UserError`` that says what is missing, where it was looked for, how to get it, and how to do without.
    """

    def __init__(
        self,
        *,
        root: str,
        report_root: str,
        views: Sequence[str],
        findings: Sequence[str],
        uncertain: Uncertain,
        split_values: Mapping[str, Sequence[str]],
    ) -> None:
        tables = _find(Path(root), Path(report_root))
        images = read_table(tables["metadata"])
        require_columns(
            images, tables["metadata"], {c: c for c in ("dicom_id", "subject_id", "study_id", "ViewPosition")}
        )
        images["row"] = np.arange(1, len(images) + 1)
        images = images[images["ViewPosition"].isin(list(views))]

        official = read_table(tables["split"])
        require_columns(official, tables["split"], {c: c for c in ("dicom_id", "split")})
        images = images.merge(official[["dicom_id", "split"]], on="dicom_id", how="inner", validate="1:1")

        studies = read_table(tables["chexpert"])
        require_columns(studies, tables["chexpert"], {c: c for c in ("study_id", *findings)})
        label_SF = read_labels(studies, tables["chexpert"], findings, uncertain)
        study_row = {study: row for row, study in enumerate(studies["study_id"])}
        label_SF = np.concatenate([label_SF, np.full((1, len(findings)), np.nan, np.float32)])
        self._label_NF = label_SF[[study_row.get(study, -1) for study in images["study_id"]]]

        self.finding_names = tuple(findings)
        self._positions = split_by_column(images["split"].tolist(), split_values, path=tables["split"], column="split")
        refuse_leaks(self._positions, images["subject_id"].tolist(), tables["split"])
        self._row_N = images["row"].to_numpy()
        folders = [
            f"files/p{subject[:2]}/p{subject}/s{study}"
            for subject, study in zip(images["subject_id"], images["study_id"], strict=True)
        ]
        self._report_N = np.array([f"{report_root}/{folder}.txt" for folder in folders])
        self._image_N = np.array(
            [f"{root}/{folder}/{image}.jpg" for folder, image in zip(folders, images["dicom_id"], strict=True)]
        )

    def table(self, split: Split) -> FileTable:
        position_N = self._positions[split]
        return FileTable(
            paths=self._image_N[position_N].tolist(),
            rows=self._row_N[position_N].tolist(),
            label_NF=self._label_NF[position_N],
            read_report=partial(_read_nth, self._report_N[position_N]),
            dicom_scale="maximum",
        )


def _read_nth(paths: np.ndarray, index: int) -> str:
    path = Path(paths[index])
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _find(root: Path, report_root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name in _TABLES:
        candidates = sorted(root.glob(f"mimic-cxr-2.*-{name}.csv*"))
        if candidates:
            found[name] = candidates[-1]
        else:
            missing.append(f"{root}/mimic-cxr-2.0.0-{name}.csv.gz")
    missing += [str(folder / "files") for folder in (root, report_root) if not (folder / "files").is_dir()]
    if missing:
        raise UserError(f"MIMIC-CXR is not complete: looked for {', '.join(missing)} and found none of them. {_HELP}")
    return found
