"""What an offline run of Weights & Biases holds."""

from pathlib import Path
from typing import NamedTuple

_FILE_HEADER, _CHUNK_HEADER = 7, 7


class WandbRun(NamedTuple):
    """How a run is called, and the group it is in."""

    name: str
    group: str


def only_run(wandb: Path) -> WandbRun:
    """The one offline run in the folder ``wandb``, from the first records of its log."""
    from wandb.proto import wandb_internal_pb2 as proto

    (log,) = wandb.glob("offline-run-*/run-*.wandb")
    data, place = log.read_bytes(), _FILE_HEADER
    while place < len(data):
        size = int.from_bytes(data[place + 4 : place + 6], "little")
        record = proto.Record()
        record.ParseFromString(data[place + _CHUNK_HEADER : place + _CHUNK_HEADER + size])
        if record.WhichOneof("record_type") == "run":
            return WandbRun(record.run.display_name, record.run.run_group)
        place += _CHUNK_HEADER + size
    raise AssertionError(f"{log} holds no run")
