"""Which of the saved checkpoints is the best."""

import logging
from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from src.core.checkpoint import read_checkpoint

_log = logging.getLogger(__name__)


def best_checkpoint(callback: object, resume_from: Path | None) -> Path | None:
    """The checkpoint of the best score that ``callback`` saved, or that the continued run had saved before.

    A resumed run writes to a folder of its own, where Lightning forgets the earlier best. None where nothing was saved,
    because no validation ran: the model is then that of the last step, as a warning says.
    """
    if not isinstance(callback, ModelCheckpoint):
        return None
    states = {} if resume_from is None else read_checkpoint(resume_from).get("callbacks", {})
    found = [(callback.best_model_score, callback.best_model_path)]
    found += [
        (state["best_model_score"], state["best_model_path"])
        for key, state in states.items()
        if key == callback.state_key
    ]
    known = [(float(score), Path(path)) for score, path in found if score is not None and Path(path).is_file()]
    if not known:
        _log.warning(
            "no validation gave %s, so that there is no best checkpoint: the model of the last step is evaluated.",
            callback.monitor,
        )
        return None
    return (min if callback.mode == "min" else max)(known)[1]
