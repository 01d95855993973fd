"""Which process of a run this one is, by the environment of Lightning, torchrun and Slurm."""

import os

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Return whether this is the only process of its run, or the first of several."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
