"""Lines that say who wrote a report, which are no part of it."""

import re
from collections.abc import Iterator

_TITLES = {"dr", "prof", "doctor", "pd", "dra", "dott", "dottssa", "professor"}
_CREDENTIALS = {
    *("md", "mbbs", "frcr", "do", "facr", "franzcr", "mbchb", "mrcp", "phd", "fracp", "frcpc"),
}
_ROLES = {
    *("consultant", "radiologist", "attending", "resident", "physician", "specialist", "registrar", "chief"),
    *("facharzt", "fachärztin", "oberarzt", "oberärztin", "assistenzarzt", "assistenzärztin", "chefarzt", "radiologe"),
    *("radiologin", "radiologue", "radiólogo", "radiologo", "radiologista"),
}
_BESIDE_ROLES = {"of", "for", "für", "in", "radiology", "radiologie", "diagnostic", "diagnostische", "department", "&"}
_PARTICLES = {"de", "der", "van", "von", "la", "le", "di", "da", "med", "und", "and", "el", "al", "bin", "ter", "zu"}
_MOST_WORDS = 9

_SIGNED_WORDS = (
    r"(?:electronically|digitally)[ \t]+(?:signed|approved|verified|authenticated)|signed[ \t]+electronically"
    r"|elektronisch[ \t]+(?:signiert|unterschrieben|freigegeben|vidiert)|digital[ \t]+signiert"
    r"|sign[ée][ \t]+[ée]lectroniquement|firmado[ \t]+(?:electr[óo]nicamente|digitalmente)"
    r"|assinado[ \t]+(?:eletronicamente|digitalmente)|firmato[ \t]+(?:elettronicamente|digitalmente)"
)
_BY = (
    r"(?:signed|dictated|transcribed|reported|read|interpreted|verified|approved|authenticated|finali[sz]ed|typed)"
    r"(?:[ \t]+(?:and|&|/)[ \t]+\w+)?[ \t]+(?:by|on)\b"
)
# the words of a signature, anywhere, and those that may also be part of a sentence, at the start of a line
_SIGNED = re.compile(
    rf"(?i:(?:\bfinal report[ \t]+)?\b(?:{_SIGNED_WORDS})\b)|^[ \t]*(?i:{_BY})"
    r"|\b(?:SIGNED|DICTATED|TRANSCRIBED|REPORTED|READ) BY\b"
    r"|^[ \t]*(?i:gez\.)|^[ \t*-]*(?i:end of (?:the )?report)\b"
    r"|^[ \t]*(?i:I|I,.{1,40},) (?i:have )?(?i:personally )?(?i:reviewed|attest|confirm)\b",
    re.MULTILINE,
)
# one of these is in every signature: most reports need not be looked through
_HINTS = (
    "sign",
    "firma",
    "assin",
    "elektronisch",
    " by",
    "ed on",
    "read on",
    "gez",
    "end of",
    "review",
    "attest",
    "confirm",
)
# "... no effusion. Dr A. Miller" where line breaks were lost
_LAST_NAME = re.compile(r"(?<=[.!?;])\s+(?:gez\.?\s+)?(?:Dr|Prof|DR|PROF)\b\.?(?:\s+[^\W\d_a-z][\w.'’-]*){1,4}\s*$")


def find_signatures(text: str) -> Iterator[re.Match[str]]:
    """Yield the words that begin a signature, with or without a colon."""
    small = text.lower()
    return _SIGNED.finditer(text) if any(hint in small for hint in _HINTS) else iter(())


def without_names(text: str) -> str:
    """Return ``text`` without lines that hold a doctor's name or role and nothing else."""
    kept = "\n".join(line for line in text.split("\n") if not _is_name(line))
    return _LAST_NAME.sub("", kept)


def _is_name(line: str) -> bool:
    words = re.findall(r"[^\s,;()/]+", line.strip(" \t-–—*_.:"))
    if not 0 < len(words) <= _MOST_WORDS:
        return False
    keys = [re.sub(r"[.\W]", "", word).lower() for word in words]
    if any(key in _ROLES for key in keys) and all(key in _ROLES | _BESIDE_ROLES for key in keys):
        return True
    named = keys[0] in _TITLES or (len(words) > 1 and keys[-1] in _CREDENTIALS and words[-1][0].isupper())
    capitalised = all(
        word[0].isupper() or not word[0].isalpha() or key in _PARTICLES for word, key in zip(words, keys, strict=True)
    )
    sentence = line.rstrip().endswith((".", "!", "?")) and len(words) > 4
    small = len(words) == 2 and line.islower()
    return len(words) > 1 and named and (capitalised or small) and not sentence
