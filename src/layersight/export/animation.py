"""The ascent of patterns as an animation.

The rule of this module: every frame says after how many steps it was taken, and the last is
held longer.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from layersight.errors import UsageError
from layersight.export.manifest import dump_manifest, manifest_of
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns
from layersight.render.patterns.moving import frame_pages
from layersight.writers.png import draw
from layersight.writers.xmp import packet

FRAME, LAST = 120, 1800
"""How long a frame is shown, and the last, in milliseconds."""

COLOURS = 256
"""Of a GIF; each frame has its own, so that a grey start and a bright end are both smooth."""


def to_gif(result: Patterns, options: GalleryOptions) -> bytes:
    """The ascent as a GIF; the manifest is its comment.

    Raises:
        UsageError: The result has no frames.
    """
    frames = [_reduced(frame) for frame in _frames(result, options)]
    comment = dump_manifest(manifest_of(result, options)).encode("ascii")
    return _saved("GIF", frames, comment=comment, optimize=False, disposal=1)


def to_webp(result: Patterns, options: GalleryOptions) -> bytes:
    """The ascent as a lossless WebP; the manifest is in its XMP.

    Raises:
        UsageError: The result has no frames.
    """
    xmp = packet(dump_manifest(manifest_of(result, options)))
    return _saved("WEBP", _frames(result, options), lossless=True, quality=60, method=4, xmp=xmp)


def _frames(result: Patterns, options: GalleryOptions) -> list[Image.Image]:
    if result.frames is None or not len(result.frames):
        raise UsageError(
            "an animation shows the patterns on their way and this result has no frames: ask "
            "for them with --frames 24, or frames=24 in Python"
        )
    return [draw(page) for page in frame_pages(result, options)]


def _reduced(frame: Image.Image) -> Image.Image:
    """A frame in the colours that suit it, dithered; white stays white in all of them."""
    last = COLOURS - 1
    table = Image.new("P", (1, 1))
    own = frame.quantize(last, method=Image.Quantize.MEDIANCUT).getpalette() or []
    table.putpalette([*own[: 3 * last], *[255] * (3 * (COLOURS - len(own[: 3 * last]) // 3))])
    reduced = frame.quantize(palette=table, dither=Image.Dither.FLOYDSTEINBERG)
    # Pillow looks colours up coarsely, so that white may become its neighbour.
    steps = np.array(reduced)
    steps[(np.asarray(frame) == 255).all(-1)] = last
    whole = Image.fromarray(steps)
    whole.putpalette(table.getpalette() or [])
    return whole


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
