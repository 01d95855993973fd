"""What a resumed run has otherwise than before is said, or refused where it would not be used or cannot go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.engine.resume_changes import check_resumed, resume_changes

BEFORE = {
    "name": "a",
    "seed": 1,
    "resume": False,
    "rules": "corrected",
    "task": {"_target_": "src.tasks.pretrain.pretrain"},
    "encoder": {"image": {"name": "resnet10t", "pretrained": False}},
    "model": {"hidden_dim": 8, "rules": "${rules}", "sync_batch_norm": False},
    "loss": {"ita": {"temperature": 0.1}, "cpa": {"num_prototypes": "${num_prototypes}"}},
    "num_prototypes": 5,
    "datamodule": {"batch_size": 8, "seed": "${seed}", "num_workers": 2},
    "dataset": {"_target_": "src.a.A", "train": 30},
    "optimizer": {"_target_": "src.AdamW", "lr": 0.1, "decay_norms_and_biases": False},
    "probe": {"max_epochs": 3},
    "trainer": {"max_epochs": 4},
}
READS = ("seed", "rules", "task", "encoder", "model", "loss", "num_prototypes", "datamodule", "dataset", "optimizer")


def _cfg(**values: Any) -> DictConfig:
    return OmegaConf.merge(OmegaConf.create(BEFORE), values)


def _checkpoint(folder: Path, *, ready: int = 3, is_last: bool = True) -> Path:
    OmegaConf.save(OmegaConf.create(BEFORE), folder / "config.yaml", resolve=True)
    progress = {"current": {"ready": ready, "completed": ready}, "is_last_batch": is_last}
    state = {
        "state_dict": {},
        "optimizer_states": [{}],
        "loops": {"fit_loop": {"epoch_loop.batch_progress": progress}},
    }
    torch.save(state, folder / "last.ckpt")
    return folder / "last.ckpt"


def _check(checkpoint: Path, **values: Any) -> None:
    check_resumed(_cfg(**values), checkpoint, READS, say=True)


def test_what_follows_another_value_does_not_count_twice() -> None:
    before = OmegaConf.to_container(OmegaConf.create(BEFORE), resolve=True)
    assert resume_changes(before, _cfg()) == {}
    now = _cfg(seed=2, num_prototypes=6, rules="published", name="b", resume="x", datamodule={"num_workers": 0})
    assert resume_changes(before, now) == {
        "seed": (1, 2),
        "num_prototypes": (5, 6),
        "rules": ("corrected", "published"),
    }
    # typed at its own place it counts
    assert resume_changes(before, _cfg(datamodule={"seed": 3})) == {"datamodule.seed": (1, 3)}
    # of another class the class alone
    now = _cfg(dataset={"_target_": "src.b.B", "train": 9})
    assert resume_changes(before, now) == {"dataset._target_": ("src.a.A", "src.b.B")}
    now = _cfg(loss={"cpa": None, "cta": {"x": 1}})
    assert resume_changes(before, now) == {"loss": (["ita", "cpa"], ["ita", "cta"])}


def test_changes_are_said_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = _checkpoint(tmp_path)
    _check(checkpoint)
    # what this task does not read is no change
    _check(checkpoint, probe={"max_epochs": 9})
    assert not caplog.records
    _check(checkpoint, seed=2, datamodule={"batch_size": 4})
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{checkpoint} is resumed with other settings: seed=1 -> 2, datamodule.batch_size=8 -> 4."
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"encoder": {"image": {"name": "vit"}}},
            r"another model \(encoder\.image\.name=resnet10t -> vit\), and cannot go",
        ),
        ({"model": {"hidden_dim": 9}}, r"another model \(model\.hidden_dim=8 -> 9\)"),
        (
            {"optimizer": {"decay_norms_and_biases": True}},
            r"does not fit optimizer\.decay_norms_and_biases=False -> True; leave it out, or start anew",
        ),
        ({"optimizer": {"_target_": "torch.optim.SGD"}}, r"does not fit optimizer\._target_=src\.AdamW -> torch\.op"),
        (
            {"task": {"_target_": "src.tasks.classify.classify"}},
            "is a checkpoint of task=pretrain, and this run is of task=cl",
        ),
    ],
)
def test_what_cannot_go_on_is_refused(values: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        _check(_checkpoint(tmp_path), **values)


def test_an_optimizers_rate_and_a_batch_size_amid_an_epoch_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = _checkpoint(tmp_path, ready=1, is_last=False)
    _check(checkpoint, optimizer={"lr": 1.0}, datamodule={"batch_size": 4})
    assert "datamodule.batch_size=8 -> 4, optimizer.lr=0.1 -> 1.0." in caplog.text


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"clip": {"temperature": 0.1}}, {"clip": {"temperature": 0.2}}, r"loss\.clip\.temperature=0\.1 -> 0\.2"),
        ({"cpa": {"num_prototypes": 8}}, {"cpa": {"num_prototypes": 9}}, r"loss\.cpa\.num_prototypes=8 -> 9"),
        ({"ita": {}, "cpa": {}}, {"ita": {}}, r"loss=\[ita,cpa\] -> \[ita\]"),
        ({"ita": {"temperature": 0.1}}, {"ita": {"temperature": 0.2}}, None),
        ({"ita": {}, "cta": {}}, {"ita": {}}, None),
    ],
)
def test_settings_from_which_learned_parameters_start_are_refused(
    tmp_path: Path, composed: Callable[..., DictConfig], before: dict, now: dict, said: str | None
) -> None:
    losses = composed("loss=[ita,cta,cpa,clip]").loss

    def node(settings: dict) -> dict:
        return {name: {**OmegaConf.to_container(losses[name]), **own} for name, own in settings.items()}

    base = OmegaConf.create({**BEFORE, "model": {"embedding_dim": 8, "rules": "corrected"}, "num_prototypes": 5})
    old, new = base.copy(), base.copy()
    old.loss, new.loss = node(before), node(now)
    checkpoint = _checkpoint(tmp_path)
    OmegaConf.save(old, tmp_path / "config.yaml", resolve=True)
    state = torch.load(checkpoint, weights_only=True)
    torch.save(
        {**state, "state_dict": {"loss.parts.cpa.prototypes_KD": torch.zeros(1)} if "cpa" in before else {}}, checkpoint
    )
    if said is None:
        check_resumed(new, checkpoint, READS, say=True)
        return
    with pytest.raises(UserError, match=f"learned parameters, which do not fit {said}"):
        check_resumed(new, checkpoint, READS, say=True)


def test_weights_alone_cannot_be_resumed(tmp_path: Path) -> None:
    torch.save({"state_dict": {"img_encoder_q.x": torch.zeros(1)}}, tmp_path / "released.ckpt")
    with pytest.raises(
        UserError, match="holds weights alone, and not the state of a training that can go on; to start"
    ):
        _check(tmp_path / "released.ckpt")


def test_without_a_config_beside_it_nothing_is_compared(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path)
    (tmp_path / "config.yaml").unlink()
    _check(checkpoint, model={"hidden_dim": 9})
