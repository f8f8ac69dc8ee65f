"""Gradient times input.

Shrikumar, Greenside, Shcherbina and Kundaje, "Not Just a Black Box: Learning Important Features
Through Propagating Activation Differences", 2016; Ancona, Ceolini, Öztireli and Gross, "Towards
better understanding of gradient-based attribution methods for Deep Neural Networks", ICLR 2018:
of each pixel the sum over its channels of

    x_i d y / d x_i

with x in the numbers that the network sees.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request
from layersight.nouns.heatmaps.passes import input_gradients, require_finite


def gradient_x_input(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input, signed."""
    gradients = input_gradients(request)
    maps = np.einsum("n...c,n...c->n...", gradients, request.images.pixels, dtype=np.float64)
    return require_finite(maps, "product of gradient and input")


METHOD = Method(
    name="gradient-x-input",
    order=120,
    title="Gradient times input",
    says="Multiplies what the network sees by the gradient of the score, summed over channels.",
    assumes="That the score is linear from an input of zeros to the image.",
    misleads=(
        "Where the network sees zeros nothing can light up: black pixels, or with a scale such as "
        "-1..1 the grey ones, or those of the mean colour; and where the score is saturated."
    ),
    source="Shrikumar et al., 2016; Ancona et al., ICLR 2018",
    compute=gradient_x_input,
    layers=NONE,
    signed=True,
)
