"""Weights & Biases, offline unless a key is at hand, and never in the way of a training."""

import logging
import netrc
import os
import secrets
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from src.core.checkpoint_file import LAST, PREVIOUS
from src.core.errors import UserError
from src.core.files import write_text
from src.engine.sweep_job import job_number, sweep_name

_log = logging.getLogger(__name__)
# beside wandb's own folders, so that whatever clears those makes the next start a new run
_ID_FILE = Path("wandb") / "run_id.txt"


def wandb_logger(
    *,
    project: str,
    name: str,
    group: str | None,
    tags: Sequence[str],
    save_dir: str,
    log_media: bool,
    log_file_names: bool = False,
    resume: bool | str | None,
    init_timeout: float,
    finish_timeout: float,
) -> WandbLogger:
    """A logger of numbers and the config; ``log_media`` alone lets pictures be uploaded.

    ``log_file_names``: whether their captions may name the files of images, which can hold patients' ids; without it
    the pictures of such a run name rows.

    The terminal's text, which may name files, is not captured. Without a key, and unless ``WANDB_MODE`` says
    otherwise, the run is kept in ``save_dir`` for ``wandb sync``; so it is where the server does not answer within
    ``init_timeout`` seconds, or does not take the rest within ``finish_timeout`` seconds at the end. A start that
    continues a checkpoint of ``save_dir`` by ``resume`` continues the W&B run of that folder too. The runs of a sweep
    carry their job's number, and make a group of the sweep's name where ``group`` names none.

    The first thing that is logged raises UserError where W&B refuses the key, or cannot be started at all.
    """
    for setting, value in (("init_timeout", init_timeout), ("finish_timeout", finish_timeout)):
        if not value > 0:
            raise UserError(f"logger.wandb.{setting} is {value}, but must be above 0")
    number = job_number()
    if number is not None:
        name, group = f"{name}_{number}", group or sweep_name()
    return _PatientLogger(
        project=project,
        name=name,
        group=group,
        tags=list(tags),
        save_dir=save_dir,
        mode=os.environ.get("WANDB_MODE", "online" if _has_key(os.environ) else "offline"),
        log_model=False,
        log_media=log_media,
        log_file_names=log_file_names,
        continues=bool(resume) and any((Path(save_dir) / "checkpoints" / file).is_file() for file in (LAST, PREVIOUS)),
        settings={
            "console": "off",
            "disable_code": True,
            "init_timeout": init_timeout,
            "finish_timeout": finish_timeout,
            "finish_timeout_raises": True,
        },
    )


def preempt_wandb() -> None:
    """Say of this process's run that it is stopped and will go on, before it is finished as failed."""
    run = _open_run()
    if run is not None:
        _attempt(run.mark_preempting)


def finish_wandb(*, failed: bool) -> None:
    """Close this process's run, so that the next job of a sweep gets one of its own; nothing where none is open.

    Raises nothing: what could not be sent stays in the run's folder, and one line says so.
    """
    run = _open_run()
    if run is not None:
        _attempt(lambda: run.finish(exit_code=int(failed)))


class _PatientLogger(WandbLogger):
    """Goes offline where the server is not there, and falls silent where wandb's own process has died."""

    def __init__(self, *, log_media: bool, log_file_names: bool, continues: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self.log_media = log_media
        self.log_file_names = log_file_names
        self._continues = continues
        self._silent = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run of wandb, begun when first asked for."""
        if self._experiment is None:
            self._begin()
        return self._experiment

    def log_hyperparams(self, params: Any) -> None:
        self._tell(super().log_hyperparams, params)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._tell(super().log_metrics, metrics, step)

    def log_image(self, key: str, images: list[Any], step: int | None = None, **settings: Any) -> None:
        self._tell(lambda: super(_PatientLogger, self).log_image(key, images, step, **settings))

    def _tell(self, log: Callable[..., Any], *what: Any) -> None:
        # outside of the attempt: a run that cannot begin is an error
        _ = self.experiment
        if not self._silent:
            self._silent = not _attempt(lambda: log(*what))

    def _begin(self) -> None:
        import wandb

        init = self._wandb_init
        # Lightning's None for it draws a warning
        init.pop("anonymous", None)
        init["id"] = self._id = self._run_id()
        reason = _why_unreachable(init["settings"]["init_timeout"]) if init["mode"] == "online" else None
        try:
            if reason is None:
                try:
                    _ = super().experiment
                    return
                except wandb.errors.AuthenticationError:
                    raise
                except wandb.errors.CommError as error:
                    reason = _first_line(error)
                    _let_go()
            init["mode"] = "offline"
            _ = super().experiment
        except wandb.errors.Error as error:
            raise UserError(
                f"logger=wandb: {_first_line(error)}; correct WANDB_API_KEY (wandb login), or set WANDB_MODE=offline."
            ) from error
        folder = self._experiment.settings.sync_dir  # type: ignore[union-attr]
        _log.warning("W&B cannot be used (%s); the run is kept offline: wandb sync %s sends it.", reason, folder)

    def _run_id(self) -> str:
        """That of the run which is continued, or a new one, which is written down."""
        file = Path(str(self._save_dir)) / _ID_FILE
        if self._continues and file.is_file() and (known := file.read_text(encoding="utf-8").strip()):
            return known
        new = secrets.token_hex(4)
        write_text(file, new + "\n")
        return new


def _open_run() -> Any:
    wandb = sys.modules.get("wandb")
    return None if wandb is None else wandb.run


def _attempt(tell: Callable[[], Any]) -> bool:
    """Whether wandb took it; where it did not, one line says what has become of the run, and wandb is let go of."""
    import wandb
    from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError

    folder = wandb.run.settings.sync_dir if wandb.run is not None else None
    try:
        tell()
    # wandb's own process is spoken to through a socket
    except (OSError, wandb.errors.Error, HandleAbandonedError, MailboxClosedError) as error:
        _log.warning(
            "W&B takes no more of this run (%s); wandb sync %s sends what is kept.", _first_line(error), folder
        )
        if not isinstance(error, TimeoutError):
            _let_go()
        return False
    return True


def _let_go() -> None:
    """End wandb's own process, or what is left of it: else it would fail again, at length, when Python ends."""
    import wandb

    for end in (wandb.finish, wandb.teardown):
        with suppress(Exception, SystemExit):
            end()
    wandb.run = None


def _why_unreachable(timeout: float) -> str | None:
    """Why nothing answers at W&B's address within ``timeout`` seconds; None where anything does.

    wandb finds out by itself, but only after several times as long, and leaves an empty run behind.
    """
    import wandb

    settings = wandb.setup().settings
    if settings.http_proxy or settings.https_proxy:
        return None
    try:
        urllib.request.build_opener(_NoRedirects).open(settings.base_url, timeout=timeout).close()
    except urllib.error.HTTPError:
        return None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        # it is wandb's business whom it trusts
        return None if isinstance(reason, ssl.SSLError) else f"{settings.base_url}: {_first_line(reason)}"
    return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer is an answer, wherever it points."""

    def redirect_request(self, *of: Any) -> None:
        del of


def _first_line(error: object) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _has_key(environment: Mapping[str, str]) -> bool:
    if environment.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc(environment.get("NETRC", str(Path.home() / ".netrc")))
    except (OSError, netrc.NetrcParseError):
        return False
    return known.authenticators("api.wandb.ai") is not None
