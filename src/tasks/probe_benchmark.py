"""The table of linear probes, fractions by seeds, filled by the published protocol and from features computed once."""

import platform
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from lightning import Trainer
from torch import nn

from src.data.datamodule import PairDataModule
from src.data.sources import SPLITS
from src.evaluation.class_table import percent
from src.evaluation.measure import masked_auroc
from src.evaluation.resample import evaluable_findings
from src.models.features import ImageEncoder
from src.tasks.probes.cached import CachedProbe
from src.tasks.probes.fit import Fit, Probe, ProbeInput
from src.tasks.probes.trained import TrainedProbe


class _Filled(NamedTuple):
    seconds: float
    auroc: dict[tuple[float, int], float]


class ProbeBenchmark:
    """Times both probes over the same images, fractions and seeds, and holds their AUROCs side by side.

    Images are read before the clock starts. The published protocol's time is that of one run a fraction and seed.
    """

    def __init__(self, *, published: TrainedProbe, cached: CachedProbe) -> None:
        self.published = published
        self.cached = cached

    def __call__(
        self,
        *,
        image_encoder: ImageEncoder,
        labelled_images: Callable[..., PairDataModule],
        make_head: Callable[..., nn.Module],
        make_trainer: Callable[..., Trainer],
    ) -> str:
        """The seconds of both, their ratio, and each fraction's AUROC over the seeds."""

        def fill(probe: Probe, fraction: float, seed: int) -> _Filled:
            datamodule = labelled_images(
                batch_size=probe.batch_size, drop_last=probe.drop_last, fraction=fraction, seed=seed
            )
            for split in SPLITS:
                datamodule.split(split)
            torch.manual_seed(seed)
            start = time.perf_counter()
            fits = probe(
                ProbeInput(
                    encoder=image_encoder,
                    datamodule=datamodule,
                    make_head=make_head,
                    make_trainer=make_trainer,
                    judge_on="test",
                    resume_from=None,
                )
            )
            seconds = time.perf_counter() - start
            return _Filled(seconds, {_cell(fit, fraction, seed): _auroc(fit, datamodule) for fit in fits})

        cached = fill(self.cached, 1.0, self.cached.seeds[0])
        runs = [fill(self.published, *cell) for cell in cached.auroc]
        published = _Filled(sum(run.seconds for run in runs), {k: v for run in runs for k, v in run.auroc.items()})
        return "\n".join(
            [
                f"CPU {platform.machine()}, {torch.get_num_threads()} threads; {type(image_encoder.model).__name__}, "
                f"{len(self.cached.fractions)} fractions x {len(self.cached.seeds)} seeds",
                f"published protocol   {published.seconds:10.2f} s",
                f"features cached      {cached.seconds:10.2f} s",
                f"published / cached   {published.seconds / cached.seconds:10.1f}      asked: 20",
                "",
                "AUROC, mean and sample standard deviation over seeds",
                *(_line(fraction, published.auroc, cached.auroc) for fraction in self.cached.fractions),
            ]
        )


def _cell(fit: Fit, fraction: float, seed: int) -> tuple[float, int]:
    return fit.settings.get("datamodule.fraction", fraction), fit.settings.get("seed", seed)


def _auroc(fit: Fit, datamodule: PairDataModule) -> float:
    label_NF = torch.from_numpy(datamodule.split("test").label_KF)
    judged = evaluable_findings(label_NF)
    return float(masked_auroc(fit.judged_NF[:, judged], label_NF[:, judged]).mean())


def _line(fraction: float, *tables: dict[tuple[float, int], float]) -> str:
    texts = []
    for name, table in zip(("published", "cached"), tables, strict=True):
        values = [value for (share, _), value in table.items() if share == fraction]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        texts.append(f"{name} {statistics.mean(values):.4f} ± {spread:.4f}")
    return f"{percent(fraction):>5}   " + "   ".join(texts)
