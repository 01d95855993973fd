"""COVIDx6 with three classes: lists below labels/, three kinds of image file, spaces in ids and names, upper case."""

from pathlib import Path

from tests.trees.pictures import phantom_table, write_image

_KINDS = {
    "normal": "{number:08x}-0000-4000-8000-000000000000.png",
    "pneumonia": "person {number} bacteria.JPEG",
    "COVID-19": "COVID-19({number}).jpg",
}
_SOURCES = {"normal": "rsna", "pneumonia": "cohen", "COVID-19": "sirm"}


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` images, every fourth in test; every patient of train has one or two.

    Edema counts as COVID-19, consolidation and nodules without it as pneumonia, the rest as normal.
    """
    table = phantom_table(count, seed)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for index in range(count):
        there = {finding.name for finding in table.study(index).findings}
        label = "COVID-19" if "edema" in there else "pneumonia" if there & {"consolidation", "nodule"} else "normal"
        split = "test" if index % 4 == 3 else "train"
        patient = f"ANON {index // 2}" if split == "train" and index % 4 < 2 else f"P{index}"
        name = _KINDS[label].format(number=100 * (seed + 1) + index)
        write_image(root / split / name, table.image(index))
        listed = name.replace(".JPEG", ".jpeg") if index % 8 == 0 else name
        lines[split].append(f"{patient} {listed} {label} {_SOURCES[label]}")
    for split, listed_lines in lines.items():
        path = root / "labels" / f"{split}_COVIDx6.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(listed_lines) + "\n", encoding="utf-8")
