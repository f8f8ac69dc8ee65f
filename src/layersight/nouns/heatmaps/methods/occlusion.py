"""Occlusion.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014: a patch is
slid over the image, or each frame or slice, and the score watched. The value of a pixel is what the
score loses, the mean over all patches that cover it,

    mean over patches P that hold i of  y(x) - y(x with P replaced by the baseline)

The last patch of each row and column lies flush with the edge, so that every pixel is covered.
"""

from __future__ import annotations

import itertools

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.errors import UsageError
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import NONE, Images, Method, Request, Size
from layersight.nouns.heatmaps.passes import batches, original_rows, read_scores, require_finite
from layersight.nouns.heatmaps.request import HeatmapOptions

Area = tuple[slice, ...]


def occlusion(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the input, signed."""
    images, progress = request.images, request.progress
    nothing = baseline(images, request.options.baseline)
    areas = patches(images.size, request.options, vector=images.is_vector)
    passes = batches(len(areas), range(len(images)), request.batch_size)
    total = np.zeros(images.pixels.shape[:-1], np.float64)
    for done, rows in enumerate(passes, 1):
        pixels = images.pixels[rows.images]
        for row, (copy, image) in enumerate(rows.pairs()):
            pixels[row][areas[copy]] = nothing[image][areas[copy]]
        scores = read_scores(request, rows, pixels)
        for (copy, image), score in zip(rows.pairs(), scores, strict=True):
            total[image][areas[copy]] += score
        progress(done, len(passes) + 1)
    scores = read_scores(request, original_rows(images), images.pixels)
    progress(len(passes) + 1, len(passes) + 1)
    covered = np.zeros(images.size)
    for area in areas:
        covered[area] += 1
    scores = scores.reshape(-1, *(1 for _ in images.size))
    return require_finite(scores - total / covered, "loss of score")


def patches(size: Size, options: HeatmapOptions, *, vector: bool = False) -> list[Area]:
    """The areas that the patch covers, row by row; for stacks in each frame or slice in turn.

    A window of 0 means an eighth of the shorter side, or 1 for a vector, whose units are
    independent; a stride of 0 means half of the window.
    """
    sides, window = size[-2:], _window(size, options, vector=vector)
    stride = options.stride or max(1, window // 2)
    if window > min(sides):
        raise UsageError(
            f"the window of {window} pixels is larger than the {' x '.join(map(str, sides))} "
            f"pixels that the network sees: give --window {min(sides)} or less"
        )
    if stride > window:
        raise UsageError(
            f"a window of {window} pixels moved by {stride} leaves gaps: give --stride {window} "
            "or less"
        )
    frames = [[slice(frame, frame + 1) for frame in range(count)] for count in size[:-2]]
    spans = [
        [slice(start, start + window) for start in _starts(side, window, stride)] for side in sides
    ]
    return list(itertools.product(*frames, *spans))


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin along one side; the last one ends where the side ends."""
    return [*range(0, length - window, stride), length - window]


def _window(size: Size, options: HeatmapOptions, *, vector: bool) -> int:
    return options.window or (1 if vector else max(1, min(size[-2:]) // 8))


def resolution(images: Images, options: HeatmapOptions) -> Size:
    """How many patches lie side by side along the sides of the image."""
    size = images.size
    window = _window(size, options, vector=images.is_vector)
    return (*size[:-2], *(-(-side // window) for side in size[-2:]))


METHOD = Method(
    name="occlusion",
    order=160,
    title="Occlusion",
    says="What the score loses when a patch over the pixel is replaced by the baseline.",
    assumes="That a patch of this size holds what counts, and that the baseline shows nothing.",
    misleads=(
        "Where one of two things is enough, covering either changes little; and the edges of a "
        "patch are something that the network sees too."
    ),
    source="Zeiler and Fergus, ECCV 2014",
    compute=occlusion,
    passes=lambda options, images, channels: len(
        patches(images.size, options, vector=images.is_vector)
    ),
    layers=NONE,
    signed=True,
    uses=("baseline",),
    costly=True,
    resolution=resolution,
    options=(
        Option("window", 0, help="Occlusion: the side of the patch.", low=0, high=4096, unit="px"),
        Option("stride", 0, help="Occlusion: from patch to patch.", low=0, high=4096, unit="px"),
    ),
)
