"""Every picture is one whole PNG of the promised size that shows something."""

import csv
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.core.errors import UserError
from src.pictures.canvas import new_figure, save_png, shorten_middle
from src.pictures.heatmap import WordMap, draw_word_maps, overlay, place_labels
from src.pictures.prototypes import draw_prototype_usage
from src.pictures.samples import draw_samples, wrap_caption
from src.pictures.training_curves import draw_training_curves, read_curves, running_mean

METRICS = """epoch,lr-AdamW,step,train/accuracy_at_1,train/ita,train/loss,val/ita,val/loss
0,0.001,9,,,,,
0,,9,10.0,2.0,4.0,,
0,,10,,,,3.0,5.0
1,0.0005,19,,,,,
1,,19,20.0,nan,3.0,,
"""


@pytest.fixture
def image() -> np.ndarray:
    return np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.csv"
    path.write_text(METRICS)
    return path


def opened(path: Path) -> np.ndarray:
    """The pixels, after a look that nothing else lies beside them."""
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("L"))
    assert pixels.std() > 3
    return pixels


def test_curves_are_read_by_name(metrics: Path):
    curves = read_curves(metrics)
    assert set(curves) == {"lr-AdamW", "train/accuracy_at_1", "train/ita", "train/loss", "val/ita", "val/loss"}
    assert curves["train/loss"][0].tolist() == [9, 19]
    assert curves["train/loss"][1].tolist() == [4, 3]
    assert curves["train/ita"][1].tolist() == [2]


def test_training_curves(metrics: Path, tmp_path: Path):
    draw_training_curves(metrics, tmp_path / "out" / "curves.png", title="")
    assert opened(tmp_path / "out" / "curves.png").shape == (860, 1860)


def test_a_long_training_with_one_loss(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([["epoch", "step", "train/loss"], *([0, i, 1 / (i + 1)] for i in range(200))])
    draw_training_curves(path, tmp_path / "out" / "curves.png", title="")
    assert opened(tmp_path / "out" / "curves.png").shape == (430, 620)


def test_no_curves(tmp_path: Path):
    with pytest.raises(UserError, match=r"metrics\.csv is not there"):
        draw_training_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", title="")
    (tmp_path / "metrics.csv").write_text("epoch,step\n0,1\n")
    with pytest.raises(UserError, match="holds no losses"):
        draw_training_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", title="")
    assert not (tmp_path / "curves.png").exists()


def test_running_mean():
    assert running_mean(np.array([1.0, 2.0, 6.0, 3.0]), 3).tolist() == [1.5, 3.0, 11 / 3, 4.5]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 3), (6, 4)])
def test_samples(image: np.ndarray, tmp_path: Path, count: int, columns: int):
    images = [image, image[:, :30], image[:20]] * 2
    draw_samples(
        images[:count], ["no effusion " * 40] * count, tmp_path / "s.png", title="", titles=["edema, nodule"] * count
    )
    assert opened(tmp_path / "s.png").shape[1] == columns * 404 + 24


def test_captions_are_text_and_never_formulas(image: np.ndarray, tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_samples([image], ["costs $5_{6 and $7, 胸部"], tmp_path / "s.png", title="", titles=["a$b_{"])
    opened(tmp_path / "s.png")


def test_a_long_caption_ends_in_an_ellipsis():
    assert wrap_caption("word " * 100, 3).endswith(" …")
    assert wrap_caption("word " * 100, 3).count("\n") == 2
    assert wrap_caption("no effusion", 3) == "no effusion"
    assert wrap_caption("", 3) == ""


def test_word_maps(image: np.ndarray, tmp_path: Path):
    weight = np.random.default_rng(0).dirichlet(np.full(16, 0.1), size=2)
    studies = [
        WordMap(
            image,
            "a/very/long/name/of/a/folder/cxr_1.png",
            ["effusion", "a$b_{"],
            [False, True],
            weight,
            (4, 4),
            [("effusion", (2, 0, 30, 30)), ("x", (3, 1, 20, 9))],
        ),
        WordMap(image, "row 3", ["nodule"], [False], np.full((1, 16), 1 / 16), (4, 4)),
    ]
    draw_word_maps(studies, tmp_path / "h.png", title="")
    assert opened(tmp_path / "h.png").shape == (2 * 436 + 20 + 28, 3 * 380 + 20)


def test_a_denied_finding_is_blue_and_a_stated_one_orange():
    weight = np.full(12, 0.02)
    weight[7] = 1 - 11 * 0.02
    stated, denied = (overlay(weight, (3, 4), (30, 40), denied=denied)[15, 35] for denied in (False, True))
    assert stated[0] > stated[2]
    assert denied[2] > denied[0]
    assert stated[3] == denied[3]


def test_a_long_name_keeps_its_end():
    assert shorten_middle("short.png", 12) == "short.png"
    assert shorten_middle("folder/patient/cxr_0001.png", 12) == "fold…001.png"
    assert len(shorten_middle("x" * 80, 30)) == 30


def test_heat_is_where_the_weight_is():
    weight = np.full(12, 0.02)
    weight[1 * 4 + 3] = 1 - 11 * 0.02
    layer = overlay(weight, (3, 4), (30, 40))
    assert layer.shape == (30, 40, 4)
    opacity = layer[..., 3] / layer[..., 3].sum()
    assert opacity.sum(axis=1) @ np.arange(30) == pytest.approx(14.5)
    assert opacity.sum(axis=0) @ np.arange(40) == pytest.approx(34.5, abs=1)
    assert layer[:, :20, 3].max() == 0
    assert overlay(np.full(12, 1 / 12), (3, 4), (30, 40))[..., 3].max() == 0


def test_a_weak_peak_stays_pale():
    weak, strong = np.full(16, 1.0), np.full(16, 1.0)
    weak[5], strong[5] = 1.3, 30.0
    pale, full = (overlay(w / w.sum(), (4, 4), (32, 32))[..., 3].max() for w in (weak, strong))
    assert pale < 0.25 * full


def test_labels_of_boxes_do_not_meet():
    boxes = [("nodule", (50.0, 50.0, 60.0, 60.0))] * 3
    tops = sorted(top for _, top in place_labels(boxes, 0.5))
    assert all(b - a >= 10 for a, b in pairwise(tops))


@pytest.mark.parametrize("count", [1, 20, 500])
def test_prototype_usage(tmp_path: Path, count: int):
    draw = np.random.default_rng(0)
    counts = draw.multinomial(300, draw.dirichlet(np.full(count, 0.3)), size=2)
    draw_prototype_usage(*counts, tmp_path / "p.png", agreement=0.3, chance_agreement=0.01, title="")
    assert opened(tmp_path / "p.png").shape == (560, 1500)


def test_pyplot_is_never_needed(tmp_path: Path):
    figure = new_figure(120, 80)
    save_png(figure, tmp_path / "f.png", title="")
    assert not (tmp_path / ".f.png").exists()
    from matplotlib import _pylab_helpers

    assert not _pylab_helpers.Gcf.figs


def test_a_title_stands_in_a_strip_above_the_very_same_picture(tmp_path: Path):
    def draw(name: str, title: str) -> np.ndarray:
        figure = new_figure(400, 100)
        figure.add_axes((0.1, 0.1, 0.8, 0.8)).plot([0, 1], [0, 1])
        save_png(figure, tmp_path / name, title=title)
        with Image.open(tmp_path / name) as picture:
            return np.asarray(picture)

    plain, titled = draw("a.png", ""), draw("b.png", "12 test images, phantom; resnet10t, random weights $_{")
    long = draw("c.png", "word " * 30)
    assert plain.shape == (100, 400, 3)
    assert np.array_equal(titled[-100:], plain)
    assert titled[:-100].std() > 3
    # the strip grows by whole lines, as wide as the picture
    assert (len(long) - len(titled)) % 24 == 0
    assert len(long) > len(titled) > 100


def test_a_single_step_is_a_point_and_chance_a_line(tmp_path: Path):
    """One point has no line; the chance of being first among 16 is 6.25 %."""
    file = tmp_path / "metrics.csv"
    file.write_text("step,train/accuracy_at_1,train/loss\n4,50,2.0\n")
    pictures = {}
    for candidates in (None, 16):
        path = tmp_path / f"{candidates}.png"
        draw_training_curves(file, path, title="", candidates=candidates)
        with Image.open(path) as picture:
            pictures[candidates] = np.asarray(picture.convert("RGB"), dtype=int)
    blue = (pictures[None] == [0x2F, 0x6D, 0xB3]).all(axis=-1)
    # in the panel of the loss, below the legend, the point itself
    assert blue[150:].sum() > 10
    assert np.abs(pictures[16] - pictures[None]).max() > 40
