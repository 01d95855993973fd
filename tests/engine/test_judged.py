"""Which weights a run judges, and what it says of a checkpoint of another model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.engine.judged import describe_model, judged_checkpoint, refuse_other_model, with_weights
from src.engine.parts import Parts

CFG = OmegaConf.create(
    {
        "weights": "auto",
        "checkpoint": None,
        "rules": "corrected",
        "encoder": {
            "image": {"name": "a", "pretrained": True, "weights": "f", "depth": 2},
            "text": {"name": "b", "pretrained": True, "architecture": {"hidden": 3}},
        },
        "model": {"embedding_dim": 4},
        "transform": {"crop": 32},
    }
)


def _cfg(**values: object) -> object:
    return OmegaConf.merge(CFG, values)


def test_the_checkpoint_is_judged_where_one_is_given() -> None:
    assert judged_checkpoint(_cfg(checkpoint="x.ckpt")) == Path("x.ckpt")
    assert judged_checkpoint(_cfg()) is None
    assert judged_checkpoint(_cfg(checkpoint="x.ckpt", weights="random")) is None
    assert judged_checkpoint(_cfg(checkpoint="x.ckpt", weights="named")) is None


def test_random_weights_fetch_none() -> None:
    random = with_weights(_cfg(weights="random"), None)
    assert (random.encoder.image.pretrained, random.encoder.image.weights) == (False, None)
    assert random.encoder.text.pretrained is False
    assert CFG.encoder.image.pretrained is True


def test_before_a_checkpoint_none_are_fetched_in_vain() -> None:
    cfg = with_weights(_cfg(checkpoint="x"), Path("x"))
    assert cfg.encoder.image.pretrained is False
    # its architecture is only known by its name
    assert cfg.encoder.text.pretrained is True
    assert with_weights(_cfg(), None).encoder.image.pretrained is True


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"weights": "ramdom"}, "weights=ramdom is none of auto, random, named, checkpoint"),
        ({"weights": "checkpoint"}, "weights=checkpoint needs a checkpoint"),
        ({"weights": "named", "encoder": {"image": {"pretrained": False, "weights": None}}}, "names no pretrained"),
    ],
)
def test_what_is_not_there_is_refused(values: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        judged_checkpoint(_cfg(**values))


def test_another_model_is_named_by_its_settings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = tmp_path / "last.ckpt"
    refuse_other_model(CFG, checkpoint)
    (tmp_path / "config.yaml").write_text("a: [")
    refuse_other_model(CFG, checkpoint)
    OmegaConf.save(_cfg(encoder={"image": {"depth": 3, "weights": "g"}}, rules="published"), tmp_path / "config.yaml")
    with pytest.raises(UserError, match=r"was trained with encoder\.image\.depth=3, and this run has others"):
        refuse_other_model(CFG, checkpoint)
    OmegaConf.save(_cfg(rules="published", encoder={"image": {"weights": "g"}}), tmp_path / "config.yaml")
    refuse_other_model(CFG, checkpoint)
    assert "trained with rules=published" in caplog.text
    refuse_other_model(_cfg(model={"embedding_dim": 9}), checkpoint, only=("encoder.image",))


def test_the_evaluated_model_keeps_what_trained_its_checkpoint(tmp_path: Path) -> None:
    trained = {
        "loss": {"ita": {"weight": 1.0, "temperature": 0.07}, "cta": None},
        "dataset": {"name": "mimic_cxr"},
        "store": {"dataset": "mimic_cxr"},
        "rules": "published",
        "num_prototypes": 500,
        "datamodule": {"fraction": 0.1, "batch_size": 72},
        "trainer": {"max_epochs": 50},
    }
    OmegaConf.save(OmegaConf.create(trained), tmp_path / "config.yaml")
    model = describe_model(_cfg(checkpoint=str(tmp_path / "last.ckpt")))
    assert (model.architecture, model.weights, model.losses, model.dataset) == (
        "a",
        "checkpoint",
        ("ita",),
        "mimic_cxr",
    )
    assert model.training == {
        "rules": "published",
        "loss.ita.weight": 1.0,
        "loss.ita.temperature": 0.07,
        "num_prototypes": 500,
        "datamodule.fraction": 0.1,
        "trainer.max_epochs": 50,
    }
    assert EvaluatedModel.from_dict(json.loads(json.dumps(model.as_dict()))) == model


def test_the_evaluated_model_says_where_other_weights_are_from() -> None:
    found = [describe_model(_cfg(**values)) for values in ({"weights": "random"}, {}, {"weights": "named"})]
    assert [(model.weights, model.file) for model in found] == [("random", None), ("file", "f"), ("file", "f")]
    assert describe_model(_cfg(encoder={"image": {"weights": None}})).weights == "pretrained"


def test_a_file_without_an_image_encoder_is_refused(
    run_cli: Callable, tiny_head: tuple[str, ...], tmp_path: Path
) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    answer = run_cli(*tiny_head, "task=classify", f"checkpoint={tmp_path / 'other.safetensors'}")
    assert answer.code == 1
    assert "other.safetensors holds no image encoder" in answer.err
    assert "encoder.image.weights=FILE" in answer.err


def test_a_task_gets_no_part_it_does_not_know() -> None:
    assert {"model", "prototypes", "image_encoder", "labelled_images", "make_head", "make_trainer", "probe"} <= set(
        Parts.names()
    )
