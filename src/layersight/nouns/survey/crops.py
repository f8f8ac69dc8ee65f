"""Small pictures of what excites channels in the strongest and weakest images, each once.

The rule of this module: images are decoded one after the other, in the order of their names.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.errors import ImageError
from layersight.nouns.survey.dataset import Item, Reader
from layersight.nouns.survey.local import load_item
from layersight.nouns.survey.plan import Spec

LONGEST = 96
"""Pixels of the longer side of a picture; larger ones are made smaller."""
AHEAD = 32
"""Images that are decoded before their pictures are needed."""

Box = tuple[int, int, int, int]
Cut = tuple[int, Box]
"""The number of an image, and the pixels of what the network got: ``y0, x0, y1, x1``."""


def cut_out(
    spec: Spec, items: Sequence[Item], cuts: Sequence[Cut], decoders: int
) -> Iterator[bytes]:
    """The pictures as JPEG files.

    Args:
        spec: How the images are brought to the network.
        items: All images.
        cuts: What is cut out, in order, each once.
        decoders: How many threads decode.

    Raises:
        ImageError: An image that could be read before cannot be read any more.
    """
    groups: dict[int, list[Box]] = {}
    for number, box in cuts:
        groups.setdefault(number, []).append(box)
    reader = Reader()

    def work(number: int) -> list[bytes]:
        pixels = _load_pixels(spec, reader, items[number])
        return [_jpeg(pixels, box) for box in groups[number]]

    waiting: deque[Future[list[bytes]]] = deque()
    with ThreadPoolExecutor(decoders) as pool:
        for number in groups:
            waiting.append(pool.submit(work, number))
            if len(waiting) > AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _load_pixels(spec: Spec, reader: Reader, item: Item) -> NDArray[np.uint8]:
    """An image as the network saw it, before its values were scaled."""
    try:
        image, _ = load_item(reader, item, spec.entry, spec.preprocessing, spec.options)
        return image.pixels
    except ImageError as error:
        raise ImageError(f"changed while it was surveyed: {error}") from error


def _jpeg(pixels: NDArray[np.uint8], box: Box) -> bytes:
    top, left, bottom, right = box
    crop = np.ascontiguousarray(pixels[top:bottom, left:right])
    picture = Image.fromarray(crop[..., 0] if crop.shape[-1] == 1 else crop)
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
