"""Open-I: an XML file a report, images in a folder of their own under two kinds of name, a table of projections."""

from pathlib import Path
from xml.sax.saxutils import escape

from src.core.rules import Rules
from src.data.report import read_sections
from tests.trees.pictures import phantom_table, write_image

NAMES = {
    "cardiomegaly": "Cardiomegaly/mild",
    "effusion": "Pleural Effusion/left/small",
    "consolidation": "Consolidation/lung/lower lobe/right",
    "pneumothorax": "Pneumothorax/apex/left",
    "nodule": "Nodule/lung/upper lobe/left",
    "atelectasis": "Pulmonary Atelectasis/base/bilateral",
    "edema": "Pulmonary Edema/diffuse",
    "fracture": "Fractures, Bone/ribs/left",
    "support_device": "Catheters, Indwelling/right",
}
"""The phantom's findings as MeSH major terms."""
BOTH_EMPTY, IMPRESSION_ONLY, NO_IMAGES, UNINDEXED = 4, 6, 8, 9
"""Reports with a quirk of their own."""
_RULES: Rules = "published"


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` reports; every second has a frontal and a lateral image, the others a frontal one."""
    table = phantom_table(count, seed)
    projections = ["uid,filename,projection"]
    folder = root / "ecgen-radiology"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        number = index + 1
        images = []
        for view in ("Frontal", "Lateral")[: 1 + index % 2] if index != NO_IMAGES else ():
            stem = f"{number}_IM-{number:04d}-{1001 if view == 'Frontal' else 2001}"
            images.append(f"CXR{number}_{stem}" if number == 1 else f"CXR{stem}")
            picture_HW = table.image(index)
            path = root / "NLMCXR_png" / f"{images[-1]}{'.PNG' if index == 2 else '.png'}"
            write_image(path, picture_HW if view == "Frontal" else picture_HW[:, ::-1])
            projections.append(f"{number},{stem}.dcm.png,{view}")
        sections = read_sections(table.report(index), _RULES)
        impression = "" if index == BOTH_EMPTY else sections.impression
        findings = "" if index in (BOTH_EMPTY, IMPRESSION_ONLY) else sections.findings
        terms = [NAMES[finding.name] for finding in table.study(index).findings] or ["normal"]
        terms = ["No Indexing"] if index == UNINDEXED else terms
        (folder / f"{number}.xml").write_text(_xml(number, findings, impression, terms, images), encoding="utf-8")
    (root / "indiana_projections.csv").write_text("\n".join(projections) + "\n", encoding="utf-8")


def _xml(number: int, findings: str, impression: str, terms: list[str], images: list[str]) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<eCitation>", f'   <uId id="CXR{number}"/>', "   <Abstract>"]
    for label, text in (("COMPARISON", "None."), ("INDICATION", "XXXX"), ("FINDINGS", findings)):
        lines.append(f'      <AbstractText Label="{label}">{escape(text)}</AbstractText>')
    lines += [
        f'      <AbstractText Label="IMPRESSION">{escape(impression)}</AbstractText>',
        "   </Abstract>",
        "   <MeSH>",
    ]
    lines += [f"      <major>{escape(term)}</major>" for term in terms]
    lines.append("   </MeSH>")
    lines += [f'   <parentImage id="{image}"><caption>Xray Chest</caption></parentImage>' for image in images]
    return "\n".join([*lines, "</eCitation>", ""])
