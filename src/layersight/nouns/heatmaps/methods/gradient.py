"""The gradient of the score by the pixels.

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps", 2013: of each pixel the greatest absolute gradient
over its channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.model import Differentiable
from layersight.nouns.heatmaps.copies import originals, slopes
from layersight.nouns.heatmaps.methods.method import NONE, Images, Method, Progress
from layersight.nouns.heatmaps.result import HeatmapOptions


def gradient(
    model: Differentiable,
    images: Images,
    *,
    target: Goal,
    layers: Sequence[str],
    options: HeatmapOptions,
    batch_size: int,
    progress: Progress,
) -> FloatArray:
    """``(image, height, width)`` in the size of the input; none below 0."""
    found = slopes(model, images, originals(images), images.pixels, target)
    maps: FloatArray = np.abs(found).max(axis=-1)
    return maps


METHOD = Method(
    name="gradient",
    title="Gradient",
    says="The greatest absolute gradient of the score by the channels of each pixel.",
    assumes="That a small change of a pixel tells what a large one would do.",
    misleads="Where the score is saturated: what decided it has no gradient any more.",
    source="Simonyan et al., 2013",
    compute=gradient,
    layers=NONE,
)
