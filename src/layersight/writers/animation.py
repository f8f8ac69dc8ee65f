"""Documents as the frames of an animation.

The rule of this module: all frames have one layout, so that nothing moves but the pictures; the
last frame is held longer.
"""

from __future__ import annotations

import dataclasses
import html
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from layersight.document.blocks import Document
from layersight.errors import UsageError
from layersight.writers.pages import paginate
from layersight.writers.png import draw
from layersight.writers.sketch import SCREEN

FRAME, LAST = 120, 1800  # how long each frame is shown, and the last one, in milliseconds
COLOURS = 256
"""How many a GIF has; each frame has its own, so that a grey start and a bright end are smooth."""
MEDIUM = dataclasses.replace(SCREEN, width=258.0, margin=14.0)


def to_gif(documents: Iterable[Document], manifest: str) -> bytes:
    """Documents as the frames of a GIF; the manifest is its comment."""
    frames = [_reduced(frame) for frame in _frames(documents)]
    return _saved("GIF", frames, comment=manifest.encode("ascii"), optimize=False, disposal=1)


def to_webp(documents: Iterable[Document], manifest: str) -> bytes:
    """Documents as the frames of a lossless WebP; the manifest is in its XMP."""
    settings = {"lossless": True, "quality": 60, "method": 4, "xmp": _xmp(manifest)}
    return _saved("WEBP", _frames(documents), **settings)


def _frames(documents: Iterable[Document]) -> list[Image.Image]:
    """A picture for each document, all of one size."""
    pages = [paginate(document, MEDIUM)[0] for document in documents]
    if not pages:
        raise UsageError("expected at least one frame of an animation, found none")
    width, height = max(page.width for page in pages), max(page.height for page in pages)
    return [draw(dataclasses.replace(page, width=width, height=height)) for page in pages]


def _reduced(frame: Image.Image) -> Image.Image:
    """A frame in its own best colours, dithered; white stays white in all of them."""
    last = COLOURS - 1
    table = Image.new("P", (1, 1))
    colours = frame.quantize(last, method=Image.Quantize.MEDIANCUT).getpalette() or []
    table.putpalette(
        [*colours[: 3 * last], *[255] * (3 * (COLOURS - len(colours[: 3 * last]) // 3))]
    )
    reduced = frame.quantize(palette=table, dither=Image.Dither.FLOYDSTEINBERG)
    # Pillow looks colours up coarsely, so that white may become its neighbour.
    steps = np.array(reduced)
    steps[(np.asarray(frame) == 255).all(-1)] = last
    result = Image.fromarray(steps)
    result.putpalette(table.getpalette() or [])
    return result


def _saved(kind: str, frames: list[Image.Image], **settings: Any) -> bytes:
    file = io.BytesIO()
    frames[0].save(
        file,
        kind,
        save_all=True,
        append_images=frames[1:],
        duration=[*[FRAME] * (len(frames) - 1), LAST],
        loop=0,
        **settings,
    )
    return file.getvalue()


def _xmp(text: str) -> bytes:
    """The XMP (ISO 16684-1) of an image file, with a text in a property of our own."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:layersight="urn:layersight:xmp">'
        f"<layersight:manifest>{html.escape(text, quote=False)}</layersight:manifest>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
