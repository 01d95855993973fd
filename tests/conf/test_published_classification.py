"""The published experiments' settings of pretraining, classification and zero-shot tasks, beside those of the released
code: github.com/HKU-MedAI/MGCA, ``ssl_finetuner.py``, ``mgca_finetuner.py``, ``data_module.py`` and ``mgca_module.py``.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

CLASSIFY = ("classify/chexpert", "classify/rsna", "classify/covidx")
PRETRAIN = ("mgca_vit", "mgca_resnet50")
JUDGE = (
    *("zero_shot/chexpert", "zero_shot/chexpert_5x200", "zero_shot/rsna", "zero_shot/covidx"),
    *("retrieve/mimic_cxr", "ground/ms_cxr"),
)


@pytest.mark.parametrize("experiment", [*CLASSIFY, *PRETRAIN, *JUDGE])
def test_published_experiments_compute_in_float32(experiment: str, composed: Callable[..., Any]) -> None:
    config = composed(f"+experiment={experiment}")
    assert (config.rules, config.trainer.precision) == ("published", "32-true")


def test_other_trainings_on_a_gpu_keep_bfloat16(composed: Callable[..., Any]) -> None:
    assert composed("trainer=gpu").trainer.precision == "bf16-mixed"
    # a word on the command line still decides
    assert composed("+experiment=mgca_vit", "trainer.precision=bf16-mixed").trainer.precision == "bf16-mixed"


@pytest.mark.parametrize("experiment", CLASSIFY)
def test_the_linear_probe(experiment: str, composed: Callable[..., Any]) -> None:
    config = composed(f"+experiment={experiment}")
    probe = config.probe
    assert (probe.frozen, probe.batch_size, probe.drop_last) == (True, 48, True)
    assert (probe.max_epochs, probe.patience) == (50, 10)
    stopping = config.callbacks.early_stopping
    assert (stopping.monitor, stopping.mode, stopping.min_delta) == ("val/loss", "min", 0)
    assert (config.callbacks.checkpoint.monitor, config.callbacks.checkpoint.mode) == ("val/loss", "min")
    assert (config.datamodule.sampling, config.head.dropout) == ("published", 0)
    layer = torch.nn.Linear(3, 2)
    optimizer = instantiate(probe.optimizer)([layer])
    assert type(optimizer) is torch.optim.AdamW
    decayed = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decayed == {id(layer.weight): 1e-6, id(layer.bias): 1e-6}
    for group in optimizer.param_groups:
        assert (group["lr"], tuple(group["betas"])) == (5e-4, (0.9, 0.999))
    # no schedule
    schedule = instantiate(probe.scheduler)(optimizer, 100)
    for _ in range(100):
        optimizer.step()
        schedule.step()
    assert {group["lr"] for group in optimizer.param_groups} == {5e-4}


def test_the_cached_probe_is_the_same_protocol(composed: Callable[..., Any]) -> None:
    published, cached = (composed("task=classify", f"probe={name}").probe for name in ("published", "cached"))
    for name in ("batch_size", "drop_last", "max_epochs", "patience"):
        assert cached[name] == published[name]
    assert (cached.weight_decay, list(cached.betas)) == (published.optimizer.weight_decay, published.optimizer.betas)
    assert list(cached.lrs) == [published.optimizer.lr]


@pytest.mark.parametrize("experiment", PRETRAIN)
def test_pretraining_drops_incomplete_batches(experiment: str, composed: Callable[..., Any]) -> None:
    data = composed(f"+experiment={experiment}").datamodule
    assert (data.batch_size, data.drop_last, data.max_tokens, data.pad_to) == (72, True, 112, "max_tokens")
    assert composed("task=pretrain").datamodule.drop_last is False


def test_what_cannot_be_as_published_is_said(composed: Callable[..., Any]) -> None:
    said = {name: composed(f"+experiment=classify/{name}").not_reproduced for name in ("chexpert", "covidx", "rsna")}
    assert "4,890 of the 5,000 published validation images also train" in said["chexpert"][0]
    assert "drawn singly" in said["covidx"][0]
    assert not said["rsna"]
