"""What HDF5 says of a damaged file, in a line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from layersight.errors import LayersightError, ModelFileError, shortened


@contextlib.contextmanager
def damaged(path: Path, kind: str) -> Iterator[None]:
    """Whatever fails inside is told as damage of the file.

    Random bytes bring about any error, of HDF5, of what wraps it, and of memory.

    Args:
        path: The file.
        kind: What it is, for the message.

    Raises:
        ModelFileError: Something failed.
        LayersightError: One of layersight goes through as it is.
    """
    try:
        yield
    except LayersightError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated {kind} file ({short(error)}): download or save "
            "it again"
        ) from error


def short(error: BaseException) -> str:
    """What an error says, in a line of bounded length."""
    return shortened(str(error), 120) or type(error).__name__
