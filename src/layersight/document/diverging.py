"""Weights as colours, with zero in the middle.

The rule of this module: a weight and its opposite are equally far from the colour of zero, and
zero has one colour whatever the limit.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from layersight.document.blocks import Bytes

ZERO = 128
"""The step of zero: mid grey in a picture of three colours, pale grey in the diverging one."""
REACH = 127  # steps from zero to the limit
ENDS = ((0.40, -0.045, -0.135), (0.40, 0.135, 0.070))
"""The colours of the limits below and above zero, blue and red, in Oklab."""
MIDDLE = 0.945  # the lightness of zero in Oklab
BEND = 0.85  # how fast colour comes in beside zero, so that weak weights can be told from none


def steps(values: NDArray[np.floating], limit: float) -> Bytes:
    """Weights as steps of colour, 1 to 255; what is not finite becomes the step of zero.

    >>> steps(np.array([-2.0, 0.0, 1.0]), 2.0).tolist()
    [1, 128, 192]
    """
    if limit <= 0:
        return np.full(values.shape, ZERO, np.uint8)
    share = np.clip(np.nan_to_num(values.astype(np.float64) / limit, posinf=0, neginf=0), -1, 1)
    return np.asarray(ZERO + np.rint(REACH * share), np.uint8)


@functools.cache
def diverging() -> Bytes:
    """``(256, 3)`` RGB from blue over a pale grey to red, told apart with any colour vision.

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
    found = np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return np.asarray(np.rint(255 * np.clip(found, 0, 1)), np.uint8)
