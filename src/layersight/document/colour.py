"""Colour maps as tables of 256 colours, weights around zero, and colours over photographs.

The tables are those of Matplotlib (viridis and its sisters, dedicated to the public domain
under CC0), written to ``assets/colormaps.npz`` by ``scripts/make_colormaps.py`` so that a
picture can be drawn without importing Matplotlib. A weight and its opposite are equally far from
the colour of zero, and zero has one colour for every limit.
"""

from __future__ import annotations

import functools
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from layersight.document.blocks import Bytes, Overlay


@functools.cache
def palette(name: str) -> NDArray[np.uint8]:
    """The 256 colours of a colour map, ``(256, 3)`` RGB.

    >>> palette("viridis")[0].tolist()
    [68, 1, 84]
    """
    if name == "grey":
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    with resources.files("layersight.assets").joinpath("colormaps.npz").open("rb") as file:
        table: NDArray[np.uint8] = np.load(file, allow_pickle=False)[name]
    return table


ZERO = 128
"""The step of zero: mid grey in a picture of three colours, pale grey in the diverging one."""
REACH = 127  # steps from zero to the limit
ENDS = ((0.40, -0.045, -0.135), (0.40, 0.135, 0.070))
"""The colours of the limits below and above zero, blue and red, in Oklab."""
MIDDLE = 0.945  # the lightness of zero in Oklab
BEND = 0.85  # how fast colour increases near zero, so that weak weights differ from none


def steps(values: NDArray[np.floating], limit: float) -> Bytes:
    """Weights as steps of colour, 1 to 255; values that are not finite become the step of zero.

    >>> steps(np.array([-2.0, 0.0, 1.0]), 2.0).tolist()
    [1, 128, 192]
    """
    if limit <= 0:
        return np.full(values.shape, ZERO, np.uint8)
    share = np.clip(np.nan_to_num(values.astype(np.float64) / limit, posinf=0, neginf=0), -1, 1)
    return np.asarray(ZERO + np.rint(REACH * share), np.uint8)


@functools.cache
def diverging() -> Bytes:
    """``(256, 3)`` RGB from blue over a pale grey to red, distinct with any colour vision.

    Both halves run evenly in Oklab (B. Ottosson, "A perceptual color space for image
    processing", 2020), with the same lightness at the same distance from the middle.

    >>> diverging()[ZERO].tolist()
    [237, 237, 237]
    """
    share = (np.arange(256) - ZERO) / REACH
    far = np.minimum(np.abs(share), 1.0)[:, None] ** BEND
    ends = np.where(share[:, None] < 0, np.array(ENDS[0]), np.array(ENDS[1]))
    return _to_bytes(np.array((MIDDLE, 0.0, 0.0)) * (1 - far) + ends * far)


TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
"""The two matrices from Oklab to linear sRGB, of the same source."""


def _to_bytes(oklab: NDArray[np.float64]) -> Bytes:
    """Oklab as sRGB (IEC 61966-2-1), cut to what a screen can show."""
    linear = np.clip((oklab @ TO_CONES.T) ** 3 @ TO_LINEAR.T, 0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return np.asarray(np.rint(255 * np.clip(encoded, 0, 1)), np.uint8)


PALE = (0xEC, 0xEE, 0xEF)  # the colour over a part that was not seen
FADED = 0.62  # how far that part is faded


def blend(pixels: Bytes, palette: Bytes | None, overlay: Overlay, *, bare: bool = False) -> Bytes:
    """Pixels over a photograph, ``(height, width, 3)``; ``bare`` shows the photograph alone.

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
