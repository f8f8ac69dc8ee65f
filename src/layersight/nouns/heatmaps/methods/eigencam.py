"""Eigen-CAM.

Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020:
with the values of a layer as a matrix O, a row for each position and a column for each channel,

    O = U S V^T        L = O v_1

with v_1 the first column of V. Here the mean of each channel over the positions is subtracted
first, so that v_1 is the first principal component, the direction in which positions differ most,
and not mostly the mean; common implementations do the same. The sign of a component is arbitrary:
it is chosen so that the map correlates with the mean over the channels, and the map is rectified.

Neither target nor score matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request
from layersight.nouns.heatmaps.passes import layer_maps, rectify


def eigencam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    values = layer_maps(request)
    return rectify(np.stack([component(maps) for maps in values]))


@np.errstate(all="ignore")
def component(maps: FloatArray) -> FloatArray:
    """The first principal component of each position of ``(*positions, channel)``.

    0 everywhere if all maps are constant; NaN everywhere if any value is not finite.
    """
    rows = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    rows -= rows.mean(axis=0)
    if not np.isfinite(rows).all():
        return np.full(maps.shape[:-1], np.nan, np.float32)
    scores = project(rows)
    if scores @ rows.mean(axis=1) < 0:
        scores = -scores
    result: FloatArray = scores.reshape(maps.shape[:-1]).astype(np.float32)
    return result


def project(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix times its first right singular vector, by the smaller of its two products."""
    wide = rows.shape[0] < rows.shape[1]
    sizes, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    last: NDArray[np.float64] = vectors[:, -1]
    return last * np.sqrt(max(sizes[-1], 0.0)) if wide else rows @ last


METHOD = Method(
    name="eigencam",
    order=100,
    title="Eigen-CAM",
    says="The direction in which the positions of a layer differ most, where it is positive.",
    assumes="That what stands out most in a layer is what the network decides by.",
    misleads="It never looks at the target: with two objects, one is shown for both classes.",
    source="Muhammad and Yeasin, IJCNN 2020",
    compute=eigencam,
    warning="Eigen-CAM does not look at the class: it shows the same for every class.",
)
