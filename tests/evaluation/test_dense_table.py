"""The table of both protocols."""

from src.evaluation.dense_table import dense_table
from src.evaluation.estimate import Estimate

NAN = float("nan")


def test_both_protocols_stand_side_by_side() -> None:
    figures = {
        "detect/map": Estimate(0.25, 0.2, 0.3),
        "detect/map/lung_opacity": Estimate(0.2, NAN, NAN),
        "detect/map/mass": Estimate(0.3, NAN, NAN),
        "detect/map_50": Estimate(0.5, 0.4, 0.6),
        "detect/images": 12,
        "detect/objects": 9,
        "detect/odd_one": 1.5,
        "detect_published/map": Estimate(NAN, NAN, NAN),
        "detect_published/images": 0,
        "detect_published/skipped_no_box": 7,
        "segment/dice": Estimate(0.9, NAN, NAN),
    }
    lines = dense_table(figures, "detect").splitlines()
    assert [line.split("  ")[0] for line in lines[2:6]] == ["mAP", "", "", "mAP at IoU 0.50"]
    assert lines[0].split() == ["published", "corrected"]
    assert lines[2].split() == ["mAP", "–", "0.250", "(0.200", "to", "0.300)"]
    assert lines[3].split() == ["lung", "opacity", "–", "0.200"]
    assert lines[6].split() == ["images", "that", "count", "0", "12"]
    assert lines[8].split() == ["images", "skipped:", "no", "box", "7", "–"]
    assert lines[9].split() == ["odd", "one", "–", "1.500"]
    assert "IoU 0.40 to 0.75" in lines[-2]
    assert "Dice" not in "\n".join(lines)


def test_segmentation_has_words_of_its_own() -> None:
    lines = dense_table(
        {"segment/dice": Estimate(0.9, 0.8, 0.95), "segment/hd95": 12.0, "segment_published/dice": 0.91}, "segment"
    ).splitlines()
    assert lines[2].split() == ["Dice", "0.910", "0.900", "(0.800", "to", "0.950)"]
    assert lines[3].startswith("HD95 in pixels (lower is better)")
    assert any(line.startswith("corrected: at the pixels of the original image") for line in lines)
