"""What detection and segmentation refuse, in one sentence, before anything is trained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tasks.dense.made_dense import ENCODERS, HEADS, PHANTOM, QUICK, typed
from tests.trees import mask_folder
from tests.trees.pictures import write_image

CNN = (*ENCODERS["cnn"], *QUICK)
DETECT, SEGMENT = typed("detect", head="retinanet"), typed("segment", head="fcn")
VIT = typed("detect", head="retinanet", encoder="vit")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("task=detect", "head=linear", *CNN, *PHANTOM), "LinearHead is no head for task=detect; choose"),
        (("task=segment", "head=retinanet", *CNN, *PHANTOM), "MMDetHead is no segmentation head; choose"),
        (("task=detect", "head=fcn", *CNN, *PHANTOM), "MMSegHead is no detection head; choose"),
        (
            (
                *("task=classify", "head=unet", "transform.crop=32"),
                *(word for word in (*CNN, *PHANTOM) if not word.startswith("tuning.")),
            ),
            "UNetHead is no head for task=classify",
        ),
        ((*DETECT, "dataset.prevalence=0"), "the training split has not one box, so nothing can be learnt"),
        ((*SEGMENT, "dataset.prevalence=0"), "the training split has not one mask, so nothing can be learnt"),
        ((*DETECT, "dataset.val=0"), "the val split is empty, and by it the best epoch is chosen"),
        ((*DETECT, "dataset.test=0"), "the test split is empty, and task.judge_on=test"),
        ((*SEGMENT, "task.threshold=2"), "task.threshold=2 is not valid: it must be less than or equal to 1"),
        ((*SEGMENT, "tuning.trained_blocks=-1"), "tuning.trained_blocks=-1 is not valid: it must be greater"),
        ((*SEGMENT, "tuning=partial", "tuning.trained_blocks=99"), "this image encoder has 5 blocks with its stem"),
        ((*DETECT, "head.config.type=Nonsense"), "head.config cannot be built by mmdet: KeyError: "),
        ((*SEGMENT, "head.config.type=Nonsense"), "head.config cannot be built by mmseg: KeyError: "),
        ((*SEGMENT, "head.strides=[64]"), "head.strides asks for a map of stride 64, which this encoder does not give"),
        ((*VIT, "encoder.image.image_size=48"), "do not fit an image encoder built for 48 x 48"),
        ((*DETECT, "tuning=publishd"), "the config group tuning has no option 'publishd'"),
        ((*DETECT, "+tuning.epochs=3"), "tuning.epochs is not a setting of src.tasks.dense.tuning.Tuning"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], said: str, run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*words)
    assert answer.code == 1
    assert said in answer.err
    assert "Traceback" not in answer.err + answer.out
    # nothing was trained for it
    assert not list((tmp_path / "outputs").rglob("*.ckpt"))


def test_a_data_set_of_masks_has_no_boxes(run_cli: Callable, tmp_path: Path) -> None:
    mask_folder.make(tmp_path / "own", count=20)
    read = [word.replace("{root}", str(tmp_path / "own")) for word in mask_folder.READS]
    answer = run_cli("task=detect", "dataset=mask_folder", *read, *CNN, "head=retinanet", *HEADS["retinanet"])
    assert answer.code == 1
    assert "this data set has no boxes; choose one that has with dataset=NAME, or ask for masks" in answer.err


def test_a_data_set_of_reports_has_no_masks(run_cli: Callable, tmp_path: Path) -> None:
    for index in range(10):
        write_image(tmp_path / f"{index}.png", np.full((40, 40), 20 * index, np.uint8))
    rows = [(f"{index}.png", f"The heart is enlarged, grade {index}.", index % 2) for index in range(10)]
    pd.DataFrame(rows, columns=["image", "report", "large"]).to_csv(tmp_path / "pairs.csv", index=False)
    words = (
        "dataset=pairs",
        f"dataset.table={tmp_path / 'pairs.csv'}",
        "dataset.label_columns=[large]",
        "dataset.group_column=null",
        "dataset.val_fraction=0.2",
        "dataset.test_fraction=0.2",
    )
    answer = run_cli("task=segment", *words, *CNN, "head=fcn", *HEADS["fcn"])
    assert answer.code == 1
    assert "this data set has no masks; choose one that has with dataset=NAME, or ask for boxes" in answer.err
