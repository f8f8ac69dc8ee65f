"""Grad-CAM.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017: each channel of a layer counts by the
mean over all positions of the gradient of the score by it,

    alpha_k = 1/Z sum_ij d y / d A_ij^k        L = ReLU(sum_k alpha_k A^k)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.model import Differentiable
from layersight.nouns.heatmaps.channels import rectified, values_and_slopes, weighted
from layersight.nouns.heatmaps.methods.method import Images, Method, Progress
from layersight.nouns.heatmaps.result import HeatmapOptions


@np.errstate(all="ignore")
def grad_cam(
    model: Differentiable,
    images: Images,
    *,
    target: Goal,
    layers: Sequence[str],
    options: HeatmapOptions,
    batch_size: int,
    progress: Progress,
) -> FloatArray:
    """``(image, height, width)`` in the size of the layer; none below 0."""
    values, slopes = values_and_slopes(model, images, target, layers)
    return rectified(weighted(values, slopes.mean(axis=(1, 2), dtype=np.float64)))


METHOD = Method(
    name="grad-cam",
    title="Grad-CAM",
    says="Adds the maps of a layer, each by the mean gradient of the score by it.",
    assumes="That a channel counts alike wherever it is active.",
    misleads="Where the gradient varies over a map: what lights up need not have mattered there.",
    source="Selvaraju et al., ICCV 2017",
    compute=grad_cam,
    gradients=True,
)
