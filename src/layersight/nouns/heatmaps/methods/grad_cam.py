"""Grad-CAM.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017: each channel of a layer counts by the
mean over all positions of the gradient of the score by it,

    alpha_k = 1/Z sum_ij d y / d A_ij^k        L = ReLU(sum_k alpha_k A^k)
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request, position_axes
from layersight.nouns.heatmaps.passes import maps_and_gradients, rectify, weighted_sum


@np.errstate(all="ignore")
def grad_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    values, gradients = maps_and_gradients(request)
    return rectify(
        weighted_sum(values, gradients.mean(axis=position_axes(values), dtype=np.float64))
    )


METHOD = Method(
    name="grad-cam",
    order=10,
    title="Grad-CAM",
    says="Adds the maps of a layer, each by the mean gradient of the score by it.",
    assumes="That a channel counts alike wherever it is active.",
    misleads="Where the gradient varies over a map: what lights up need not have mattered there.",
    source="Selvaraju et al., ICCV 2017",
    compute=grad_cam,
    gradients=True,
)
