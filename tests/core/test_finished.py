"""Which configs are the same, and what a sweep explains."""

from pathlib import Path

import pytest

from src.core.finished import Done, differences, explained, key_and_value, read_done, write_done

CONFIG = {"seed": 1, "loss": {"ita": {"weight": 1.0}}, "dataset": {"size": 64}, "prompts": {}, "resume": False}


def test_done_is_read_as_it_was_written(tmp_path: Path) -> None:
    done = Done(config=CONFIG, choices={"loss": ["ita"]}, overrides=("seed=1",), swept=("seed",))
    assert read_done(tmp_path) is None
    write_done(tmp_path, done)
    assert read_done(tmp_path) == done
    assert [path.name for path in tmp_path.iterdir()] == ["done.json"]
    (tmp_path / "done.json").write_text('{"config": {')
    assert read_done(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 2}, "seed"),
        ({"loss": {"ita": {"weight": 0.5}}}, "loss.ita.weight"),
        ({"loss": {}}, "loss.ita.weight"),
        ({"resume": "a.ckpt"}, "resume"),
        ({"resume": True}, None),
        ({"paths": {"output": "elsewhere"}}, None),
        ({"name": "other"}, None),
        ({"logger": {"csv": {}}}, None),
        ({"datamodule": {"num_workers": 9}}, None),
        ({"datamodule": {"batch_size": 9}}, "datamodule.batch_size"),
        ({"trainer": {"enable_progress_bar": False}}, None),
        ({"trainer": {"precision": "bf16-mixed"}}, "trainer.precision"),
    ],
)
def test_only_what_can_change_a_result_is_a_difference(change: dict, key: str | None) -> None:
    found = differences(CONFIG, {**CONFIG, **change})
    assert (key in found) if key else (not found)


@pytest.mark.parametrize(
    ("key", "swept", "is_explained"),
    [
        ("seed", ["seed"], True),
        ("seed", ["loss"], False),
        ("loss.ita.weight", ["loss"], True),
        ("lossy", ["loss"], False),
        ("prompts.findings", ["dataset"], True),
        ("seed", ["experiment"], True),
        ("seed", [], False),
    ],
)
def test_what_a_sweep_explains(key: str, swept: list[str], is_explained: bool) -> None:
    assert explained(key, swept, CONFIG) is is_explained


def test_overrides_are_keys_and_values() -> None:
    assert key_and_value("+sweep=[a,b]") == ("sweep", "[a,b]")
    assert key_and_value("++a.b=c=d") == ("a.b", "c=d")
    assert key_and_value("~callbacks.progress") == ("callbacks.progress", "")


def test_a_sweep_that_is_resumed_is_the_same_sweep() -> None:
    assert differences({"resume": False}, {"resume": "auto"}) == {}
    assert differences({"resume": "auto"}, {"resume": True}) == {}
    assert differences({"resume": False}, {"resume": "a.ckpt"}) == {"resume": (False, "a.ckpt")}
