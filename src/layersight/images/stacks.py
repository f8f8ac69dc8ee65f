"""Several frames or slices of a file or folder, for networks that take as many at once.

The rule of this module: which frames were taken is told, all are brought to 8 bits on one scale,
and only those that the network sees are kept in memory.
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

MOST = 32  # frames, where a network takes any number


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Some frames, decoded."""

    frames: tuple[reading.Decoded, ...]  # the frames, in order
    steps: tuple[str, ...]  # what was done, in words, in order


def holds_several(path: Path) -> bool:
    """Whether a file or folder holds more than one frame, as far as its beginning tells."""
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
        return False  # what is wrong with it is told when it is read


def clips_in(folder: Path) -> list[Path]:
    """What the examples in a folder are: the folder itself, or files and folders in it.

    A folder of single pictures is one example with a frame in each, as is each folder in it; files
    with several frames are an example each.
    """
    files = find_images([folder], recursive=False, suffixes=(*SUFFIXES, *FILMS), strict=False)
    if files:
        return files if holds_several(files[0]) else [folder]
    inner = sorted(each for each in folder.iterdir() if each.is_dir())
    found = [clip for each in inner if not each.name.startswith(".") for clip in clips_in(each)]
    if not found:
        find_images([folder])  # says what was looked for
    return found


def read_stack(path: Path, count: int | None, first: int | None) -> Stack:
    """As many frames as a network takes.

    Those that follow each other from ``first`` on, or spread evenly over all there are; without a
    ``count`` all, but :data:`MOST` at most.
    """
    where = repr(str(path))
    start = frames.check_number(first)
    if path.is_dir():
        files = find_images([path], recursive=False)
        chosen, words = _choose(len(files), count, start, where, "picture")
        made = tuple(reading.read_picture(files[number]) for number in chosen)
        return Stack(made, ("folder of pictures", words, *_shared(made)))
    reading.check_file(path)
    with reading.guarded(where), path.open("rb") as file:
        head = file.read(contents.ENOUGH)
        kind = contents.library_kind(head)
        check = functools.partial(reading.check_claims, where=where)
        if kind == "film":
            pictures, steps = read_frames(path, count or MOST, start, where, check)
            return Stack(tuple(reading.upright_picture(each, where) for each in pictures), steps)
        if kind == "dicom":
            chosen, words = _choose(count_slices(path), count, start, where, "slice")
            slices = [read_dicom(path, number, where, check) for number in chosen]
            done = dict.fromkeys(
                step for _, steps in slices for step in steps if "counted" not in step
            )
            made = tuple(reading.upright_picture(each, where) for each, _ in slices)
            return Stack(made, (words, *done))
        with Image.open(file, formats=reading.FORMATS) as image:
            total = _count(image, where)
            noun = "page" if image.format == "TIFF" else "frame"
            chosen, words = _choose(total, count, start, where, noun)
            made = tuple(_decode(image, chosen, where))
            return Stack(made, (words, *_shared(made)))


def _choose(
    total: int, count: int | None, first: int | None, where: str, noun: str
) -> tuple[list[int], str]:
    """Which of all frames are taken, and in words."""
    wanted = count or min(total, MOST)
    if first is not None:
        if first + wanted > total:
            raise ImageError(
                f"expected {wanted} {noun}s from {first} on, counted from 0, found {total} in "
                f"{where}."
            )
        return list(range(first, first + wanted)), (
            f"{noun}s {first} to {first + wanted - 1} of {total}, counted from 0"
        )
    chosen = [int((place + 0.5) * total / wanted) for place in range(wanted)]
    if total == wanted:
        return chosen, f"all {total} {noun}s"
    listed = ", ".join(map(str, chosen[:12])) + (" ..." if chosen[12:] else "")
    why = "spread evenly" if total > wanted else f"{wanted} wanted, some repeated"
    return chosen, f"{noun}s {listed} of {total}, counted from 0 ({why})"


def _count(image: Image.Image, where: str) -> int:
    """How many frames there are, each looked at, so that a file cannot claim more than it has."""
    reading.check_claims(image.size, where)
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
    """The frames with some numbers, which never fall; deep ones on one scale."""
    kept: dict[int, Image.Image] = {}
    pixels = 0
    image.seek(chosen[0])
    kind, white = depth.raw_mode(image), depth.counts_from_white(image)
    for number in sorted(set(chosen)):
        image.seek(number)
        pixels += image.size[0] * image.size[1]
        reading.check_claims((1, pixels), where)  # all of them together
        kept[number] = image.copy()
    raw = [kept[number] for number in chosen]
    if all(each.mode in depth.DEEP_MODES and each.size == raw[0].size for each in raw):
        yield from _deep(raw, kind, where, white=white)
        return
    for each in raw:
        yield reading.upright_picture(each, where)


def _deep(
    raw: Sequence[Image.Image], kind: str, where: str, *, white: bool
) -> list[reading.Decoded]:
    """Frames of more than 8 bits as one picture, so that all have the same scale."""
    width, height = raw[0].size
    tall = np.concatenate([np.asarray(each) for each in raw])
    whole = Image.fromarray(tall.astype(tall.dtype.newbyteorder("=")))
    eight, step = depth.to_eight_bits(whole, kind, white_is_zero=white)
    return [
        reading.Decoded(
            eight.crop((0, place * height, width, (place + 1) * height)), True, where, (step,)
        )
        for place in range(len(raw))
    ]


def _shared(made: Sequence[reading.Decoded]) -> tuple[str, ...]:
    """What was done to the frames, each step once."""
    return tuple(dict.fromkeys(step for each in made for step in each.steps))
