"""The command line: it reads arguments, calls a verb and says what came out.

The rule of this package: results go to standard output, everything else to standard error;
whatever goes wrong is one line and an exit status, a traceback only with ``--debug``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs ``convlens`` and exits: 0 done, 1 could not be done, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    with contextlib.nullcontext() if debug else _quiet_libraries():
        status = _run(given, debug)
        sys.stdout.flush()
    sys.exit(status)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keeps what compiled libraries write of processors and GPUs off standard error.

    They write to the file descriptor itself; what Python writes goes on as before.
    """
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    before = sys.stderr
    with os.fdopen(kept, "w", buffering=1, errors="replace") as stream:
        if before is sys.__stderr__:
            sys.stderr = stream
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(kept, 2)


def _run(given: list[str], debug: bool) -> int:
    """Runs the command and turns what goes wrong into a line and a status."""
    from convlens.cli.app import app
    from convlens.errors import ConvlensError

    try:
        return int(app(given, prog_name="convlens", standalone_mode=False) or 0)
    except ConvlensError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing half-written is left", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except MemoryError as error:
        return _fail(f"not enough memory ({error}): choose fewer layers with --layers", 1)
    except Exception as error:
        usage = _usage_status(error)
        if usage is not None:
            return usage
        if debug:
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
        return _fail(f"unexpected error, {what} (run again with --debug for details)", 1)


def _usage_status(error: Exception) -> int | None:
    """Shows an error of the argument parser in its own words; ``None`` for any other."""
    show = getattr(error, "show", None)
    if callable(show):
        show()
        return int(getattr(error, "exit_code", 2))
    if hasattr(error, "exit_code"):
        return int(error.exit_code)
    return None


def _fail(message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"convlens: {line}", file=sys.stderr)
    return status
