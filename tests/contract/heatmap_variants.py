"""What other libraries compute instead, written out.

The rule of this module: one function for each reason in the table of recordings, so that a test
can tell that the reason is the whole difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from layersight.data.placing import enlarge


@dataclass(frozen=True, eq=False)
class ResolvedTarget:
    """The request to another library: the arrays of the file, an entry of its table, its goal."""

    model: Any
    arrays: dict[str, np.ndarray]
    entry: dict[str, Any]
    goal: Any

    @property
    def pixels(self):
        return self.arrays["images"]

    @property
    def size(self):
        return self.pixels.shape[1:3]

    @property
    def classes(self):
        return self.arrays[self.entry["network"] + "/classes"]

    def layer(self, name):
        """The maps of a layer and the gradients by them, ``(image, height, width, channel)``."""
        result = self.model.differentiate({"picture": self.pixels}, self.goal, layers=[name])
        return result.values[name], result.gradients[name]

    def logits(self, image, pixels):
        """What the network gives the class of an image for changed pixels, and its share."""
        result = self.model.forward({"picture": pixels.astype(np.float32)}, ["top"]).layers["top"]
        powers = np.exp(result - result.max(axis=1, keepdims=True))
        chosen = self.classes[image]
        return result[:, chosen], (powers / powers.sum(axis=1, keepdims=True))[:, chosen]


def weighed(values, weights):
    """The sum over channels, rectified."""
    return np.maximum(np.einsum("nhwc,nc->nhw", values, weights), 0)


def between(maps):
    """Each of ``(map, height, width)`` between 0 and 1; one that is constant 0."""
    low = maps.min(axis=(1, 2), keepdims=True)
    return (maps - low) / np.maximum(np.ptp(maps, axis=(1, 2), keepdims=True), 1e-9)


def by_corners(maps, size):
    """Enlarged, bilinear, the corner values of the map on the corner pixels of the image."""
    for axis, wanted in zip((1, 2), size, strict=True):
        positions = np.linspace(0, maps.shape[axis] - 1, wanted)
        low = np.minimum(positions.astype(int), max(maps.shape[axis] - 2, 0))
        share = np.expand_dims(positions - low, [other for other in range(3) if other != axis])
        high = np.minimum(low + 1, maps.shape[axis] - 1)
        maps = maps.take(low, axis) * (1 - share) + maps.take(high, axis) * share
    return maps


def alphas_by_their_sum(request):
    values, gradients = request.layer("conv3")
    below = 2 * gradients**2 + gradients**3 * values.sum(axis=(1, 2), keepdims=True)
    alphas = gradients**2 / np.where(gradients == 0, 1, below)
    total = alphas.sum(axis=(1, 2), keepdims=True)
    alphas = alphas / np.where(total == 0, 1, total)
    return weighed(values, (alphas * np.maximum(gradients, 0)).sum(axis=(1, 2)))


def mean_in_alphas(request):
    values, gradients = request.layer("conv3")
    below = 2 + gradients * values.mean(axis=(1, 2), keepdims=True)
    return weighed(values, (np.maximum(gradients, 0) / below).mean(axis=(1, 2)))


def cubes(request, layer="conv3"):
    values, gradients = request.layer(layer)
    return weighed(values, (np.maximum(gradients, 0) ** 3).sum(axis=(1, 2)))


def refined_cubes(request):
    result = [
        enlarge(between(cubes(request, layer)), request.size) for layer in request.entry["layers"]
    ]
    return np.prod(result, axis=0)


def masked(request, mask, weigh):
    """Score-CAM with masks made by one function and weights by another."""
    values, _ = request.layer(request.entry["layers"][0])
    weights = []
    for image, maps in enumerate(values):
        shares = mask(np.moveaxis(maps, -1, 0), request.size)
        weights.append(weigh(*request.logits(image, shares[..., None] * request.pixels[image])))
    return weighed(values, np.array(weights))


def powers(logits, _):
    result = np.exp(logits - logits.max())
    return result / result.sum()


def probabilities(_, shares):
    return shares


def probability_by_corners(request):
    return masked(request, lambda maps, size: between(by_corners(maps, size)), probabilities)


def powers_by_corners(request):
    return masked(request, lambda maps, size: between(by_corners(maps, size)), powers)


def between_before_enlarging(request):
    return masked(request, lambda maps, size: enlarge(between(maps), size), powers)


def absolute_gradients(request):
    pixels = request.pixels
    spread = request.entry["options"]["noise"] * np.ptp(pixels, axis=(1, 2, 3), keepdims=True)
    total = np.zeros_like(pixels)
    for noise in request.arrays["noise"]:
        shown = {"picture": pixels + spread * noise}
        total += np.abs(
            request.model.differentiate(shown, request.goal, by=["picture"]).inputs["picture"]
        )
    return total.max(axis=-1) / len(request.arrays["noise"])


def let_through(request):
    masks = request.arrays["masks"]
    result = []
    for image, pixels in enumerate(request.pixels):
        logits, _ = request.logits(image, masks[..., None] * pixels)
        result.append(np.tensordot(logits, masks, 1) / masks.sum(axis=0))
    return np.array(result)


def cut_windows(request):
    window, stride = (request.entry["options"][name] for name in ("window", "stride"))
    rows, columns = (range(0, length - window + stride, stride) for length in request.size)
    masks = np.zeros((len(rows) * len(columns), *request.size), np.float32)
    for number, mask in enumerate(masks):
        top, left = rows[number // len(columns)], columns[number % len(columns)]
        mask[top : top + window, left : left + window] = 1
    result = []
    for image, pixels in enumerate(request.pixels):
        whole, _ = request.logits(image, pixels[None])
        logits, _ = request.logits(image, (1 - masks[..., None]) * pixels)
        result.append(np.tensordot(whole - logits, masks, 1) / masks.sum(axis=0))
    return np.array(result)


VARIANTS = {
    ("tf-keras-vis", "grad-cam++"): alphas_by_their_sum,
    ("xplique", "grad-cam++"): mean_in_alphas,
    ("torchcam", "grad-cam++"): cubes,
    ("tf-keras-vis", "score-cam"): probability_by_corners,
    ("grad-cam", "score-cam"): powers_by_corners,
    ("torchcam", "score-cam"): between_before_enlarging,
    ("torchcam", "refine-cam"): refined_cubes,
    ("tf-keras-vis", "smoothgrad"): absolute_gradients,
    ("xplique", "rise"): let_through,
    ("captum", "occlusion"): cut_windows,
}
"""By library and method what the library gave where the table says that layersight differs."""
