"""The program: it takes requests from its standard input and answers each with frames.

The system bounds its memory and time, and lets it write no file; where it has no such bounds, the
process runs without, and is watched from outside in any case.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from layersight.errors import LayersightError
from layersight.hdf5.files import read_archive, read_model, read_weights
from layersight.loading.bounded import bytes_allowed, bytes_stored
from layersight.loading.frames import Frame, write_frame

if sys.platform != "win32":
    import resource

SECONDS = 10  # of a processor that a file may take, and that may pass between two frames
RATE = 10 << 20  # bytes of a file for one second more; reading takes less than a tenth of that
MEMORY = 1 << 30  # bytes that a file may take beside what is held of it


def forbid_writing() -> None:
    """Forbids the process to write: no file, no byte code, no core dump."""
    sys.dont_write_bytecode = True
    if sys.platform != "win32":
        _set(resource.RLIMIT_CORE, 0)
        _set(resource.RLIMIT_FSIZE, 0)


class Budget:
    """Bounds memory and time for a file."""

    def __init__(self, held: int, stored: int) -> None:
        if sys.platform != "win32" and (before := _held()) is not None:
            _set(resource.RLIMIT_AS, before + MEMORY + held)
        self._end = int(time.process_time()) + 1 + SECONDS + stored // RATE
        self.go_on()

    def go_on(self) -> None:
        """Gives the process time until its next frame, but not beyond that of the file."""
        if sys.platform != "win32":
            _set(resource.RLIMIT_CPU, min(self._end, int(time.process_time()) + 1 + SECONDS))


if sys.platform != "win32":

    def _set(kind: int, amount: int) -> None:
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (amount, hard))

    def _held() -> int | None:
        """The address space that the process has now, where the system reports it."""
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pages * resource.getpagesize()


# What can be asked for: each gives the frames of a file.
JOBS: dict[str, Callable[[Path], Iterator[Frame]]] = {
    "archive": read_archive,
    "model": read_model,
    "weights": read_weights,
}

HOME = Path(sys.executable).anchor  # where the process is while it waits


def serve() -> None:
    """Answers requests until there are no more."""
    answers = _take_output()
    forbid_writing()
    os.chdir(HOME)  # so that no folder is held
    # A closed pipe means that the process that asked is gone.
    with contextlib.suppress(BrokenPipeError):
        write_frame(answers, {"ready": os.getpid()})
        for line in sys.stdin.buffer:
            answer(json.loads(line), lambda frame: write_frame(answers, frame))


def answer(request: dict[str, Any], send: Callable[[Frame], None]) -> None:
    """Reads one file.

    Its last frame is ``{"end": true}`` or ``{"error": ...}``.
    """
    send(None)
    path = Path(request["path"])
    try:
        if request["folder"] is not None:
            os.chdir(request["folder"])
        stored = bytes_stored(path)
        # An archive may be unpacked as a whole; else a chunk is held, packed and unpacked.
        held = bytes_allowed(path) if request["job"] == "archive" else 3 * stored
        budget = Budget(held, stored)
        for frame in JOBS[request["job"]](path):
            send(frame)
            budget.go_on()
    except LayersightError as error:
        send({"error": type(error).__name__, "text": str(error)})
    except BrokenPipeError:
        raise
    except (OSError, MemoryError) as error:
        send({"error": "ModelFileError", "text": f"cannot read {path}: {error}"})
    else:
        send({"end": True})
    finally:
        os.chdir(HOME)


def _take_output() -> int:
    """A descriptor for the answers; what libraries print goes nowhere."""
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    return answers
