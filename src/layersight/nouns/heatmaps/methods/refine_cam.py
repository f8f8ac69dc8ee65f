"""RefineCAM.

Domeniconi, Stramiglio, Lombardi and Salti, "How to Evaluate and Refine your CAM", 2026
(arXiv:2605.14641): a CAM of each of several layers, from coarse to fine, enlarged to the input
and brought to 0..1, and then all multiplied,

    L = prod_l N(enlarged L_l)        N(x) = (x - min x) / (max x - min x)

so that fine layers add detail inside what coarse ones keep. As in the authors' release within
pytorch-grad-cam 1.5.7, the CAMs are those of Grad-CAM++ and the product is plain; their code for
the paper has other ways to combine them. The order of the layers does not matter.

Where N cannot divide, the map is constant: one that is 0 stays 0, since nothing there supports the
target; any other excludes nothing and counts 1.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.placing import enlarge
from layersight.errors import UsageError
from layersight.nouns.heatmaps.methods.grad_cam_plus_plus import combined
from layersight.nouns.heatmaps.methods.method import SEVERAL, Method, Request
from layersight.nouns.heatmaps.passes import check_maps, normalise


def refine_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input; between 0 and 1.

    Raises:
        UsageError: Fewer than two layers are given.
    """
    images, layers = request.images, request.layers
    if len(set(layers)) < 2:
        named = f"'{layers[0]}' alone" if layers else "none"
        raise UsageError(
            f"refine-cam combines several layers, and was given {named}: name two or more, or "
            "leave the layer out"
        )
    result = request.model.differentiate(images.values, request.target, layers=layers)
    product = np.ones((len(images), *images.size), np.float32)
    for layer in dict.fromkeys(layers):
        values = check_maps(result.values[layer], layer, len(images.size))
        maps = combined(values, result.gradients[layer])
        not_empty = maps.any(axis=tuple(range(1, maps.ndim)))
        scaled, varies = normalise(enlarge(maps, images.size))
        scaled[not_empty & ~varies] = 1
        product *= scaled
    return product


METHOD = Method(
    name="refine-cam",
    order=60,
    title="RefineCAM",
    says="Multiplies the Grad-CAM++ maps of several layers, coarse ones masking fine ones.",
    assumes="That what matters lights up in every one of the layers.",
    misleads="One layer that misses a part wipes it out, however strong it is in the others.",
    source="Domeniconi et al., 2026",
    compute=refine_cam,
    gradients=True,
    layers=SEVERAL,
)
