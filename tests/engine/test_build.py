"""What a node's constructor receives."""

from omegaconf import OmegaConf

from src.core.evaluated_model import EvaluatedModel
from src.engine.build import build


def test_dataclasses_arrive_as_they_are() -> None:
    cfg = OmegaConf.create({"part": {"_target_": "builtins.dict", "plain": [1, {"a": 2}]}})
    model = EvaluatedModel(architecture="resnet50", weights="random")
    built = build(cfg, "part", model=model, number=3)
    assert built == {"plain": [1, {"a": 2}], "model": model, "number": 3}
    assert built["model"] is model
    assert type(built["plain"]) is list
