"""Standard output."""

from __future__ import annotations

from layersight.errors import OutputError
from layersight.writers.printable import printable


def say(text: str, *, coloured: bool = False) -> None:
    """Prints a result at once, so that what goes wrong with it is known here.

    Args:
        text: What to print.
        coloured: Whether it holds colours of a terminal and is already free of control characters.

    Raises:
        OutputError: Standard output takes no more.
        BrokenPipeError: Nobody reads it any longer.
    """
    try:
        print(text if coloured else printable(text, lines=True), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror}") from error
