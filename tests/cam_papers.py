"""The papers of the CAM family written out a second time, for one image in float64.

Values and gradients have any number of axes, ``(..., channel)``. What shows changed images to a
network is handed in as a function; the last two take a ``numpy_networks.Network``.
"""

import math

import numpy as np

from numpy_networks import of_one


def close(result, expected, tolerance=1e-5):
    """The same, by the largest value of the map, which has to have one."""
    expected = np.asarray(expected)
    assert result.shape == expected.shape
    largest = np.abs(expected).max()
    assert 0 < largest < np.inf
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * largest)


def weighted(values, weights):
    """ReLU of the sum over channels of weight times map."""
    total = sum(weight * values[..., k] for k, weight in enumerate(weights))
    return np.maximum(total, 0)


def grad_cam(values, gradients):
    """ICCV 2017, equations 1 and 2."""
    return weighted(values, [gradients[..., k].mean() for k in range(values.shape[-1])])


def grad_cam_plus_plus(values, gradients):
    """WACV 2018, equations 5 and 19, with exp(S) left out of the first derivative."""
    weights = []
    for k in range(values.shape[-1]):
        weight, total = 0, values[..., k].sum()
        for slope in gradients[..., k].ravel():
            below = 2 * slope**2 + total * slope**3
            alpha = slope**2 / below if below != 0 else 0
            weight += alpha * max(slope, 0)
        weights.append(weight)
    return weighted(values, weights)


def hirescam(values, gradients):
    """2020, the sum over channels of the elementwise product."""
    return np.maximum((gradients * values).sum(axis=-1), 0)


def xgrad_cam(values, gradients):
    """BMVC 2020: each gradient weighted by its value's share of the map."""
    weights = []
    for k in range(values.shape[-1]):
        total = values[..., k].sum()
        weights.append((values[..., k] / total * gradients[..., k]).sum() if total != 0 else 0)
    return weighted(values, weights)


def layercam(values, gradients):
    """TIP 2021, equations 5 and 6."""
    return np.maximum((np.maximum(gradients, 0) * values).sum(axis=-1), 0)


PAPERS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "hirescam": hirescam,
    "xgrad-cam": xgrad_cam,
    "layercam": layercam,
}


def cam(values, dense):
    """CVPR 2016, equation 2: by the weights of the dense layer, ``(channel,)``."""
    return sum(weight * values[..., k] for k, weight in enumerate(dense))


def eigencam(values):
    """IJCNN 2020, with the mean of each channel taken off first, by a singular value
    decomposition of the whole matrix."""
    matrix = values.reshape(-1, values.shape[-1])
    matrix = matrix - matrix.mean(axis=0)
    _, _, right = np.linalg.svd(matrix, full_matrices=True)
    along = matrix @ right[0]
    sign = 1 if along @ matrix.mean(axis=1) >= 0 else -1
    return np.maximum(sign * along, 0).reshape(values.shape[:-1])


def enlarged(maps, size):
    """Maps in another size, linear between the centres of cells, axis by axis."""
    for axis, length in enumerate(size):
        count = maps.shape[axis]
        exact = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
        low = np.floor(exact).astype(int)
        high = np.minimum(low + 1, count - 1)
        share = (exact - low).reshape([-1 if other == axis else 1 for other in range(maps.ndim)])
        maps = np.take(maps, low, axis) * (1 - share) + np.take(maps, high, axis) * share
    return maps


def score_cam(values, pixels, nothing, score, chosen=None):
    """CVPR Workshops 2020, algorithm 1; ``score`` of an image ``(..., colour)``."""
    channels = values.shape[-1]
    gains = {}
    for k in range(channels) if chosen is None else chosen:
        mask = enlarged(values[..., k], pixels.shape[:-1])
        if mask.max() - mask.min() <= 1e-6 * np.abs(mask).max():
            continue
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        masked = pixels * mask[..., None] + nothing * (1 - mask[..., None])
        gains[k] = score(masked) - score(nothing)
    powers = {k: math.exp(gain) for k, gain in gains.items()}
    total = sum(powers.values()) or 1
    weights = [powers.get(k, 0) / total for k in range(channels)]
    return weighted(values, weights)


def ablation_cam(values, score, chosen=None):
    """WACV 2020, equations 2 and 3; ``score`` of the values of the layer."""
    channels = values.shape[-1]
    whole = score(values)
    weights = np.zeros(channels)
    for k in range(channels) if chosen is None else chosen:
        without = values.copy()
        without[..., k] = 0
        weights[k] = (whole - score(without)) / (abs(whole) if whole != 0 else 1)
    return weighted(values, weights)


def refine_cam(pairs, size):
    """2026: the product of the Grad-CAM++ maps of several layers, each of 0..1."""
    product = np.ones(size)
    for values, gradients in pairs:
        result = enlarged(grad_cam_plus_plus(values, gradients), size)
        product *= (result - result.min()) / (result.max() - result.min())
    return product


def score_cams(network, images, goal, layer="coarse", nothing=None, chosen=None):
    """Of a whole batch; ``chosen`` are the channels of all images."""

    def of_image(index, maps):
        image = images.select(index)
        part = tuple(of_one(readout, index) for readout in goal)

        def score(pixels):
            return network.score(network.run({**image.values, "picture": pixels[None]}), part)[0]

        black = np.zeros_like(image.pixels[0]) if nothing is None else nothing[index]
        return score_cam(maps, image.pixels[0].astype(float), black, score, chosen)

    values = network.run(images.values)[layer]
    return np.stack([of_image(index, maps) for index, maps in enumerate(values)])


def ablation_cams(network, images, goal, layer="coarse", chosen=None):
    """Of a whole batch; ``chosen`` are the channels of all images."""

    def of_image(index, maps):
        image = images.select(index)
        part = tuple(of_one(readout, index) for readout in goal)

        def score(values):
            return network.score(network.run(image.values, **{layer: values[None]}), part)[0]

        return ablation_cam(maps, score, chosen)

    values = network.run(images.values)[layer]
    return np.stack([of_image(index, maps) for index, maps in enumerate(values)])
