"""Standard output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from layersight.errors import OutputError
from layersight.writers.printable import printable


def say(text: str) -> None:
    """Prints a result at once, so that what goes wrong with it is known here.

    Raises:
        OutputError: Standard output takes no more.
        BrokenPipeError: Nobody reads it any longer.
    """
    try:
        print(printable(text, lines=True), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror}") from error


def report(
    document: Callable[[], dict[str, Any]],
    words: Callable[[], str],
    target: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Says what came out: as JSON, or in words and where it was written.

    Args:
        document: Gives the result as JSON-ready data.
        words: Gives it in words.
        target: The file that was written; ``None`` if JSON goes to standard output instead.
        as_json: Whether JSON was asked for beside a file.
        quiet: Whether words are not wanted.
    """
    if as_json or target is None:
        found = document() | ({"file": str(target)} if target else {})
        say(json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False))
    elif not quiet:
        say(f"{words()}\nwrote {printable(str(target))}")
