"""Colours over a photograph."""

from __future__ import annotations

import numpy as np

from layersight.document.blocks import Bytes, Overlay

PALE = (0xEC, 0xEE, 0xEF)  # what lies over a part that was not seen
FADED = 0.62  # how far that part is faded


def blend(pixels: Bytes, palette: Bytes | None, overlay: Overlay, *, bare: bool = False) -> Bytes:
    """Pixels over a photograph, ``(height, width, 3)``.

    Args:
        pixels: ``(height, width)`` indices, or ``(height, width, 3)``.
        palette: ``(256, 3)``, of indices.
        overlay: The photograph, and the opacity of the pixels over it.
        bare: Whether the photograph is shown without the pixels.

    Example:
        >>> black, half = np.zeros((1, 1, 3), np.uint8), np.full((1, 1), 128, np.uint8)
        >>> blend(np.full((1, 1, 3), 255, np.uint8), None, Overlay(black, half)).tolist()
        [[[128, 128, 128]]]
    """
    over = pixels if palette is None or pixels.ndim == 3 else palette[pixels]
    under = overlay.under.astype(np.uint16)
    share = np.zeros_like(overlay.alpha, np.uint32) if bare else overlay.alpha.astype(np.uint32)
    mixed = (under * (255 - share)[..., None] + over * share[..., None] + 127) // 255
    if overlay.faded is not None:
        faded = np.rint(under * (1 - FADED) + np.array(PALE) * FADED)
        mixed = np.where(overlay.faded[..., None], faded, mixed)
    blended: Bytes = mixed.astype(np.uint8)
    return blended
