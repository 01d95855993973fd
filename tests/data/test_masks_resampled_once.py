"""A mask is resampled once on its way from its owner's files to the network, by nearest neighbour from the original."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from pycocotools import mask as coco_mask

from src.data.annotated_images import AnnotatedImages
from src.data.catalogue import Catalogue, Entry, Mask
from src.data.datasets.coco import CocoSource
from src.data.datasets.mask_folder import MaskFolderSource
from src.data.outlines import RunLengths
from src.data.packed_table import PackedTable
from src.data.reader import Reader
from src.data.resize import fit_longest_side
from src.data.store.packing import Job, pack_store
from src.data.store.recipe import Recipe
from src.data.store.store import Store
from src.data.transforms import ImageTransform, mix_seed

CONF = Path(__file__).resolve().parents[2] / "conf"
SHAPES = [(512, 512), (500, 401), (333, 520)]
RADII = (2.5, 4.0, 9.0, 30.0, 90.0)
"""Of ellipses whose half axes are 1 and 1.6 of these, in pixels of the original."""


def made_mask(number: int) -> np.ndarray:
    height, width = SHAPES[number % len(SHAPES)]
    rng, radius = np.random.default_rng(number), RADII[number % len(RADII)]
    y_H, x_W = np.arange(height)[:, None] + 0.5, np.arange(width) + 0.5
    y, x, turn = rng.uniform(0.2, 0.8) * height, rng.uniform(0.2, 0.8) * width, rng.uniform(0, np.pi)
    along = (x_W - x) * np.cos(turn) + (y_H - y) * np.sin(turn)
    across = (y_H - y) * np.cos(turn) - (x_W - x) * np.sin(turn)
    return np.asarray((along / (1.6 * radius)) ** 2 + (across / radius) ** 2 <= 1)


MASKS = [made_mask(number) for number in range(15)]


def siim_text(mask_HW: np.ndarray) -> str:
    """SIIM's run lengths, written pixel by pixel."""
    words, skip, length = [], 0, 0
    for inside in [*mask_HW.T.ravel().tolist(), False]:
        if inside:
            length += 1
        elif length:
            words += [skip, length]
            skip, length = 1, 0
        else:
            skip += 1
    return " ".join(map(str, words))


class OneSplit:
    """A source whose every split is ``table``."""

    finding_names = ("lesion",)
    exclusive = False

    def __init__(self, table: Any) -> None:
        self._table = table

    def table(self, split: str) -> Any:
        return self._table


def transforms(name: str, size: int) -> dict[str, ImageTransform]:
    config = OmegaConf.create({"transform": OmegaConf.load(CONF / f"transform/{name}.yaml")})
    config.transform.size = size
    return {f"{stage}_transform": instantiate(config.transform[stage], _convert_="all") for stage in ("train", "eval")}


def write_images(folder: Path) -> None:
    folder.mkdir()
    for number, mask_HW in enumerate(MASKS):
        noise_HW = np.random.default_rng(number).integers(0, 256, mask_HW.shape, dtype=np.uint8)
        Image.fromarray(noise_HW).save(folder / f"{number:02d}.png")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_images(folder / "images")
    (folder / "masks").mkdir()
    for number, mask_HW in enumerate(MASKS):
        Image.fromarray(mask_HW.astype(np.uint8) * 255).save(folder / f"masks/{number:02d}.png")
    return folder


def packed(raw: Path, folder: Path, **recipe: Any) -> OneSplit:
    entries = [
        Entry(
            file=f"{n:02d}.png",
            image_id=f"{n}",
            patient=f"{n}",
            row=n + 1,
            masks=(Mask(0, RunLengths(siim_text(mask_HW)), n + 1),),
        )
        for n, mask_HW in enumerate(MASKS)
    ]
    label_NF = np.ones((len(MASKS), 1), np.float32)
    catalogue = Catalogue(
        root=raw / "images", finding_names=("lesion",), entries=entries, label_NF=label_NF, version=""
    )
    made = Recipe(pad=False, codec="raw", dicom_scale="maximum", **recipe)
    job = Job(folder=folder, name="made", title="made", catalogue=catalogue, recipe=made, reader={})
    pack_store(job, num_workers=0, max_unreadable=0)
    return OneSplit(
        PackedTable(
            store=Store(folder, remake=""),
            position_N=np.arange(len(MASKS)),
            label_NF=label_NF,
            finding_names=("lesion",),
            reports="labels",
            masks="own",
            given_subset=lambda _: None,
            read_sections=Reader.sections,
        )
    )


def unpacked(raw: Path, kind: str) -> OneSplit:
    if kind == "mask_folder":
        values = OmegaConf.to_container(OmegaConf.load(CONF / "dataset/mask_folder.yaml"))
        values |= {"images": str(raw / "images"), "masks": str(raw / "masks"), "values": {"lesion": 255}}
        values |= {"val_fraction": 0.0, "test_fraction": 0.0}
        values.pop("_target_")
        return OneSplit(MaskFolderSource(**values).table("train"))
    whole: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "lesion"}]}
    for n, mask_HW in enumerate(MASKS, start=1):
        height, width = mask_HW.shape
        coded = coco_mask.encode(np.asfortranarray(mask_HW.astype(np.uint8)))
        whole["images"].append({"id": n, "width": width, "height": height, "file_name": f"{n - 1:02d}.png"})
        about = {"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "area": int(mask_HW.sum())}
        rle = {"size": [height, width], "counts": coded["counts"].decode()}
        box = coco_mask.toBbox(coded).tolist()
        whole["annotations"].append({**about, "bbox": box, "segmentation": rle})
    (raw / "coco.json").write_text(json.dumps(whole))
    values = OmegaConf.to_container(OmegaConf.load(CONF / "dataset/coco.yaml"))
    values |= {"annotations": str(raw / "coco.json"), "image_root": str(raw / "images")}
    values |= {"val_fraction": 0.0, "test_fraction": 0.0}
    values.pop("_target_")
    return OneSplit(CocoSource(**values).table("train"))


def nearest(known: int, asked: int) -> np.ndarray:
    """Which of ``known`` pixels the centres of ``asked`` lie in, in whole numbers; on an edge it is the next one."""
    return (2 * np.arange(asked) + 1) * known // (2 * asked)


def single(mask_HW: np.ndarray, inner: tuple[int, int], size: int) -> np.ndarray:
    """One nearest resize of the original mask to ``inner``, in the middle of a square of ``size``."""
    height, width = mask_HW.shape
    small_HW = mask_HW[nearest(height, inner[0])][:, nearest(width, inner[1])].astype(np.uint8)
    # albumentations pads the odd pixel below and on the right
    top, left = ((size - side) // 2 for side in inner)
    whole_HW = np.zeros((size, size), np.uint8)
    whole_HW[top : top + inner[0], left : left + inner[1]] = small_HW
    return whole_HW


def test_the_reference_is_what_opencv_does() -> None:
    # of shapes where no centre lies on an edge; there OpenCV takes the one or the other
    for mask_HW in MASKS:
        if mask_HW.shape != (512, 512):
            small_HW = cv2.resize(mask_HW.astype(np.uint8), (224, 224), interpolation=cv2.INTER_NEAREST_EXACT)
            np.testing.assert_array_equal(single(mask_HW, (224, 224), 224), small_HW)


def dice(one_HW: np.ndarray, other_HW: np.ndarray) -> float:
    together = int(one_HW.sum() + other_HW.sum())
    return 2 * int((one_HW & other_HW).sum()) / together if together else 1.0


def seen(images: AnnotatedImages) -> list[np.ndarray]:
    return [mask_HW.numpy() for batch in images.judging_dataloader("test") for mask_HW in batch.mask_BFHW[:, 0]]


@pytest.mark.parametrize("recipe", [{"resize": "longest", "size": 256}, {"resize": "stretch", "size": 224}])
@pytest.mark.parametrize("name", ["whole", "detect_published"])
def test_from_a_store(
    name: str, recipe: dict[str, Any], raw: Path, tmp_path: Path, make_module: Callable[..., Any]
) -> None:
    size = 224
    source = packed(raw, tmp_path / "store", **recipe)
    images = AnnotatedImages(images=make_module(source, tokenizer=None, **transforms(name, size)), kind="masks")
    found = seen(images)
    for number, (mask_HW, original_HW) in enumerate(zip(found, MASKS, strict=True)):
        # where the image itself lies, which the store and the transform have rounded to pixels in turn
        packed_shape = source.table("test").image(number).shape
        inner = (size, size) if name == "detect_published" else fit_longest_side(*packed_shape, size)
        wanted_HW = single(original_HW, inner, size)
        assert dice(mask_HW, wanted_HW) == 1.0, number
        np.testing.assert_array_equal(mask_HW, wanted_HW)
        np.testing.assert_array_equal(images.truth("test", number).mask_FHW[0], original_HW)
    # the test can fail: twice by nearest neighbour is another mask, most of all for the small ones
    squares = [(single(single(m, (256, 256), 256), (size, size), size), single(m, (size, size), size)) for m in MASKS]
    twice = [dice(*pair) for pair in squares]
    assert min(twice) < 0.9


@pytest.mark.parametrize("kind", ["mask_folder", "coco"])
@pytest.mark.parametrize("name", ["whole", "detect_published"])
def test_unpacked(name: str, kind: str, raw: Path, make_module: Callable[..., Any]) -> None:
    source = unpacked(raw, kind)
    images = AnnotatedImages(images=make_module(source, tokenizer=None, **transforms(name, 96)), kind="masks")
    order = [int(Path(source.table("test").file(index)).stem) for index in range(len(MASKS))]
    for number, mask_HW in zip(order, seen(images), strict=True):
        inner = (96, 96) if name == "detect_published" else fit_longest_side(*MASKS[number].shape, 96)
        np.testing.assert_array_equal(mask_HW, single(MASKS[number], inner, 96))


def geometry(moves: list[Any], seed: int, side: int) -> np.ndarray:
    """The affine matrix of the ``moves`` that ``seed`` draws, by how albumentations moves three corners, (3, 2)."""
    points = albumentations.Compose(moves, keypoint_params=albumentations.KeypointParams("xy", remove_invisible=False))
    for position, move in enumerate(points.transforms):
        move.set_random_seed(mix_seed(seed, position))
    corner_32 = np.array([[0, 0], [side - 1, 0], [0, side - 1]], dtype=np.float32)
    moved_32 = points(image=np.zeros((side, side), np.uint8), keypoints=corner_32)["keypoints"]
    return np.linalg.solve(np.c_[corner_32, np.ones(3)].astype(np.float64), np.asarray(moved_32, dtype=np.float64))


@pytest.mark.parametrize("resize", ["longest", "stretch"])
def test_an_augmented_mask_is_sampled_from_the_original_too(
    resize: str, raw: Path, tmp_path: Path, make_module: Callable[..., Any]
) -> None:
    source = packed(raw, tmp_path / "store", resize=resize, size=128)
    affine = albumentations.Affine(rotate=(8, 8), scale=(1.1, 1.1), translate_px=(3, 3), p=1)
    moves = [affine, albumentations.HorizontalFlip(p=1), albumentations.RandomCrop(60, 60)]
    square = albumentations.Resize(80, 80, interpolation=1)
    turning = ImageTransform(resize=[square], ops=moves, mean=0.5, std=0.5)
    still = ImageTransform(resize=[square], ops=[], mean=0.5, std=0.5)
    module = make_module(source, tokenizer=None, train_transform=turning, eval_transform=still)
    split = AnnotatedImages(images=module, kind="masks").split("train")
    wrong = total = 0
    for number, original_HW in enumerate(MASKS):
        height, width = original_HW.shape
        back = np.linalg.inv(np.c_[geometry(moves, split.pairs.augmentation(number), 80), [0, 0, 1]])
        x, y = np.meshgrid(np.arange(60), np.arange(60))
        u, v, _ = (np.stack([x, y, np.ones_like(x)], axis=-1) @ back).transpose(2, 0, 1)
        # a keypoint counts from the middle of a pixel
        column, row = np.floor((u + 0.5) * width / 80).astype(int), np.floor((v + 0.5) * height / 80).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        wanted_HW = np.zeros((60, 60), bool)
        wanted_HW[inside] = original_HW[row[inside], column[inside]]
        wrong += int((split[number].mask_FHW[0].astype(bool) != wanted_HW).sum())
        total += int(wanted_HW.sum())
    # OpenCV may turn in steps of a thirty-second of a pixel, which decides a pixel on an outline now and then
    assert total > 1000
    assert wrong <= 0.005 * total
