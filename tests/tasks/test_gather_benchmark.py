"""Real processes: the step that is called global contrasts with the pairs of both, the local one with its own."""

from types import SimpleNamespace

import pytest

from src.core.errors import UserError
from src.engine.optimizers import AdamW
from src.tasks.gather_benchmark import GatherBenchmark
from tests.tasks.made_pairs import made_batch, made_module

GIVEN = {
    "device": "cpu",
    "precision": "32-true",
    "processes": 2,
    "global_batch_sizes": [8, 20],
    "warmup": 0,
    "repeats": 2,
    "exchanges": 2,
}


def test_two_processes_report_steps_and_exchanges():
    module = made_module(["ita", "cta", "cpa"])
    text = GatherBenchmark(**GIVEN)(
        model=module.model,
        loss=module.loss,
        optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0, decay_norms_and_biases=False),
        datamodule=SimpleNamespace(train_dataloader=lambda: [made_batch(6)]),
    )
    lines = text.splitlines()
    assert "2 processes" in lines[0]
    assert "(gloo), 6 pairs each" in lines[0]
    assert next(line for line in lines if "negatives=local" in line).endswith("among 6")
    assert next(line for line in lines if "negatives=global" in line).endswith("among 12")
    assert any(line.startswith("ratio global / local") for line in lines)
    assert [line.split()[0] for line in lines if "pairs in all" in line] == ["8", "20"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"processes": 1}, "bench.processes=1"), ({"global_batch_sizes": [8, 9]}, "multiple of bench.processes=2")],
)
def test_what_cannot_be_shared_is_refused(changed, message):
    with pytest.raises(UserError, match=message):
        GatherBenchmark(**{**GIVEN, **changed})
