"""One process that reads HDF5: its start, a watch on it, its end.

The rule of this module: it knows nothing of models; it hands over a request and takes bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convlens.loading.frames import STEP, Incoming

PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "sys.path[:] = sys.argv[1:]; from convlens.hdf5.serving import serve; serve()"
)
"""What the process runs. An interruption from the keyboard is for who started it."""

PIPE = 1 << 20
"""How many bytes the pipe should hold."""

TURNS = 10
"""How often the process is looked after while it may say nothing."""

ALONE = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "HDF5_PLUGIN_PRELOAD": "::",
}
"""Variables for the process: no threads, which it has no work for, and no filter that HDF5
would load from elsewhere."""


class GoneError(Exception):
    """The process ended, or was ended."""


class Process:
    """One process and the pipes to it.

    Args:
        program: The Python that it runs.
    """

    def __init__(self, program: str = PROGRAM) -> None:
        self._process = subprocess.Popen(
            command(program),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ALONE},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.frames = Incoming(self._fill)
        self._steps = 0
        self._late = False
        self._widen()

    @property
    def id(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it runs still."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends it at once: it has nothing to save."""
        self._process.kill()
        self._close()
        # One that waits for a broken disk ends when that does.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def forget(self) -> None:
        """Leaves it to the process that started it, from which this one was forked."""
        self._close()
        self._process.returncode = 0

    def ask(self, request: Mapping[str, Any]) -> None:
        """Hands it a request.

        Raises:
            OSError: It has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def why(self) -> str:
        """Why it ended before it said all, in words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.returncode
        if self._late or status == -getattr(signal, "SIGXCPU", 0):
            return "reading it comes to no end"
        if status == -getattr(signal, "SIGKILL", 0):
            return "the process that read it was killed, for want of memory maybe"
        return "HDF5 crashed on it"

    @contextlib.contextmanager
    def watched(self, limit: float) -> Iterator[None]:
        """Ends the process if it says nothing for so many seconds while the block lasts."""
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done, limit), daemon=True)
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()

    def _watch(self, done: threading.Event, limit: float) -> None:
        """Counts turns, not time: while everything is suspended, none passes."""
        seen, idle = self._steps, 0
        while not done.wait(limit / TURNS):
            idle = idle + 1 if self._steps == seen else 0
            seen = self._steps
            if idle >= TURNS:
                self._late = True
                self._process.kill()
                return

    def _fill(self, target: memoryview) -> None:
        """Fills memory with the bytes that come next."""
        answers: Any = self._process.stdout
        while target:
            try:
                count = answers.readinto(target[:STEP])
            except (OSError, ValueError) as error:  # closed by who ended it
                raise GoneError("it was ended") from error
            if not count:
                raise GoneError("it ended")
            self._steps += 1
            target = target[count:]

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _widen(self) -> None:
        """Lets the pipe hold more, where the system can and allows it."""
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            assert self._process.stdout is not None
            fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE)


def command(program: str = PROGRAM) -> list[str]:
    """What starts the process: this Python, cut off from the user's settings.

    Raises:
        OSError: This Python does not know where it lies.
    """
    if not sys.executable:
        raise OSError("sys.executable names no Python")
    given = ["-I"]
    given += ["-B"] * sys.dont_write_bytecode
    given += ["-X", "utf8"] * sys.flags.utf8_mode
    return [sys.executable, *given, "-c", program, *places()]


def places() -> list[str]:
    """Where the process looks for modules: where this one does, but not in the working folder.

    What lies there may be a stranger's, as the file is. Only where convlens itself lies there
    it counts.
    """
    home = str(Path(__file__).absolute().parents[2])
    working = []
    with contextlib.suppress(OSError):  # the folder may be gone
        working = [home] * (str(Path.cwd()) == home)
    found: list[str] = []
    for entry in sys.path:
        if isinstance(entry, str):
            found += [str(Path(entry).absolute())] if entry else working
    return found if home in found else [*found, home]
