"""Which settings a run of a published experiment names below its figures."""

from collections.abc import Callable, Iterator

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from src.engine.protocol import protocol_notes
from src.engine.say import CONF
from src.engine.schema import RunConfig

JUDGED = (
    *("encoder/image=resnet50", "encoder.image.pretrained=false", "checkpoint=some.ckpt", "weights=checkpoint"),
    *("seed=3", "datamodule.fraction=0.01", "datamodule.num_workers=0", "dataset.reader.root=here", "name=mine"),
    *("task.judge_on=val", "resamples=10", "task.pictures=false", "callbacks.progress=null", "logger=[]"),
    *("trainer.accelerator=cpu", "trainer.devices=[3]", "paths.output=elsewhere"),
)
"""What is evaluated, where, how fast, on how much: no part of a protocol."""


@pytest.fixture
def noted() -> Iterator[Callable[..., tuple[str, ...]]]:
    """Called with the words of a command, as Hydra would compose them."""
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):

        def notes(*words: str) -> tuple[str, ...]:
            cfg = compose("config", overrides=[*words], return_hydra_config=True)
            HydraConfig.instance().set_config(cfg)
            return protocol_notes(cfg)

        yield notes
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize("experiment", ["segment/siim", "segment/rsna", "classify/chexpert"])
def test_the_experiment_itself_differs_in_nothing(experiment: str, noted: Callable[..., tuple[str, ...]]) -> None:
    assert not [note for note in noted(f"+experiment={experiment}") if note.startswith("Differs")]


@pytest.mark.parametrize("experiment", ["detect/object_cxr", "segment/siim", "classify/rsna"])
def test_what_is_evaluated_is_no_part_of_the_protocol(experiment: str, noted: Callable[..., tuple[str, ...]]) -> None:
    assert noted(f"+experiment={experiment}", *JUDGED) == noted(f"+experiment={experiment}")


def test_every_other_setting_is_named_with_both_values(noted: Callable[..., tuple[str, ...]]) -> None:
    words = ("trainer.precision=bf16-mixed", "tuning.batch_size=8", "tuning.batch_norm=held", "rules=corrected")
    (note, *_) = noted("+experiment=segment/rsna", *words)
    assert note.startswith("Differs from the published protocol: ")
    for said in (
        "trainer.precision=bf16-mixed (published 32-true)",
        "tuning.batch_size=8 (published 16)",
        "tuning.batch_norm=held (published published)",
        "rules=corrected (published published)",
    ):
        assert said in note
    assert note.count("(published") == len(words)


def test_another_option_of_a_group_stands_for_its_many_settings(noted: Callable[..., tuple[str, ...]]) -> None:
    (note, *_) = noted("+experiment=segment/siim", "head=upernet", "tuning=full", "trainer.devices=2")
    for said in ("head=upernet (published unet)", "tuning=full (published frozen_published)"):
        assert said in note
    # each device has a batch of its own
    assert "trainer.devices=2 (published 1)" in note
    assert "decoder_channels" not in note


def test_the_papers_decoder_for_its_vision_transformer(noted: Callable[..., tuple[str, ...]]) -> None:
    assert noted("+experiment=segment/siim", "encoder/image=vit_base", "head=setr_pup") == noted(
        "+experiment=segment/siim"
    )
    (note, *_) = noted("+experiment=segment/siim", "encoder/image=vit_base")
    assert "head=unet (published setr_pup)" in note


def test_a_setting_that_follows_the_fraction_differs_only_where_it_is_typed(
    noted: Callable[..., tuple[str, ...]],
) -> None:
    one_percent = "datamodule.fraction=0.01"
    plain = noted("+experiment=detect/rsna")
    assert noted("+experiment=detect/rsna", one_percent) == plain
    (note, *_) = noted("+experiment=detect/rsna", one_percent, "tuning.batch_size=4")
    assert "tuning.batch_size=4 (published 8)" in note
    assert noted("+experiment=detect/rsna", one_percent, "tuning.batch_size=8") == plain
    (note, *_) = noted("+experiment=detect/rsna", "tuning.batch_size=8")
    assert "tuning.batch_size=8 (published 16)" in note


def test_what_cannot_be_reproduced_stands_in_the_yaml_and_cannot_be_typed_away(
    noted: Callable[..., tuple[str, ...]],
) -> None:
    said = noted("+experiment=detect/rsna", "not_reproduced=[]")[-1]
    assert said.startswith("Not reproduced of the published protocol: ")
    assert "the images drawn at 1 and 10 %" in said


@pytest.mark.parametrize(
    "words", [(), ("+experiment=detect/coco",), ("+experiment=detect/rsna", "task=classify"), ("task=detect",)]
)
def test_a_run_of_no_published_experiment_says_nothing(
    words: tuple[str, ...], noted: Callable[..., tuple[str, ...]]
) -> None:
    assert noted(*words) == ()
