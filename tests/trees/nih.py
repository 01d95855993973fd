"""NIH ChestX-ray14: a heading that splits at the commas in its brackets, lists of names, images in twelve folders."""

from pathlib import Path

from tests.trees.pictures import phantom_table, write_image

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
NAMES = {
    "cardiomegaly": "Cardiomegaly",
    "effusion": "Effusion",
    "consolidation": "Infiltration",
    "pneumothorax": "Pneumothorax",
    "nodule": "Nodule",
    "atelectasis": "Atelectasis",
    "edema": "Edema",
}
"""The phantom's findings that ChestX-ray14 knows, by the owner's names."""


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` images, two or three a patient; every third patient is in the test list."""
    table = phantom_table(count, seed)
    rows, boxes = [], []
    lists: dict[str, list[str]] = {"train_val": [], "test": []}
    for index in range(count):
        patient, follow_up = divmod(index, 3)
        name = f"{patient + 1:08d}_{follow_up:03d}.png"
        picture_HW = table.image(index)
        folder = root / f"images_{index % 12 + 1:03d}/images"
        write_image(folder / (name if index % 10 else name.replace(".png", ".PNG")), picture_HW)
        found = {NAMES[name]: box for name, box in table.boxes(index) if name in NAMES}
        height, width = picture_HW.shape
        labels = "|".join(sorted(found)) or "No Finding"
        view = "AP" if index % 4 == 1 else "PA"
        rows.append(f"{name},{labels},{follow_up},{patient + 1},{40 + index},F,{view},{width},{height},0.143,0.143,")
        lists["test" if patient % 3 == 2 else "train_val"].append(name)
        for label, (x0, y0, x1, y1) in found.items():
            label = "Infiltrate" if label == "Infiltration" else label
            boxes.append(f"{name},{label},{x0:.7f},{y0:.7f},{x1 - x0:.7f},{y1 - y0:.7f},,,")
    (root / "Data_Entry_2017.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    (root / "BBox_List_2017.csv").write_text("\n".join([BOX_HEADER, *boxes]) + "\n", encoding="utf-8")
    for split, names in lists.items():
        (root / f"{split}_list.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
