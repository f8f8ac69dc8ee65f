"""The papers of the CAM family written out a second time, slowly, position by position.

Values and gradients are ``(height, width, channel)`` in float64, of one image. What shows changed
images to a network is handed in as a function; the last two take a ``cam_network.Network``.
"""

from __future__ import annotations

import math

import numpy as np

from cam_network import of_one


def close(found, expected, tolerance=1e-5):
    """The same, by the largest value of the map, which has to have one."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    largest = np.abs(expected).max()
    assert 0 < largest < np.inf
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


def weighted(values, weights):
    """ReLU of the sum over channels of weight times map."""
    height, width, channels = values.shape
    found = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            total = sum(weights[k] * values[y, x, k] for k in range(channels))
            found[y, x] = max(total, 0)
    return found


def grad_cam(values, slopes):
    """ICCV 2017, equations 1 and 2."""
    height, width, channels = values.shape
    weights = [
        sum(slopes[y, x, k] for y in range(height) for x in range(width)) / (height * width)
        for k in range(channels)
    ]
    return weighted(values, weights)


def grad_cam_plus_plus(values, slopes):
    """WACV 2018, equations 5 and 19, with exp(S) left out of the first derivative."""
    height, width, channels = values.shape
    weights = []
    for k in range(channels):
        total = sum(values[a, b, k] for a in range(height) for b in range(width))
        weight = 0
        for y in range(height):
            for x in range(width):
                slope = slopes[y, x, k]
                below = 2 * slope**2 + total * slope**3
                alpha = slope**2 / below if below != 0 else 0
                weight += alpha * max(slope, 0)
        weights.append(weight)
    return weighted(values, weights)


def hirescam(values, slopes):
    """2020, the sum over channels of the elementwise product."""
    height, width, channels = values.shape
    found = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            found[y, x] = max(sum(slopes[y, x, k] * values[y, x, k] for k in range(channels)), 0)
    return found


def xgrad_cam(values, slopes):
    """BMVC 2020: each gradient weighted by its value's share of the map."""
    height, width, channels = values.shape
    weights = []
    for k in range(channels):
        total = sum(values[y, x, k] for y in range(height) for x in range(width))
        weights.append(
            sum(
                values[y, x, k] / total * slopes[y, x, k] if total != 0 else 0
                for y in range(height)
                for x in range(width)
            )
        )
    return weighted(values, weights)


def layercam(values, slopes):
    """TIP 2021, equations 5 and 6."""
    height, width, channels = values.shape
    found = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            weighed = [max(slopes[y, x, k], 0) * values[y, x, k] for k in range(channels)]
            found[y, x] = max(sum(weighed), 0)
    return found


PAPERS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "hirescam": hirescam,
    "xgrad-cam": xgrad_cam,
    "layercam": layercam,
}


def cam(values, dense):
    """CVPR 2016, equation 2: by the weights of the dense layer, ``(channel,)``."""
    height, width, channels = values.shape
    return np.array(
        [
            [sum(dense[k] * values[y, x, k] for k in range(channels)) for x in range(width)]
            for y in range(height)
        ]
    )


def eigencam(values):
    """IJCNN 2020, with the mean of each channel taken off first, by a singular value
    decomposition of the whole matrix."""
    height, width, channels = values.shape
    matrix = np.array(
        [[values[y, x, k] for k in range(channels)] for y in range(height) for x in range(width)]
    )
    for k in range(channels):
        matrix[:, k] -= sum(matrix[:, k]) / (height * width)
    _, _, right = np.linalg.svd(matrix, full_matrices=True)
    along = [sum(row[k] * right[0, k] for k in range(channels)) for row in matrix]
    brightness = [sum(row) / channels for row in matrix]
    turned = 1 if sum(a * b for a, b in zip(along, brightness, strict=True)) >= 0 else -1
    return np.maximum(np.array(along) * turned, 0).reshape(height, width)


def enlarged(channel, size):
    """A map ``(height, width)`` in another size, bilinear, centres of pixels on each other."""
    found = np.zeros(size)
    for y in range(size[0]):
        for x in range(size[1]):
            (top, bottom, down) = between(y, channel.shape[0], size[0])
            (left, right, across) = between(x, channel.shape[1], size[1])
            upper = channel[top, left] * (1 - across) + channel[top, right] * across
            lower = channel[bottom, left] * (1 - across) + channel[bottom, right] * across
            found[y, x] = upper * (1 - down) + lower * down
    return found


def between(place, before, after):
    """The two old places that a new one lies between, and how far on the way it is."""
    exact = (place + 0.5) * before / after - 0.5
    exact = min(max(exact, 0), before - 1)
    low = math.floor(exact)
    return low, min(low + 1, before - 1), exact - low


def score_cam(values, pixels, nothing, score, chosen=None):
    """CVPR Workshops 2020, algorithm 1; ``score`` of an image ``(height, width, colour)``."""
    channels = values.shape[2]
    gains = {}
    for k in range(channels) if chosen is None else chosen:
        mask = enlarged(values[..., k], pixels.shape[:2])
        if mask.max() - mask.min() <= 1e-6 * np.abs(mask).max():
            continue
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        shown = pixels * mask[..., None] + nothing * (1 - mask[..., None])
        gains[k] = score(shown) - score(nothing)
    powers = {k: math.exp(gain) for k, gain in gains.items()}
    weights = np.zeros(channels)
    for k, power in powers.items():
        weights[k] = power / sum(powers.values())
    return weighted(values, weights)


def ablation_cam(values, score, chosen=None):
    """WACV 2020, equations 2 and 3; ``score`` of the values of the layer."""
    channels = values.shape[2]
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
    for values, slopes in pairs:
        found = enlarged(grad_cam_plus_plus(values, slopes), size)
        product *= (found - found.min()) / (found.max() - found.min())
    return product


PAPERS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "hirescam": hirescam,
    "xgrad-cam": xgrad_cam,
    "layercam": layercam,
}


def score_cams(network, images, goal, layer="coarse", nothing=None, chosen=None):
    """Of a whole batch; ``chosen`` are the channels of all images."""
    values = network.run(images.values)[layer]
    found = []
    for image, maps in enumerate(values):
        one = images.one(image)
        wanted = tuple(of_one(part, image) for part in goal)

        def score(pixels, one=one, wanted=wanted):
            made = network.run({**one.values, "picture": pixels[None]})
            return network.score(made, wanted)[0]

        ground = np.zeros_like(one.pixels[0]) if nothing is None else nothing[image]
        found.append(score_cam(maps, one.pixels[0].astype(float), ground, score, chosen))
    return np.stack(found)


def ablation_cams(network, images, goal, layer="coarse", chosen=None):
    """Of a whole batch; ``chosen`` are the channels of all images."""
    values = network.run(images.values)[layer]
    found = []
    for image, maps in enumerate(values):
        one = images.one(image)
        wanted = tuple(of_one(part, image) for part in goal)

        def score(given, one=one, wanted=wanted):
            return network.score(network.run(one.values, **{layer: given[None]}), wanted)[0]

        found.append(ablation_cam(maps, score, chosen))
    return np.stack(found)
