"""Bytes counted as worked out by hand, and the order in which the variants must stand."""

from types import SimpleNamespace

import pytest
import torch

from src.core.errors import UserError
from src.engine.optimizers import AdamW
from src.losses.ita import InstanceAlignment
from src.tasks.memory_benchmark import MemoryBenchmark, made_embeddings
from src.tasks.peak_memory import peak_bytes
from tests.tasks.made_pairs import made_batch, made_module

GIVEN = {
    "device": "cpu",
    "precision": "32-true",
    "micro_batch_sizes": [4],
    "losses": ["ita", "cpa"],
    "processes": 8,
    "global_batch_sizes": [512],
    "warmup": 0,
    "repeats": 1,
}


def test_the_peak_is_what_was_held_at_once_and_had_not_been_there_before():
    before = [torch.ones(1000)]

    def job() -> None:
        before.clear()
        first = torch.ones(500)
        torch.ones(100)
        del first
        torch.ones(300)

    assert peak_bytes(job, "cpu") == 4 * (500 + 100)
    assert peak_bytes(job, "cpu") == 4 * (500 + 100)


@pytest.mark.parametrize("own", [64, 512])
def test_ita_holds_four_matrices_of_its_own_rows_and_all_columns(own):
    loss = InstanceAlignment(weight=1.0, temperature=0.1, rules="corrected")
    embeddings = made_embeddings(own, 512, 8, "cpu")
    matrix = own * 512 * 4
    # the logits and log-probabilities of both directions, or their gradients; vectors are small beside them
    assert peak_bytes(lambda: loss(embeddings).backward(), "cpu") / matrix == pytest.approx(4, rel=0.2)


def report(**changed) -> str:
    module = made_module(["ita", "cpa"])
    return MemoryBenchmark(**{**GIVEN, **changed})(
        model=module.model,
        loss=module.loss,
        optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0, decay_norms_and_biases=False),
        datamodule=SimpleNamespace(train_dataloader=lambda: [made_batch(16)]),
    )


def test_every_variant_and_loss_has_its_row():
    lines = report().splitlines()
    steps = [line for line in lines if line.startswith(("plain", "micro-batches"))]
    plain, whole, own = (float(line.split("MiB")[-1].split()[0]) for line in steps)
    assert "whole_batch_norm=true" in steps[1]
    assert "whole_batch_norm=false" in steps[2]
    # the encoders of this model are next to nothing beside its projections
    assert plain == 1
    assert own < 0.6
    assert whole == pytest.approx(1, rel=0.2)
    # half of 16 pairs is one micro-batch of 8, of which more would not follow
    assert " MiB" not in next(
        line for line in report(micro_batch_sizes=[8]).splitlines() if "micro-batches of 8" in line
    )
    ita, cpa = (next(line.split() for line in lines if line.startswith(name)) for name in ("ita", "cpa"))
    assert ita[1] == cpa[1] == "512"
    assert float(ita[4]) == pytest.approx(8, rel=0.15)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"micro_batch_sizes": [9]}, "raise datamodule.batch_size"),
        ({"losses": ["cta"]}, "bench.losses has cta"),
        ({"global_batch_sizes": [12]}, "multiple of bench.processes=8"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    with pytest.raises(UserError, match=message):
        report(**changed)
