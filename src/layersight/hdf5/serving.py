"""The program: it takes requests from its standard input and answers each with frames."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from layersight.errors import LayersightError
from layersight.hdf5 import limits
from layersight.hdf5.files import read_archive, read_model, read_weights
from layersight.loading.bounded import bytes_allowed, bytes_stored
from layersight.loading.frames import Frame, write_frame

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
    limits.once()
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
        budget = limits.Budget(held, stored)
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
