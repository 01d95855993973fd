"""The table of detection or segmentation: both protocols side by side, from one run."""

from typing import Literal

from src.evaluation.class_table import aligned
from src.evaluation.estimate import Figures
from src.evaluation.notes import interval_notes
from src.evaluation.table import cell, spoken

Task = Literal["detect", "segment"]
_LABELS = {
    "map": "mAP",
    "map_50": "mAP at IoU 0.50",
    "map_75": "mAP at IoU 0.75",
    "map_small": "mAP, below 32 x 32 pixels",
    "map_medium": "mAP, up to 96 x 96 pixels",
    "map_large": "mAP, larger",
    "mar_100": "mean recall",
    "dice": "Dice",
    "iou": "IoU",
    "dice_positive": "Dice where there is a finding",
    "pooled_dice": "Dice of all pixels together",
    "hd95": "HD95 in pixels (lower is better)",
    "boundary_f": "boundary F",
    "images": "images that count",
    "objects": "objects that count",
    "positives": "images with a finding",
    "skipped_no_box": "images skipped: no box",
    "skipped_no_prediction": "images skipped: no prediction",
}
_READING = {
    "detect": (
        "published: score 0.5 or more; IoU 0.40 to 0.75; skips images without a box or without a prediction.\n"
        "corrected: COCO's; all scores; IoU 0.50 to 0.95; all images."
    ),
    "segment": (
        "published: at the network's own pixels.\n"
        "corrected: at the pixels of the original image. An empty mask predicted empty counts 1, in HD95 0 pixels;\n"
        "a finding that is missed or invented counts 0, in HD95 the image's diagonal. Each figure is over all images\n"
        "that count; Dice where there is a finding is over the images with one."
    ),
}


def dense_table(figures: Figures, task: Task) -> str:
    """The figures of the groups TASK_published and TASK, a row a figure, with how each protocol measures below."""
    published, corrected = (
        {name.removeprefix(f"{group}/"): figure for name, figure in figures.items() if name.startswith(f"{group}/")}
        for group in (f"{task}_published", task)
    )
    rows = [["", "published", "corrected"]]
    for name in _in_order({**corrected, **published}):
        rows.append([_label(name), cell(published.get(name)), cell(corrected.get(name))])
    return "\n".join([aligned(rows), _READING[task], *interval_notes(figures)])


def _in_order(there: Figures) -> list[str]:
    """As in ``_LABELS``, a finding's figure below that of all."""
    place = {metric: number for number, metric in enumerate(_LABELS)}
    return sorted(there, key=lambda name: place.get(name.partition("/")[0], len(place)))


def _label(name: str) -> str:
    metric, _, finding = name.partition("/")
    return f"  {spoken(finding)}" if finding else _LABELS.get(metric, spoken(metric))
