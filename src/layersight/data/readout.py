"""A number read off a network, and its gradients, as data.

The rule of this module: plain values and NumPy arrays that a framework executes; everything that a
heatmap explains (a class, a channel, a region, a contrast) is a sum of readouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layersight.data.arrays import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Readout:
    """One part of a number: the sum over a layer's output, each value times its weight."""

    layer: str  # the name of the layer
    # As many axes as the layer's output, channels last, (image or 1, *positions or 1, channel); an
    # axis of 1 holds for all. The mean of channel 3 of a map of 7 x 7 is a weight of 1/49 at
    # channel 3 and 0 elsewhere.
    weights: FloatArray
    # Whether it is read before the layer's own activation function, as a logit below a softmax is;
    # through layers that only reshape, that of the layer before them.
    before: bool = False


Goal = tuple[Readout, ...]  # what is explained: the sum of some readouts, one number for each image


@dataclass(frozen=True, eq=False, slots=True)
class Gradients:
    """What one pass forward and backward found."""

    scores: FloatArray  # (image,) float32: the number read off for each
    # For each layer that it is read off its output, whether or not it was read before the
    # activation function, so that a score needs no pass of its own.
    ends: Mapping[str, FloatArray]
    # for each layer asked for its output, (image, *positions, channel) float32
    values: Mapping[str, FloatArray]
    # For each of them the gradient of the number by every value, of the same shape; 0 where the
    # number does not depend on it.
    gradients: Mapping[str, FloatArray]
    # for each input asked for the gradient by its values, channels last
    inputs: Mapping[str, FloatArray]
