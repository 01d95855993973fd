"""VinDr-CXR 1.0.0: three readers of each train image who do not always agree, a consensus of the test images, DICOM."""

from pathlib import Path

import pandas as pd

from src.data.datasets.vindr import FINDINGS
from tests.trees.pictures import SIZE, phantom_table, write_dicom

NAMES = {
    "cardiomegaly": "Cardiomegaly",
    "effusion": "Pleural effusion",
    "consolidation": "Consolidation",
    "pneumothorax": "Pneumothorax",
    "nodule": "Nodule/Mass",
    "atelectasis": "Atelectasis",
    "edema": "Edema",
    "fracture": "Rib fracture",
}
"""The phantom's findings that VinDr-CXR knows, by the owner's names."""
SIDES = ["x_min", "y_min", "x_max", "y_max"]


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """Three quarters of ``count`` in train. A third of the findings is seen by one train reader alone."""
    table = phantom_table(count, seed)
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for split, indices in (("train", range(count * 3 // 4)), ("test", range(count * 3 // 4, count))):
        labels, boxes = [], []
        for index in indices:
            image = f"{(index + 1) * 2_654_435_761 % 2**64:032x}"
            odd = index % 6 == 0
            write_dicom(
                root / split / f"{image}{'.DICOM' if index % 9 == 4 else '.dicom'}",
                table.image(index),
                photometric="MONOCHROME1" if odd else "MONOCHROME2",
                bits=12,
            )
            found = [(NAMES[name], box) for name, box in table.boxes(index) if name in NAMES]
            readers = ["R8", "R9", "R10"] if split == "train" else ["consensus"]
            for number, reader in enumerate(readers):
                seen = [(name, box) for place, (name, box) in enumerate(found) if number == 0 or (index + place) % 3]
                names = {name for name, _ in seen} | (set() if seen else {"No finding"})
                labels.append((image, reader, *(int(name in names) for name in FINDINGS)))
                boxes += [(image, reader, name, *(box + number).clip(0, SIZE)) for name, box in seen]
                boxes += [] if seen else [(image, reader, "No finding", None, None, None, None)]
        columns = (
            list(FINDINGS) if split == "train" else [n.replace("Other diseases", "Other disease") for n in FINDINGS]
        )
        for name, rows, header in (
            ("image_labels", labels, ["image_id", "rad_id", *columns]),
            ("annotations", boxes, ["image_id", "rad_id", "class_name", *SIDES]),
        ):
            frame = pd.DataFrame(rows, columns=header)
            frame = frame if split == "train" else frame.drop(columns="rad_id")
            frame.to_csv(root / f"annotations/{name}_{split}.csv", index=False)
