"""The config's top level: a key that is not here, or of another type, is refused when the config is composed."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from src.engine import by_fraction, run_folder

# whoever composes a config needs the schema, and its yamls need these
by_fraction.register()
run_folder.register()


@dataclass
class RunConfig:
    """One run. The groups (``Any``) are checked against their constructors' signatures by ``engine.validate``."""

    name: str = MISSING
    seed: int = MISSING
    rules: str = MISSING
    resume: Any = MISSING
    checkpoint: str | None = MISSING
    weights: str = MISSING
    force_transform: bool = False
    num_prototypes: int = MISSING
    resamples: int = MISSING
    task: Any = MISSING
    bench: Any = MISSING
    encoder: Any = MISSING
    model: Any = MISSING
    loss: Any = MISSING
    store: Any = MISSING
    dataset: Any = MISSING
    transform: Any = MISSING
    datamodule: Any = MISSING
    prompts: Any = None
    probe: Any = MISSING
    head: Any = MISSING
    tuning: Any = MISSING
    mask_loss: Any = MISSING
    optimizer: Any = MISSING
    scheduler: Any = MISSING
    trainer: Any = MISSING
    callbacks: Any = None
    logger: Any = None
    paths: Any = MISSING
    not_reproduced: Any = MISSING
