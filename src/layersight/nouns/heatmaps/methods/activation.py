"""A channel's own map over the image.

The activation of a channel at each position: not an attribution, but where the channel itself is
active. For a target that adds up several channels it is the sum of their maps, with the weights
that the target gives them, scaled so that the greatest is 1,

    L = sum_k w_k / max_k |w_k|  A^k

so that the map of a single channel is unchanged. It does not matter which positions the target
reads: the whole map is shown.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.readout import Readout
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request
from layersight.nouns.heatmaps.passes import require_finite


def activation(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the target's own layer, signed.

    Raises:
        ModelInputError: That layer has no maps, or there are several.
    """
    names = list(dict.fromkeys(readout.layer for readout in request.target))
    values = request.model.forward(request.images.values, names[:1]).layers[names[0]]
    if len(names) > 1 or values.ndim != len(request.images.size) + 2:
        layers = f"'{names[0]}' gives {values.shape[1:]}" if len(names) == 1 else ", ".join(names)
        raise ModelInputError(
            "activation shows a channel's own map: give --target LAYER:CHANNEL with a layer "
            f"that has maps (found {layers})"
        )
    shares = sum(_per_channel(readout, values.shape) for readout in request.target)
    greatest = np.abs(shares).max(axis=-1, keepdims=True)
    shares = np.divide(shares, greatest, out=np.zeros_like(shares), where=greatest > 0)
    shares = np.broadcast_to(shares, (len(values), values.shape[-1])).astype(np.float32)
    maps: FloatArray = np.einsum("n...c,nc->n...", require_finite(values, "activation"), shares)
    return maps


def _per_channel(readout: Readout, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The weight of each channel in a readout over all positions, ``(image or 1, channel)``."""
    weights = readout.weights.astype(np.float64)
    sides = range(1, weights.ndim - 1)
    repeated = math.prod(shape[axis] for axis in sides if weights.shape[axis] == 1)
    summed: NDArray[np.float64] = weights.sum(axis=tuple(sides)) * repeated
    return summed


METHOD = Method(
    name="activation",
    order=180,
    title="Activation",
    says="Shows where the channel itself is active, in its own map.",
    assumes="That a position of the map shows the part of the image that lies beneath it.",
    misleads=(
        "It shows where a channel is active, not which pixels caused it: each position sees all of "
        "its receptive field."
    ),
    source="Zeiler and Fergus, ECCV 2014",
    compute=activation,
    layers=NONE,
    signed=True,
    scored=False,
    comparable=False,
)
