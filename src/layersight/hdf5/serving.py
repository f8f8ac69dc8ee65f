"""The program: it reads requests from standard input and answers each with frames.

The operating system bounds its memory and time, and forbids it to write files. Where it cannot, the
process runs without these bounds; it is watched from outside in any case.
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

SECONDS = 10  # processor time for a file, and between two frames
RATE = 10 << 20  # bytes of a file for each further second; reading takes less than a tenth of that
MEMORY = 1 << 30  # bytes for a file beside its contents


def forbid_writing() -> None:
    """Forbids the process to write files, byte code or core dumps."""
    sys.dont_write_bytecode = True
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 0)


class Budget:
    """Bounds memory and time for a file."""

    def __init__(self, memory: int, stored: int) -> None:
        if (before := _address_space()) is not None:
            _limit("RLIMIT_AS", before + MEMORY + memory)
        self._end = int(time.process_time()) + 1 + SECONDS + stored // RATE
        self.renew()

    def renew(self) -> None:
        """Gives the process time until its next frame, but not beyond the time for the file."""
        _limit("RLIMIT_CPU", min(self._end, int(time.process_time()) + 1 + SECONDS))


def _limit(name: str, amount: int) -> None:
    """Bounds a resource of the process, where the system can."""
    if sys.platform != "win32":
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (amount, hard))


def _address_space() -> int | None:
    """The current address space of the process in bytes, where the system reports it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


# Jobs by name; each yields the frames of a file.
JOBS: dict[str, Callable[[Path], Iterator[Frame]]] = {
    "archive": read_archive,
    "model": read_model,
    "weights": read_weights,
}

HOME = Path(sys.executable).anchor  # the working folder of the process while it waits


def serve() -> None:
    """Answers requests until there are no more."""
    answers = _take_output()
    forbid_writing()
    os.chdir(HOME)  # so that the folder it was started in can be removed
    # A closed pipe means that the process that sends requests has ended.
    with contextlib.suppress(BrokenPipeError):
        write_frame(answers, {"ready": os.getpid()})
        for line in sys.stdin.buffer:
            answer(json.loads(line), lambda frame: write_frame(answers, frame))


def answer(request: dict[str, Any], send: Callable[[Frame], None]) -> None:
    """Reads a file and sends its frames, the last of which is ``{"end": true}`` or an error."""
    send(None)
    path = Path(request["path"])
    try:
        if request["folder"] is not None:
            os.chdir(request["folder"])
        stored = bytes_stored(path)
        # An archive may be unpacked into memory; of others there is a chunk, packed and unpacked.
        memory = bytes_allowed(path) if request["job"] == "archive" else 3 * stored
        budget = Budget(memory, stored)
        for frame in JOBS[request["job"]](path):
            send(frame)
            budget.renew()
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
    """A descriptor for the answers; what libraries print to standard output is discarded."""
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    return answers
