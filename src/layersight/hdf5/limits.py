"""Bounds that the system sets for the process: memory, time, and no file written.

The rule of this module: where the system has no such bounds, the process runs without; it is
watched from outside in any case.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import resource

SECONDS = 10  # of a processor that a file may take, and that may pass between two frames
RATE = 10 << 20  # bytes of a file for one second more; reading takes less than a tenth of that
MEMORY = 1 << 30  # bytes that a file may take beside what is held of it


def once() -> None:
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
