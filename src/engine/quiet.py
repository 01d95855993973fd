"""Silences other libraries' advice that a user of this project cannot act on."""

import logging
import os
import warnings

_TALKATIVE = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.pytorch.trainer.connectors.checkpoint_connector",
    "lightning.fabric.utilities.distributed",
    "lightning.fabric.utilities.seed",
)


def silence_libraries() -> None:
    """Set the environment, the log levels and the warning filters; call it before the libraries are imported."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="Experiment logs directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.* is deprecated.*")
    # the figures of all processes are averaged before they are logged
    warnings.filterwarnings("ignore", message="It is recommended to use .* sync_dist=True.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings(
        "ignore", message="The number of training batches .* is smaller than the logging interval.*"
    )
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message="The dirpath has changed from .*")
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step\\(\\).* before .*optimizer.step.*")
    # of narrow convolutions under ddp, from every process
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides.*")
