"""From pixels to the size that the model takes.

The rule of this module: the default gives the same bytes as ``keras.utils.load_img`` with
``target_size``, because that is how most models were given their images.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from PIL import Image

from layersight.errors import UsageError, near
from layersight.images.reading import MAX_PIXELS

LARGEST_SIDE = 512  # pixels of the longest side where the model takes any size
MAX_SIDE = 65_535  # pixels that a user may choose: the longest side of a JPEG

FITS = ("stretch", "crop", "pad")

# The interpolations, by their names in keras.utils.load_img.
INTERPOLATIONS: Mapping[str, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}

_BLACK: Mapping[str, Any] = {"L": 0, "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}


def fit_picture(
    picture: Image.Image, size: tuple[int, int], fit: str, interpolation: str
) -> tuple[Image.Image, str]:
    """A picture in the size that the model takes.

    Args:
        picture: In mode L, RGB or RGBA.
        size: Height and width in pixels.
        fit: ``"stretch"`` does not keep the aspect ratio; ``"crop"`` takes the largest
            region of the right aspect ratio in the middle (``keep_aspect_ratio=True`` of
            ``keras.utils.load_img``); ``"pad"`` shows all of the image in the middle, with
            black around it.
        interpolation: One of ``INTERPOLATIONS``.

    Returns:
        The picture in exactly that size, and what was done, in words.

    Example:
        >>> picture, step = fit_picture(Image.new("RGB", (6, 4)), (2, 2), "crop", "nearest")
        >>> picture.size, step
        ((2, 2), 'the middle 4 x 4 of 6 x 4 pixels resized to 2 x 2 (crop, nearest)')
    """
    check_name("fit", fit, FITS)
    check_name("interpolation", interpolation, INTERPOLATIONS)
    height, width = check_size(size)
    method = INTERPOLATIONS[interpolation]
    if picture.size == (width, height):
        return picture, f"kept at {width} x {height} pixels"
    before = f"{picture.width} x {picture.height}"
    after = f"{width} x {height} ({fit}, {interpolation})"
    if fit == "crop":
        box = _middle(picture.size, (width, height))
        resized = picture.resize((width, height), method, box=box)
        middle = f"{box[2] - box[0]} x {box[3] - box[1]}"
        if middle != before:
            return resized, f"the middle {middle} of {before} pixels resized to {after}"
        return resized, f"resized from {before} to {after}"
    if fit == "pad":
        inner = _largest_within(picture.size, (width, height))
        resized = picture.resize(inner, method)
        padded = Image.new(picture.mode, (width, height), _BLACK[picture.mode])
        padded.paste(resized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return padded, (
            f"resized from {before} to {inner[0]} x {inner[1]}, "
            f"black around it up to {width} x {height} ({fit}, {interpolation})"
        )
    return picture.resize((width, height), method), f"resized from {before} to {after}"


def seen_region(
    original: tuple[int, int], size: tuple[int, int], fit: str
) -> tuple[float, float, float, float]:
    """The edges of a fitted image in coordinates of the original.

    Args:
        original: Width and height of the image in pixels.
        size: Height and width of the fitted image.
        fit: See :func:`fit_picture`.

    Returns:
        ``(top, left, bottom, right)`` in pixels of the original; outside it for ``"pad"``.

    Example:
        >>> seen_region((6, 4), (2, 2), "crop"), seen_region((4, 2), (8, 8), "pad")
        ((0.0, 1.0, 4.0, 5.0), (-1.0, 0.0, 3.0, 4.0))
    """
    width, height = original
    if (height, width) == tuple(size) or fit not in ("crop", "pad"):
        return 0.0, 0.0, float(height), float(width)
    if fit == "crop":
        left, top, right, bottom = map(float, _middle(original, (size[1], size[0])))
        return top, left, bottom, right
    inner = _largest_within(original, (size[1], size[0]))
    across, down = width / inner[0], height / inner[1]
    left, top = (size[1] - inner[0]) // 2 * across, (size[0] - inner[1]) // 2 * down
    return 0.0 - top, 0.0 - left, size[0] * down - top, size[1] * across - left


def choose_size(
    input_size: tuple[int | None, int | None],
    original: tuple[int, int],
    wanted: tuple[int, int] | None = None,
) -> tuple[tuple[int, int], str | None]:
    """The size in which the model gets an image.

    Where the model takes any size, that is the size that the user chose, else the image's own,
    reduced in proportion to at most ``LARGEST_SIDE`` pixels on its longest side.

    Args:
        input_size: Height and width that the model takes, ``None`` where any will do.
        original: Width and height of the image in pixels.
        wanted: Height and width that the user chose.

    Returns:
        Height and width, and a note where a size had to be chosen.

    Example:
        >>> choose_size((224, 224), (500, 413))
        ((224, 224), None)
        >>> choose_size((None, None), (2048, 1024))[0]
        (256, 512)
    """
    height, width = input_size
    if wanted is not None:
        wanted = check_size(wanted)
        if height not in (None, wanted[0]) or width not in (None, wanted[1]):
            raise UsageError(
                f"the model takes {_any(width)} x {_any(height)} pixels (width x height), found "
                f"a size of {wanted[1]} x {wanted[0]}. Leave the size out."
            )
        return wanted, None
    if height is not None and width is not None:
        return (height, width), None
    original_width, original_height = original
    if height is None and width is None:
        scale = min(1.0, LARGEST_SIDE / max(original))
        chosen = (max(1, round(original_height * scale)), max(1, round(original_width * scale)))
    elif height is None:
        chosen = (_in_proportion(original_height, original_width, width), width or 1)
    else:
        chosen = (height, _in_proportion(original_width, original_height, height))
    return chosen, _choice_note(input_size, original, chosen)


def check_size(size: Any, what: str = "a size", largest: int = MAX_SIDE) -> tuple[int, int]:
    """A size that a user gives, as height and width within bounds.

    >>> check_size(96), check_size([20, 30])
    ((96, 96), (20, 30))
    """
    try:
        height, width = map(
            operator.index, (size, size) if isinstance(size, int | np.integer) else size
        )
    except (TypeError, ValueError):
        raise UsageError(
            f"expected {what} as height and width in pixels, such as (224, 224), found {size!r:.80}"
        ) from None
    if not (1 <= height <= largest and 1 <= width <= largest and height * width <= MAX_PIXELS):
        most = f" and {MAX_PIXELS / 1e6:g} megapixels in all" if largest**2 > MAX_PIXELS else ""
        raise UsageError(
            f"expected {what} of 1 to {largest} pixels a side{most}, found {height} x {width} "
            "(height x width)"
        )
    return height, width


def check_name(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UsageError(
            f"unknown {what} '{name}': expected one of {', '.join(known)}.{near(str(name), known)}"
        )


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box that ``keras.utils.load_img`` cuts out to keep the aspect ratio."""
    width, height = size
    cut_width = max(1, min(width, height * target[0] // target[1]))
    cut_height = max(1, min(height, width * target[1] // target[0]))
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    return left, top, left + cut_width, top + cut_height


def _largest_within(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    if target[0] * height <= target[1] * width:
        return target[0], max(1, (2 * height * target[0] + width) // (2 * width))
    return max(1, (2 * width * target[1] + height) // (2 * height)), target[1]


def _in_proportion(side: int, other: int, fixed: int | None) -> int:
    """The length of the free side that keeps the aspect ratio, within bounds."""
    fixed = fixed or 1
    return max(1, min(max(LARGEST_SIDE, fixed), round(side * fixed / other)))


def _choice_note(
    input_size: tuple[int | None, int | None], original: tuple[int, int], chosen: tuple[int, int]
) -> str:
    own, size = f"{original[0]} x {original[1]}", f"{chosen[1]} x {chosen[0]}"
    if input_size != (None, None):
        takes = f"{_any(input_size[1])} x {_any(input_size[0])}"
        return f"the model takes {takes} pixels: {size} chosen for the image's own {own}"
    if own == size:
        return f"the model takes any size: the image's own {own} kept"
    return (
        f"the model takes any size: the image's own {own} reduced to {size} "
        f"(at most {LARGEST_SIDE} on the longest side where no size is given)"
    )


def _any(side: int | None) -> str:
    return "any" if side is None else str(side)
