"""A process that runs one command after the other, Keras imported once.

It reads a job in JSON from standard input and writes what happened to the descriptor named in
its arguments: status, both outputs, what the watcher saw, memory.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile.watch import Watcher, install

MANY = 50_000
"""As many objects are modules that were imported, not what a command left."""


def reset_peak() -> None:
    """Lets the kernel count the peak of memory anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(key: str = "VmHWM") -> int:
    """A line of what the kernel knows of this process's memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) << 10
    return 0


def set_aside() -> None:
    """Lets the collector of garbage pass over what is there: modules, which are many."""
    gc.collect()
    gc.freeze()


def run_command(arguments: list[str]) -> tuple[int, str, str, str]:
    """Runs ``layersight`` in this process: status, both outputs, the trace of what is no status."""
    from layersight.cli import main

    out, err = io.StringIO(), io.StringIO()
    trace = ""
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else 1
        except BaseException:  # whatever it is, it is what the test is about
            status, trace = 99, traceback.format_exc()
    return status, out.getvalue(), err.getvalue(), trace


def why(arguments: list[str]) -> str:
    """The end of the traceback behind an error that was not expected."""
    return run_command([*arguments, "--debug"])[3][-3000:]


def state() -> str:
    """What of Keras must not change by opening a file."""
    import keras
    from keras.src.saving import serialization_lib

    return repr(
        (
            sorted(n for n in keras.saving.get_custom_objects() if not n.startswith("layersight>")),
            serialization_lib.in_safe_mode(),
            keras.config.floatx(),
            keras.config.backend(),
            keras.config.image_data_format(),
            keras.config.dtype_policy().name,
            Path.cwd(),
        )
    )


def do(job: dict[str, Any], watcher: Watcher) -> dict[str, Any]:
    """Runs one job."""
    before = state()
    gc.collect()
    reset_peak()
    start, resident = time.monotonic(), memory("VmRSS")
    watcher.watch(job["rules"])
    try:
        status, out, err, trace = run_command(job["arguments"])
    finally:
        events = list(watcher.rest())
    seconds, peak = time.monotonic() - start, memory()
    if "unexpected error" in err and not trace and job.get("explain", True):
        trace = why(job["arguments"])
    after = state()
    if before != after:
        events.append(f"the state of Keras or of the process changed to {after}")
    return {
        "status": status,
        "stdout": out[:400_000],
        "stderr": err[:400_000],
        "events": events[:20],
        "seconds": seconds,
        "peak": peak,
        "before": resident,
        "trace": trace,
    }


def serve(descriptor: int) -> None:
    """Takes jobs until there are no more."""
    answers = os.fdopen(descriptor, "w", encoding="utf-8")
    import keras
    import numpy  # noqa: F401

    sys.dont_write_bytecode = True  # modules were compiled until here
    watcher = install()
    set_aside()
    print(json.dumps({"ready": os.getpid(), "resident": memory("VmRSS")}), file=answers, flush=True)
    for number, line in enumerate(sys.stdin):
        answer = do(json.loads(line), watcher)
        print(json.dumps(answer), file=answers, flush=True)
        many = len(gc.get_objects()) > MANY
        if many or number % 20 == 19:
            keras.backend.clear_session()
            if keras.config.backend() == "jax":
                import jax

                jax.clear_caches()
        if many:
            set_aside()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
