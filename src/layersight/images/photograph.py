"""The image in its original size, and the part of it that the network saw.

The rule of this module: a photograph is what a person would see of the file, upright and in its
original colours; where the file is gone, the pixels that the network saw are used instead.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from layersight.data.image import InputImage, Photograph
from layersight.data.stack import contact_sheet
from layersight.errors import ImageError
from layersight.images import arrays, reading

LARGEST = 4096  # pixels of the longest side, beyond which a photograph is reduced
LEAST = 512  # the same where there are many photographs
ROOM = 1 << 30  # bytes of all of them


def longest_side(count: int) -> int:
    """The longest side that each of several photographs may keep, in pixels.

    >>> longest_side(1), longest_side(100), longest_side(10_000)
    (4096, 1891, 512)
    """
    return min(LARGEST, max(LEAST, math.isqrt(ROOM // (3 * max(1, count)))))


def photograph(
    source: Any, image: InputImage, longest: int = LARGEST, decoded: reading.Decoded | None = None
) -> Photograph:
    """An image in its original size.

    ``source`` is what the image was loaded from, ``decoded`` the picture, if it has just been
    decoded; a side longer than ``longest`` pixels is reduced to that.

    Returns:
        The photograph. Where the source is not a picture (floats), or a file that is gone or has
        another size by now, the pixels that the network saw.

    Example:
        >>> from layersight.images import load
        >>> from layersight.data.preprocessing import SCALES
        >>> from layersight.data.model import InputInfo
        >>> wide = np.zeros((4, 6, 3), np.uint8)
        >>> seen, _ = load(
        ...     wide, InputInfo("in", (None, 2, 2, 3)), preprocessing=SCALES["0..1"], fit="crop"
        ... )
        >>> original = photograph(wide, seen)
        >>> original.pixels.shape, original.region
        ((4, 6, 3), (0.0, 1.0, 4.0, 5.0))
    """
    if image.frames is not None:
        sheet = contact_sheet(image.frames, 255)
        return Photograph(sheet, (0.0, 0.0, float(sheet.shape[0]), float(sheet.shape[1])))
    picture = None
    if image.region is not None:
        picture = _original(source, image) if decoded is None else decoded.convert()[0]
    if picture is None or image.region is None or picture.size != image.original_size:
        height, width = image.pixels.shape[:2]
        return Photograph(image.pixels, (0.0, 0.0, float(height), float(width)))
    width, height = picture.size
    factor = max(1.0, max(width, height) / longest)
    if factor == 1:
        return Photograph(reading.to_array(picture), image.region)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    top, left, bottom, right = image.region
    down, across = size[1] / height, size[0] / width
    region = (top * down, left * across, bottom * down, right * across)
    smaller = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Photograph(reading.to_array(smaller), region, factor)


def _original(source: Any, image: InputImage) -> Image.Image | None:
    """The original image in mode L or RGB, or ``None`` if it is gone or was floats."""
    if isinstance(source, InputImage):
        if source.path is None:
            return None
        try:
            return _original(source.path, image)
        except ImageError:
            return None  # the file is gone since the image was loaded
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not arrays.is_array_file(path):
            return reading.read_picture(path, image.frame).convert()[0]
        source = arrays.read_array(path)
    with reading.guarded(repr(image.name)):
        if not isinstance(source, Image.Image):
            array = arrays.as_array(source)
            if array.ndim == 4 and len(array) == 1:
                array = array[0]
            if array.dtype != np.uint8 or array.ndim not in (2, 3):
                return None
            if array.ndim == 3 and array.shape[-1] == 1:
                array = array[..., 0]
            source = Image.fromarray(np.ascontiguousarray(array))
        return reading.upright_picture(source, repr(image.name)).convert()[0]
