"""The words of the phantom's reports: templates for what is there, what is not, and what does not matter.

Slots: {side}, {Side} left, right or bilateral; {grade}; {place} e.g. right upper lobe; {n} a number;
{was} a comparison with an earlier film, or nothing.
"""

from typing import NamedTuple


class Wording(NamedTuple):
    """How one finding is spoken of; ``hedged`` sentences leave doubt, ``short`` ones go into the impression."""

    grades: tuple[str, str, str]
    plain: tuple[str, ...]
    hedged: tuple[str, ...]
    short: tuple[str, ...]


WORDINGS: dict[str, Wording] = {
    "cardiomegaly": Wording(
        ("mild", "moderate", "severe"),
        (
            "There is {grade} cardiomegaly{was}",
            "The heart is {grade}ly enlarged{was}",
            "{Grade} enlargement of the cardiac silhouette is present{was}",
            "Cardiac silhouette is {grade}ly enlarged, with a cardiothoracic ratio above one half{was}",
            "Heart size is {grade}ly enlarged{was}",
        ),
        (
            "{Grade} enlargement of the cardiac silhouette may represent cardiomegaly",
            "Apparent {grade} cardiomegaly may be accentuated by technique",
        ),
        ("{Grade} cardiomegaly{was}", "{Grade}ly enlarged heart{was}", "{Grade} cardiac enlargement{was}"),
    ),
    "effusion": Wording(
        ("small", "moderate", "large"),
        (
            "There is {a_grade} {side} pleural effusion{was}",
            "{Grade} {side} pleural effusion is present{was}",
            "Blunting of the {side} costophrenic angle reflects {a_grade} pleural effusion{was}",
            "{Grade} {side} pleural effusion layers at the lung base{was}",
            "A {side} pleural effusion is {grade} in size{was}",
        ),
        (
            "Opacity obscuring the {side} costophrenic angle may represent {a_grade} pleural effusion",
            "{Grade} {side} pleural effusion cannot be excluded given blunting of the costophrenic angle",
            "Probable {grade} {side} pleural effusion",
        ),
        ("{Grade} {side} pleural effusion{was}", "{Side} pleural effusion, {grade}{was}"),
    ),
    "consolidation": Wording(
        ("small", "moderate", "extensive"),
        (
            "There is {a_grade} consolidation in the {place}{was}",
            "{Grade} airspace consolidation is seen in the {place}{was}",
            "{Grade} focal consolidation projects over the {place}{was}",
            "The {place} contains {a_grade} area of consolidation{was}",
            "{Grade} consolidative opacity in the {place} is compatible with pneumonia{was}",
        ),
        (
            "{Grade} consolidation in the {place} may represent pneumonia or aspiration",
            "{Grade} patchy opacity in the {place} is suspicious for consolidation",
            "Possible {grade} consolidation in the {place}; infection cannot be excluded",
        ),
        (
            "{Place} consolidation{was}",
            "{Grade} {place} consolidation concerning for pneumonia{was}",
            "{Place} pneumonia with {grade} consolidation{was}",
        ),
    ),
    "pneumothorax": Wording(
        ("small apical", "moderate", "large"),
        (
            "There is a {grade} {side} pneumothorax{was}",
            "A {grade} {side} pneumothorax is present{was}",
            "{Grade} {side} pneumothorax with a visible visceral pleural line{was}",
            "Pleural line on the {side} without lung markings beyond it, consistent with a {grade} pneumothorax{was}",
        ),
        (
            "Lucency beyond a thin {side} pleural line may represent a {grade} pneumothorax",
            "Findings are suspicious for a {grade} {side} pneumothorax",
        ),
        ("{Grade} {side} pneumothorax{was}", "{Side} pneumothorax, {grade}{was}"),
    ),
    "nodule": Wording(
        ("small", "medium sized", "large"),
        (
            "There is a {grade} {n} cm nodule in the {place}{was}",
            "A {grade} rounded nodule measuring {n} cm projects over the {place}{was}",
            "{Grade} well defined nodular opacity in the {place} measures {n} cm{was}",
            "Within the {place} is a {grade} pulmonary nodule, approximately {n} cm{was}",
        ),
        (
            "{Grade} {n} cm nodular opacity in the {place} may represent a pulmonary nodule or granuloma",
            "A {grade} nodule in the {place} of {n} cm, malignancy cannot be excluded",
        ),
        ("{Grade} {place} nodule{was}", "{n} cm {place} pulmonary nodule{was}"),
    ),
    "atelectasis": Wording(
        ("mild", "moderate", "severe"),
        (
            "There is {grade} {place} atelectasis with elevation of the {side} hemidiaphragm{was}",
            "{Grade} bandlike atelectasis in the {place} with volume loss{was}",
            "{Grade} linear atelectasis is seen in the {place}{was}",
            "Elevated {side} hemidiaphragm with {grade} atelectasis in the {place}{was}",
        ),
        (
            "Linear opacity in the {place} with volume loss likely represents {grade} atelectasis",
            "Bandlike opacity in the {place} may reflect {grade} atelectasis or scarring",
        ),
        ("{Grade} {place} atelectasis{was}", "{Place} atelectasis, {grade}{was}"),
    ),
    "edema": Wording(
        ("mild", "moderate", "severe"),
        (
            "There is {grade} pulmonary edema{was}",
            "{Grade} bilateral perihilar haze reflects pulmonary edema{was}",
            "{Grade} interstitial pulmonary edema with indistinct vessels{was}",
            "Perihilar opacities and septal lines are in keeping with {grade} pulmonary edema{was}",
        ),
        (
            "Bilateral perihilar haziness may represent {grade} pulmonary edema",
            "Vascular indistinctness is suggestive of {grade} pulmonary edema",
        ),
        ("{Grade} pulmonary edema{was}", "Pulmonary edema, {grade}{was}"),
    ),
    "fracture": Wording(
        ("minimally displaced", "moderately displaced", "severely displaced"),
        (
            "There is a {grade} fracture of the {side} {nth} rib{was}",
            "{Grade} {side} lateral {nth} rib fracture with step off{was}",
            "{Grade} fracture of the lateral {side} {nth} rib in the {zone} chest{was}",
        ),
        (
            "Cortical irregularity of the {side} {nth} rib is suspicious for a {grade} fracture",
            "Possible {grade} fracture of the {side} lateral {nth} rib",
        ),
        ("{Grade} {side} {nth} rib fracture{was}", "{Side} rib fracture in the {zone} chest{was}"),
    ),
}

DEVICES: dict[str, tuple[str, ...]] = {
    "endotracheal tube": (
        "Endotracheal tube terminates {n} cm above the carina",
        "The tip of the endotracheal tube is {n} cm above the carina",
        "Endotracheal tube in standard position",
    ),
    "central line": (
        "{Side} internal jugular central venous catheter terminates in the {tip} SVC",
        "{Side} central line with tip in the {tip} SVC",
        "The tip of a {side} internal jugular line projects over the {tip} SVC",
    ),
    "pacemaker": (
        "{Side} chest wall pacemaker with leads in the right atrium and right ventricle",
        "{Side} pectoral dual lead pacemaker is in place",
        "A {side} sided pacemaker generator with two intact leads",
    ),
    "enteric tube": (
        "Enteric tube courses below the diaphragm with its tip in the stomach",
        "Nasogastric tube passes into the stomach and out of view",
        "An enteric tube terminates in the stomach",
    ),
    "chest tube": (
        "{Side} chest tube is in place with tip towards the apex",
        "A {side} pleural drainage catheter is noted",
        "{Side} sided thoracostomy tube projects over the {side} lung",
    ),
}
DEVICE_SHORT = ("{Device} in satisfactory position", "{Device} as described", "{Device} in place")
