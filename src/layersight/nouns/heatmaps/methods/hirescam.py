"""HiResCAM.

Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
neural networks", 2020: gradient times value at each position, added over the channels,

    L_ij = ReLU(sum_k g_ij^k A_ij^k)

Before rectification these add up to the score, less its constant term, where everything after the
layer is linear. Rectified like Grad-CAM, so that both are read alike.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request
from layersight.nouns.heatmaps.passes import maps_and_gradients, rectify


@np.errstate(all="ignore")
def hirescam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    values, gradients = maps_and_gradients(request)
    return rectify(np.einsum("n...c,n...c->n...", gradients, values))


METHOD = Method(
    name="hirescam",
    order=30,
    title="HiResCAM",
    says="Adds over the channels of a layer the gradient times the value, position by position.",
    assumes="That the score is about linear in what the layer gives.",
    misleads="Where more than one layer follows: gradient times value is then a guess, and noisy.",
    source="Draelos and Carin, 2020",
    compute=hirescam,
    gradients=True,
)
