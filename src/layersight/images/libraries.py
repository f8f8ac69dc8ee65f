"""Films and HEIC photographs, which need a library that is not always installed.

The rule of this module: a film is read from an open file in the container that its first bytes
name, so that nothing in it can name another file or an address.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from layersight.errors import ImageError
from layersight.images import contents, frames

Read = tuple[Image.Image, tuple[str, ...]]  # an image in 8 bits, and what was done
FAR = 3.0  # seconds from which on a frame is looked for rather than decoded up to
Check = Callable[[tuple[int, int]], None]  # refuses a width and height that are too large


def library(name: str, what: str, extra: str, where: str) -> Any:
    """A library that reads some kind of file."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImageError(
            f"reading {what} needs a library that is not installed: {where}. Install it: "
            f"pip install 'layersight[{extra}]', or save the image as PNG or JPEG first."
        ) from error


def read_heic(path: Path, frame: int | None, where: str, check: Check) -> Read:
    """One picture of a HEIC file, upright, in 8 bits.

    Without ``frame`` it is the one that the file calls its own.
    """
    pillow_heif = library("pillow_heif", "a HEIC image", "heic", where)
    with path.open("rb") as file:
        pictures = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
        count = len(pictures)
        number = pictures.primary_index if frame is None else frame
        if number >= count:
            raise frames.no_such(number, count, where)
        check(pictures[number].size)
        picture: Image.Image = pictures[number].to_pillow()
    picture.info.clear()  # it is upright already
    steps = ["HEIC"]
    if count > 1:
        why = "the file's own first" if frame is None else ""
        steps.append(frames.words(number, count, noun="picture", why=why))
    return picture, tuple(steps)


def read_film(path: Path, frame: int | None, where: str, check: Check) -> Read:
    """One frame of a film: MP4, QuickTime, Matroska, WebM or AVI.

    Without ``frame`` it is the one in the middle of its time.
    """
    with _open_film(path, where) as film:
        stream, size = _pictures_of(film, where, check)
        if frame is None:
            taken, step = _middle(film, stream, size, where)
        else:
            taken, step = _numbered(film, stream, frame, size, where)
        check((taken.width, taken.height))
        picture, turn = _upright(taken), _turn(taken)
    steps = ["film", step]
    if turn:
        steps.append(f"turned by {360 - turn} degrees, as the film says")
    return picture, tuple(steps)


@contextlib.contextmanager
def _open_film(path: Path, where: str) -> Iterator[Any]:
    """A film, in the container that its first bytes name."""
    av = library("av", "a film", "video", where)
    with path.open("rb") as file:
        container = contents.container_of(file.read(contents.ENOUGH))
        file.seek(0)
        options = {"protocol_whitelist": ""}  # none: what a film refers to is not followed
        with av.open(file, format=container, options=options) as film:
            yield film


def _pictures_of(film: Any, where: str, check: Check) -> tuple[Any, tuple[int, int]]:
    """The stream of a film's pictures, and their width and height."""
    if not film.streams.video:
        raise ImageError(f"expected a film, found one without pictures: {where}.")
    stream = film.streams.video[0]
    size = stream.codec_context.width, stream.codec_context.height
    check(size)
    stream.thread_type = "AUTO"
    return stream, size


def read_frames(
    path: Path, count: int, first: int | None, where: str, check: Check
) -> tuple[list[Image.Image], tuple[str, ...]]:
    """Some frames of a film.

    From ``first`` on, or spread evenly over its time.
    """
    with _open_film(path, where) as film:
        stream, size = _pictures_of(film, where, check)
        check((size[0], size[1] * count))
        if first is not None:
            made = _following(film, stream, first, count, size, where)
            words = f"frames {first} to {first + count - 1}, counted from 0"
        else:
            made, words = _spread(film, stream, count, size, where)
        return made, ("film", words)


def _following(
    film: Any, stream: Any, first: int, count: int, size: tuple[int, int], where: str
) -> list[Image.Image]:
    frames.check_cost(first + count, size, where)
    made = []
    seen = 0
    for number, found in enumerate(film.decode(stream)):
        seen = number + 1
        if number >= first:
            made.append(_upright(found))
        if len(made) == count:
            return made
    raise ImageError(
        f"expected {count} frames from {first} on, counted from 0, found {seen} in {where}."
    )


def _spread(
    film: Any, stream: Any, count: int, size: tuple[int, int], where: str
) -> tuple[list[Image.Image], str]:
    """The first frame at or after the middle of each of so many equal parts of the time."""
    seconds = float(film.duration or 0) / 1e6
    if seconds <= 0:
        return _following(film, stream, 0, count, size, where), f"the first {count} frames"
    wanted = [(place + 0.5) * seconds / count for place in range(count)]
    made = [_upright(each) for each in _frames_at(film, stream, wanted, size, where)]
    listed = ", ".join(f"{target:.2f}" for target in wanted[:8]) + (" ..." if wanted[8:] else "")
    return made, f"the frames at {listed} of {seconds:.2f} seconds (spread evenly)"


def _frames_at(
    film: Any, stream: Any, wanted: Sequence[float], size: tuple[int, int], where: str
) -> Iterator[Any]:
    """The first frame at or after each of some times in seconds, which never fall."""
    last, now, decoded = None, 0.0, 0
    for target in wanted:
        if last is None or target - now > FAR:
            film.seek(int(target * 1e6), backward=True)
        elif last.time is not None and last.time >= target:
            yield last
            continue
        for found in film.decode(stream):
            decoded += 1
            frames.check_cost(decoded, size, where)
            last = found
            now = target if found.time is None else float(found.time)
            if now >= target:
                break
        if last is None:
            raise ImageError(f"expected a film, found one without a frame: {where}.")
        yield last


def _upright(taken: Any) -> Image.Image:
    picture: Image.Image = taken.to_image()
    return picture.rotate(turn, expand=True) if (turn := _turn(taken)) else picture


def _turn(taken: Any) -> int:
    return int(getattr(taken, "rotation", 0) or 0) % 360


def _middle(film: Any, stream: Any, size: tuple[int, int], where: str) -> tuple[Any, str]:
    """The first frame at or after the middle of the film's time; the first of all without one."""
    seconds = float(film.duration or 0) / 1e6
    if seconds <= 0:
        return _numbered(film, stream, 0, size, where)
    (taken,) = _frames_at(film, stream, [seconds / 2], size, where)
    time = taken.time or 0.0
    return taken, f"the frame at {time:.2f} of {seconds:.2f} seconds (the middle)"


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
