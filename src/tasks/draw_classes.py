"""The curves of one fitted classifier: ROC, precision and recall, and whether its probabilities can be believed."""

from collections.abc import Callable
from pathlib import Path

from src.evaluation.cases import Scores
from src.pictures.curves import draw_precision_recall, draw_roc
from src.pictures.reliability import draw_reliability


def draw_classes(scores: Scores, folder: Path, *, title: str) -> list[Path]:
    """Draw into ``folder`` what ``scores`` can show; the files drawn."""
    score_NF, label_NF = scores.score_NF.numpy(), scores.label_NF.numpy()
    pictures: dict[str, Callable[..., list[str]]] = {"roc": draw_roc, "precision_recall": draw_precision_recall}
    if scores.probabilities:
        pictures["reliability"] = draw_reliability
    files = {folder / f"{name}.png": draw for name, draw in pictures.items()}
    return [path for path, draw in files.items() if draw(score_NF, label_NF, scores.names, path, title=title)]
