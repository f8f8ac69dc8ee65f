"""Pages as pixels.

The rule of this module: a map's pixel becomes a square of whole device pixels, so that
nothing is resampled.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw
from PIL.PngImagePlugin import PngInfo

from layersight.document.blocks import Document
from layersight.errors import OutputError
from layersight.version import __version__
from layersight.writers.fonts import clean, pixel_font
from layersight.writers.page import Anchor, Box, Bytes, Information, Line, Link, Page, Picture, Text
from layersight.writers.pages import about, pages
from layersight.writers.sketch import SCREEN

LARGEST = 300_000_000
"""Pixels of the largest picture that is written."""

COMPRESSION = 4
FINER = 4
"""How much finer slanting lines are drawn before they are averaged."""
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def to_png(document: Document, manifest: str) -> bytes:
    """A document as one PNG, as wide and tall as needed.

    Args:
        document: What is shown.
        manifest: What the file says of its own origin, as JSON.

    Raises:
        OutputError: The picture would be too large.
    """
    return write_png(stack(pages(document, SCREEN)), about(document, manifest))


def stacked_png(shown: Sequence[Page], information: Information) -> bytes:
    """The pages, one under the other, as one PNG.

    Args:
        shown: At least one, made for the screen.
        information: Becomes the text chunks Title, Description, Software and layersight.

    Returns:
        The bytes of the file; the same for the same arguments.

    Raises:
        OutputError: The picture would be too large.
    """
    return write_png(stack(shown), information)


def plain(pixels: Bytes, document: Document, manifest: str) -> bytes:
    """Pixels as they are, as a PNG file that says what a document says of itself."""
    return write_png(Image.fromarray(np.ascontiguousarray(pixels)), about(document, manifest))


def write_png(image: Image.Image, information: Information) -> bytes:
    """A picture as a PNG file that says what it is."""
    texts = PngInfo()
    texts.add_text("Title", clean(information.title))
    texts.add_text("Description", clean(information.caption))
    texts.add_text("Software", f"layersight {__version__}")
    texts.add_text("layersight", clean(information.manifest))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=texts, compress_level=COMPRESSION)
    return file.getvalue()


def stack(made: Sequence[Page]) -> Image.Image:
    """The pages, one under the other, at their left edges.

    Raises:
        OutputError: There are no pages, or the picture would be too large.
    """
    if not made:
        raise OutputError("expected at least one page to draw, found none")
    shown = [_without_foot(page) for page in made[:-1]] + [made[-1]]
    sizes = [_size(page) for page in shown]
    width, height = max(wide for wide, _ in sizes), sum(tall for _, tall in sizes)
    if width * height > LARGEST:
        raise OutputError(
            f"a picture of {width:,} x {height:,} pixels is too large: expected at most "
            f"{LARGEST // 10**6} megapixels. Write a .pdf or a folder, or choose fewer layers "
            "or channels."
        )
    if len(made) == 1:
        return draw(made[0])
    whole = Image.new("RGB", (width, height), "white")
    top = 0
    for page, (_, tall) in zip(shown, sizes, strict=True):
        whole.paste(draw(page), (0, top))
        top += tall
    return whole


def draw(page: Page) -> Image.Image:
    """One page as an RGB image."""
    image = Image.new("RGB", _size(page), "white")
    pen = ImageDraw.Draw(image)
    for item in page.items:
        match item:
            case Text():
                _text(pen, item, page.resolution)
            case Picture():
                _picture(image, item, page.resolution)
            case Line():
                _line(image, item, page.resolution)
            case Box():
                _box(pen, item, page.resolution)
            case Link() | Anchor():
                pass  # nothing to see
    return image


def enlarge(pixels: Bytes, zoom: tuple[int, int]) -> Bytes:
    """Every pixel as a block of ``zoom`` (down, across) equal ones.

    >>> enlarge(np.array([[1, 2]], np.uint8), (1, 2)).tolist()
    [[1, 1, 2, 2]]
    """
    down, across = zoom
    if across > 1:
        pixels = pixels.repeat(across, axis=1)
    return pixels.repeat(down, axis=0) if down > 1 else pixels


def _size(page: Page) -> tuple[int, int]:
    return round(page.width * page.resolution), round(page.height * page.resolution)


def _without_foot(page: Page) -> Page:
    """The page without its caption, which the last page of a stack shows."""
    return dataclasses.replace(page, height=page.height - page.foot) if page.foot else page


def _line(image: Image.Image, item: Line, scale: float) -> None:
    """A line; slanting ones are drawn finer and averaged, so that they do not look jagged."""
    points = [(x * scale, y * scale) for x, y in item.points]
    width = item.width * scale
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(points) == 2 and (xs[0] == xs[1] or ys[0] == ys[1]):
        whole = max(1, round(width))
        left, top = round(min(xs)), round(min(ys))
        right = max(round(max(xs)), left + whole) - 1
        bottom = max(round(max(ys)), top + whole) - 1
        ImageDraw.Draw(image).rectangle((left, top, right, bottom), item.colour)
        return
    left, top = int(min(xs)) - 2, int(min(ys)) - 2
    size = int(max(xs)) + 3 - left, int(max(ys)) + 3 - top
    fine = Image.new("L", (size[0] * FINER, size[1] * FINER))
    moved = [((x - left) * FINER, (y - top) * FINER) for x, y in points]
    ImageDraw.Draw(fine).line(moved, 255, max(1, round(width * FINER)), joint="curve")
    mask = fine.resize(size, Image.Resampling.BOX)
    image.paste(ImageColor.getrgb(item.colour), (left, top), mask)


def _text(pen: ImageDraw.ImageDraw, item: Text, scale: float) -> None:
    font = pixel_font(item.size * scale, item.bold)
    x, y = round(item.x * scale), round(item.y * scale)
    pen.text((x, y), item.text, fill=item.colour, font=font, anchor=ANCHORS[item.anchor])


def _picture(image: Image.Image, item: Picture, scale: float) -> None:
    height, width = item.pixels.shape[:2]
    across = max(1, round(item.width * scale / width))
    down = max(1, round(item.height * scale / height))
    pixels = np.ascontiguousarray(item.pixels)
    if item.palette is not None:
        shown = Image.fromarray(enlarge(pixels, (down, across)))
        shown.putpalette(item.palette.tobytes())
        shown = shown.convert("RGB")
    else:
        shown = Image.fromarray(enlarge(pixels, (down, across)))
    image.paste(shown, (round(item.x * scale), round(item.y * scale)))


def _box(pen: ImageDraw.ImageDraw, item: Box, scale: float) -> None:
    left, top = round(item.x * scale), round(item.y * scale)
    right, bottom = round((item.x + item.width) * scale), round((item.y + item.height) * scale)
    if right > left and bottom > top:
        pen.rectangle((left, top, right - 1, bottom - 1), item.fill, item.stroke)
