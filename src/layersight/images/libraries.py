"""Films and HEIC photographs, which need libraries that are optional.

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
SEEK_BEYOND = 3.0  # seconds to the next frame from which on seeking is faster than decoding
Check = Callable[[tuple[int, int]], None]  # refuses a width and height that are too large


def library(name: str, what: str, extra: str, where: str) -> Any:
    """Imports a library that reads a kind of file."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImageError(
            f"reading {what} needs a library that is not installed: {where}. Install it: "
            f"pip install 'layersight[{extra}]', or save the image as PNG or JPEG first."
        ) from error


def read_heic(path: Path, frame: int | None, where: str, check: Check) -> Read:
    """A picture of a HEIC file, upright, in 8 bits; without ``frame`` the file's primary one."""
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
        steps.append(frames.in_words(number, count, noun="picture", why=why))
    return picture, tuple(steps)


def read_film(path: Path, frame: int | None, where: str, check: Check) -> Read:
    """A frame of a film: MP4, QuickTime, Matroska, WebM or AVI.

    Without ``frame`` it is the one in the middle of its time, or the first if that is unknown.
    """
    with _open_film(path, where) as film:
        stream, size = _video_stream(film, where, check)
        seconds = _duration(film)
        if frame is None and seconds > 0:
            (decoded,) = _frames_at(film, stream, [seconds / 2], size, where)
            step = f"the frame at {decoded.time or 0.0:.2f} of {seconds:.2f} seconds (the middle)"
        else:
            number = frame or 0
            frames.check_cost(number, size, where)
            several, count = _frames_from(film, stream, number, 1)
            if not several:
                raise frames.no_such(number, count, where)
            decoded, step = several[0], frames.in_words(number, stream.frames or None)
        check((decoded.width, decoded.height))
        picture, turn = _upright(decoded), _rotation(decoded)
    steps = ["film", step]
    if turn:
        steps.append(f"turned by {360 - turn} degrees, as the film says")
    return picture, tuple(steps)


def read_frames(
    path: Path, count: int, first: int | None, where: str, check: Check
) -> tuple[list[Image.Image], tuple[str, ...]]:
    """Several frames of a film: from ``first`` on, or spread evenly over its time.

    Spread evenly, they are the first frames at or after the middles of equal parts of the time.
    """
    with _open_film(path, where) as film:
        stream, size = _video_stream(film, where, check)
        check((size[0], size[1] * count))
        seconds = _duration(film)
        if first is None and seconds > 0:
            times = [(index + 0.5) * seconds / count for index in range(count)]
            pictures = [_upright(each) for each in _frames_at(film, stream, times, size, where)]
            listed = ", ".join(f"{time:.2f}" for time in times[:8]) + (" ..." if times[8:] else "")
            step = f"the frames at {listed} of {seconds:.2f} seconds (spread evenly)"
            return pictures, ("film", step)
        start = first or 0
        frames.check_cost(start + count, size, where)
        decoded, total = _frames_from(film, stream, start, count)
        if len(decoded) < count:
            raise ImageError(
                f"expected {count} frames from {start} on, counted from 0, found {total} in "
                f"{where}."
            )
        step = f"frames {start} to {start + count - 1}, counted from 0"
        if first is None:
            step = f"the first {count} frames"
        return list(map(_upright, decoded)), ("film", step)


@contextlib.contextmanager
def _open_film(path: Path, where: str) -> Iterator[Any]:
    """Opens a film in the container that its first bytes name."""
    av = library("av", "a film", "video", where)
    with path.open("rb") as file:
        container = contents.container_of(file.read(contents.ENOUGH))
        file.seek(0)
        options = {"protocol_whitelist": ""}  # none: what a film refers to is not followed
        with av.open(file, format=container, options=options) as film:
            yield film


def _video_stream(film: Any, where: str, check: Check) -> tuple[Any, tuple[int, int]]:
    """The video stream of a film, and its width and height."""
    if not film.streams.video:
        raise ImageError(f"expected a film, found one without pictures: {where}.")
    stream = film.streams.video[0]
    size = stream.codec_context.width, stream.codec_context.height
    check(size)
    stream.thread_type = "AUTO"
    return stream, size


def _duration(film: Any) -> float:
    """The duration of a film in seconds, 0 if it is unknown."""
    return float(film.duration or 0) / 1e6


def _frames_from(film: Any, stream: Any, first: int, count: int) -> tuple[list[Any], int]:
    """At most ``count`` frames from a number on, and how many were decoded to get them.

    All before ``first`` are decoded too: only that counts them.
    """
    taken: list[Any] = []
    total = 0
    for number, frame in enumerate(film.decode(stream)):
        total = number + 1
        if number >= first:
            taken.append(frame)
        if len(taken) == count:
            break
    return taken, total


def _frames_at(
    film: Any, stream: Any, times: Sequence[float], size: tuple[int, int], where: str
) -> Iterator[Any]:
    """The first frame at or after each of several ascending times in seconds."""
    last, now, decoded = None, 0.0, 0
    for time in times:
        if last is None or time - now > SEEK_BEYOND:
            film.seek(int(time * 1e6), backward=True)
        elif last.time is not None and last.time >= time:
            yield last
            continue
        for frame in film.decode(stream):
            decoded += 1
            frames.check_cost(decoded, size, where)
            last = frame
            now = time if frame.time is None else float(frame.time)
            if now >= time:
                break
        if last is None:
            raise ImageError(f"expected a film, found one without a frame: {where}.")
        yield last


def _upright(frame: Any) -> Image.Image:
    picture: Image.Image = frame.to_image()
    return picture.rotate(turn, expand=True) if (turn := _rotation(frame)) else picture


def _rotation(frame: Any) -> int:
    return int(getattr(frame, "rotation", 0) or 0) % 360
