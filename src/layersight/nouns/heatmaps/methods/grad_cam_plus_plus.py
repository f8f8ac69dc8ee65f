"""Grad-CAM++.

Chattopadhay, Sarkar, Howlader and Balasubramanian, "Grad-CAM++: Improved Visual Explanations for
Deep Convolutional Networks", WACV 2018. With Y = exp(S), S the number explained, and g_ij the
gradient of S by A_ij (equations 7 and 19 of the paper):

    alpha_ij = g_ij^2 / (2 g_ij^2 + (sum_ab A_ab) g_ij^3)
    w = sum_ij alpha_ij ReLU(dY / dA_ij) = exp(S) sum_ij alpha_ij ReLU(g_ij)
    L = ReLU(sum_k w_k A^k)

Two things differ from the paper. The factor exp(S), one positive number for each image, is left
out: it scales the whole map, and overflows. And alpha is computed as 1 / (2 + (sum_ab A_ab) g_ij),
which is the same wherever g is not 0 and does not underflow; where g or the denominator is 0,
alpha is 0. The squares and cubes of g stand for the second and third derivative of Y, which is
exact where S is linear in A; libraries that differentiate something else give other maps.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request, position_axes
from layersight.nouns.heatmaps.passes import maps_and_gradients, rectify, weighted_sum


def grad_cam_plus_plus(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    return combined(*maps_and_gradients(request))


@np.errstate(all="ignore")
def combined(values: FloatArray, gradients: FloatArray) -> FloatArray:
    """The map, ``(image, *positions)``, of a layer by its values and the gradients by them."""
    axes = position_axes(values)
    totals = values.sum(axis=axes, keepdims=True, dtype=np.float64).astype(np.float32)
    divisors = totals * gradients
    divisors += 2
    positive = np.maximum(gradients, 0)
    # Where the gradient is not above 0 the term is 0 whatever alpha is.
    terms = np.divide(positive, divisors, out=np.zeros_like(positive), where=divisors != 0)
    return rectify(weighted_sum(values, terms.sum(axis=axes, dtype=np.float64)))


METHOD = Method(
    name="grad-cam++",
    order=20,
    title="Grad-CAM++",
    says="Adds the maps of a layer, each by its positive gradients, those of small maps most.",
    assumes="That the score is linear in the maps, and that only what raises it matters.",
    misleads="Evidence against the target is never subtracted, so that rivals light up too.",
    source="Chattopadhay et al., WACV 2018",
    compute=grad_cam_plus_plus,
    gradients=True,
)
