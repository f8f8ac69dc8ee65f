"""RISE: Randomized Input Sampling for Explanation.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
BMVC 2018: the image is shown under random masks M, and each pixel gets the mean score of the
masks that keep it,

    S(i) = 1 / (E[M] N) sum_k y(x under M_k) M_k(i)

A mask is a grid of cells, each kept with probability ``keep``, enlarged bilinearly by the size C
of a cell to one cell more than the image along each side, and cut to the image at a random shift
of 0 to C - 1 pixels. Under a mask a pixel fades to the baseline, x M + x' (1 - M), which is the
x M of the paper where the baseline is 0. A mask follows from the seed and its number alone:
every image is shown under the same.

The values are mean scores, as in the paper, not differences: they are never below 0 where the score
is a probability, and lie around the score of a half-hidden image where it is a logit. Their neutral
value is the mean score under all masks: the score is higher with a pixel above it than without.
"""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.data.placing import weights
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import NONE, Images, Method, Request, Result, Size
from layersight.nouns.heatmaps.passes import batches, read_scores, require_finite
from layersight.nouns.heatmaps.request import HeatmapOptions

MASKS = 2000  # how many masks by default

STREAM = 4  # makes these random numbers independent of others with the same seed


def rise(request: Request) -> Result:
    """``(image, *positions)`` in the size of the input; below 0 only where scores are."""
    images, options = request.images, request.options
    if images.is_vector:
        raise ModelInputError(
            "RISE hides neighbours together, and the units of a vector have none: choose occlusion"
        )
    nothing = baseline(images, options.baseline)
    change = images.pixels - nothing
    count = options.masks or MASKS
    weighted = np.zeros(change.shape[:-1], np.float64)
    total = np.zeros(len(change), np.float64)
    passes = batches(count, range(len(images)), request.batch_size)
    for done, rows in enumerate(passes, 1):
        drawn = masks(images.size, options, rows.span)[rows.copies - rows.span.start]
        pixels = nothing[rows.images] + drawn[..., None] * change[rows.images]
        scores = read_scores(request, rows, pixels)
        for image, score, mask in zip(rows.images, scores, drawn, strict=True):
            weighted[image] += score * mask
            total[image] += score
        request.progress(done, len(passes))
    maps = require_finite(weighted / (options.keep * count), "mean score")
    return Result(maps, neutral_values=tuple(float(mean) for mean in total / count))


def masks(size: Size, options: HeatmapOptions, numbers: range) -> FloatArray:
    """The masks with some numbers, ``(mask, *positions)`` in 0..1."""
    sides = cell_sides(size, options)
    cells = _cells(size, sides)
    kept = np.empty((len(numbers), *cells), np.float32)
    shifts = np.empty((len(numbers), len(size)), int)
    for index, number in enumerate(numbers):
        random = np.random.default_rng((options.seed, STREAM, number))
        kept[index] = random.random(cells) < options.keep
        shifts[index, -2:] = random.integers(0, sides[-1], len(size[-2:]))
        if len(size) == 3:
            shifts[index, 0] = random.integers(0, sides[0])
    bilinear = [
        weights(count, (count + 1) * side)[shifts[:, axis, None] + np.arange(size[axis])]
        for axis, (count, side) in enumerate(zip(cells, sides, strict=True))
    ]
    if len(size) == 1:
        line: FloatArray = np.matmul(bilinear[0], kept[..., np.newaxis])[..., 0]
        return line
    *outer, down, across = bilinear
    if outer:
        kept = np.einsum("mfc,mchw->mfhw", outer[0], kept)
        down, across = down[:, np.newaxis], across[:, np.newaxis]
    enlarged: FloatArray = np.matmul(np.matmul(down, kept), np.swapaxes(across, -1, -2))
    return enlarged


def cell_sides(size: Size, options: HeatmapOptions) -> Size:
    """The length of a cell along each axis; stacks have as many cells as frames, if possible."""
    shorter = (*size[:-2], *(min(size[-2:]) for _ in size[-2:]))
    return tuple(-(-length // min(options.cells, length)) for length in shorter)


def resolution(images: Images, options: HeatmapOptions) -> Size:
    """The cells of a mask along the sides of the image."""
    return _cells(images.size, cell_sides(images.size, options))


def _cells(size: Size, sides: Size) -> Size:
    return tuple(-(-length // side) for length, side in zip(size, sides, strict=True))


METHOD = Method(
    name="rise",
    order=170,
    title="RISE",
    says="The mean score of the image under the random masks that keep the pixel.",
    assumes="That the masks are many enough, and that what they hide shows nothing.",
    misleads=(
        "With few masks it is blotches of chance, which differences from the mean score of all "
        "masks bring out."
    ),
    source="Petsiuk et al., BMVC 2018",
    compute=rise,
    passes=lambda options, images, channels: options.masks or MASKS,
    layers=NONE,
    signed=True,
    uses=("baseline", "masks", "seed"),
    costly=True,
    resolution=resolution,
    options=(
        Option("cells", 8, help="RISE: cells along the shorter side.", low=1, high=256),
        Option("keep", 0.5, help="RISE: the share of cells that are kept.", low=0.01, high=0.99),
    ),
)
