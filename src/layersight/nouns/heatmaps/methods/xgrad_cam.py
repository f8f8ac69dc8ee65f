"""XGrad-CAM.

Fu, Hu, Dong, Guo, Gao and Li, "Axiom-based Grad-CAM: Towards Accurate Visualization and
Explanation of CNNs", BMVC 2020: each channel counts by the mean of its gradients, each of them
weighted by the value at its position,

    alpha_k = sum_ij g_ij^k A_ij^k / sum_ij A_ij^k        L = ReLU(sum_k alpha_k A^k)

A channel whose values add up to 0 counts 0.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request, position_axes
from layersight.nouns.heatmaps.passes import maps_and_gradients, rectify, weighted_sum


@np.errstate(all="ignore")
def xgrad_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    values, gradients = maps_and_gradients(request)
    axes = position_axes(values)
    shares = (gradients * values).sum(axis=axes, dtype=np.float64)
    totals = values.sum(axis=axes, dtype=np.float64)
    weights = np.divide(shares, totals, out=np.zeros_like(totals), where=totals != 0)
    return rectify(weighted_sum(values, weights))


METHOD = Method(
    name="xgrad-cam",
    order=40,
    title="XGrad-CAM",
    says="Adds the maps of a layer, each by its mean gradient where it is active.",
    assumes="That no value of the layer is below 0, as behind a rectifier.",
    misleads="Where a channel has values of both signs: their sum, which divides, can be near 0.",
    source="Fu et al., BMVC 2020",
    compute=xgrad_cam,
    gradients=True,
)
