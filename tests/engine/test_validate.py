from collections.abc import Sequence
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.engine import validate as validate_module
from src.engine.validate import validate


class Part:
    def __init__(
        self, *, width: int, rate: float, mode: Literal["a", "b"], sizes: Sequence[int], path: str | None, given: Any
    ) -> None: ...


GOOD = {"_target_": "src.part.Part", "width": 3, "rate": 1, "mode": "a", "sizes": [1, 2], "path": None}


@pytest.fixture(autouse=True)
def _part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate_module, "resolve_target", lambda _: Part)


def _check(**changes: Any) -> None:
    node = {key: value for key, value in {**GOOD, **changes}.items() if value != "dropped"}
    validate(OmegaConf.create({"group": {"part": node}}), given={"group.part": frozenset({"given"})})


def test_a_good_config_passes() -> None:
    _check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widht": 3}, r"group\.part\.widht is not a setting of src\.part\.Part; did you mean width\?"),
        ({"given": 1}, r"group\.part\.given is not a setting"),
        ({"width": "dropped"}, r"group\.part lacks the setting width"),
        ({"width": "many"}, r"group\.part\.width=many is not valid: it must be a valid integer"),
        ({"rate": "fast"}, r"group\.part\.rate=fast is not valid: it must be a valid number"),
        ({"mode": "c"}, r"group\.part\.mode=c is not valid: it must be 'a' or 'b'"),
        ({"sizes": [1, "x"]}, r"group\.part\.sizes\[1\]=x is not valid"),
        ({"path": 7}, r"""group\.part\.path=7 is not valid: it must be text; give 'group\.part\.path="7"'"""),
    ],
)
def test_each_mistake_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _check(**changes)


def test_interpolations_are_followed() -> None:
    cfg = OmegaConf.create({"width": "wide", "part": {**GOOD, "width": "${width}"}})
    with pytest.raises(UserError, match=r"part\.width=wide is not valid"):
        validate(cfg, given={"part": frozenset({"given"})})


class Open(Part):
    def __init__(self, *rest: Any, width: int, **kwargs: Any) -> None: ...


def test_constructors_with_kwargs_take_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate_module, "resolve_target", lambda _: Open)
    validate(OmegaConf.create({"part": {"_target_": "src.part.Open", "width": 3, "anything": [1]}}), given={})
    with pytest.raises(UserError, match=r"part lacks the setting width"):
        validate(OmegaConf.create({"part": {"_target_": "src.part.Open", "anything": 1}}), given={})


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("lightning.pytorch.callbacks.EMAWeightAveraging", {"decay": 0.9, "use_buffers": False}, None),
        ("lightning.pytorch.callbacks.ModelSummary", {"max_depth": 2, "anything": 1}, None),
        ("lightning.pytorch.loggers.TensorBoardLogger", {"save_dir": "x", "flush_secs": 3}, None),
        ("lightning.pytorch.callbacks.EarlyStopping", {"monitr": "val/loss"}, "did you mean monitor"),
        ("lightning.pytorch.callbacks.ModelCheckpoint", {"save_top_k": "all"}, "save_top_k=all is not valid"),
        ("timm.optim.Lamb", {"_partial_": True, "lrr": 1}, r"part\.lrr is not a setting of timm\.optim\.Lamb"),
        ("builtins.dict", {"a": 1}, None),
        ("torch.nn.Module.to", {"_partial_": True}, None),
        ("no.such.Thing", {}, "cannot be imported"),
    ],
)
def test_constructors_of_libraries(
    target: str, settings: dict[str, Any], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    cfg = OmegaConf.create({"part": {"_target_": target, **settings}})
    if message is None:
        validate(cfg, given={})
    else:
        with pytest.raises(UserError, match=message):
            validate(cfg, given={})
