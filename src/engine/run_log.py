"""``run.log``: what a run prints, in the folder of the run."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from src.core.output import discard, is_reader_gone
from src.engine.sweep_summary import JobFailedError

# how tqdm draws: a bar, the count, the time
_BAR = re.compile(r"\|\s*\d+/(\d+|\?) \[\d+:\d+<")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_log_file: "_LogFile | None" = None


@contextmanager
def recorded(path: Path, readable: Callable[[BaseException], str | None]) -> Iterator[None]:
    """While the block runs, append what it prints to ``path``: stdout, stderr, log messages and warnings.

    Each line is written at once and whole, so that the processes of one training may share the file. Progress bars are
    left out. An error that leaves the block is recorded as the terminal shows it: by the message of ``readable``, or by
    its traceback where there is none.
    """
    global _log_file
    before, log = _log_file, _LogFile(path)
    _log_file = log
    streams = sys.stdout, sys.stderr
    out, err = _Recorded(sys.stdout), _Recorded(sys.stderr)
    sys.stdout, sys.stderr = out, err
    _redirect_handlers({id(old): new for old, new in zip(streams, (out, err), strict=True)})
    try:
        yield
    except BaseException as error:
        out.end()
        err.end()
        log.write(_text_of(error, readable).splitlines())
        raise
    finally:
        out.end()
        err.end()
        _redirect_handlers({id(new): old for old, new in zip(streams, (out, err), strict=True)})
        sys.stdout, sys.stderr = streams
        log.close()
        _log_file = before


class _LogFile:
    """Appends whole lines; opened by the first one. A disk that is full ends the recording, not the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def write(self, lines: Iterable[str]) -> None:
        # of a line that a progress bar has written over, the text that stays
        kept = [_CONTROL.sub("", line).rstrip("\r").rpartition("\r") for line in lines]
        shown = (last.rstrip() for over, _, last in kept if (last.strip() or not over) and not _BAR.search(last))
        text = "".join(f"{line}\n" for line in shown)
        if not text:
            return
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.write(self._file, text.encode("utf-8", "backslashreplace"))
        except OSError:
            return

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _Recorded:
    """A stream whose whole lines go to the log file too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        self._show(lambda: self._stream.write(text))
        *lines, self._rest = (self._rest + text).split("\n")
        if _log_file is not None and lines:
            _log_file.write(lines)
        return len(text)

    def flush(self) -> None:
        self._show(self._stream.flush)

    def _show(self, output: Callable[[], object]) -> None:
        """Call ``output``; a run whose output nobody reads any more goes on, and its log file has the rest."""
        try:
            output()
        except OSError as error:
            if not is_reader_gone(error):
                raise
            discard(self._stream)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def end(self) -> None:
        """Record a last line that was not ended, unless it is a progress bar."""
        if self._rest and "\r" not in self._rest and _log_file is not None:
            _log_file.write([self._rest])
        self._rest = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _redirect_handlers(streams: dict[int, Any]) -> None:
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            stream = getattr(handler, "stream", None)
            if isinstance(handler, logging.StreamHandler) and id(stream) in streams:
                handler.setStream(streams[id(stream)])


def _text_of(error: BaseException, readable: Callable[[BaseException], str | None]) -> str:
    if isinstance(error, JobFailedError):
        # logged where the job failed
        return ""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, str) else ""
    message = readable(error)
    if message is None and isinstance(error, KeyboardInterrupt):
        message = "Stopped by Ctrl-C."
    return "\n" + (message or "".join(traceback.format_exception(error)))
