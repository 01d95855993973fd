"""The signature that is read from the source is the one that the class has when it is imported."""

import inspect
import sys
from pathlib import Path

import pytest
import yaml

from src.core.torchvision_ops import ensure_torchvision
from src.engine.signature import signature_of
from src.engine.validate import resolve_target

CONF = Path(__file__).resolve().parents[2] / "conf"


def _targets(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["_target_"]} if str(node.get("_target_", "")).startswith(("src.", "lightning.")) else set()
        return own.union(*map(_targets, node.values()))
    return set().union(*map(_targets, node)) if isinstance(node, list) else set()


TARGETS = sorted(set().union(*(_targets(yaml.safe_load(path.read_text())) for path in CONF.rglob("*.yaml"))))


@pytest.mark.parametrize("target", TARGETS)
def test_the_source_says_what_the_import_says(target: str) -> None:
    ensure_torchvision()
    signature = signature_of(target)
    assert signature is not None
    built = inspect.signature(resolve_target(target)).parameters.values()
    named = [one for one in built if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    assert list(signature.parameters) == [one.name for one in named]
    assert {name for name, one in signature.parameters.items() if one.required} == {
        one.name for one in named if one.default is inspect.Parameter.empty
    }
    assert signature.takes_any == any(one.kind is one.VAR_KEYWORD for one in built)


def test_types_are_read_through_imports_bases_and_decorators() -> None:
    trainer = signature_of("lightning.Trainer")
    assert trainer is not None
    assert trainer.parameters["max_steps"].annotation is int
    loss = signature_of("src.losses.ita.InstanceAlignment")
    assert loss is not None
    assert str(loss.parameters["rules"].annotation) == "typing.Literal['published', 'corrected']"
    store = signature_of("src.data.store.recipe.StoreSettings")
    assert store is not None
    assert store.parameters["folder"].annotation is str


def test_what_has_no_source_is_left_to_the_import() -> None:
    assert signature_of("nowhere.at.all.Thing") is None
    assert signature_of("src.losses.ita.Nothing") is None
    assert signature_of("math.sqrt") is None


def test_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "src.heads.unet", raising=False)
    signature_of.cache_clear()
    assert signature_of("src.heads.unet.UNetHead") is not None
    assert "src.heads.unet" not in sys.modules
