"""How well objects are found, by COCO's protocol and by the published one, from one matching.

``detect``, the corrected protocol (Lin et al., ECCV 2014): all images count, also those without an object and those in
which nothing was found; overlaps 0.50 to 0.95 by 0.05; ignored regions are COCO's crowds; at most 100 detections an
image and finding. ``map_small``, ``map_medium`` and ``map_large`` are over objects below 32 x 32, up to 96 x 96 and
above, in original pixels.

``detect_published`` (Wang et al., NeurIPS 2022, as their released code evaluates): detections that score below 0.5 are
cut; an image without a box is skipped, and so is an image in which nothing remains; overlaps 0.40 to 0.75 by 0.05. It
is no figure to hold against COCO's: a false detection in a healthy image costs nothing, and neither does an object in
an image where nothing was found. Each average precision is over COCO's 101 recalls.

Thresholds are those of COCO's own code, in double precision; torchmetrics rounds its defaults to single precision,
which moves an overlap or a recall that lies on one.

Axes: N images, F findings, D detections, T thresholds of overlap.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.evaluation.coco_format import JudgedImage, coco_results, coco_truth
from src.evaluation.estimate import Estimate
from src.evaluation.evaluated_data import content_digest
from src.evaluation.matches import FALSE, HIT, IGNORED, Matches
from src.evaluation.measure import measure

CORRECTED, PUBLISHED = "detect", "detect_published"
_COCO = tuple(np.linspace(0.5, 0.95, 10).tolist())
_OVERLAPS = (0.4, 0.45, *_COCO)
_PUBLISHED_OVERLAPS = 8
_PUBLISHED_CUT = 0.5
_MOST = 100
_END = 1e5**2
_AREAS = {"all": (0, _END), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, _END)}


def judge_detections(
    images: Sequence[JudgedImage], keys: CaseKeys, names: Sequence[str], *, resamples: int
) -> tuple[dict[str, Estimate | float | int], dict[str, Matches]]:
    """The figures of both protocols by their names, with 95 % intervals, and the cases behind each group.

    ``detect/map``, ``map_50``, ``map_75``, ``mar_100``, and ``map_small``, ``map_medium`` and ``map_large`` where there
    are such objects, without interval; ``detect/map/FINDING`` and ``map_50/FINDING`` of several findings;
    ``detect_published/map``; counts of both. ``keys``: no row twice. Without any object among what counts the figures
    are NaN, and ``say_left_out`` says why.
    """
    truth = content_digest(part for image in images for part in (*image.objects, str((image.height, image.width))))
    by_area = {area: replace(cases, truth=truth) for area, cases in coco_matches(images, keys, names).items()}
    corrected = _at(by_area["all"], slice(2, None))
    cases = {CORRECTED: corrected, PUBLISHED: published(by_area["all"])}
    figures = measure(corrected, group=CORRECTED, resamples=resamples)
    for area in ("small", "medium", "large"):
        of_size = replace(_at(by_area[area], slice(2, None)), metrics=("map",))
        if of_size.judged():
            figures[f"{CORRECTED}/map_{area}"] = measure(of_size, group="", resamples=0)["/map"]
    return figures | measure(cases[PUBLISHED], group=PUBLISHED, resamples=resamples), cases


def published(cases: Matches) -> Matches:
    """What the published protocol makes of the matches at all thresholds: its cut, its skipping, its overlaps."""
    kept_D = cases.score_D >= _PUBLISHED_CUT
    something_N = torch.bincount(cases.case_D[kept_D], minlength=len(cases.keys)) > 0
    return replace(
        _at(cases, slice(_PUBLISHED_OVERLAPS)),
        metrics=("map",),
        least_score=_PUBLISHED_CUT,
        case_D=cases.case_D[kept_D],
        finding_D=cases.finding_D[kept_D],
        score_D=cases.score_D[kept_D],
        outcome_DT=cases.outcome_DT[kept_D, :_PUBLISHED_OVERLAPS],
        counted_N=(cases.object_NF.sum(dim=1) > 0) & something_N,
    )


def coco_matches(images: Sequence[JudgedImage], keys: CaseKeys, names: Sequence[str]) -> dict[str, Matches]:
    """pycocotools' matching by size (all, small, medium, large), at the overlaps of both protocols."""
    by_row, ids = replace(keys, coco_id_N=None), list(range(1, len(names) + 1))
    evaluated = _evaluated(coco_truth(images, by_row, names, ids), coco_results(images, by_row, ids))
    return {
        area: _matches(list(_of_area(evaluated, number, len(names))), keys, names) for number, area in enumerate(_AREAS)
    }


def _evaluated(truth: dict[str, Any], results: list[dict[str, Any]]) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sized = [{**one, "id": number, "area": one["bbox"][2] * one["bbox"][3]} for number, one in enumerate(results, 1)]
    # COCO's code prints its progress
    with contextlib.redirect_stdout(io.StringIO()):
        there, found = COCO(), COCO()
        there.dataset, found.dataset = truth, {**truth, "annotations": sized}
        there.createIndex()
        found.createIndex()
        evaluated = COCOeval(there, found, "bbox")
        evaluated.params.iouThrs = np.array(_OVERLAPS)
        evaluated.params.maxDets = [_MOST]
        evaluated.params.areaRng = [list(area) for area in _AREAS.values()]
        evaluated.params.areaRngLbl = list(_AREAS)
        evaluated.evaluate()
    return evaluated


def _of_area(evaluated: Any, number: int, findings: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Row, finding and what was matched, of each image and finding that has an object or a detection."""
    rows = evaluated.params.imgIds
    matched = iter(evaluated.evalImgs)
    for finding in range(findings):
        for area in range(len(_AREAS)):
            for row, one in zip(rows, matched, strict=False):
                if area == number and one is not None:
                    yield int(row), finding, one


def _matches(matched: list[tuple[int, int, dict[str, Any]]], keys: CaseKeys, names: Sequence[str]) -> Matches:
    position = {row: n for n, row in enumerate(keys.row_N.tolist())}
    object_NF = torch.zeros(len(keys), len(names), dtype=torch.int64)
    for row, finding, one in matched:
        object_NF[position[row], finding] = int((one["gtIgnore"] == 0).sum())
    matched = sorted(
        (entry for entry in matched if entry[2]["dtScores"]), key=lambda entry: (position[entry[0]], entry[1])
    )
    found_D = torch.tensor([len(one["dtScores"]) for *_, one in matched], dtype=torch.int64)

    def spread(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64).repeat_interleave(found_D)

    outcomes = [np.where(one["dtIgnore"], IGNORED, np.where(one["dtMatches"] > 0, HIT, FALSE)).T for *_, one in matched]
    outcome_DT = np.concatenate([np.empty((0, len(_OVERLAPS)), dtype=np.uint8), *outcomes]).astype(np.uint8)
    return Matches(
        keys=keys,
        names=tuple(names),
        overlap_T=_OVERLAPS,
        metrics=("map", "map_50", "map_75", "mar_100"),
        least_score=0.0,
        case_D=spread([position[row] for row, *_ in matched]),
        finding_D=spread([finding for _, finding, _ in matched]),
        score_D=torch.tensor([score for *_, one in matched for score in one["dtScores"]], dtype=torch.float64),
        outcome_DT=torch.from_numpy(outcome_DT),
        object_NF=object_NF,
        counted_N=None,
    )


def _at(cases: Matches, thresholds: slice) -> Matches:
    return replace(
        cases, overlap_T=cases.overlap_T[thresholds], outcome_DT=cases.outcome_DT[:, thresholds].contiguous()
    )
