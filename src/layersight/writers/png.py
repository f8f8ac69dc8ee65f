"""A document as pixels.

The rule of this module: a map's pixel becomes a square of whole device pixels, so that nothing is
resampled.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageColor, ImageDraw
from PIL.PngImagePlugin import PngInfo

from layersight.document.blocks import Bytes, Document
from layersight.errors import OutputError
from layersight.version import __version__
from layersight.writers.fonts import clean, pixel_font, runs, text_width
from layersight.writers.pages import paginate
from layersight.writers.sketch import SCREEN, Anchor, Box, Line, Link, Page, Picture, Text

LARGEST = 300_000_000  # pixels of the largest picture that is written
COMPRESSION = 4
FINER = 4  # how many times finer slanting lines are drawn before they are averaged
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def to_png(document: Document, manifest: str) -> bytes:
    """A document as one PNG, as wide and tall as needed, the same bytes each time.

    Its text chunks are Title, Description, Software, and layersight with the manifest.
    """
    return _file(draw(paginate(document, SCREEN)[0]), document, manifest)


def plain(pixels: Bytes, document: Document, manifest: str) -> bytes:
    """Pixels as they are, as a PNG file with the title and description of a document."""
    return _file(Image.fromarray(np.ascontiguousarray(pixels)), document, manifest)


def _file(image: Image.Image, document: Document, manifest: str) -> bytes:
    texts = PngInfo()
    texts.add_text("Title", clean(document.name))
    texts.add_text("Description", clean(document.caption))
    texts.add_text("Software", f"layersight {__version__}")
    texts.add_text("layersight", clean(manifest))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=texts, compress_level=COMPRESSION)
    return file.getvalue()


def draw(page: Page) -> Image.Image:
    """One page as an RGB image; ``OutputError`` if that is too large."""
    scale = page.resolution
    width, height = round(page.width * scale), round(page.height * scale)
    if width * height > LARGEST:
        raise OutputError(
            f"a picture of {width:,} x {height:,} pixels is too large: expected at most "
            f"{LARGEST // 10**6} megapixels. Write a .pdf or a folder, or choose fewer layers "
            "or channels."
        )
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    for item in page.items:
        match item:
            case Text():
                _text(pen, item, scale)
            case Picture():
                _picture(image, item, scale)
            case Line():
                _line(image, pen, item, scale)
            case Box():
                _box(pen, item, scale)
            case Link() | Anchor():
                pass  # nothing to see
    return image


def _text(pen: ImageDraw.ImageDraw, item: Text, scale: float) -> None:
    x, y = round(item.x * scale), round(item.y * scale)
    parts = runs(item.text, item.bold)
    if len(parts) > 1 and item.anchor != "start":
        wide = text_width(item.text, item.size * scale, item.bold, pixels=True)
        x = round(x - wide * (1 if item.anchor == "end" else 0.5))
    for text, file in parts:
        font = pixel_font(file, item.size * scale)
        anchor = ANCHORS[item.anchor if len(parts) == 1 else "start"]
        pen.text((x, y), text, item.colour, font, anchor)
        x += round(font.getlength(text))


def _picture(image: Image.Image, item: Picture, scale: float) -> None:
    height, width = item.pixels.shape[:2]
    across = max(1, round(item.width * scale / width))
    down = max(1, round(item.height * scale / height))
    pixels = item.pixels.repeat(across, axis=1) if across > 1 else item.pixels
    pixels = pixels.repeat(down, axis=0) if down > 1 else pixels
    scaled = Image.fromarray(np.ascontiguousarray(pixels))
    if item.palette is not None:
        scaled.putpalette(item.palette.tobytes())
        scaled = scaled.convert("RGB")
    image.paste(scaled, (round(item.x * scale), round(item.y * scale)))


def _line(image: Image.Image, pen: ImageDraw.ImageDraw, item: Line, scale: float) -> None:
    """Draws a line; slanting ones are drawn finer and averaged, so that they are smooth."""
    points = [(x * scale, y * scale) for x, y in item.points]
    width = item.width * scale
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(points) == 2 and (xs[0] == xs[1] or ys[0] == ys[1]):
        thickness = max(1, round(width))
        left, top = round(min(xs)), round(min(ys))
        right = max(round(max(xs)), left + thickness) - 1
        bottom = max(round(max(ys)), top + thickness) - 1
        pen.rectangle((left, top, right, bottom), item.colour)
        return
    left, top = int(min(xs)) - 2, int(min(ys)) - 2
    size = int(max(xs)) + 3 - left, int(max(ys)) + 3 - top
    fine = Image.new("L", (size[0] * FINER, size[1] * FINER))
    moved = [((x - left) * FINER, (y - top) * FINER) for x, y in points]
    ImageDraw.Draw(fine).line(moved, 255, max(1, round(width * FINER)), joint="curve")
    mask = fine.resize(size, Image.Resampling.BOX)
    image.paste(ImageColor.getrgb(item.colour), (left, top), mask)


def _box(pen: ImageDraw.ImageDraw, item: Box, scale: float) -> None:
    left, top = round(item.x * scale), round(item.y * scale)
    right, bottom = round((item.x + item.width) * scale), round((item.y + item.height) * scale)
    if right > left and bottom > top:
        pen.rectangle((left, top, right - 1, bottom - 1), item.fill, item.stroke)
