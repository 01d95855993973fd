"""The section that a heading of a radiology report opens: names, misspellings and views of the MIT-LCP rules.

Source of the facts: the sectioning rules of MIT-LCP for MIMIC-CXR (github.com/MIT-LCP/mimic-cxr, ``txt``), which the
published pre-processing of MGCA follows.
"""

from collections.abc import Mapping

_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "impression": (
        *("impression", "conclusion", "findings and impression", "findings/impression", "findings/ impression"),
        *("impresson", "imprression", "imoression", "impressoin", "imprssion", "impresion", "imperssion"),
        *("mpression", "impession"),
    ),
    "findings": (
        *("findings", "finding", "reference findings", "chest, two views"),
        *("findins", "findindgs", "findgings", "findngs", "findnings", "finidngs"),
    ),
    "comparison": (
        *("comparison", "comparisons", "comparison exam", "comparison film", "reference exam"),
        *("comparision", "comparsion", "comparrison", "comparisions"),
    ),
    "indication": (
        *("indication", "clinical indication", "reason for exam", "reason for examination", "idication", "ndication"),
    ),
    "history": ("history", "clinical history", "clinical information", "patient history", "pfi"),
    "examination": ("examination", "exam", "type of examination"),
    "recommendations": ("recommendation", "recommendations", "recommendation(s)"),
    "wet read": ("wet read", "wetread"),
    **{name: (name,) for name in ("technique", "notification", "addendum", "date", "comment")},
}
_SECTION_OF = {heading: section for section, headings in _HEADINGS.items() for heading in headings}

# how a study was taken: a section under such a heading describes the study
_VIEWS = (
    *("chest", "portable", "ribs", "bone window", "two views", "one view"),
    *("pa and lat", "lateral and pa", "ap and lateral", "lateral and ap"),
    *("pa view", "ap view", "lateral view", "frontal view", "frontal and", "frontal upright", "frontal semi-upright"),
)

MIMIC_WORDS = {word: word for word in ("impression", "findings", "history", "comparison", "addendum")}
"""Words that decide on a heading that the MIT-LCP table lacks, the first one found: "final impression"."""


def section_name(heading: str, words: Mapping[str, str]) -> str:
    """The section that a heading opens by its name, or by the first of ``words`` that it holds; "" for neither."""
    title = heading.lower().strip()
    named = _SECTION_OF.get(title)
    return named or next((section for word, section in words.items() if word in title), "")


def is_view(heading: str) -> bool:
    """Whether a heading says how the study was taken: "PORTABLE CHEST", "PA AND LATERAL VIEWS"."""
    title = heading.lower()
    return any(view in title for view in _VIEWS)
