"""Gradient times input.

Shrikumar, Greenside, Shcherbina and Kundaje, "Not Just a Black Box: Learning Important Features
Through Propagating Activation Differences", 2016; Ancona, Ceolini, Öztireli and Gross, "Towards
better understanding of gradient-based attribution methods for Deep Neural Networks", ICLR 2018:
of each pixel the sum over its channels of

    x_i d y / d x_i

with x in the numbers that the network sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.model import Differentiable
from layersight.nouns.heatmaps.copies import numbers, originals, slopes
from layersight.nouns.heatmaps.methods.method import NONE, Images, Method, Progress
from layersight.nouns.heatmaps.result import HeatmapOptions


def gradient_x_input(
    model: Differentiable,
    images: Images,
    *,
    target: Goal,
    layers: Sequence[str],
    options: HeatmapOptions,
    batch_size: int,
    progress: Progress,
) -> FloatArray:
    """``(image, height, width)`` in the size of the input, signed."""
    found = slopes(model, images, originals(images), images.pixels, target)
    maps = np.einsum("nhwc,nhwc->nhw", found, images.pixels, dtype=np.float64)
    return numbers(maps, "product of gradient and input")


METHOD = Method(
    name="gradient-x-input",
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
