"""Reports as hospitals write them: labels, lost line breaks, other languages, signatures, markup; values by hand."""

import pytest

from src.data.heading_names import heading_names
from src.data.report import caption, caption_of_report
from src.data.report_sections import Sections, read_sections

BOTH = pytest.mark.parametrize("rules", ["published", "corrected"])
TEMPLATE = "LUNGS: Clear.\nHEART: Severely enlarged.\nPLEURA: Large right effusion.\nBONES: Old rib fracture."
HEART = Sections("Cardiac failure.", "The heart is enlarged.")


@BOTH
@pytest.mark.parametrize("gap", ["\n", "\n\n", " "])
@pytest.mark.parametrize("heading", ["FINDINGS:", "FINDINGS", "Findings:", "**FINDINGS:**", "## Findings"])
def test_labels_stay_part_of_the_findings(heading: str, gap: str, rules: str) -> None:
    lines = gap.join(TEMPLATE.split("\n"))
    assert read_sections(f"{heading}\n{lines}\n\nIMPRESSION: Failure.", rules) == Sections("Failure.", lines)


@BOTH
@pytest.mark.parametrize(
    "label",
    [
        *("MEDIASTINUM", "LINES/TUBES", "SUPPORT DEVICES", "SOFT TISSUES", "UPPER ABDOMEN", "DIAPHRAGM", "AIRWAYS"),
        *(
            "CARDIOMEDIASTINAL SILHOUETTE",
            "HILA",
            "CHEST WALL",
            "Pleural spaces",
            "Lungs and pleura",
            "OTHER",
            "FOO BAR",
        ),
    ],
)
def test_any_label_stays(label: str, rules: str) -> None:
    report = f"FINDINGS:\nLUNGS: Clear.\n\n{label}: Abnormal.\n\nIMPRESSION: Failure."
    assert read_sections(report, rules).findings == f"LUNGS: Clear.\n\n{label}: Abnormal."


@BOTH
@pytest.mark.parametrize(
    "start", ["EXAM: CHEST PA\n\n", "INDICATION: Cough.\n", "EXAM: CHEST PA ", "FINDINGS:\nTECHNIQUE: PA.\n"]
)
def test_labels_without_findings_are_findings(start: str, rules: str) -> None:
    assert read_sections(start + TEMPLATE, rules) == Sections("", TEMPLATE)


@pytest.mark.parametrize(
    "pointer",
    [
        "See above.",
        "As above",
        "Please see findings above.",
        "1. See above.",
        "See body of the report",
        "N/A",
        "Siehe oben.",
        "见上。",
        "Cf. ci-dessus",
    ],
)
def test_an_impression_that_points_elsewhere_is_not_all_there_is(pointer: str) -> None:
    assert caption_of_report(f"EXAM: X\n\n{TEMPLATE}\n\nIMPRESSION: {pointer}", "corrected") == (
        "lungs clear heart severely enlarged pleura large right effusion bones old rib fracture"
    )
    assert "heart severely enlarged" in str(
        caption_of_report(f"FINDINGS: {TEMPLATE}\n\nIMPRESSION: {pointer}", "published")
    )
    preamble = "The heart is severely enlarged. Large effusion."
    assert read_sections(f"{preamble}\n\nIMPRESSION: {pointer}", "corrected") == Sections("", preamble)
    assert caption_of_report(f"EXAM: X\n\nIMPRESSION: {pointer}", "corrected") is None


def test_findings_that_point_to_the_impression() -> None:
    report = "FINDINGS: See impression.\nIMPRESSION: Cardiac failure."
    assert read_sections(report, "corrected") == Sections("Cardiac failure.", "")


SIGNATURES = (
    "SIGNED: Dr X",
    "ELECTRONICALLY SIGNED BY: Jane Doe, MD",
    "Electronically signed by Jane Doe on 2020-01-01 10:00",
    "DICTATED BY: JD\nTRANSCRIBED: JD",
    "Dictated by Jane Doe",
    "Dr. Jane Doe",
    "Dr X",
    "Jane Doe, MD\nConsultant Radiologist",
    "RADIOLOGIST: Jane Doe",
    "gez. Dr. med. A. Müller\nFacharzt für Radiologie",
    "Signé électroniquement par Dr Dupont",
    "Firmado electrónicamente por Dra. Ana",
    "报告医师：张三",
    "*** END OF REPORT ***",
    "Final report electronically signed by J Doe",
    "I have personally reviewed the images and agree.\nJane Doe, MD",
    "dr x",
)


@BOTH
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_is_no_part_of_any_section(signature: str, rules: str) -> None:
    text = "The heart is enlarged. There is a nodule."
    for report, expected in (
        (f"{text}\n\n{signature}", Sections("", text)),
        (f"HISTORY: Cough.\n\nREPORT: {text}\n\n{signature}", Sections("", text)),
        (f"FINDINGS: {text}\n{signature}\n", Sections("", text)),
        (f"FINDINGS: {text}\nIMPRESSION: Failure.\n\n{signature}", Sections("Failure.", text)),
        (f"INDICATION: Cough.\n\n{signature}", Sections("", "")),
    ):
        assert read_sections(report, rules) == expected


def test_a_doctor_inside_a_sentence_and_at_the_top_takes_nothing_with_it() -> None:
    told = "Pneumothorax. Discussed with Dr. Smith by phone."
    assert read_sections(f"IMPRESSION: {told}", "corrected").impression == told
    assert read_sections("Dictated by: JD\nThe heart is enlarged.", "corrected").findings == "The heart is enlarged."


@BOTH
@pytest.mark.parametrize(
    "report",
    [
        "EXAMINATION: CHEST INDICATION: cough FINDINGS: The heart is enlarged. IMPRESSION: Cardiac failure.",
        "Exam: Chest. Indication: cough. Findings: The heart is enlarged. Impression: Cardiac failure.",
        "EXAMINATION CHEST INDICATION cough FINDINGS The heart is enlarged. IMPRESSION Cardiac failure.",
        "FINDINGS:The heart is enlarged.\nIMPRESSION:Cardiac failure.",
        "findings: The heart is enlarged.\nimpression: Cardiac failure.",
        "Findings\nThe heart is enlarged.\nImpression\nCardiac failure.",
        "FINDINGS - The heart is enlarged.\nIMPRESSION - Cardiac failure.",
        "1. FINDINGS: The heart is enlarged.\n2. IMPRESSION: Cardiac failure.",
        "[FINDINGS] The heart is enlarged.\n[IMPRESSION] Cardiac failure.",
        "**FINDINGS**\n\nThe heart is enlarged.\n\n**IMPRESSION:** Cardiac failure.",
        "# Findings\nThe heart is enlarged.\n## Impression\nCardiac failure.",
        "<p><b>FINDINGS:</b><br/>The heart is enlarged.</p><p>IMPRESSION:&nbsp;Cardiac failure.</p>",
        "FINDINGS:\\nThe heart is enlarged.\\nIMPRESSION:\\nCardiac failure.",
        "FINDINGS:\\.br\\The heart is enlarged.\\.br\\IMPRESSION: Cardiac failure.",
        "FINDINGS: The heart is enlarged._x000D_\nIMPRESSION: Cardiac failure.",
        "BEFUND: The heart is enlarged.\nBEURTEILUNG: Cardiac failure.",
        "Klinische Angaben: Husten Befund: The heart is enlarged. Beurteilung: Cardiac failure.",
        "RÉSULTATS : The heart is enlarged.\nConclusion : Cardiac failure.",
        "Resultats: The heart is enlarged.\nSynthèse: Cardiac failure.",
        "HALLAZGOS:\nThe heart is enlarged.\nIMPRESIÓN DIAGNÓSTICA:\nCardiac failure.",
        "Achados: The heart is enlarged.\nIMPRESSÃO: Cardiac failure.",
        "REPERTI: The heart is enlarged.\nCONCLUSIONI: Cardiac failure.",
        "Bevindingen: The heart is enlarged.\nConclusie: Cardiac failure.",
        "检查所见：The heart is enlarged.\n印象：Cardiac failure.",
        "【影像所见】The heart is enlarged.【诊断意见】Cardiac failure.",
    ],
)
def test_headings_in_any_form(report: str, rules: str) -> None:
    assert read_sections(report, rules) == HEART


def test_chinese_headings_inside_a_line() -> None:
    report = "检查方法：正位。影像所见：心影增大。右侧胸腔积液。印象：心衰。"
    assert caption_of_report(report, "corrected") == "心衰 心影增大 右侧胸腔积液"


@pytest.mark.parametrize(
    "text",
    [
        "A 70-year-old man with cough. Follow-up: none.",
        "Presentation: Cough. Imaging notes: The heart is large. Discussion: Typical.",
        "The heart is large. Compare the findings: they agree. History: unknown.",
        "THE HEART IS LARGE. THE FINDINGS AGREE WITH THE IMPRESSION OF FAILURE.",
        "History: a man of 70 years with a large heart.",
    ],
)
@BOTH
def test_sentences_are_no_headings(text: str, rules: str) -> None:
    assert read_sections(text, rules) == Sections("", text)


def test_a_word_with_a_colon_inside_a_section_does_not_end_it() -> None:
    text = "Comparison: None. Heart: Large. Time: 10:30. Ratio 1:2."
    assert read_sections(f"FINDINGS: {text}\nIMPRESSION: Large.", "corrected") == Sections("Large.", text)


def test_text_without_a_name_is_below_the_last_heading() -> None:
    below = "The heart is large.\n\nThere is an effusion."
    assert read_sections(f"INDICATION: Cough.\n\n{below}", "corrected") == Sections("", below)
    assert read_sections(f"EXAM: CHEST PA\n{below}", "corrected") == Sections("", below)
    assert read_sections(f"INDICATION: Cough.\n\n{below}", "published") == Sections("", "")
    assert read_sections("TECHNIQUE: PA and lateral.\n\nCOMPARISON: None.", "corrected") == Sections("", "")


def test_several_names_of_one_section_are_joined_and_the_last_of_a_name_counts() -> None:
    report = "FINDINGS: First.\nFINDINGS: Second.\nOBSERVATIONS: Third.\nIMPRESSION: A.\nFINAL IMPRESSION: B."
    assert read_sections(report, "corrected") == Sections("B.", "Second.\nThird.")


def test_names_that_are_not_known_lose_nothing() -> None:
    report = "LÖYDÖKSET: Sydän on suuri.\n\nLAUSUNTO: Vajaatoiminta."
    assert read_sections(report, "corrected") == Sections("", "Sydän on suuri.\nVajaatoiminta.")


def test_names_by_setting() -> None:
    names = heading_names({"findings": ["Opis"], "impression": ["Wnioski"], "other": ["Rozpoznanie"]})
    report = "ROZPOZNANIE: kaszel\nOpis: Serce.\nwnioski: Bez zmian."
    assert read_sections(report, "corrected", names) == Sections("Bez zmian.", "Serce.")


@pytest.mark.parametrize(
    "text",
    [
        "हृदय का आकार बढ़ा हुआ है",
        "หัวใจโต มีน้ำในช่องเยื่อหุ้มปอด",
        "হৃৎপিণ্ড বড়",
        "οι πνεύμονες είναι καθαροί",
        "القَلْب مُتَضَخِّم",
        "이 소견은 정상",
    ],
)
def test_words_with_marks_stay_whole(text: str) -> None:
    assert caption(text, "", "corrected") == text


def test_micro_is_a_latin_unit_and_my_a_greek_letter() -> None:
    assert caption("5 µm, 3 μg, πνεύμονας", "", "corrected") == "5 um 3 ug πνεύμονας"
