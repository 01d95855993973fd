"""Sentences for images that come with labels and no report, as CXR-CLIP trains on them (You et al., MICCAI 2023).

Axes: F findings.
"""

from collections.abc import Sequence

_PRESENT, _ABSENT = 1, 0
# names that are not the name of a thing
_OWN = {
    "normal": ("The chest radiograph is normal.", "The chest radiograph is not normal."),
    "positive": ("The radiograph shows COVID-19.", "The radiograph does not show COVID-19."),
    "negative": ("The radiograph does not show COVID-19.", "The radiograph shows COVID-19."),
    "no finding": ("There is no abnormal finding.", "There are abnormal findings."),
}


def label_sentences(label_F: Sequence[float], finding_names: Sequence[str]) -> str:
    """One sentence for each finding that is known to be there or not; those there first. Unknown ones are not said.

    ``label_F``: 1 present, 0 absent, NaN unknown.
    """
    said = [_OWN.get(name, (f"There is {name}.", f"There is no {name}.")) for name in map(_spoken, finding_names)]
    known = list(zip(said, label_F, strict=True))
    present = [there for (there, _), label in known if label == _PRESENT]
    absent = [not_there for (_, not_there), label in known if label == _ABSENT]
    # two names of one fact, as positive and negative are, say it once
    return " ".join(dict.fromkeys(present + absent))


def _spoken(name: str) -> str:
    return name.replace("_", " ").lower()
