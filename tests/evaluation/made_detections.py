"""Random images with objects, ignored regions and detections, and torchmetrics' figures of them."""

from collections.abc import Sequence

import numpy as np
import torch
from torchmetrics.detection import MeanAveragePrecision

from src.core.case_keys import CaseKeys
from src.core.dense import Detections, Objects
from src.evaluation.coco_format import JudgedImage

COCO = np.linspace(0.5, 0.95, 10).tolist()


def image(objects=(), found=(), ignored=(), size=(200, 150)) -> JudgedImage:
    """``objects``: class and box. ``found``: class, score and box. ``ignored``: boxes."""

    def boxes(of: Sequence) -> torch.Tensor:
        return torch.tensor([list(box) for box in of], dtype=torch.float32).reshape(-1, 4)

    return JudgedImage(
        found=Detections(
            box_N4=boxes([box for *_, box in found]),
            score_N=torch.tensor([score for _, score, _ in found], dtype=torch.float32),
            class_N=torch.tensor([number for number, *_ in found], dtype=torch.int64),
        ),
        objects=Objects(
            box_N4=boxes([box for _, box in objects]),
            class_N=torch.tensor([number for number, _ in objects], dtype=torch.int64),
            ignored_I4=boxes(ignored),
        ),
        height=size[0],
        width=size[1],
    )


def made_images(seed: int, count: int, *, findings: int, levels: int = 0) -> list[JudgedImage]:
    """Boxes that often overlap by a round share. ``levels``: how many scores there are, so that many tie; 0: any."""
    rng = np.random.default_rng(seed)

    def box() -> np.ndarray:
        corner, side = rng.integers(0, 8, 2) * 10, rng.choice([10, 20, 40, 100], 2)
        return np.concatenate([corner, corner + side]).astype(np.float32)

    images = []
    for _ in range(count):
        there = [(int(rng.integers(findings)), box()) for _ in range(rng.choice([0, 0, 1, 2, 4]))]
        near = [(number, one + rng.integers(-3, 4, 4)) for number, one in there if rng.random() < 0.8]
        near += [(int(rng.integers(findings)), box()) for _ in range(rng.choice([0, 1, 3]))]
        scores = rng.integers(1, levels + 1, len(near)) / levels if levels else rng.random(len(near))
        found = [(number, float(score), one) for (number, one), score in zip(near, scores, strict=True)]
        images.append(image(there, found, [box() for _ in range(rng.choice([0, 0, 1]))]))
    return images


def keys_of(count: int, group: Sequence[int] | None = None) -> CaseKeys:
    row_N = torch.arange(count) + 7
    return CaseKeys(row_N=row_N, group_N=torch.arange(count) if group is None else torch.tensor(group), image_id_N=None)


def torchmetrics_map(images: Sequence[JudgedImage], findings: int, overlaps: Sequence[float]) -> dict[str, float]:
    """Its figures at COCO's own thresholds, NaN where it has none; ``map_per_class`` by name, map/0, map/1, ..."""
    metric = MeanAveragePrecision(
        backend="pycocotools",
        iou_thresholds=list(overlaps),
        rec_thresholds=np.linspace(0, 1, 101).tolist(),
        class_metrics=True,
    )
    for one in images:
        ignored_I4 = one.objects.ignored_I4.repeat_interleave(findings, dim=0)
        label_I = torch.arange(findings).repeat(len(one.objects.ignored_I4))
        crowd = torch.cat([torch.zeros(len(one.objects.box_N4)), torch.ones(len(ignored_I4))]).long()
        target = {"boxes": torch.cat([one.objects.box_N4, ignored_I4]), "iscrowd": crowd}
        target["labels"] = torch.cat([one.objects.class_N, label_I])
        found = {"boxes": one.found.box_N4, "scores": one.found.score_N, "labels": one.found.class_N}
        metric.update([found], [target])
    computed = metric.compute()
    figures = {name: float(value) for name, value in computed.items() if value.numel() == 1 and name != "classes"}
    per_class = torch.atleast_1d(computed["map_per_class"])
    for number, value in zip(torch.atleast_1d(computed["classes"]).tolist(), per_class.tolist(), strict=False):
        figures[f"map/{number}"] = value
    return {name: float("nan") if value == -1 else value for name, value in figures.items()}
