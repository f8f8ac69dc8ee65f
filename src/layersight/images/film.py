"""A frame of a film.

The rule of this module: a film is read from an open file in the container that its first bytes
tell, so that nothing in it can name another file or an address.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from layersight.errors import ImageError
from layersight.images import contents, frames


def read(
    path: Path, frame: int | None, where: str, check: Callable[[tuple[int, int]], None]
) -> tuple[Image.Image, tuple[str, ...]]:
    """One frame of a film.

    Args:
        path: The file: MP4, QuickTime, Matroska, WebM or AVI.
        frame: Which frame, from 0; ``None`` for the one in the middle of its time.
        where: What the file is called in an error.
        check: Refuses a width and height that are too large.

    Raises:
        ImageError: The library is not installed, or there is no such frame.
    """
    try:
        import av
    except ImportError as error:
        raise frames.not_installed("a film", "video", where) from error
    with path.open("rb") as file:
        container = contents.container_of(file.read(contents.ENOUGH))
        file.seek(0)
        # No protocol: what a film refers to is not followed.
        options = {"protocol_whitelist": ""}
        with av.open(file, format=container, options=options) as film:
            if not film.streams.video:
                raise ImageError(f"expected a film, found one without pictures: {where}.")
            stream = film.streams.video[0]
            size = stream.codec_context.width, stream.codec_context.height
            check(size)
            stream.thread_type = "AUTO"
            if frame is None:
                found, step = _middle(film, stream, size, where)
            else:
                found, step = _numbered(film, stream, frame, size, where)
            check((found.width, found.height))
            picture: Image.Image = found.to_image()
            turn = int(getattr(found, "rotation", 0) or 0)
    steps = ["film", step]
    if turn % 360:
        picture = picture.rotate(turn, expand=True)
        steps.append(f"turned by {-turn % 360} degrees, as the film says")
    return picture, tuple(steps)


def _middle(film: Any, stream: Any, size: tuple[int, int], where: str) -> tuple[Any, str]:
    """The first frame at or after the middle of the film's time; the first of all without one."""
    seconds = float(film.duration or 0) / 1e6
    if seconds <= 0:
        return _numbered(film, stream, 0, size, where)
    film.seek(film.duration // 2, backward=True)
    last = None
    for number, found in enumerate(film.decode(stream)):
        frames.check_cost(number, size, where)
        last = found
        if found.time is None or found.time >= seconds / 2:
            break
    if last is None:
        raise ImageError(f"expected a film, found one without a frame: {where}.")
    time = last.time or 0.0
    return last, f"the frame at {time:.2f} of {seconds:.2f} seconds (the middle)"


def _numbered(
    film: Any, stream: Any, wanted: int, size: tuple[int, int], where: str
) -> tuple[Any, str]:
    """The frame with a number; all before it are decoded, as only that counts them."""
    frames.check_cost(wanted, size, where)
    count = 0
    for number, found in enumerate(film.decode(stream)):
        if number == wanted:
            return found, frames.words(number, stream.frames or None)
        count = number + 1
    raise frames.no_such(wanted, count, where)
