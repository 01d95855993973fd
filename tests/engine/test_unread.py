"""Settings that no part of a run reads are refused, with the key that is likely meant."""

import inspect
import re
from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

from src.core.errors import UserError
from src.engine.parts import Parts
from src.engine.say import CONF
from src.engine.schema import RunConfig
from src.engine.targets import resolve_target
from src.engine.typed import typed_settings
from src.engine.unread import EVERYTHING, READS, overwritten_keys, read_keys, refuse_unread


@pytest.fixture
def check() -> Callable[..., None]:
    def refuse(*words: str, swept: tuple[str, ...] = ()) -> None:
        GlobalHydra.instance().clear()
        ConfigStore.instance().store(name="schema", node=RunConfig)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("config", list(words))
        parameters = inspect.signature(resolve_target(cfg.task._target_)).parameters
        parts = [name for name in Parts.names() if name in parameters]
        task = next((word.partition("=")[2] for word in words if word.startswith("task=")), "pretrain")
        refuse_unread(cfg, typed_settings(words), parts, task=task, swept=swept)

    return refuse


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("task=classify", "probe=finetune", "tuning.max_epochs=2"),
            "tuning.max_epochs=2 has no effect: task=classify does not read tuning.max_epochs; give probe.max_epochs",
        ),
        (("task=classify", "trainer.max_epochs=2"), "give probe.max_epochs in its place"),
        (("task=classify", "datamodule.batch_size=2"), "give probe.batch_size in its place"),
        (("task=classify", "callbacks.early_stopping.patience=2"), "give probe.patience in its place"),
        (("task=classify", "optimizer.lr=1"), "give probe.optimizer.lr in its place"),
        (("task=detect", "probe.max_epochs=2"), "give tuning.max_epochs in its place"),
        (("task=segment", "trainer.max_epochs=2"), "give tuning.max_epochs in its place"),
        (("tuning.max_epochs=2",), "give trainer.max_epochs in its place"),
        (("task=detect", "mask_loss=mmseg"), "task=detect does not read mask_loss; leave it out; it reads"),
        (("task=evaluate", "checkpoint=x", "optimizer.lr=1"), "task=evaluate does not read optimizer.lr"),
        (("task=retrieve", "head=mlp"), "task=retrieve does not read head"),
        (("task=retrieve", "loss=[ita]"), "task=retrieve does not read loss"),
        (("task=prepare", "dataset=rsna", "model.hidden_dim=3"), "task=prepare does not read model.hidden_dim"),
        (("loss=[ita]", "num_prototypes=3"), "task=pretrain does not read num_prototypes"),
        (("bench.repeats=3",), "task=pretrain does not read bench.repeats"),
    ],
)
def test_what_nothing_reads_is_refused(words: tuple[str, ...], said: str, check: Callable[..., None]) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        check(*words)


@pytest.mark.parametrize(
    "words",
    [
        # by reference: of a loss, of a transform, of a temperature, of a task's own key
        ("num_prototypes=3",),
        ("transform.size=64", "transform.crop=56", "rules=published", "seed=3", "model.embedding_dim=8"),
        ("task=zero_shot", "loss.ita.temperature=0.2"),
        ("task=classify", "resamples=3", "encoder/text=tiny_bert", "model.hidden_dim=3", "datamodule.fraction=0.5"),
        ("task=classify", "trainer=gpu", "trainer.precision=32-true", "logger=[csv]", "callbacks.progress=null"),
        (
            "task=detect",
            "encoder/image=huggingface",
            "transform.train.mean=0.4",
            "tuning=full",
            "tuning.optimizer.lr=1",
        ),
        ("task=evaluate", "checkpoint=x", "weights=checkpoint", "prompts=generic", "force_transform=true"),
        ("task=prepare", "dataset=rsna", "store.size=64", "paths.raw=x", "name=y"),
        ("task=bench", "tuning.max_epochs=3"),
        ("+experiment=demo", "+sweep=seeds", "trainer.max_epochs=3", "~callbacks.progress"),
    ],
)
def test_what_is_read_passes(words: tuple[str, ...], check: Callable[..., None]) -> None:
    check(*words)


def test_a_sweep_may_vary_what_some_of_its_jobs_read_alone(check: Callable[..., None]) -> None:
    check("task=retrieve", "probe.max_epochs=3", swept=("task",))
    check("loss=[ita]", "num_prototypes=3", swept=("loss", "num_prototypes"))
    with pytest.raises(UserError, match="does not read"):
        check("loss=[ita]", "tuning.max_epochs=3", swept=("loss", "tuning.max_epochs"))


def test_every_part_says_what_it_reads() -> None:
    """What a part's own code takes of the config is among the keys that it is said to read."""
    assert set(READS) | {EVERYTHING} == {name for name in Parts.names() if not name.startswith("_")}
    for part in READS:
        source = inspect.getsource(vars(Parts)[part].func)
        source += "".join(
            inspect.getsource(getattr(Parts, helper)) for helper in re.findall(r"self\.(_make_head|_callbacks)", source)
        )
        built = re.findall(r"build\((?:self\._cfg|cfg), f?\"(\w+)", source)
        for key in built:
            assert key in READS[part], (part, key)


def test_references_are_followed_and_own_values_of_a_task_are_not() -> None:
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["logger=[csv,wandb]"])
    assert {"loss", "num_prototypes", "model.embedding_dim", "rules"} <= read_keys(cfg, ["loss"])
    assert "transform" in read_keys(cfg, ["datamodule"])
    assert "transform" not in read_keys(cfg, ["loss"])
    assert overwritten_keys(["make_trainer", "dataset"]) == {"trainer.max_epochs", "callbacks.early_stopping.patience"}


def test_the_advice_names_no_key_that_has_no_use_for_the_task(check: Callable[..., None]) -> None:
    with pytest.raises(UserError, match=r"task=zero_shot does not read probe\.max_epochs; leave it out"):
        check("task=zero_shot", "probe.max_epochs=3")
