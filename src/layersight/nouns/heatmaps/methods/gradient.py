"""The gradient of the score by the pixels.

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps", 2013: of each pixel the greatest absolute gradient
over its channels.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request
from layersight.nouns.heatmaps.passes import input_gradients


def gradient(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input; none below 0."""
    maps: FloatArray = np.abs(input_gradients(request)).max(axis=-1)
    return maps


METHOD = Method(
    name="gradient",
    order=110,
    title="Gradient",
    says="The greatest absolute gradient of the score by the channels of each pixel.",
    assumes="That a small change of a pixel predicts the effect of a large one.",
    misleads="Where the score is saturated: what decided it no longer has a gradient.",
    source="Simonyan et al., 2013",
    compute=gradient,
    layers=NONE,
)
