"""HEIC photographs, as telephones take them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from layersight.images import frames


def read(
    path: Path, frame: int | None, where: str, check: Callable[[tuple[int, int]], None]
) -> tuple[Image.Image, tuple[str, ...]]:
    """One picture of a HEIC file, upright, in 8 bits.

    Args:
        path: The file.
        frame: Which picture of several, from 0; ``None`` for the one that the file calls its own.
        where: What the file is called in an error.
        check: Refuses a width and height that are too large.

    Raises:
        ImageError: The library is not installed, or there is no such picture.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise frames.not_installed("a HEIC image", "heic", where) from error
    with path.open("rb") as file:
        found = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
        count = len(found)
        number = found.primary_index if frame is None else frame
        if number >= count:
            raise frames.no_such(number, count, where)
        check(found[number].size)
        picture: Image.Image = found[number].to_pillow()
    picture.info.clear()  # it is upright already
    steps = ["HEIC"]
    if count > 1:
        why = "the file's own first" if frame is None else ""
        steps.append(frames.words(number, count, noun="picture", why=why))
    return picture, tuple(steps)
