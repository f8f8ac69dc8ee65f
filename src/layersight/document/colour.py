"""Colour maps as tables of 256 colours.

The tables are those of Matplotlib (viridis and its sisters, dedicated to the public domain
under CC0), written to ``assets/colormaps.npz`` by ``scripts/make_colormaps.py`` so that a
picture can be drawn without importing Matplotlib.
"""

from __future__ import annotations

import functools
from importlib import resources

import numpy as np
from numpy.typing import NDArray


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
