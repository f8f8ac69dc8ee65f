"""Reading HDF5 in a process of its own.

Random bytes in a file make HDF5 crash, or loop for ever. Here that ends a process and
becomes one line. The process is started once and reads one file after the other; it is ended
with a file that was refused, whatever state that left it in.

The rule of this module: nothing that happens to the process crashes or stops this one, and
nothing that it sends is taken without a check.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from layersight.errors import ModelFileError
from layersight.loading.bounded import MAX_CONFIG, bytes_allowed, bytes_stored, check_regular
from layersight.loading.frames import ProtocolError, RemoteError
from layersight.loading.process import PROGRAM, GoneError, Process

if TYPE_CHECKING:  # else imported late: the process starts while NumPy is imported here
    from layersight.loading.contents import Contents

PATIENCE = 20.0  # seconds for which the process may be silent while it reads
START = 120.0  # seconds that it may take to start: libraries on a slow disk take their time
SLOWEST = 1 << 20  # bytes a second of a slow disk: reading may take as long as that in all
KINDS = {"model": "HDF5", "weights": "HDF5", "archive": ".keras"}  # what can be read


class Reader:
    """The process, for one thread at a time.

    ``patience`` and ``start`` are how long it may be silent and take to start, in seconds.
    """

    def __init__(
        self, program: str = PROGRAM, *, patience: float = PATIENCE, start: float = START
    ) -> None:
        self._program, self._patience, self._start = program, patience, start
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._ready = False

    def start(self) -> None:
        """Starts the process if there is none, and does not wait for it."""
        with self._lock, contextlib.suppress(OSError):  # reported when a file is read
            self._running()

    def stop(self) -> None:
        """Ends the process, even while a file is read."""
        self._end()

    def forget(self) -> None:
        """Drops a process that belongs to the one which this was forked from."""
        if self._process is not None:
            self._process.forget()
        self._process, self._lock = None, threading.Lock()

    def read(self, job: str, path: Path) -> Contents:
        """Reads a file."""
        check_regular(path)
        with self._lock:
            try:
                return self._collect(self._ask(job, path), job, path)
            except BaseException:  # an interruption too: its state is unknown
                self._end()
                raise

    def _running(self) -> Process:
        if self._process is not None and not self._process.alive():
            self._end()
        if self._process is None:
            self._process, self._ready = Process(self._program), False
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _ask(self, job: str, path: Path) -> Process:
        """Hands the file to the process; to a new one if that ended before it began."""
        folder = None if path.is_absolute() else str(Path.cwd())
        request = {"job": job, "path": str(path), "folder": folder}
        problem = ""
        cause: Exception | None = None
        for _ in range(2):
            try:
                process = self._running()
                with process.watched(self._start, self._start):
                    if not self._ready:
                        process.frames.message()
                    self._ready = True
                    process.ask(request)
                    process.frames.alive()
                return process
            except (OSError, GoneError, ProtocolError, RemoteError) as error:
                started, cause = self._process, error
                self._end()
                line = "" if started is None else started.last_error()
                problem = f"{error}: {line}" if line else str(error)
        raise ModelFileError(
            f"cannot read {path}: the process that reads HDF5 does not start ({problem}): does "
            "'python -c \"import h5py\"' work?"
        ) from cause

    def _collect(self, process: Process, job: str, path: Path) -> Contents:
        from layersight.loading.contents import collect

        try:
            total = self._patience + bytes_stored(path) / SLOWEST
            with process.watched(self._patience, total):
                return collect(process.frames, bytes_allowed(path) + 4 * MAX_CONFIG)
        except GoneError as error:
            if process.failed():
                raise ModelFileError(
                    f"cannot read {path}: the process that reads HDF5 failed "
                    f"({process.last_error()})"
                ) from error
            raise _damaged(path, job, process.why()) from error
        except ProtocolError as error:
            raise _damaged(path, job, f"reading it gave {error}") from error


def _damaged(path: Path, job: str, why: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is a damaged {KINDS[job]} file ({why}): download or save it again"
    )


_reader = Reader()
atexit.register(_reader.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reader.forget)


def expect(*sources: object) -> None:
    """Starts the process if one of these is a file, so that it is ready when it is needed."""
    named = (source for source in sources if isinstance(source, str | os.PathLike))
    if any(os.path.isfile(source) for source in named):  # noqa: PTH113 - never raises
        _reader.start()


def read_contents(job: str, path: Path) -> Contents:
    """Reads a file as :meth:`Reader.read` does, by the process that all share."""
    return _reader.read(job, path)
