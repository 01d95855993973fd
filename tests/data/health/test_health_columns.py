"""A store's columns as arrays agree with what the store itself says of each row."""

import numpy as np
import pytest

from src.data.health.columns import Columns, read_columns
from src.data.health.samples import choose_samples
from src.data.health.unpacked import UnpackedStore
from src.data.packed import images_of
from src.data.store.packing import pack_store
from src.data.store.store import Store
from tests.data.health.made_columns import healthy, no_marks
from tests.data.store.made import job, write_pictures

COUNT = 40


@pytest.fixture(scope="module", params=[False, True])
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, UnpackedStore]:
    root = tmp_path_factory.mktemp("raw")
    write_pictures(root, COUNT)
    (root / "0007.png").unlink()
    (root / "0009.png").write_bytes(b"no image")
    work = job(root / "store", root, COUNT, pad=request.param)
    pack_store(work, num_workers=0, max_unreadable=0.5)
    return Store(root / "store", remake=""), UnpackedStore(work, num_workers=0)


def columns(store: Store) -> Columns:
    return read_columns(store.index, store.manifest.finding_names, positions={"train": np.arange(10)})


def test_unpacked_images_have_the_columns_and_the_pixels_of_packed_ones(stores: tuple[Store, UnpackedStore]) -> None:
    packed, unpacked = stores
    assert unpacked.index.schema == packed.index.schema
    assert np.array_equal(unpacked.label_NF, packed.label_NF, equal_nan=True)
    # blank labels are NaN, which equals nothing
    others = [name for name in packed.index.schema.names if name != "labels"]
    assert unpacked.index.select(others).equals(packed.index.select(others))
    for row in (0, 3, 39):
        assert np.array_equal(unpacked.image(row), packed.image(row))
        assert [finding for finding, _ in unpacked.boxes(row)] == [finding for finding, _ in packed.boxes(row)]


def test_boxes_and_masks_have_their_areas(stores: tuple[Store, UnpackedStore]) -> None:
    store, _ = stores
    made = columns(store)
    assert made.boxes.area_B.tolist() == [30 * 45] * len(made.boxes)
    assert made.boxes.share_B == pytest.approx(np.full(len(made.boxes), 30 * 45 / (90 * 60)))
    drawn = {row: [int(mask_HW.sum()) for _, mask_HW in store.masks(row)] for row in np.flatnonzero(made.read_N)}
    assert made.masks.image_B.tolist() == [row for row in drawn for _ in drawn[row]]
    assert made.masks.area_B.tolist() == [area for row in drawn for area in drawn[row]]
    assert made.masks.share_B == pytest.approx(made.masks.area_B / (90 * 60))


def test_problems_are_told_without_the_file_s_name(stores: tuple[Store, UnpackedStore]) -> None:
    made = columns(stores[0])
    assert np.flatnonzero(~made.read_N).tolist() == [7, 9]
    assert made.problem_N[7] == "is missing"
    assert made.problem_N[9] == "is not a PNG, JPEG, TIFF, BMP or DICOM image"


def test_labels_splits_and_patients(stores: tuple[Store, UnpackedStore]) -> None:
    store, _ = stores
    made = columns(store)
    assert np.array_equal(made.label_NF, store.label_NF, equal_nan=True)
    assert made.within("train").sum() == 10
    assert made.patient_N.tolist() == [number // 2 for number in range(COUNT)]
    images = images_of(store)
    assert images.patient_N.tolist() == made.patient_N.tolist()
    assert images.id_N[5] == "id5"


def test_samples_are_spread_over_splits_and_prefer_what_has_boxes() -> None:
    made = healthy(60)
    chosen = choose_samples(made, 12)
    assert chosen == choose_samples(made, 12)
    assert len(set(chosen)) == 12
    assert [int(made.within(split)[chosen].sum()) for split in ("train", "val", "test")] == [4, 4, 4]
    assert np.isin(chosen, made.boxes.image_B).sum() == 9


def test_samples_of_a_few_images_or_without_boxes_or_splits() -> None:
    assert sorted(choose_samples(healthy(5), 12)) == [0, 1, 2, 3, 4]
    bare = healthy(boxes=no_marks(), side_N=np.zeros(30, dtype=np.uint8))
    chosen = choose_samples(bare, 12)
    assert len(set(chosen)) == 12
    assert {tuple(label_F) for label_F in bare.label_NF[chosen].tolist()} == {(0, 0), (0, 1), (1, 0), (1, 1)}
