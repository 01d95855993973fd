"""A resumed run uses the settings of its config, and sees each sample of the epoch in which it was stopped once."""

import csv
import os
import signal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from src.core.errors import UserError
from src.core.interrupted import Interrupted
from src.core.torchvision_ops import ensure_torchvision

ensure_torchvision()

from lightning import Callback, Trainer  # noqa: E402
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, StepLR  # noqa: E402

from src.data.sampler import EpochSampler  # noqa: E402
from src.engine.schedulers import WarmupCosine  # noqa: E402
from tests.engine.tiny_training import Numbers, fit, sgd  # noqa: E402

COSINE = WarmupCosine(warmup_fraction=0.25, start_lr=1e-4, final_lr=1e-4)


class Stop(Callback):
    """Sends this process a signal when ``moment`` comes for the ``count``-th time."""

    def __init__(self, count: int, *, moment: str = "on_train_batch_start", number: int = signal.SIGTERM) -> None:
        self.left, self.number = count, number
        setattr(self, moment, self._note)

    def _note(self, *of: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def stopped(folder: Path, count: int, *, moment: str = "on_train_batch_start", **settings: Any) -> Path:
    """Stop in step ``count``; the checkpoint."""
    with pytest.raises(Interrupted):
        fit(folder, Stop(count, moment=moment), **settings)
    return folder / "checkpoints" / "last.ckpt"


def rows(folder: Path) -> list[tuple[int, float]]:
    with (folder / "metrics.csv").open() as file:
        return [(int(row["step"]), float(row["train/loss"])) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.mark.parametrize("count", [5, 12])
def test_the_optimizer_has_the_settings_asked_for_and_keeps_its_moments(tmp_path: Path, count: int) -> None:
    last = stopped(tmp_path, count, optimizer=sgd(0.01, momentum=0.9, weight_decay=0.1))
    before = torch.load(last, weights_only=True)["optimizer_states"][0]["state"]
    _, module = fit(tmp_path, resume_from=last, optimizer=sgd(1e-6, momentum=0.5, weight_decay=0.5))
    assert module.rates == [1e-6] * (24 - count)
    (group,) = torch.load(last, weights_only=True)["optimizer_states"][0]["param_groups"]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-6, 0.5, 0.5)
    assert all("momentum_buffer" in state for state in before.values())


def test_the_moments_of_the_checkpoint_count_at_the_first_step(tmp_path: Path) -> None:
    last = stopped(tmp_path, 5)
    before = torch.load(last, weights_only=True)
    # a gradient clipped to nothing leaves w - lr * momentum * m
    _, module = fit(tmp_path, resume_from=last, optimizer=sgd(0.01, momentum=0.5), max_steps=6, gradient_clip_val=1e-12)
    moments = before["optimizer_states"][0]["state"]
    for number, (name, parameter) in enumerate(module.named_parameters()):
        expected = before["state_dict"][name] - 0.01 * 0.5 * moments[number]["momentum_buffer"]
        assert torch.allclose(parameter, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "scheduler",
    [
        COSINE,
        lambda optimizer, _: StepLR(optimizer, step_size=3, gamma=0.5),
        lambda optimizer, total: CosineAnnealingLR(optimizer, T_max=total),
        lambda optimizer, total: LinearLR(optimizer, total_iters=total),
    ],
    ids=["warmup cosine", "step", "cosine", "linear"],
)
@pytest.mark.parametrize("count", [5, 12])
def test_the_schedule_is_the_one_asked_for_from_the_step_reached(tmp_path: Path, scheduler: Any, count: int) -> None:
    last = stopped(tmp_path / "resumed", count, optimizer=sgd(0.3), scheduler=COSINE)
    new = {"optimizer": sgd(0.02), "scheduler": scheduler, "max_epochs": 4}
    _, whole = fit(tmp_path / "whole", **new)
    _, resumed = fit(tmp_path / "resumed", resume_from=last, **new)
    assert resumed.rates == pytest.approx(whole.rates[count:], rel=1e-9)


def test_nothing_changed_gives_the_very_rates(tmp_path: Path) -> None:
    _, whole = fit(tmp_path / "whole", scheduler=COSINE)
    _, resumed = fit(tmp_path / "two", scheduler=COSINE, resume_from=stopped(tmp_path / "two", 7, scheduler=COSINE))
    assert resumed.rates == whole.rates[7:]


@pytest.mark.parametrize(("before", "now", "count"), [(2, 8, 4), (2, 4, 7), (8, 2, 1), (2, 3, 3), (4, 6, 2), (2, 8, 8)])
def test_another_batch_size_amid_an_epoch_sees_each_sample_once(
    tmp_path: Path, before: int, now: int, count: int
) -> None:
    last = stopped(tmp_path, count, batch_size=before)
    trainer, module = fit(tmp_path, resume_from=last, batch_size=now)
    left = 24 - before * count
    rest, following = module.seen[: left // now], module.seen[left // now :]
    assert [len(batch) for batch in rest] == [now] * (left // now)
    _, whole = fit(tmp_path / "whole", batch_size=24, max_epochs=1)
    assert list(chain(*rest)) == whole.seen[0][before * count :][: left // now * now]
    # the next epoch is whole again, and was validated like the one that went on
    assert [len(batch) for batch in following] == [now] * (24 // now)
    assert trainer.current_epoch == 2
    with (tmp_path / "metrics.csv").open() as file:
        assert sum(bool(row["val/loss"]) for row in csv.DictReader(file)) == 2


@pytest.mark.parametrize("count", [4, 12])
def test_another_batch_size_goes_on_at_the_same_share_of_the_schedule(tmp_path: Path, count: int) -> None:
    last = stopped(tmp_path, count, scheduler=COSINE, optimizer=sgd(0.3))
    _, module = fit(tmp_path, resume_from=last, scheduler=COSINE, optimizer=sgd(0.3), batch_size=8)
    # 3 steps per epoch, 6 in all; 4 of 12 or 12 of 12 steps are the first, or the first 3 of them
    begun = {4: 1, 12: 3}[count]
    assert module.rates == pytest.approx([COSINE.lr_at(step, peak_lr=0.3, total_steps=6) for step in range(begun, 6)])


def test_stopped_again_after_another_batch_size(tmp_path: Path) -> None:
    last = stopped(tmp_path, 2)
    with pytest.raises(Interrupted):
        fit(tmp_path, Stop(2), resume_from=last, batch_size=4)
    _, module = fit(tmp_path, resume_from=last, batch_size=6, max_epochs=1)
    _, whole = fit(tmp_path / "whole", batch_size=24, max_epochs=1)
    assert list(chain(*module.seen)) == whole.seen[0][12:]


@pytest.mark.parametrize("replicas", [2, 3])
def test_other_processes_share_out_the_samples_left(replicas: int) -> None:
    whole = list(EpochSampler(split=Numbers(24), replicas=1, rank=0, seed=4))  # type: ignore[arg-type]
    left = []
    for rank in range(replicas):
        sampler = EpochSampler(split=Numbers(24), replicas=replicas, rank=rank, seed=4)  # type: ignore[arg-type]
        sampler.first = 10
        left.append(list(sampler))
    assert sorted(chain(*left)) == sorted(whole[10 : 10 + 14 // replicas * replicas])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed": 3}, r"with datamodule\.seed 2, and this run has 3: samples would be left out or seen twice"),
        ({"size": 30}, r"with a training split of the size 24, and this run has 30"),
        ({"batch_size": 16}, "the rest of it fills no batch of this run; resume with the batch size"),
    ],
)
def test_an_epoch_that_cannot_go_on_is_refused(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    last = stopped(tmp_path, 7)
    with pytest.raises(UserError, match=said):
        fit(tmp_path, resume_from=last, **settings)


def test_at_an_epochs_end_the_seed_and_the_size_may_change(tmp_path: Path) -> None:
    last = stopped(tmp_path, 1, moment="on_train_epoch_end")
    _, module = fit(tmp_path, resume_from=last, seed=3, size=30)
    assert sorted(chain(*module.seen)) == list(range(30))


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(UserError, match=r"has 2 epochs behind it, more than trainer\.max_epochs=1; give "):
        fit(tmp_path, resume_from=last, max_epochs=1)
    assert fit(tmp_path, resume_from=last)[1].seen == []


def test_an_optimizer_of_other_parameters_is_refused(tmp_path: Path) -> None:
    last = stopped(tmp_path, 3)

    def fewer(parameters: Any) -> torch.optim.SGD:
        return torch.optim.SGD(list(parameters)[:2], lr=0.1, momentum=0.9)

    with pytest.raises(UserError, match=r"an optimizer of \[4\] parameters \(per group\), and this run's has \[2\]"):
        fit(tmp_path, resume_from=last, optimizer=fewer)


def test_early_stopping_is_as_patient_as_asked_for(tmp_path: Path) -> None:
    worse = {"optimizer": sgd(0.01, maximize=True), "max_epochs": 9}
    trainer, _ = fit(tmp_path, patience=1, **worse)
    assert trainer.current_epoch == 2
    resumed, _ = fit(tmp_path, resume_from=tmp_path / "checkpoints" / "last.ckpt", patience=4, **worse)
    assert resumed.current_epoch == 5


class EndsEarly(Callback):
    """Ends the training as ``max_time`` does, after ``step`` steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *of: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step == self.step


@pytest.mark.parametrize("settings", [{"max_steps": 3}, {"max_steps": 15}, {"callbacks": 3}, {"max_steps": 12}])
def test_what_ends_amid_an_epoch_is_validated_kept_and_goes_on(tmp_path: Path, settings: dict[str, int]) -> None:
    own = [EndsEarly(count) for name, count in settings.items() if name == "callbacks"]
    limit = {name: count for name, count in settings.items() if name != "callbacks"}
    fit(tmp_path, *own, **limit)
    best, last = (tmp_path / "checkpoints" / name for name in ("best.ckpt", "last.ckpt"))
    steps = next(iter(settings.values()))
    assert torch.load(last, weights_only=True)["global_step"] == steps
    assert best.is_file()
    _, resumed = fit(tmp_path, resume_from=last)
    _, whole = fit(tmp_path / "whole")
    assert resumed.seen == whole.seen[steps:]
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
    assert rows(tmp_path) == rows(tmp_path / "whole")


def test_max_steps_again_and_again(tmp_path: Path) -> None:
    last = None
    seen = []
    for limit in (3, 14, 16, 24):
        _, module = fit(tmp_path, resume_from=last, max_steps=limit)
        last, seen = tmp_path / "checkpoints" / "last.ckpt", seen + module.seen
    assert seen == fit(tmp_path / "whole")[1].seen


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(
    ("moment", "count"),
    [
        *(("on_train_batch_start", count) for count in (1, 6, 7, 12, 20)),
        ("on_validation_batch_start", 1),
        ("on_train_epoch_end", 1),
    ],
)
def test_metrics_csv_has_the_rows_of_a_run_that_was_not_stopped(
    tmp_path: Path, moment: str, count: int, every: int
) -> None:
    fit(tmp_path / "whole", log_every_n_steps=every)
    last = stopped(tmp_path / "stopped", count, moment=moment, log_every_n_steps=every)
    fit(tmp_path / "stopped", resume_from=last, log_every_n_steps=every)
    assert rows(tmp_path / "stopped") == rows(tmp_path / "whole")


class Dies(Callback):
    def on_train_batch_start(self, trainer: Trainer, *of: Any) -> None:
        if trainer.global_step == 20:
            raise RuntimeError("dies here")


def test_steps_done_again_after_a_crash_have_one_row(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="dies here"):
        fit(tmp_path, Dies())
    assert len(rows(tmp_path)) == 20
    # logged less often, and at other rates: no row of the steps 12 to 19 that were lost may stay
    fit(tmp_path, resume_from=tmp_path / "checkpoints" / "last.ckpt", log_every_n_steps=5)
    assert [step for step, _ in rows(tmp_path)] == [*range(12), 14, 19]


def test_ctrl_c_writes_the_state_and_ends_with_130(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Interrupted) as stop:
        fit(tmp_path, Stop(5, number=signal.SIGINT))
    assert stop.value.code == 130
    assert "told to stop at step 5 by Ctrl-C; the state is in " in caplog.text
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 5
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Twice(Callback):
    """Presses Ctrl-C in the first step, and again in it, ``gap`` seconds later by the run's clock."""

    def __init__(self, gap: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gap, self.monkeypatch = gap, monkeypatch

    def on_train_batch_start(self, trainer: Trainer, *of: Any) -> None:
        if trainer.global_step == 0:
            for now in (100.0, 100.0 + self.gap):
                self.monkeypatch.setattr("src.engine.callbacks.last_checkpoint.time.monotonic", lambda now=now: now)
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("gap", "saved"), [(2.0, False), (0.1, True)])
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, gap: float, saved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted) as stop:
        fit(tmp_path, Twice(gap, monkeypatch))
    assert stop.value.code == 130
    # torchrun sends the Ctrl-C of the terminal a second time
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file() is saved
    signal.signal(signal.SIGINT, signal.default_int_handler)
