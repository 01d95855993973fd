"""Looks a data set over, raw and packed: what it holds, and what is wrong with it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import NonNegativeInt

from src.core.errors import UserError
from src.core.files import write_text
from src.data.health.check import Check
from src.data.health.columns import Columns
from src.data.health.duplicates import check_against, check_duplicates, same_files, same_pictures
from src.data.health.facts import gather_facts
from src.data.health.images import check_images
from src.data.health.marks import check_marks
from src.data.health.samples import choose_samples
from src.data.health.splits import check_reports, check_splits
from src.data.packed import PackedDataSet
from src.data.packed_table import PackedTable
from src.data.sources import SPLITS
from src.data.store.store import Store
from src.pictures.annotated import Sample, draw_annotated
from src.tasks.doctor_report import DoctorReport, as_json, as_markdown, as_text
from src.tasks.examine import Examined, columns_of, drawable, examine

_SAMPLES = 12
_WRITTEN = ("doctor.md", "doctor.json", "pictures/doctor.png")


def doctor(
    *,
    num_workers: NonNegativeInt | None,
    verify_files: bool,
    against: Sequence[str],
    dataset: object,
    dataset_named: Callable[[str], Any],
    run_dir: Path,
) -> None:
    """Report on ``dataset`` on the terminal, in ``doctor.md`` and ``doctor.json``, with a picture of samples.

    ``num_workers``: processes that read raw images where there is no store; None takes one for each core.
    ``verify_files``: hold the SHA-256 of the store's files against those that it was made with. ``against``: packed
    data sets whose test split must not hold an image that trains or validates here.
    Raises UserError where a problem was found, which ends the run with exit code 1; warnings do not.
    """
    packed = _packed(dataset, "this data set is read as it is")
    others = {name: _packed(dataset_named(name), f"task.against: {name} is read as it is") for name in against}
    for other in others.values():
        other.check()
    examined = examine(packed, num_workers=num_workers, verify_files=verify_files)
    report = _report(packed, examined, others, run_dir)
    write_text(run_dir / "doctor.md", as_markdown(report))
    write_text(run_dir / "doctor.json", as_json(report))
    print(as_text(report))
    written = [path for name in _WRITTEN if (path := run_dir / name).is_file()]
    print("\nWritten: " + ", ".join(map(str, written)))
    problems = report.count("problem")
    if problems:
        raise UserError(f"the doctor found {problems} problem(s) in {packed.name}; {run_dir / 'doctor.md'} lists them")


def _packed(dataset: object, refusal: str) -> PackedDataSet:
    packed = getattr(dataset, "packed", None)
    if not isinstance(packed, PackedDataSet):
        raise UserError(
            f"{refusal} and never packed, and whatever reads it says what is wrong with its files; choose another with "
            "dataset=NAME"
        )
    return packed


def _report(
    dataset: PackedDataSet, examined: Examined, others: dict[str, PackedDataSet], run_dir: Path
) -> DoctorReport:
    checks, facts = list(examined.checks), []
    if examined.store is not None:
        columns, split_checks = columns_of(dataset, examined.store)
        has_reports = dataset.reports == "own"
        facts = gather_facts(columns, read_sections=dataset.reader.sections if has_reports else None)
        checks += check_images(columns)
        try:
            checks += _pictures(columns, examined.store, others)
            if columns.read_N.any():
                _draw(dataset, columns, examined.store, examined.title, run_dir / "pictures" / "doctor.png")
        except UserError as error:
            checks.append(Check(name="images of the store can be read", state="problem", number=1, advice=str(error)))
        checks += check_reports(columns) if has_reports else []
        checks += check_marks(columns)
        # a rule that failed has made no splits to check
        unused = getattr(dataset.split_rule, "unused", ())
        checks += split_checks or check_splits(columns, dataset.findings or columns.finding_names, unused=unused)
    return DoctorReport(
        name=dataset.name,
        title=examined.title,
        version=examined.version,
        notes=examined.notes,
        looked_at=examined.looked_at,
        facts=facts,
        checks=checks,
    )


def _pictures(columns: Columns, store: Store, others: dict[str, PackedDataSet]) -> list[Check]:
    files_P2 = same_files(columns)
    checks = check_duplicates(columns, files_P2=files_P2, pictures_P2=same_pictures(columns, files_P2, store.image))
    for name, other in others.items():
        theirs, _ = columns_of(other, other.store)
        checks += check_against(columns, theirs, name, read_image=store.image, read_other=other.store.image)
    return checks


def _draw(dataset: PackedDataSet, columns: Columns, store: Store, title: str, path: Path) -> None:
    position_K = np.array(choose_samples(columns, _SAMPLES))
    table = drawable(dataset, store, position_K)
    samples = [
        Sample(
            image_HW=table.image(index),
            title=f"{_sides(columns, position)}, {_called(dataset, columns, table, index, position)}",
            caption=_spoken(columns.label_NF[position], columns.finding_names),
            boxes=table.boxes(index),
            # boxes that count as masks are on the picture already
            masks=_on_image(table, index) if dataset.masks == "own" else [],
        )
        for index, position in enumerate(position_K)
    ]
    counts = ", ".join(f"{split} {columns.within(split).sum():,}" for split in SPLITS)
    draw_annotated(samples, path, heading=title, aside=f"{len(columns):,} images: {counts}")


def _called(dataset: PackedDataSet, columns: Columns, table: PackedTable, index: int, position: int) -> str:
    """The image's file where the data set allows it, else its row in the owner's table."""
    return table.relative_file(index) if dataset.show_file_names else f"row {columns.row_N[position]}"


def _on_image(table: PackedTable, index: int) -> list[tuple[str, np.ndarray]]:
    """The masks in pixels of the packed image."""
    original = table.original(index)
    shape = original.image_height, original.image_width
    return [(name, original.to_image.mask(mask_HW, *shape)) for name, mask_HW in table.masks(index)]


def _sides(columns: Columns, position: int) -> str:
    return " and ".join(split for split in SPLITS if columns.within(split)[position]) or "in no split"


def _spoken(label_F: np.ndarray, names: Sequence[str]) -> str:
    present = [name for name, value in zip(names, label_F, strict=True) if value == 1]
    uncertain = [f"{name}?" for name, value in zip(names, label_F, strict=True) if value == -1]
    if present or uncertain:
        return ", ".join([*present, *uncertain])
    return "no finding" if (label_F == 0).any() else "no labels"
