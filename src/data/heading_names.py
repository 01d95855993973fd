"""Which section of a report a heading opens, by its name, in any case and in several languages."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from src.core.errors import UserError
from src.data.report_headings import MIMIC_WORDS, is_view, section_name
from src.data.report_languages import HEADINGS

Kind = Literal["findings", "impression", "report", "title", "other", "signature", "label", ""]
"""``report``: findings where no section is so named. ``title``: of the study; its text ends with the line. ``label``:
part of the body, inside a section. "": a name that is not known."""


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_ENGLISH: Mapping[Kind, tuple[str, ...]] = {
    "findings": ("observation", "observations", "description", "result", "results", "interpretation"),
    "impression": (
        *("impressions", "conclusions", "opinion", "summary", "assessment", "imp", "final diagnosis"),
        *("radiological diagnosis", "radiologic diagnosis", "radiographic diagnosis", "diagnostic impression"),
    ),
    "report": ("report", "narrative", "text", "body", "full report", "radiology report"),
    "title": (
        *("examination", "exam", "type of examination", "type of exam", "exam type", "study", "study type"),
        *("procedure", "procedures", "exam name", "study name", "examination type"),
    ),
    "other": (
        *("clinical data", "clinical details", "clinical question", "clinical indications", "clinical context"),
        *("reason for study", "reason for visit", "reason", "indications", "reason for request", "clinical notes"),
        *("prior studies", "prior study", "previous study", "previous studies", "comparison studies", "priors"),
        *("contrast", "dose", "radiation dose", "view", "views", "projection", "projections", "modality", "protocol"),
        *("exam date", "study date", "date of exam", "report date", "time", "techniques", "plan", "follow up plan"),
        *("patient", "patient name", "name", "mrn", "dob", "date of birth", "age", "sex", "gender", "accession"),
        *("accession number", "cc", "copy to", "location", "ward", "department", "hospital", "phone", "fax", "status"),
        *("report status", "order", "order number", "disclaimer", "attestation", "diagnosis", "clinical diagnosis"),
        *("admitting diagnosis", "communication", "communications", "critical results", "history of present illness"),
        *("icd", "icd 10", "cpt", "codes", "billing", "note to patient", "ordering provider", "teaching statement"),
        # of src.data.phrases
        "phrases",
    ),
    "signature": (
        *("signed", "signed by", "signed on", "signed off by", "electronically signed", "electronically signed by"),
        *("digitally signed by", "signature", "electronic signature", "dictated", "dictated by", "dictation date"),
        *("transcribed", "transcribed by", "transcriptionist", "transcription date", "typed by", "reported by"),
        *(
            "read by",
            "interpreted by",
            "verified by",
            "approved by",
            "authenticated by",
            "finalized by",
            "finalised by",
        ),
        *("reviewed by", "reviewed and signed by", "prepared by", "author", "attending", "attending radiologist"),
        *("attending physician", "radiologist", "reading radiologist", "reporting radiologist", "consultant"),
        *("consultant radiologist", "resident", "fellow", "physician", "reading physician", "doctor", "technologist"),
        *("referring physician", "ordering physician", "requesting physician", "referring doctor", "provider"),
    ),
}
# of the English names, those that no sentence begins with
_CERTAIN: Mapping[Kind, tuple[str, ...]] = {
    "impression": ("conclusions", "opinion", "final diagnosis"),
    "other": ("clinical data", "clinical details", "clinical question", "clinical notes", "prior studies"),
    "signature": ("signed by", "electronically signed by", "dictated by", "transcribed by", "signed", "radiologist"),
}
_COMMON_WORDS = {"date", "comment", "analyse", "resultat", "medico", "firma", "signature", "motif", "motivo", "motiv"}
_SIGNING_WORDS = ("signed", "dictated", "transcri", "radiologist", "physician", "attending", "signature")
# words before a name that leave it what it is
_QUALIFIERS = {
    "final",
    "overall",
    "preliminary",
    "radiological",
    "radiologic",
    "radiographic",
    "clinical",
    "main",
    "key",
}
_WORDS = {**MIMIC_WORDS, "finding": "findings", "indication": "indication", "technique": "technique"}
_WORDS |= {"conclusion": "impression", "opinion": "impression", "befund": "findings", "beurteilung": "impression"}
_PARTS = _words(
    "lung lungs pulmonary parenchyma parenchymal airspace airspaces airway airways trachea bronchi heart",
    "cardiac cardio cardiomediastinal cardiomediastinum cardiovascular cardiopulmonary mediastinum mediastinal",
    "silhouette pericardium aorta aortic great vessel vessels vascular vasculature vascularity hila hilum hilar",
    "hilus pleura pleural space spaces effusion effusions pneumothorax costophrenic diaphragm diaphragms",
    "hemidiaphragm hemidiaphragms bone bones bony osseous skeleton skeletal musculoskeletal msk rib ribs spine",
    "clavicle shoulder thorax thoracic cage wall soft tissue tissues breast abdomen abdominal upper stomach",
    "bowel line lines tube tubes catheter catheters device devices support supporting hardware implant implants",
    "pacemaker apparatus drain drains medical neck thyroid nodule nodules mass masses opacity opacities",
    "consolidation edema structures zone zones field fields lobe lobes apex apices herz lunge lungen",
    "lungenparenchym pleuren hili zwerchfell skelett knochen weichteile gefasse coeur poumon poumons plevre",
    "plevres mediastin os corazon pulmon pulmones huesos mediastino coracao pulmao pulmoes ossos cuore polmone",
    "polmoni ossa longen hart botten 心 心影 肺 双肺 肺野 胸膜 纵隔 膈肌 骨骼 心脏 肋骨",
)
_JOINING = _words("and or the of in other both left right bilateral lower middle chest und et y e s")
_ACCENT = re.compile("[\u0300-\u036f]")
_BRACKETED = re.compile(r"\([^)]*\)?")
_NO_LETTER = re.compile(r"[^\w]+|_+")


class Name(NamedTuple):
    """``family``: names of one family are one section, of which the last counts; those of several are joined."""

    kind: Kind
    family: str


_SETTABLE = ("findings", "impression", "other", "signature")
_UNKNOWN = Name("", "")


class HeadingNames:
    """Looks headings up: the MIT-LCP table, further English names, other languages and ``more`` by section."""

    def __init__(self, more: Mapping[str, Sequence[str]]) -> None:
        self._names: dict[str, Name] = {}
        self._certain = {
            plain(title) for names in (_CERTAIN, HEADINGS, more) for titles in names.values() for title in titles
        }
        for names in (_ENGLISH, HEADINGS, more):
            for kind, titles in names.items():
                self._names |= {plain(title): Name(kind, plain(title)) for title in titles}  # type: ignore[arg-type]

    def exact(self, title: str) -> Name:
        """Return what the whole of ``title`` names, words such as "final" before it left aside."""
        key = plain(title)
        return self._known(key) or self._known(" ".join(_unqualified(key))) or _UNKNOWN

    def of_capitals(self, title: str) -> Name:
        """Return what a heading in capitals names, by a word that it holds where it is not known as a whole."""
        key = plain(title)
        found = self.exact(title)
        if found.kind:
            return found
        if any(word in key for word in _SIGNING_WORDS):
            return Name("signature", key)
        named = section_name(title, _WORDS)
        if named:
            return Name(named if named in ("findings", "impression") else "other", key)  # type: ignore[arg-type]
        if is_view(title):
            return Name("report", "view")
        return Name("label", key) if _PARTS & set(key.split()) else _UNKNOWN

    def is_certain(self, title: str) -> bool:
        """Return whether ``title`` names nothing but a section, so that it does in the middle of a line, too."""
        key = plain(title)
        return key not in _COMMON_WORDS and (key in self._certain or bool(section_name(key, {})))

    def _known(self, key: str) -> Name | None:
        if key in self._names:
            return self._names[key]
        named = section_name(key, {})
        if named in ("findings", "impression"):
            return Name(named, named)  # type: ignore[arg-type]
        if named:
            return Name("other", named)
        words = set(key.split())
        return Name("label", key) if words & _PARTS and words <= _PARTS | _JOINING else None


def heading_names(more: Mapping[str, Sequence[str]]) -> HeadingNames:
    """Return the standard names and ``more`` by section. Raises ``UserError`` for a section that there is not."""
    for section in more:
        if section not in _SETTABLE:
            raise UserError(f"dataset.headings has no section {section!r}; it has: {', '.join(_SETTABLE)}")
    return HeadingNames({section: [str(name) for name in names or ()] for section, names in more.items()})


@cache
def standard_names() -> HeadingNames:
    """Return the names of every data set without a setting of its own."""
    return HeadingNames({})


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return words without case, accents, marks and what stands in brackets."""
    # a bracket may be part of a name: RECOMMENDATION(S)
    text = _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold().replace("(s)", "s")))
    return _NO_LETTER.sub(" ", _BRACKETED.sub(" ", text)).strip()


def _unqualified(key: str) -> list[str]:
    words = key.split()
    while len(words) > 1 and words[0] in _QUALIFIERS:
        words = words[1:]
    return words
