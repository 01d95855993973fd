"""Finding a data set's folder, and saying what it looks like instead."""

from pathlib import Path

import pytest

from src.core.errors import UserError
from src.data.datasets.nih import NihReader
from src.data.datasets.rsna import RsnaReader
from src.data.reader import every_reader, folders, index_files
from tests.trees import make as trees
from tests.trees import rsna

READ_AS_THEY_ARE = {"coco", "mask_folder"}
"""Trees without a reader: they are never packed."""


@pytest.fixture(scope="module")
def every_tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A made tree of every data set that has one."""
    import importlib

    root = tmp_path_factory.mktemp("trees")
    names = sorted(path.stem for path in Path(trees.__file__).parent.glob("*.py"))
    for name in set(names) - {"make", "pictures"}:
        importlib.import_module(f"tests.trees.{name}").make(root / name)
    return {path.name: path for path in root.iterdir()}


def test_every_tree_is_recognised_by_its_own_reader_and_by_no_other(every_tree: dict[str, Path]) -> None:
    assert len(every_tree) >= 9
    for name, root in every_tree.items():
        recognised = [reader.__module__.rpartition(".")[2] for reader in every_reader() if reader.lies_in(root)]
        assert recognised == ([] if name in READ_AS_THEY_ARE else [name])


def test_another_data_set_is_named(every_tree: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"looks like another data set, CheXpert; check dataset and paths.raw"):
        RsnaReader(root=str(every_tree["chexpert"])).read()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*nowhere; give paths.raw=DIR. Get the data at https"):
        RsnaReader(root=str(tmp_path / "nowhere")).read()


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"NIH.* is not complete: looked for .*Data_Entry.* in .* and the folders below"
    ):
        NihReader(root=str(tmp_path)).read()


def test_the_folder_may_lie_a_few_levels_below(tmp_path: Path) -> None:
    rsna.make(tmp_path / "a/b/c")
    assert RsnaReader(root=str(tmp_path)).folder() == tmp_path / "a/b/c"


def test_a_renamed_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    rsna.make(tmp_path)
    table = tmp_path / "stage_2_train_labels.csv"
    table.write_text(table.read_text().replace("patientId", "patient_id", 1))
    with pytest.raises(
        UserError, match=r"stage_2_train_labels.csv has no column 'patientId'; the nearest is 'patient_id'"
    ):
        RsnaReader(root=str(tmp_path)).read()


def test_settings_leave_paths_out() -> None:
    assert RsnaReader(root="anywhere").settings() == {}


def test_folders_of_many_folders_are_not_entered(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"files/p{number}/s1").mkdir(parents=True)
    assert list(folders(tmp_path)) == [tmp_path, tmp_path / "files"]


def test_files_are_found_through_links_once_and_whatever_their_case(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for name in ("one.PNG", "two.png", "three.txt"):
        (tmp_path / "disk" / name).touch()
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "images_001").symlink_to(tmp_path / "disk")
    (raw / "images_001/back").symlink_to(raw)
    assert index_files(raw, {".png"}) == {"one": "images_001/one.PNG", "two": "images_001/two.png"}
