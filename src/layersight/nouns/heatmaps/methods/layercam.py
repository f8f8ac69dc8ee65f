"""LayerCAM.

Jiang, Zhang, Hou, Cheng and Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for
Localization", IEEE Transactions on Image Processing 2021: every value counts by its own gradient,
if that is positive,

    L_ij = ReLU(sum_k ReLU(g_ij^k) A_ij^k)
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request
from layersight.nouns.heatmaps.passes import maps_and_gradients, rectify


@np.errstate(all="ignore")
def layercam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    values, gradients = maps_and_gradients(request)
    return rectify(np.einsum("n...c,n...c->n...", np.maximum(gradients, 0), values))


METHOD = Method(
    name="layercam",
    order=50,
    title="LayerCAM",
    says="Adds over the channels of a layer each value by its own gradient, if that is positive.",
    assumes="That a position matters where it is active and more of it would raise the score.",
    misleads="Evidence against the target is never subtracted, so that rivals light up too.",
    source="Jiang et al., IEEE TIP 2021",
    compute=layercam,
    gradients=True,
)
