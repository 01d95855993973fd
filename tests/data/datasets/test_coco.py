"""COCO jsons: what is understood of the made tree and of real boxes, and what is refused."""

import copy
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from src.core.errors import UserError
from src.data.coco_outlines import read_outline
from src.data.datasets.coco import CocoSource
from src.data.image_io import ImageError
from src.data.sources import BoxedTable, IgnoringTable, MaskedTable, MeasuredTable, PairSource, unchanged
from tests.trees.coco import make

YAML = Path(__file__).resolve().parents[3] / "conf/dataset/coco.yaml"
CONTENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.png", "width": 60, "height": 40},
        {"id": 3, "file_name": "b.png", "width": 50, "height": 50},
    ],
    "categories": [{"id": 5, "name": "Ignore"}, {"id": 9, "name": "nodule"}, {"id": 2, "name": "mass"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 9, "bbox": [10, 5, 20, 30]},
        {"id": 2, "image_id": 7, "category_id": 5, "bbox": [40, 0, 20, 10]},
        {"id": 3, "image_id": 7, "category_id": 2, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 9, "bbox": [50.5, 30, 10, 10]},
    ],
}
CONTENT["annotations"][0]["segmentation"] = [[10, 5, 30, 5, 30, 35, 10, 35]]
CONTENT["annotations"][3]["segmentation"] = {"size": [40, 60], "counts": [2030, 10, 360]}


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., CocoSource]:
    """Called with a content of the json and changes to the yaml's values."""

    def build(content: Any = CONTENT, **changes: Any) -> CocoSource:
        for name, size in (("a.png", (60, 40)), ("b.png", (50, 50))):
            noise = np.random.default_rng(0).integers(0, 255, size[::-1], dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / name)
        path = tmp_path / "boxes.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
        del values["_target_"]
        values |= {"annotations": str(path), "ignore": ["Ignore"], "val_fraction": 0.0, "test_fraction": 0.0}
        return CocoSource(**values | changes)

    return build


def test_what_the_json_says(source: Callable[..., CocoSource]) -> None:
    made = source()
    table = made.table("train")
    assert isinstance(made, PairSource)
    assert all(isinstance(table, kind) for kind in (BoxedTable, MaskedTable, IgnoringTable, MeasuredTable))
    assert made.finding_names == ("mass", "nodule")
    assert table.label_NF.tolist() == [[0, 1], [0, 0]]
    assert table.image_ids() == ["a.png", "b.png"]
    assert table.original(0) == unchanged(40, 60)
    assert [(name, box_4.tolist()) for name, box_4 in table.boxes(0)] == [
        ("nodule", [10, 5, 30, 35]),
        ("nodule", [50.5, 30, 60, 40]),
    ]
    assert table.ignored_boxes(0).tolist() == [[40, 0, 60, 10], [0, 0, 5, 5]]
    ((name, mask_HW),) = table.masks(0)
    wanted_HW = np.zeros((40, 60), bool)
    wanted_HW[5:35, 10:30] = True
    # run 2030 of columns of 40: column 50, rows 30 to 39
    wanted_HW[30:40, 50] = True
    assert name == "nodule"
    np.testing.assert_array_equal(mask_HW, wanted_HW)
    ignored_HW = np.zeros((40, 60), bool)
    ignored_HW[:10, 40:] = True
    ignored_HW[:5, :5] = True
    np.testing.assert_array_equal(table.ignored_mask(0), ignored_HW)
    assert table.boxes(1) == table.masks(1) == []
    assert table.report(1)


def test_boxes_as_masks(source: Callable[..., CocoSource]) -> None:
    ((_, mask_HW),) = source(masks="boxes").table("train").masks(0)
    wanted_HW = np.zeros((40, 60), bool)
    wanted_HW[5:35, 10:30] = wanted_HW[30:40, 50:60] = True
    np.testing.assert_array_equal(mask_HW, wanted_HW)


def test_a_json_a_split(source: Callable[..., CocoSource], tmp_path: Path) -> None:
    other = copy.deepcopy(CONTENT)
    (tmp_path / "own.json").write_text(json.dumps({**other, "images": other["images"][1:], "annotations": []}))
    first = json.dumps({**CONTENT, "images": CONTENT["images"][:1]})
    (tmp_path / "first.json").write_text(first)
    both = {"train": str(tmp_path / "first.json"), "test": str(tmp_path / "own.json")}
    made = source(annotations=both)
    assert [made.table(split).image_ids() for split in ("train", "val", "test")] == [["a.png"], [], ["b.png"]]
    with pytest.raises(UserError, match=r"^1 image file\(s\) lie in the json of train and in one that is held out"):
        source(annotations={**both, "val": str(tmp_path / "first.json")})
    with pytest.raises(UserError, match="name a json for train"):
        source(annotations={"test": both["test"]})
    (tmp_path / "own.json").write_text(json.dumps({**other, "categories": other["categories"][1:], "annotations": []}))
    with pytest.raises(UserError, match=r"own\.json has other categories than"):
        source(annotations=both)


def test_patients_stay_together(tmp_path: Path) -> None:
    make(tmp_path)
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {"annotations": str(tmp_path / "annotations.json"), "table": str(tmp_path / "patients.csv")}
    made = CocoSource(**values | {"ignore": ["Ignore"], "val_fraction": 0.2, "test_fraction": 0.2, "masks": "boxes"})
    patients = [{Path(name).stem for name in made.table(split).image_ids()} for split in ("train", "val", "test")]
    assert [len(names) for names in patients] == [24, 8, 8]
    whose = [{int(name) // 2 for name in names} for names in patients]
    assert sum(map(len, whose)) == len(set.union(*whose))
    frame = pd.read_csv(tmp_path / "patients.csv")
    frame.iloc[1:].to_csv(tmp_path / "patients.csv", index=False)
    with pytest.raises(UserError, match=r"patients\.csv has no row, or several, for the image 000\.png"):
        CocoSource(**values)


def _broken(change: Callable[[Any], Any]) -> Any:
    content = copy.deepcopy(CONTENT)
    change(content)
    return content


def _mark(**values: Any) -> Any:
    return _broken(lambda content: content["annotations"][0].update(values))


def _runs(size: list[int], counts: Any) -> Any:
    return _mark(segmentation={"size": size, "counts": counts})


BAD = {
    "no json": ("{", r"boxes\.json are no json"),
    "a list": ([], r"boxes\.json is no COCO json"),
    "a label file": ({"images": [], "annotations": []}, "must hold the lists images, categories, annotations"),
    "no bbox": (_broken(lambda c: c["annotations"][1].pop("bbox")), "'bbox' of 2 among its annotations is missing"),
    "no width": (_broken(lambda c: c["images"][1].pop("width")), "'width' of 3 among its images is missing"),
    "no name": (_broken(lambda c: c["categories"].append(4)), "'id' of number 4 among its categories is missing"),
    "no side": (_broken(lambda c: c["images"][1].update(width=0)), "image 3 has a height or width below 1"),
    "category": (_mark(category_id=4), "annotation 1 is of category 4, which is not there"),
    "image": (_mark(image_id=4), "annotation 1 is of image 4, which is not there"),
    "same id": (_mark(id=2), "the id 2 comes twice among its annotations"),
    "same file": (_broken(lambda c: c["images"][1].update(file_name="a.png")), r"two images have the file a\.png"),
    "two names of one id": (_broken(lambda c: c["categories"][1].update(id=2)), "the id 2 comes twice among its categ"),
    "text for a number": (_mark(image_id="7"), "annotation 1 is of image '7', which is not there, as are 1 in all"),
    "bbox of texts": (_mark(bbox=["10", "5", "20", "30"]), "the bbox of annotation 1 is not four numbers"),
    "half a pixel": (_broken(lambda c: c["images"][1].update(width=50.5)), "'width' of 3 among its images is missing"),
    "all crowds": (
        _broken(lambda c: [one.update(iscrowd=1) for one in c["annotations"]]),
        r"all 4 annotations have iscrowd 1, .*; give dataset\.iscrowd=finding to take them as findings$",
    ),
    "area": (_mark(bbox=[10, 5, 0, 30]), r"the box of annotation 1 \(image 7\) has no area, as do 1 in all"),
    "negative": (_mark(bbox=[10, 5, -3, 30]), r"annotation 1 \(image 7\) has no area"),
    "outside": (_mark(bbox=[10, 5, 51, 30]), r"annotation 1 \(image 7\) reaches out of its image"),
    "beside": (_mark(bbox=[60, 5, 0.5, 30]), r"annotation 1 \(image 7\) has no area inside its image"),
    "three": (_mark(bbox=[10, 5, 20]), "the bbox of annotation 1 is not four numbers"),
    "nan": (_mark(bbox=[10, 5, 20, float("nan")]), "the bbox of annotation 1 is not four numbers"),
    "odd": (_mark(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "annotation 1 has a polygon that is not the x and y of three"),
    "far": (_mark(segmentation=[[1, 2, 3, 4, 70, 6]]), "annotation 1 has a polygon that reaches out of its image"),
    "size": (_runs([60, 40], [2400]), r"of the size \[60, 40\], and its image is \[40, 60\]"),
    "runs": (_runs([40, 60], [2000]), "of 2000 pixels, and its image has 2400"),
    "below": (
        _runs([40, 60], [-5, 2405]),
        "annotation 1 has a run-length segmentation that is not a list of whole numbers",
    ),
    "text": (_runs([40, 60], "\n"), "annotation 1 has a run-length .* text is damaged"),
    "kind": (_mark(segmentation="no"), "annotation 1 has a segmentation that is neither polygons nor run lengths"),
    "no box": ({**CONTENT, "annotations": CONTENT["annotations"][1:3]}, "has no box of any finding"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(source: Callable[..., CocoSource], case: str) -> None:
    content, message = BAD[case]
    with pytest.raises(UserError, match=message) as refusal:
        source(content)
    assert "boxes.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_edges_in_the_place_of_sides_are_told(source: Callable[..., CocoSource]) -> None:
    edges = [[30, 20, 55, 38], [40, 5, 58, 30], [5, 5, 20, 30]]
    marks = [{"id": i, "image_id": 7, "category_id": 9, "bbox": edge_4} for i, edge_4 in enumerate(edges)]
    with pytest.raises(
        UserError, match=r"look like left, top, right, bottom \(2 of 3 reach out .*; write width = right"
    ):
        source({**CONTENT, "annotations": marks})


def test_files_and_settings_that_are_not_there(source: Callable[..., CocoSource], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set dataset\.annotations=FILE\.json"):
        source(annotations=None)
    with pytest.raises(UserError, match=r"none\.json are not there; check dataset\.annotations"):
        source(annotations=str(tmp_path / "none.json"))
    with pytest.raises(UserError, match=r"no category 'Other' of dataset\.ignore; it has: mass, Ignore, nodule"):
        source(ignore=["Other"])
    with pytest.raises(UserError, match=r"2 of 2 image files are missing below .*; the first is row 1, a\.png"):
        source(image_root=str(tmp_path / "elsewhere"))
    table = source(_broken(lambda c: c["annotations"][2].update(iscrowd=0))).table("train")
    with pytest.raises(UserError, match=r"annotation 3 has no segmentation; give dataset\.masks=boxes"):
        table.masks(0)


def test_an_image_of_another_size(source: Callable[..., CocoSource]) -> None:
    table = source(_broken(lambda c: c["images"][1].update(width=51))).table("train")
    assert table.image(0).shape == (40, 60)
    with pytest.raises(
        ImageError, match=r"^image 3: b\.png is 50 x 50 pixels, but .*boxes\.json says 51 x 50; correct it"
    ):
        table.image(1)


def test_run_lengths_are_those_of_pycocotools() -> None:
    from pycocotools import mask as reference

    random = np.random.default_rng(0)
    for density in (0.0, 0.02, 0.5, 0.98, 1.0):
        mask_HW = (random.random((47, 300)) < density).astype(np.uint8)
        mask_HW[:, 100:200] = density < 0.5
        text = reference.encode(np.asfortranarray(mask_HW))["counts"].decode()
        outline = read_outline({"size": [47, 300], "counts": text}, 47, 300, 0.01)
        assert outline is not None
        np.testing.assert_array_equal(outline.draw(47, 300), mask_HW.astype(bool))
    with pytest.raises(ValueError, match="cut off"):
        read_outline({"size": [47, 300], "counts": f"{text}o"}, 47, 300, 0.01)


def test_polygons_are_those_of_pycocotools() -> None:
    from pycocotools import mask as reference

    corners = [[20.0, 10.0, 80.5, 15.0, 70.0, 60.2, 30.0, 55.0], [5.0, 70.0, 60.0, 70.0, 60.0, 90.0, 5.0, 90.0]]
    outline = read_outline(corners, 100, 120, 0.01)
    assert outline is not None
    theirs_HW = reference.decode(reference.merge(reference.frPyObjects(corners, 100, 120))).astype(bool)
    np.testing.assert_array_equal(outline.draw(100, 120), theirs_HW)


def test_crowds_are_counted_and_may_be_findings(
    source: Callable[..., CocoSource], caplog: pytest.LogCaptureFixture
) -> None:
    source()
    assert "1 of 4 annotations have iscrowd 1 and are ignored" in caplog.text
    assert "dataset.iscrowd=finding" in caplog.text
    caplog.clear()
    table = source(iscrowd="finding").table("train")
    assert table.label_NF.tolist() == [[1, 1], [0, 0]]
    assert [name for name, _ in table.boxes(0)] == ["nodule", "mass", "nodule"]
    assert table.ignored_boxes(0).tolist() == [[40, 0, 60, 10]]
    assert "iscrowd" not in caplog.text


def test_ids_of_the_json(source: Callable[..., CocoSource]) -> None:
    made = source()
    table = made.table("train")
    assert table.coco_image_ids() == [7, 3]
    assert [table.row(index) for index in range(2)] == [7, 3]
    assert made.coco_category_ids("train") == made.coco_category_ids("test") == (2, 9)
    texts = _broken(lambda c: [one.update(id=f"x{one['id']}") for part in ("images", "categories") for one in c[part]])
    for one in texts["annotations"]:
        one.update(image_id=f"x{one['image_id']}", category_id=f"x{one['category_id']}")
    made = source(texts)
    assert made.table("train").coco_image_ids() == ["x7", "x3"]
    assert made.table("train").row(1) == 2
    assert made.coco_category_ids("train") == ("x2", "x9")


def test_categories_of_one_name_are_one(source: Callable[..., CocoSource], caplog: pytest.LogCaptureFixture) -> None:
    content = _broken(lambda c: c["categories"].append({"id": 11, "name": "nodule"}))
    content["annotations"][3]["category_id"] = 11
    made = source(content)
    assert made.finding_names == ("mass", "nodule")
    assert [name for name, _ in made.table("train").boxes(0)] == ["nodule", "nodule"]
    assert made.coco_category_ids("train") == (2, 9)
    assert "the categories 9, 11 have one name, 'nodule'; they are taken as one, which is category 9" in caplog.text


def test_entries_that_repeat_to_the_letter_count_once(
    source: Callable[..., CocoSource], caplog: pytest.LogCaptureFixture
) -> None:
    made = source({part: [*entries, entries[-1]] for part, entries in CONTENT.items()})
    assert len(made.table("train")) == 2
    assert len(made.table("train").boxes(0)) == 2
    for part in CONTENT:
        assert f"1 of its {part} repeat an earlier entry of the same id" in caplog.text


def test_whole_numbers_may_be_written_with_a_point(source: Callable[..., CocoSource]) -> None:
    table = source(_broken(lambda c: c["images"][0].update(id=7.0, width=60.0, height=40.0))).table("train")
    assert table.original(0) == unchanged(40, 60)
    assert repr(table.coco_image_ids()) == "[7, 3]"


def test_backslashes_in_a_file_name(source: Callable[..., CocoSource], tmp_path: Path) -> None:
    (tmp_path / "images/1").mkdir(parents=True)
    content = _broken(lambda c: c["images"][0].update(file_name="images\\1\\a.png"))
    source(content)
    (tmp_path / "a.png").rename(tmp_path / "images/1/a.png")
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {"annotations": str(tmp_path / "boxes.json"), "val_fraction": 0.0, "test_fraction": 0.0}
    table = CocoSource(**values).table("train")
    assert table.image(0).shape == (40, 60)
    assert table.image_ids() == ["images\\1\\a.png", "b.png"]


def test_a_file_below_another_folder_is_found_by_its_name(
    source: Callable[..., CocoSource], caplog: pytest.LogCaptureFixture
) -> None:
    content = _broken(lambda c: c["images"][0].update(file_name="/data/upload/1/a.png"))
    assert source(content).table("train").image(0).shape == (40, 60)
    assert "1 of 2 images do not lie where file_name says below" in caplog.text


def _folders(root: Path, *, width: int = 60) -> dict[str, str]:
    """Roboflow's layout: a json and its images in each folder, under the same names and ids."""
    jsons = {}
    for number, (split, folder) in enumerate({"train": "train", "val": "valid", "test": "test"}.items()):
        (root / folder).mkdir(parents=True)
        for name in ("0.jpg", "1.jpg"):
            grey_HW = np.full((40, width), 50 * number + 10, dtype=np.uint8)
            grey_HW[:, 20:] += 90
            Image.fromarray(grey_HW).save(root / folder / name)
        images = [{"id": n, "file_name": f"{n}.jpg", "width": width, "height": 40} for n in range(2)]
        marks = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 10, 10], "iscrowd": 0} for n in range(2)]
        categories = [{"id": 0, "name": "chest"}, {"id": 1, "name": "opacity"}]
        jsons[split] = str(root / folder / "_annotations.coco.json")
        Path(jsons[split]).write_text(json.dumps({"images": images, "categories": categories, "annotations": marks}))
    return jsons


def test_each_json_has_its_own_folder(
    source: Callable[..., CocoSource], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jsons = _folders(tmp_path / "set")
    made = source(annotations=jsons, ignore=[])
    for number, split in enumerate(("train", "val", "test")):
        table = made.table(split)
        assert [table.row(index) for index in range(2)] == [0, 1]
        assert table.image(1)[0, 0] == 50 * number + 10
    assert """1 of 2 categories have no annotation""" in caplog.text
    assert """leave them out with 'dataset.ignore=["chest"]'""" in caplog.text
    assert source(annotations=jsons, ignore=["chest"]).coco_category_ids("test") == (1,)
    roots = {split: str(Path(path).parent) for split, path in jsons.items()}
    moved = {split: str(tmp_path / f"{split}.json") for split in jsons}
    for split, path in jsons.items():
        Path(path).rename(moved[split])
    assert source(annotations=moved, ignore=[], image_root=roots).table("test").image(0)[0, 0] == 110
    with pytest.raises(UserError, match=r"dataset\.image_root names train, val; name a folder for test too"):
        source(annotations=moved, ignore=[], image_root={key: roots[key] for key in ("train", "val")})


def test_a_table_tells_images_of_one_name_apart_by_their_folder(
    source: Callable[..., CocoSource], tmp_path: Path
) -> None:
    jsons = _folders(tmp_path / "set")
    rows = [(f"{folder}/{n}.jpg", f"{folder} {n}") for folder in ("train", "valid", "test") for n in range(2)]
    pd.DataFrame(rows, columns=["file", "group"]).to_csv(tmp_path / "patients.csv", index=False)
    made = source(annotations=jsons, ignore=[], table=str(tmp_path / "patients.csv"))
    assert [len(made.table(split)) for split in ("train", "val", "test")] == [2, 2, 2]
    pd.DataFrame(rows[4:], columns=["file", "group"]).to_csv(tmp_path / "patients.csv", index=False)
    with pytest.raises(UserError, match=r"has no row, or several, for the image 0\.jpg"):
        source(annotations=jsons, ignore=[], table=str(tmp_path / "patients.csv"))


def test_ids_of_each_json_may_differ(source: Callable[..., CocoSource], tmp_path: Path) -> None:
    jsons = _folders(tmp_path / "set")
    content = json.loads(Path(jsons["test"]).read_text())
    content["categories"] = [{"id": 5, "name": "opacity"}, {"id": 6, "name": "chest"}]
    content["annotations"][0]["category_id"] = content["annotations"][1]["category_id"] = 5
    Path(jsons["test"]).write_text(json.dumps(content))
    made = source(annotations=jsons, ignore=["chest"])
    assert (made.coco_category_ids("val"), made.coco_category_ids("test")) == ((1,), (5,))
    assert made.table("test").label_NF.tolist() == [[1], [1]]
    assert made.table("test").boxes(0)[0][0] == "opacity"


def test_copies_of_one_image_stay_together(source: Callable[..., CocoSource], tmp_path: Path) -> None:
    names = [f"scan{n // 3}_jpg.rf.{n:032x}.jpg" for n in range(30)]
    for name in names:
        Image.fromarray(np.zeros((50, 50), dtype=np.uint8)).save(tmp_path / name)
    images = [{"id": n, "file_name": name, "width": 50, "height": 50} for n, name in enumerate(names)]
    marks = [{"id": 1, "image_id": 0, "category_id": 9, "bbox": [1, 2, 10, 10]}]
    content = {**CONTENT, "images": images, "annotations": marks}
    made = source(content, val_fraction=0.3, test_fraction=0.3)
    whose = [{name.split("_")[0] for name in made.table(split).image_ids()} for split in ("train", "val", "test")]
    assert all(whose)
    assert sum(map(len, whose)) == 10


def test_defaults_are_those_of_the_yaml() -> None:
    written: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    parameters = inspect.signature(CocoSource).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
    assert defaults == {name: written[name] for name in defaults}


def test_real_boxes(shared_dir: Path) -> None:
    folder = shared_dir / "data/cohen_cxr"
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {
        "annotations": str(folder / "boxes_coco.json"),
        "ignore": ["Ignore"],
        "table": str(folder / "metadata.csv"),
    }
    made = CocoSource(**values)
    tables = [made.table(split) for split in ("train", "val", "test")]
    assert sum(map(len, tables)) == 119
    assert made.finding_names == ("Lung",)
    assert sum(len(table.boxes(index)) for table in tables for index in range(len(table))) == 238
    assert sum(len(table.ignored_boxes(index)) for table in tables for index in range(len(table))) == 21
    assert tables[2].image(0).shape == tables[2].original(0)[:2]
