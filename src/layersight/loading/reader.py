"""Reading HDF5 in a separate process.

Random bytes in a file make HDF5 crash, or loop for ever. In a separate process that becomes a
single line. The process is started once and reads one file after another; it is ended after a file
that was refused, since its state is then unknown.

The rule of this module: nothing that happens to the process crashes or stops this one, and
nothing that it sends is accepted without a check.
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

if TYPE_CHECKING:  # imported late, so that the process starts while NumPy is imported
    from layersight.loading.contents import Contents
import json
import math
import signal
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from layersight.loading.frames import STEP, Incoming

# The first lines of the process. Ctrl-C is left to the process that started it. layersight is
# imported from its folder without searching that for anything else, since it may be the user's.
BOOTSTRAP = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from importlib.machinery import PathFinder; from importlib.util import module_from_spec; "
    "sys.path += sys.argv[2:]; spec = PathFinder.find_spec('layersight', sys.argv[1:2]); "
    "own = sys.modules['layersight'] = module_from_spec(spec); spec.loader.exec_module(own); "
)

PROGRAM = BOOTSTRAP + "from layersight.hdf5.serving import serve; serve()"

NEEDED = ("numpy", "h5py")  # the packages that the process imports
STDERR = 4096  # the last bytes of its standard error that are kept
MAX_QUOTED = 200  # characters of them in a message
PIPE = 1 << 20  # bytes of the buffer of the pipe
CHECKS = 10  # how often the process is checked in the time that it may be silent

# Variables for the process: no threads, which it does not need, and no filter that HDF5 would
# load from another file.
ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "HDF5_PLUGIN_PRELOAD": "::",
}


class EndedError(Exception):
    """The process ended, or was ended."""


class Process:
    """A process and the pipes to it."""

    def __init__(self, program: str = PROGRAM) -> None:
        self._process = subprocess.Popen(
            command(program),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.id = self._process.pid
        self.frames = Incoming(self._fill)
        self._steps = 0
        self._late = False
        self._errors = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl  # for a larger buffer, where the system allows it

            assert self._process.stdout is not None
            fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE)

    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Kills the process, which has nothing to save."""
        self._process.kill()
        self._close()
        # One that waits for a broken disk ends only after that.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def forget(self) -> None:
        """Closes the pipes in a forked process; the process belongs to the one that started it."""
        self._close()
        assert self._process.stderr is not None
        self._process.stderr.close()  # otherwise done by a thread, which is not in this process
        self._process.returncode = 0

    def send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def why(self) -> str:
        """Why the process ended before the end of the file, in words."""
        status = self._status()
        if self._late or status == -getattr(signal, "SIGXCPU", 0):
            return "reading it does not end"
        if status == -getattr(signal, "SIGKILL", 0):
            return "the process that read it was killed, perhaps for lack of memory"
        return "HDF5 crashed on it" + (f": {line}" if (line := self.last_error()) else "")

    def failed(self) -> bool:
        """Whether it ended with a Python error, which the file need not have caused."""
        return self._status() == 1 and bool(self.last_error())

    def _status(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        return self._process.returncode

    def last_error(self) -> str:
        """The last line of its standard error, shortened to be quoted; empty for none."""
        self._listener.join(1.0)
        lines = self._errors.decode("utf-8", "replace").splitlines()
        printable = ["".join(filter(str.isprintable, line)).strip() for line in lines]
        last: str = next((line for line in reversed(printable) if line), "")
        return last if len(last) <= MAX_QUOTED else f"{last[:MAX_QUOTED]}..."

    @contextlib.contextmanager
    def watched(self, limit: float, total: float) -> Iterator[None]:
        """Kills the process if it is silent for ``limit`` seconds inside the block.

        After ``total`` seconds it is killed whatever it sends.
        """
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done, limit, total), daemon=True)
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()

    def _watch(self, done: threading.Event, limit: float, total: float) -> None:
        """Counts checks, not time, so that a suspended computer is not taken for silence."""
        steps, idle, checks = self._steps, 0, 0
        most = math.ceil(CHECKS * total / limit)
        while not done.wait(limit / CHECKS):
            idle = idle + 1 if self._steps == steps else 0
            steps, checks = self._steps, checks + 1
            if idle >= CHECKS or checks >= most:
                self._late = True
                self._process.kill()
                return

    def _listen(self) -> None:
        """Keeps the end of its standard error, until that is closed."""
        errors: Any = self._process.stderr
        with contextlib.suppress(OSError, ValueError), errors:
            while data := errors.read(STDERR):
                self._errors = (self._errors + data)[-STDERR:]

    def _fill(self, target: memoryview) -> None:
        answers: Any = self._process.stdout
        while target:
            try:
                count = answers.readinto(target[:STEP])
            except (OSError, ValueError) as error:  # closed by end()
                raise EndedError("it was ended") from error
            if not count:
                raise EndedError("it ended")
            self._steps += 1
            target = target[count:]

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def command(program: str = PROGRAM) -> list[str]:
    """The command that starts the process: this Python, isolated from the user's settings."""
    if not sys.executable:
        raise OSError("sys.executable names no Python")
    options = ["-I"]
    options += ["-B"] * sys.dont_write_bytecode
    options += ["-X", "utf8"] * sys.flags.utf8_mode
    home = str(Path(__file__).absolute().parents[2])
    return [sys.executable, *options, "-c", program, home, *package_folders(home)]


def package_folders(home: str) -> list[str]:
    """The folders where the process looks for packages, after those of its Python.

    It finds the standard library and installed packages by itself. A package that is not installed
    there is looked for in the folders that were named (``PYTHONPATH``, ``pip install --target``).
    The working folder and that of the user's script never count, unless layersight itself is in
    them: a ``select.py`` there is not the standard library's.
    """
    installed: list[str] = getattr(site, "getsitepackages", list)()
    missing = [
        name for name in NEEDED if not any(Path(entry, name).is_dir() for entry in installed)
    ]
    if not missing:
        return []
    excluded = {""}
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if isinstance(script, str):  # Python puts its folder on the path
        folder = Path(script).parent
        excluded |= {str(folder), str(folder.absolute()), str(folder.resolve())}
    with contextlib.suppress(OSError):  # the folder may no longer exist
        excluded.add(str(Path.cwd()))
    named = [entry for entry in sys.path if isinstance(entry, str)]
    named = [entry for entry in named if entry not in excluded or entry == home]
    folders: dict[str, None] = {}
    for name in missing:
        entry = next((e for e in named if Path(e, name, "__init__.py").is_file()), None)
        if entry is not None:
            folders[str(Path(entry).absolute())] = None
    return list(folders)


PATIENCE = 20.0  # seconds for which the process may be silent while it reads
START = 120.0  # seconds in which it has to start, with libraries on a slow disk
SLOWEST = 1 << 20  # bytes a second from a slow disk: reading may take as long as that in all
KINDS = {"model": "HDF5", "weights": "HDF5", "archive": ".keras"}  # kinds of files by jobs


class Reader:
    """Runs the process, for one thread at a time.

    ``patience`` is for how many seconds it may be silent, ``start`` how many it may take to start.
    """

    def __init__(
        self, program: str = PROGRAM, *, patience: float = PATIENCE, start: float = START
    ) -> None:
        self._program, self._patience, self._start = program, patience, start
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._ready = False

    def start(self) -> None:
        """Starts the process if there is none, without waiting for it."""
        with self._lock, contextlib.suppress(OSError):  # reported when a file is read
            self._running()

    def stop(self) -> None:
        """Ends the process, even while a file is read."""
        self._end()

    def forget(self) -> None:
        """Drops the process, which belongs to the one that this one was forked from."""
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
        """Sends a file to the process, or to a new one if that ended before it began."""
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
                    process.send(request)
                    process.frames.heartbeat()
                return process
            except (OSError, EndedError, ProtocolError, RemoteError) as error:
                ended, cause = self._process, error
                self._end()
                line = "" if ended is None else ended.last_error()
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
        except EndedError as error:
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


def start_reader(*sources: object) -> None:
    """Starts the process if one of the sources is a file, so that it is ready when needed."""
    paths = (source for source in sources if isinstance(source, str | os.PathLike))
    if any(map(os.path.isfile, paths)):
        _reader.start()


def read_contents(job: str, path: Path) -> Contents:
    """Reads a file as :meth:`Reader.read` does, by the process that all share."""
    return _reader.read(job, path)
