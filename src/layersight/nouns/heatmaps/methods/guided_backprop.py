"""Guided backpropagation.

Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional
Net", ICLR 2015 workshop: on the way back through a rectifier a gradient passes only where the
rectifier let its input through and where the gradient is itself above 0,

    R_i = [f_i > 0] [R_(i+1) > 0] R_(i+1)

The paper shows the signed result as a colour image; here, as for ``gradient``, each pixel gets
the greatest absolute value over its channels.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request
from layersight.nouns.heatmaps.passes import input_gradients


def guided_backprop(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input; none below 0."""
    maps: FloatArray = np.abs(input_gradients(request, guided=True)).max(axis=-1)
    return maps


METHOD = Method(
    name="guided-backprop",
    order=150,
    title="Guided backpropagation",
    says="The gradient, with only what is positive let back through rectifiers.",
    assumes="That evidence against the target may be dropped on the way back.",
    misleads=(
        "Nearly always: the picture hardly depends on the target, nor on what the upper layers "
        "learned."
    ),
    source="Springenberg et al., ICLR 2015 workshop",
    compute=guided_backprop,
    layers=NONE,
    warning=(
        "Guided backpropagation fails the randomisation check: it shows edges of the image rather "
        "than what decided (Adebayo et al., 2018; Nie et al., 2018)."
    ),
)
