"""Runs layersight on hostile files and says what got through.

:class:`Worker` runs many commands in one process and kills it when it takes too much;
:func:`run_alone` runs one command in its own process. Both report the same :class:`Outcome`,
which ``hostile.problems`` judges.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hostile.files import write_good_model
from hostile.image_attacks import good_png
from hostile.registry import Attack, Traps, set_traps

HERE = Path(__file__).resolve().parent

SECONDS = 60.0
"""How much time of the processor a command may take."""

SHARED = 10
"""How many times as long it may take by the clock: it may wait, and much else may be running."""

BYTES = 2 << 30
"""How much memory it may hold, Keras included."""


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        status: Its exit status; ``None`` if it was killed.
        stdout: What it said.
        stderr: And what it complained of.
        events: What the watcher saw.
        seconds: How long it took by the clock.
        peak: The most memory that it held, in bytes.
        killed: Why it was killed, empty if it was not.
        trace: The traceback of an error that was not expected.
        left: The names of files that it left in the folder for its output.
        touched: Which traps were opened, as the kernel saw it.
    """

    status: int | None
    stdout: str = ""
    stderr: str = ""
    events: tuple[str, ...] = ()
    seconds: float = 0.0
    peak: int = 0
    killed: str = ""
    trace: str = ""
    left: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()


class Alarm:
    """Lists the files in a folder that were opened, by compiled libraries too (inotify)."""

    OPEN, CREATE = 0x20, 0x100

    def __init__(self, *folders: Path) -> None:
        self._handle = -1
        self._library: Any = None
        if sys.platform == "linux":
            self._library = ctypes.CDLL(None, use_errno=True)
            self._handle = int(self._library.inotify_init1(os.O_NONBLOCK))
        if self._handle >= 0:
            for folder in folders:
                mask = self.OPEN | self.CREATE
                self._library.inotify_add_watch(self._handle, os.fsencode(folder), mask)

    def names(self) -> tuple[str, ...]:
        """What was touched since the last time."""
        names: list[str] = []
        with contextlib.suppress(BlockingIOError, OSError):
            while self._handle >= 0 and (data := os.read(self._handle, 1 << 16)):
                offset = 0
                while offset < len(data):
                    _, mask, _, length = struct.unpack_from("iIII", data, offset)
                    name = data[offset + 16 : offset + 16 + length].rstrip(b"\0").decode()
                    if name or not mask & 0x40000000:
                        names.append(name or ".")
                    offset += 16 + length
        return tuple(dict.fromkeys(names))

    def close(self) -> None:
        """Gives the handle back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def most_of(process: int) -> int:
    """The most memory that a process ever held, in bytes, without what it was before it began.

    What the kernel says when a process ends includes the memory of the one that started it.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def memory_of(process: int) -> int:
    """The memory that a process holds now, in bytes, and those that it started.

    The latter only where the kernel lists them.
    """
    folder = Path(f"/proc/{process}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    started: list[str] = []
    with contextlib.suppress(OSError):
        for thread in (folder / "task").iterdir():
            started += (thread / "children").read_text().split()
    own = _command_of(process)
    children = [int(child) for child in started if _command_of(int(child)) != own]
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(memory_of(child) for child in children)


def _command_of(process: int) -> bytes:
    """The command line of a process.

    One that has just been started has that of the process that started it, and its memory, for as
    long as it is not yet what it is to be: nothing of it is held twice.
    """
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def seconds_of(process: int) -> float:
    """The time of the processor that a process took, and those that it started and that ended."""
    with contextlib.suppress(OSError, ValueError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Clock:
    """Says when a process has had its time."""

    def __init__(self, process: int, seconds: float) -> None:
        self._process, self._seconds = process, seconds
        self.start, self._before = time.monotonic(), seconds_of(process)

    def over(self) -> bool:
        """Whether its time is over."""
        spent, taken = seconds_of(self._process) - self._before, time.monotonic() - self.start
        return spent > self._seconds or taken > SHARED * self._seconds


def environment() -> dict[str, str]:
    """The variables of the processes: no user's settings, the source of this checkout."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "LANG", "KERAS_BACKEND", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME")
    }
    source = str(HERE.parents[1] / "src")
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), source)))
    kept.setdefault("KERAS_BACKEND", "jax")
    return kept | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8:surrogatepass",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLCONFIGDIR": tempfile.gettempdir(),
    }


class Worker:
    """A process for many commands, started anew after it was killed.

    Args:
        limit: The most memory that it may hold, in bytes.
        growth: Or how much it may grow by one command; ``None`` for no such bound.
        backend: What Keras runs on; ``None`` for what ``KERAS_BACKEND`` says.
    """

    def __init__(
        self, *, limit: int = BYTES, growth: int | None = None, backend: str | None = None
    ) -> None:
        self._limit, self._growth = limit, growth
        self._variables = {} if backend is None else {"KERAS_BACKEND": backend}
        self._process: subprocess.Popen[str] | None = None
        self._answers = -1
        self._rest = b""
        self._done = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[str]:
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-W", "default", str(HERE / "worker.py"), str(writing)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
            env={**environment(), **self._variables, "PYTHONDONTWRITEBYTECODE": ""},
            text=True,
            start_new_session=True,
        )
        os.close(writing)
        self._process, self._answers, self._rest, self._done = process, reading, b"", 0
        if self._wait(120.0, 8 << 30)[0] is None:
            self.stop()
            raise RuntimeError("the worker does not start: run tests/hostile/worker.py 1 by hand")
        return process

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            self._process.wait()
            os.close(self._answers)
        self._process = None

    def _wait(self, seconds: float, limit: int) -> tuple[dict[str, Any] | None, str, int]:
        """The next answer; or why there is none, and the most memory seen."""
        assert self._process is not None
        clock, peak = Clock(self._process.pid, seconds), 0
        while True:
            ready, _, _ = select.select([self._answers], [], [], 0.02)
            held = memory_of(self._process.pid)
            peak = max(peak, held)
            if held > limit:
                return None, f"held {held >> 20} MiB", peak
            if ready:
                data = os.read(self._answers, 1 << 20)
                if not data:
                    return None, f"died with status {self._process.wait()}", peak
                self._rest += data
                if b"\n" in self._rest:
                    line, _, self._rest = self._rest.partition(b"\n")
                    return json.loads(line), "", peak
            if clock.over():
                return None, f"took longer than {seconds:g} s", peak

    def run(
        self,
        arguments: Sequence[str],
        rules: dict[str, Any],
        *,
        seconds: float = SECONDS,
        explain: bool = True,
    ) -> Outcome:
        """Runs one command."""
        process = self._process
        if process is not None and (self._done >= 400 or memory_of(process.pid) > (1200 << 20)):
            self.stop()
            process = None
        if process is None:
            process = self._start()
        self._done += 1
        before = memory_of(process.pid)
        limit = self._limit if self._growth is None else before + self._growth
        assert process.stdin is not None
        job = {"arguments": list(arguments), "rules": rules, "explain": explain}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        answer, killed, peak = self._wait(seconds, limit)
        if answer is None:
            self.stop()
            return Outcome(None, killed=killed, peak=peak, seconds=seconds)
        return Outcome(
            status=answer["status"],
            stdout=answer["stdout"],
            stderr=answer["stderr"],
            events=tuple(answer["events"]),
            seconds=answer["seconds"],
            peak=max(peak, answer["peak"]),
            trace=answer["trace"],
        )


CUSTOMIZE = """
import importlib.util, json, os
spec = importlib.util.spec_from_file_location("hostile_watch", {watch!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install({descriptor}).watch(json.loads({rules!r}))
"""


def run_alone(
    arguments: Sequence[str], rules: dict[str, Any], *, seconds: float = SECONDS, limit: int = BYTES
) -> Outcome:
    """Runs one command in its own process, watched from its very start."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events")
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(events.open("wb"))
            text = CUSTOMIZE.format(
                watch=str(HERE / "watch.py"), descriptor=stream.fileno(), rules=json.dumps(rules)
            )
            Path(folder, "sitecustomize.py").write_text(text)
            variables = environment()
            variables["PYTHONPATH"] = os.pathsep.join((folder, variables["PYTHONPATH"]))
            out, err = (stack.enter_context(Path(folder, n).open("wb")) for n in ("out", "err"))
            process = subprocess.Popen(
                [sys.executable, "-c", "from layersight.cli import main; main()", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=[stream.fileno()],
                env=variables,
                start_new_session=True,
            )
            clock, killed, peak = Clock(process.pid, seconds), "", 0
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                peak = max(peak, memory_of(process.pid), most_of(process.pid))
                if peak > limit:
                    killed = f"held {peak >> 20} MiB"
                elif clock.over():
                    killed = f"took longer than {seconds:g} s"
                if killed:
                    os.killpg(process.pid, signal.SIGKILL)
                    ended = os.wait4(process.pid, 0)
                    break
                time.sleep(0.01)
            taken = time.monotonic() - clock.start
            process.returncode = os.waitstatus_to_exitcode(ended[1])
        lines = [str(json.loads(line)) for line in events.read_text().splitlines()]
        return Outcome(
            status=None if killed else process.returncode,
            stdout=Path(folder, "out").read_text("utf-8", "replace"),
            stderr=Path(folder, "err").read_text("utf-8", "replace"),
            events=tuple(lines),
            seconds=taken,
            peak=peak,
            killed=killed,
        )


@dataclass
class Testbed:
    """Where hostile files are made and opened, with traps laid out.

    Attributes:
        folder: Everything lies in it.
        traps: What attacks reach for.
    """

    __test__ = False  # not a class of tests, whatever its name

    folder: Path
    traps: Traps = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.traps = set_traps(self.folder / "traps")
        self.good = self.folder / "good"
        self.good.mkdir(exist_ok=True)
        write_good_model(self.good / "good.keras")
        (self.good / "good.png").write_bytes(good_png())
        self._alarm = Alarm(self.traps.folder, self.traps.secret_folder)

    def close(self) -> None:
        """Gives back what it holds."""
        self._alarm.close()

    def commands(self, entry: Attack, path: Path) -> Iterator[tuple[list[str], Path | None]]:
        """The commands for a hostile file, and where each writes."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        model, image = self.good / "good.keras", self.good / "good.png"
        target = out / "maps.npz"
        if entry.kind == "model":
            yield ["summary", str(path)], None
            yield ["activations", str(path), str(image), "-o", str(target)], target
        elif entry.kind == "image":
            yield ["activations", str(model), str(path), "-o", str(target)], target
        else:
            options = ["--labels", str(path), "-o", str(target)]
            yield ["activations", str(model), str(image), *options], target

    def rules(self, path: Path) -> dict[str, Any]:
        """What a command on a file may open."""
        return {
            "readable": [str(path), str(path.parent), str(self.good)],
            "writable": [str(self.folder / "out"), tempfile.gettempdir()],
            "forbidden": [str(self.folder)],
            "canary": str(self.traps.canary),
        }

    def run(self, entry: Attack, worker: Worker | None = None) -> Iterator[tuple[str, Outcome]]:
        """Makes a file and runs every command on it: in a worker, else each alone."""
        path = entry.make(self.folder / "files", self.traps)
        for arguments, _ in self.commands(entry, path):
            self._alarm.names()
            rules = self.rules(path)
            if worker is None:
                outcome = run_alone(arguments, rules | {"after": str(path)})
            else:
                outcome = worker.run(arguments, rules)
            touched = tuple(name for name in self._alarm.names() if name not in ("",))
            if self.traps.canary.exists():
                touched = (*touched, "THE CANARY")
                self.traps.canary.unlink()
            left = tuple(sorted(p.name for p in (self.folder / "out").iterdir()))
            yield arguments[0], replace(outcome, touched=touched, left=left)
        if path.is_symlink() or path.is_file():
            path.unlink()
