"""The command line: it reads arguments, calls a verb and says what came out.

The rule of this package: results go to standard output, everything else to standard error;
whatever goes wrong is one line and an exit status, a traceback only with ``--debug``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs ``layersight`` and exits: 0 done, 1 could not be done, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    with contextlib.nullcontext() if debug else _quiet_libraries():
        status = _run(given, debug)
        status = _end_output(status)
    sys.exit(status)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keeps what compiled libraries write of processors and GPUs off standard error.

    They write to the file descriptor itself; what Python writes goes on as before, but for the
    warnings and the log of libraries, which are for who writes programs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with _without_descriptor():
                yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def _without_descriptor() -> Iterator[None]:
    """Leads the descriptor of standard error away from who writes to it, past Python."""
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
    from typer.main import get_command

    from layersight.cli.app import make_app
    from layersight.errors import LayersightError

    try:
        # Past the main function of typer, which has words of its own for an interruption.
        with get_command(make_app(given)).make_context("layersight", given) as context:
            context.command.invoke(context)
    except LayersightError as error:
        return _fail(str(error), error.exit_status, debug)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "interrupted; nothing half-written is left", 130, debug)
    except BrokenPipeError:
        return 0  # whoever read standard output has seen enough
    except MemoryError as error:
        return _fail(f"not enough memory ({error}): choose fewer layers with --layers", 1, debug)
    except Exception as error:
        usage = _usage_status(error)
        if usage is not None:
            return usage
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
        hint = "" if debug else " (run again with --debug for details)"
        return _fail(f"unexpected error, {what}{hint}", 1, debug)
    return 0


def _usage_status(error: Exception) -> int | None:
    """What the argument parser has to say, on one line; ``None`` for any other error."""
    status = getattr(error, "exit_code", None)
    if not isinstance(status, int):
        return None
    message = getattr(error, "format_message", None)
    if not callable(message):  # not an error: the end of --help or --version
        return status
    context = getattr(error, "ctx", None)
    if "\n" in (text := str(message())):  # the whole help, where no command was given
        print(text, file=sys.stderr)
        return status
    place = getattr(context, "command_path", "layersight")
    return _fail(f"{text.rstrip('.')}. See '{place} --help'", status, debug=False)


def _end_output(status: int) -> int:
    """Sends out what is left of standard output; the status if that cannot be done."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python would try again at its very end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError) and status == 0:
            return _fail(f"cannot write to standard output: {error.strerror}", 1, debug=False)
    return status


def _fail(message: str, status: int, debug: bool) -> int:
    """One line on standard error, after the traceback if that was asked for."""
    if debug:
        traceback.print_exc()
    from layersight.writers.printable import in_a_line

    line = in_a_line(message)
    if sys.stderr is not None:  # it may have been closed; print would take standard output
        print(f"layersight: {line}", file=sys.stderr)
    return status
