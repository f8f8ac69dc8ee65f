"""Several frames or slices of a file or folder, for networks that take several at once.

The rule of this module: the frames that were taken are reported, all are brought to 8 bits on a
common scale, and only those that the network sees are kept in memory.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from layersight.errors import ImageError
from layersight.images import contents, depth, frames, reading
from layersight.images.dicom import count_slices, read_dicom
from layersight.images.finding import SUFFIXES, find_images
from layersight.images.libraries import read_frames

# The suffixes by which films are found in folders.
FILMS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")

MAX_FRAMES = 32  # where a network takes any number


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Decoded frames, in order."""

    frames: tuple[reading.Decoded, ...]
    steps: tuple[str, ...]  # what was done, in words, in order


def holds_several(path: Path) -> bool:
    """Whether a file has more than one frame, judged by its start; a folder always has."""
    try:
        if path.is_dir():
            return True
        with path.open("rb") as file:
            first = file.read(contents.ENOUGH)
        kind = contents.library_kind(first)
        if kind is not None:
            return kind == "film" or (kind == "dicom" and count_slices(path) > 1)
        with reading.quiet(), Image.open(path, formats=reading.FORMATS) as image:
            image.seek(1)
            return True
    except Exception:
        return False  # what is wrong with it is reported when it is read


def clips_in(folder: Path) -> list[Path]:
    """The examples in a folder: the folder itself, or files and folders in it.

    A folder of single pictures is an example with a picture for each frame; a file with several
    frames is an example by itself.
    """
    clips = list(_walk(folder, set()))
    if not clips:
        find_images([folder])  # raises an error that lists the suffixes
    return clips


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """The examples in a folder that was not visited before; links may be cyclic."""
    if (target := folder.resolve()) in seen:
        return
    seen.add(target)
    files = find_images([folder], recursive=False, suffixes=(*SUFFIXES, *FILMS), strict=False)
    if files:
        yield from files if holds_several(files[0]) else [folder]
        return
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and inner.name[0] != ".":
            yield from _walk(inner, seen)


def read_stack(path: Path, count: int | None, first: int | None) -> Stack:
    """As many frames as a network takes.

    They are consecutive from ``first`` on, or else spread evenly over all. Without a ``count`` all
    are taken, but :data:`MAX_FRAMES` at most.
    """
    where = repr(str(path))
    start = frames.check_number(first)
    if path.is_dir():
        files = find_images([path], recursive=False)
        chosen, step = _choose(len(files), count, start, where, "picture")
        decoded = tuple(reading.read_picture(files[number]) for number in chosen)
        return Stack(decoded, ("folder of pictures", step, *_all_steps(decoded)))
    reading.check_file(path)
    with reading.guarded(where), path.open("rb") as file:
        head = file.read(contents.ENOUGH)
        kind = contents.library_kind(head)
        check = functools.partial(reading.check_dimensions, where=where)
        if kind == "film":
            pictures, steps = read_frames(path, count or MAX_FRAMES, start, where, check)
            return Stack(tuple(reading.upright_picture(each, where) for each in pictures), steps)
        if kind == "dicom":
            chosen, step = _choose(count_slices(path), count, start, where, "slice")
            slices = [read_dicom(path, number, where, check) for number in chosen]
            decoded = tuple(
                reading.upright_picture(each, where, tuple(s for s in steps if "counted" not in s))
                for each, steps in slices
            )
            return Stack(decoded, (step, *_all_steps(decoded)))
        with Image.open(file, formats=reading.FORMATS) as image:
            total = _count(image, where)
            noun = "page" if image.format == "TIFF" else "frame"
            chosen, step = _choose(total, count, start, where, noun)
            decoded = tuple(_decode(image, chosen, where))
            return Stack(decoded, (step, *_all_steps(decoded)))


def _choose(
    total: int, count: int | None, first: int | None, where: str, noun: str
) -> tuple[list[int], str]:
    """The numbers of the frames that are taken, and the same in words."""
    wanted = count or min(total, MAX_FRAMES)
    if first is not None:
        if first + wanted > total:
            raise ImageError(
                f"expected {wanted} {noun}s from {first} on, counted from 0, found {total} in "
                f"{where}."
            )
        return list(range(first, first + wanted)), (
            f"{noun}s {first} to {first + wanted - 1} of {total}, counted from 0"
        )
    chosen = [int((index + 0.5) * total / wanted) for index in range(wanted)]
    if total == wanted:
        return chosen, f"all {total} {noun}s"
    listed = ", ".join(map(str, chosen[:12])) + (" ..." if chosen[12:] else "")
    why = "spread evenly" if total > wanted else f"{wanted} wanted, some repeated"
    return chosen, f"{noun}s {listed} of {total}, counted from 0 ({why})"


def _count(image: Image.Image, where: str) -> int:
    """The number of frames, found by seeking each: a file may claim more than it has."""
    reading.check_dimensions(image.size, where)
    count = 1
    while True:
        if image.format != "TIFF":
            frames.check_cost(count, image.size, where)
        if count > frames.MAX_FRAMES:
            raise ImageError(f"expected at most {frames.MAX_FRAMES} frames, found more in {where}.")
        try:
            image.seek(count)
        except EOFError:
            return count
        count += 1


def _decode(image: Image.Image, chosen: Sequence[int], where: str) -> Iterator[reading.Decoded]:
    """Frames by their ascending numbers; those of more than 8 bits on a common scale."""
    copies: dict[int, Image.Image] = {}
    pixels = 0
    image.seek(chosen[0])
    mode, white = depth.raw_mode(image), depth.counts_from_white(image)
    for number in sorted(set(chosen)):
        image.seek(number)
        pixels += image.size[0] * image.size[1]
        reading.check_dimensions((1, pixels), where)  # all of them together
        copies[number] = image.copy()
    raw = [copies[number] for number in chosen]
    width, height = raw[0].size
    if any(frame.mode not in depth.DEEP_MODES or frame.size != raw[0].size for frame in raw):
        for frame in raw:
            yield reading.upright_picture(frame, where)
        return
    tall = np.concatenate([np.asarray(frame) for frame in raw])  # scaled as a single picture
    picture = Image.fromarray(tall.astype(tall.dtype.newbyteorder("=")))
    scaled, step = depth.to_eight_bits(picture, mode, white_is_zero=white)
    for top in range(0, scaled.height, height):
        frame = scaled.crop((0, top, width, top + height))
        yield reading.Decoded(frame, True, where, (step,))


def _all_steps(decoded: Sequence[reading.Decoded]) -> tuple[str, ...]:
    """The steps of all frames, each once."""
    return tuple(dict.fromkeys(step for frame in decoded for step in frame.steps))
