"""Colours over a photograph."""

from __future__ import annotations

import numpy as np

from layersight.document.blocks import Bytes, Overlay


def blend(pixels: Bytes, palette: Bytes | None, overlay: Overlay) -> Bytes:
    """What is seen of pixels over a photograph, ``(height, width, 3)``.

    Args:
        pixels: ``(height, width)`` indices into the palette, or ``(height, width, 3)``.
        palette: ``(256, 3)``.
        overlay: The photograph and how far the pixels cover it.

    Example:
        >>> black, half = np.zeros((1, 1, 3), np.uint8), np.full((1, 1), 128, np.uint8)
        >>> blend(np.full((1, 1, 3), 255, np.uint8), None, Overlay(black, half)).tolist()
        [[[128, 128, 128]]]
    """
    over = pixels if palette is None else palette[pixels]
    # Of 256 and not of 255, so that a shift divides; full opacity covers fully.
    share = overlay.alpha.astype(np.uint16) + (overlay.alpha >> 7)
    under, share = overlay.under.astype(np.uint16), share[..., None]
    mixed = (under * (256 - share) + over.astype(np.uint16) * share + 128) >> 8
    blended: Bytes = mixed.astype(np.uint8)
    return blended
