"""SmoothGrad.

Smilkov, Thorat, Kim, Viégas and Wattenberg, "SmoothGrad: removing noise by adding noise", 2017:
the mean of the sensitivity maps of noisy copies of the image,

    1/n sum_s M(x + N(0, sigma^2))

Here M is the gradient with its sign. The mean is taken first, then of each pixel the greatest
absolute value over its channels, so that noise of both signs cancels out; without noise it is
``gradient``. Sigma is a share of the range from black to white, channel by channel. The noise of
a copy follows from the seed and the number of the copy alone: every image gets the same.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.nouns.heatmaps.methods.method import NONE, Images, Method, Request
from layersight.nouns.heatmaps.passes import batches, pixel_gradients, require_finite
from layersight.nouns.heatmaps.request import HeatmapOptions

STREAM = 3  # makes these random numbers independent of others with the same seed


def smoothgrad(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input; none below 0."""
    images, options = request.images, request.options
    total = np.zeros(images.pixels.shape, np.float64)
    passes = batches(options.samples, range(len(images)), request.batch_size)
    for done, rows in enumerate(passes, 1):
        drawn = np.stack([noise(images, options, sample) for sample in rows.span])
        pixels = images.pixels[rows.images] + drawn[rows.copies - rows.span.start]
        _, gradients = pixel_gradients(request, rows, pixels)
        for image, gradient in zip(rows.images, gradients, strict=True):
            total[image] += gradient
        request.progress(done, len(passes))
    return require_finite(np.abs(total / options.samples).max(axis=-1), "mean gradient")


def noise(images: Images, options: HeatmapOptions, sample: int) -> FloatArray:
    """The noise that is added to every image in one sample, ``(*positions, channel)``."""
    random = np.random.default_rng((options.seed, STREAM, sample))
    drawn = random.standard_normal(images.pixels.shape[1:], dtype=np.float32)
    sigma = options.noise * np.abs(images.white - images.black)
    scaled: FloatArray = drawn * sigma.astype(np.float32)
    return scaled


METHOD = Method(
    name="smoothgrad",
    order=130,
    title="SmoothGrad",
    says="The gradient, averaged over noisy copies of the image.",
    assumes="That noise of this size changes the gradient, and not what the network sees.",
    misleads=(
        "With much noise it explains other images than the one shown; like the gradient it says "
        "where the score would change, not what it is made of."
    ),
    source="Smilkov et al., 2017",
    compute=smoothgrad,
    passes=lambda options, images, channels: 3 * options.samples,
    layers=NONE,
    uses=("seed",),
    options=(
        Option("samples", 32, help="SmoothGrad: noisy copies of the image.", low=1, high=10_000),
        Option("noise", 0.15, help="SmoothGrad: its deviation, of the range.", low=0, high=10),
    ),
)
