"""Watches a process from inside by an audit hook, which nothing in it can take off again.

The rule of this module: it imports the standard library alone and only looks on, so that it
can be installed before anything else, by a ``sitecustomize`` too. Only sockets are refused, as
there is no network in a test.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import threading
from pathlib import Path
from typing import Any

MARKER = "<hostile payload>"
"""The file name in the byte code of payloads, by which they are known."""

REPORTED = {
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"),
    *("subprocess.Popen", "pickle.find_class", "webbrowser.open", "marshal.load", "os.startfile"),
    *("shutil.unpack_archive", "code.__new__"),
}
"""Events that are always worth a line."""

NETWORK = {
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind"),
    *("socket.sendto", "urllib.Request", "http.client.connect", "ftplib.connect"),
}
"""Events of the network, which are refused."""

READER = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from importlib.machinery import PathFinder; from importlib.util import module_from_spec; "
    "sys.path += sys.argv[2:]; spec = PathFinder.find_spec('layersight', sys.argv[1:2]); "
    "own = sys.modules['layersight'] = module_from_spec(spec); spec.loader.exec_module(own); "
    "from layersight.hdf5.serving import serve; serve()"
)
"""The program of the process that reads HDF5, the only one that may be started."""

CHANGES = {
    *("os.symlink", "os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod"),
    *("os.truncate", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
}
"""Events that change files, each with one or two paths first."""

FORBIDDEN_MODULES = ("antigravity", "this", "hostile_canary_module", "idlelib", "turtle")

ALLOWED = (
    *("/proc", "/sys", "/dev/null", "/dev/urandom", "/dev/random", "/etc/localtime"),
    *("/etc/passwd", "/etc/nsswitch.conf", "/usr/share/zoneinfo", "/usr/lib", "/lib", "/lib64"),
    *("/etc/mime.types", "/dev/shm", "/etc/os-release", "/etc/ld.so.cache"),
)


class Watcher:
    """Records what a process does that it should not.

    Args:
        to: A file descriptor that every line is written to at once, ``None`` for none.
    """

    def __init__(self, to: int | None = None) -> None:
        self._to = to
        self._here = threading.local()
        self.on = False
        self.events: list[str] = []
        self.readable: tuple[str, ...] = ()
        self.writable: tuple[str, ...] = ()
        self.forbidden: tuple[str, ...] = ()
        self.canary = ""
        self._after = ""
        self._always = self._python()

    def watch(self, rules: dict[str, Any]) -> None:
        """Starts to look.

        Args:
            rules: ``readable``, ``writable`` and ``forbidden`` lists of paths, ``canary``, and
                ``after``: a path whose opening is the start, else it is now.
        """
        self.readable = tuple(map(os.path.realpath, rules.get("readable", ())))
        self.writable = tuple(map(os.path.realpath, rules.get("writable", ())))
        self.forbidden = tuple(map(os.path.realpath, rules.get("forbidden", ())))
        self.canary = rules.get("canary", "") or "\0"
        self._after = os.path.realpath(rules["after"]) if rules.get("after") else ""
        self.events = []
        self.on = not self._after

    def rest(self) -> list[str]:
        """Stops looking; what was seen."""
        self.on, self._after = False, ""
        return self.events

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook."""
        if getattr(self._here, "busy", False) or not (self.on or self._after):
            return
        self._here.busy = True
        try:
            line = self._judge(event, args)
        except Exception as error:  # a hook that fails would show as an error of what it watches
            line = f"the watcher failed at {event}: {error!r}"
        finally:
            self._here.busy = False
        if line is not None and self.on:
            self.events.append(line)
            if self._to is not None:
                os.write(self._to, (json.dumps(line) + "\n").encode())
        if event in NETWORK and self.on and line is not None:
            raise PermissionError("there is no network here")

    def _judge(self, event: str, args: tuple[Any, ...]) -> str | None:
        if event == "open":
            return self._judge_open(*args[:3])
        if event in REPORTED or event in NETWORK:
            return None if self._is_benign(event, args) else f"{event} {_short(args)}"
        if event in CHANGES:
            paths = [self._real(path) for path in args[:2] if isinstance(path, str | bytes)]
            outside = [path for path in paths if not self._may(path, self.writable)]
            return f"{event} {_short(tuple(outside))}" if outside else None
        if event == "import":
            known = str(args[0]).partition(".")[0] in FORBIDDEN_MODULES
            return f"import {args[0]}" if known else None
        if event == "marshal.loads":
            caller = sys._getframe(3).f_code.co_filename
            ours = caller.startswith("<frozen importlib") or caller.endswith("zipimport.py")
            return None if ours else f"marshal.loads from {caller}"
        if event in ("exec", "compile", "function.__new__"):
            return self._judge_code(event, args)
        return None

    def _judge_open(self, path: Any, mode: Any, flags: Any) -> str | None:
        if isinstance(path, int) or path is None:
            return None
        real = self._real(path)
        if self._after and real == self._after:
            self.on, self._after = True, ""
        writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        writes = writes or (isinstance(mode, str) and bool(set(mode) & set("wax+")))
        if writes:
            allowed = (*self.writable, "/dev/null", "/dev/shm")
        else:
            allowed = (*self.readable, *self.writable, *self._always)
        if self._may(real, allowed):
            return None
        return f"open {real!r} to {'write' if writes else 'read'}"

    def _may(self, path: str, allowed: tuple[str, ...]) -> bool:
        """Whether a path is allowed; inside a forbidden place only what is named there itself."""
        if _within(path, self.forbidden):
            allowed = tuple(folder for folder in allowed if _within(folder, self.forbidden))
        return _within(path, allowed)

    def _judge_code(self, event: str, args: tuple[Any, ...]) -> str | None:
        subject = args[0]
        name = getattr(subject, "co_filename", None)
        text = subject if isinstance(subject, str | bytes) else getattr(subject, "co_consts", "")
        if name == MARKER or self.canary in str(text):
            return f"{event} of the payload"
        return None

    def _is_benign(self, event: str, args: tuple[Any, ...]) -> bool:
        """What libraries do when they are imported: ask for the processor, try whether there is
        IPv6, make code objects of others."""
        if event == "code.__new__":
            return sys._getframe(4).f_code.co_filename.startswith(self._always)
        if event == "subprocess.Popen":
            return args[1] == ["uname", "-p"] or self._is_reader(args[1])
        return event == "socket.bind" and args[1][:2] == ("::1", 0)

    def _is_reader(self, command: Any) -> bool:
        """Whether a command is the one that starts the process which reads HDF5."""
        if not isinstance(command, list) or READER not in command:
            return False
        start = command.index(READER)
        options, folders = command[1 : start - 1], command[start + 1 :]
        return (
            [command[0], command[start - 1]] == [sys.executable, "-c"]
            and "-I" in options
            and set(options) <= {"-I", "-B", "-X", "utf8"}
            and not any(_within(self._real(folder), self.forbidden) for folder in folders)
        )

    def _real(self, path: Any) -> str:
        try:
            return os.path.realpath(os.fsdecode(path))
        except (OSError, ValueError, TypeError):
            return repr(path)

    @staticmethod
    def _python() -> tuple[str, ...]:
        """Where Python itself and its libraries may read."""
        folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
        folders |= {path for path in sys.path if path and Path(path).is_dir()}
        home = Path("~").expanduser()
        folders |= {str(home / ".keras"), str(home / ".config" / "matplotlib")}
        return (*ALLOWED, *sorted(map(os.path.realpath, folders)))


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _short(value: Any) -> str:
    return ascii(value)[:200]


def install(to: int | None = None) -> Watcher:
    """Installs a watcher for the rest of the process."""
    watcher = Watcher(to)
    sys.addaudithook(watcher.hook)
    return watcher
