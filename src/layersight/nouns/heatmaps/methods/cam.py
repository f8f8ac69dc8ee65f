"""CAM, the first class activation map.

Zhou, Khosla, Lapedriza, Oliva and Torralba, "Learning Deep Features for Discriminative
Localization", CVPR 2016: where the maps of a layer are averaged over all positions and one dense
layer makes the score of the means, the map of a class is the sum by that layer's weights,

    M = sum_k w_k A^k

It is not rectified: values below 0 count against the class. The weights follow from the gradients:
with such a layer, the gradient by every value of channel k is w_k / Z for Z positions, the same at
each position and for each image. Both are checked, the second on the negative of the image; a
network where either fails has no CAM.
"""

from __future__ import annotations

import math

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.methods.method import Method, Request, position_axes
from layersight.nouns.heatmaps.passes import maps_and_gradients, weighted_sum

TOLERANCE = 1e-4  # of the difference between gradients, as a share of the largest of an image


@np.errstate(all="ignore")
def cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; below 0 what counts against the class.

    Raises:
        ModelInputError: The layer is not followed by pooling and one dense layer alone.
    """
    layer = request.layers[0]
    values, gradients = maps_and_gradients(request)
    axes = position_axes(values)
    means = gradients.mean(axis=axes, keepdims=True, dtype=np.float64)
    if differs(gradients, means) or differs(gradients_of_negative(request), means):
        hint = ", with score 'logit'" if request.options.score == "output" else ""
        raise ModelInputError(
            f"CAM needs global average pooling and one dense layer behind '{layer}'{hint}; "
            "use grad-cam"
        )
    positions = math.prod(values.shape[1:-1])
    return weighted_sum(values, means.mean(axis=axes) * positions)


def gradients_of_negative(request: Request) -> FloatArray:
    """The gradient by each value of the layer, for the negatives of the images."""
    images, layer = request.images, request.layers[0]
    negative = images.with_pixels(images.black + images.white - images.pixels)
    return request.model.differentiate(negative, request.target, layers=[layer]).gradients[layer]


def differs(gradients: FloatArray, means: FloatArray) -> bool:
    """Whether the gradients of any image differ from the means expected at all positions."""
    axes = tuple(range(1, gradients.ndim))
    difference = np.abs(gradients - means).max(axis=axes)
    largest = np.abs(means).max(axis=axes)
    return bool(np.any(difference > TOLERANCE * largest))


METHOD = Method(
    name="cam",
    order=70,
    title="CAM",
    says="Adds the maps of the last layer, each by the weight that makes the score of its mean.",
    assumes="That pooling over all positions and one dense layer are all that follows; checked.",
    misleads="A position can carry what its receptive field, often the whole image, holds.",
    source="Zhou et al., CVPR 2016",
    compute=cam,
    signed=True,
)
