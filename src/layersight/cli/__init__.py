"""The command line: it reads arguments, calls a verb and prints the result.

The rule of this package: results go to standard output, everything else to standard error; every
error is one line and an exit status, with a traceback only with ``--debug``.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

COMPLETE = "_LAYERSIGHT_COMPLETE"
"""The variable by which a shell asks for completions, see Click's documentation."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs ``layersight`` and exits: 0 done, 1 could not be done, 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    with contextlib.suppress(ValueError):
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
    with contextlib.nullcontext() if debug else _quiet_libraries():
        status = _run(words, debug)
        status = _end_output(status)
    sys.exit(status)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hides from standard error what compiled libraries write about processors and GPUs.

    They write to the file descriptor itself. Python's own output stays, except for the warnings and
    logs of libraries, which are for programmers.
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
    """Redirects the descriptor of standard error, so that only Python still writes to it."""
    try:
        duplicate = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    before = sys.stderr
    with os.fdopen(duplicate, "w", buffering=1, errors="replace") as stream:
        if before is sys.__stderr__:
            sys.stderr = stream
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(duplicate, 2)


def _run(words: list[str], debug: bool) -> int:
    """Runs the command and turns errors into a line and a status."""
    import click
    from click.shell_completion import shell_complete

    from layersight.cli.app import make_app
    from layersight.errors import LayersightError

    app, completes = make_app(), os.environ.get(COMPLETE)
    if completes:
        return shell_complete(app, {}, "layersight", COMPLETE, completes)
    try:
        # Not by the main function of Click, which has its own message for an interruption.
        with app.make_context("layersight", words) as context:
            app.invoke(context)
    except click.exceptions.Exit as end:  # of --help or --version
        return end.exit_code
    except click.ClickException as error:
        return _misused(error)
    except LayersightError as error:
        return _fail(str(error), error.exit_status, debug)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "interrupted; nothing half-written is left", 130, debug)
    except BrokenPipeError:
        return 0  # the reader of standard output has seen enough
    except MemoryError as error:
        why = f" ({error})" if str(error) else ""
        return _fail(f"not enough memory{why}: give fewer layers, channels or images", 1, debug)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
        hint = "" if debug else " (run again with --debug for details)"
        return _fail(f"unexpected error, {what}{hint}", 1, debug)
    return 0


def _misused(error: click.ClickException) -> int:
    """The argument parser's message, on one line."""
    text = error.format_message()
    if "\n" in text:  # the full help, if no command was given
        print(text, file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "layersight"
    return _fail(f"{text.rstrip('.')}. See '{command} --help'", error.exit_code, debug=False)


def _end_output(status: int) -> int:
    """Flushes standard output; returns the exit status, also if that fails."""
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
    """Prints one line on standard error, after the traceback if that was requested."""
    if debug:
        traceback.print_exc()
    from layersight.writers.printable import in_a_line

    line = in_a_line(message)
    if sys.stderr is not None:  # it may have been closed; print would take standard output
        print(f"layersight: {line}", file=sys.stderr)
    return status
