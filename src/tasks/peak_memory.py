"""How much memory a job takes at most, on a GPU or a CPU."""

import json
import os
import tempfile
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from src.tasks.benchmarked_step import Step, wait


def peak_bytes(job: Step, device: str) -> int:
    """How many bytes torch's allocator hands out at most while ``job`` runs, beyond those handed out before it.

    On a CPU as well the allocator is asked, by the profiler, and not the system: to the byte, the same each time, and
    blind to pages that were freed but not given back, so that one job does not disturb the next. What libraries take
    behind its back, and the program itself, are not in it.
    """
    if device == "cuda":
        wait(device)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        job()
        wait(device)
        return torch.cuda.max_memory_allocated() - before
    # the profiler announces its start and stop on the screen otherwise
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        job()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_bytes())["traceEvents"]
    changes = sorted((e["ts"], e["args"]["Ev Idx"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]")
    now = peak = 0
    for *_, change in changes:
        now += change
        peak = max(peak, now)
    return peak
