"""Standard output."""

from __future__ import annotations

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
