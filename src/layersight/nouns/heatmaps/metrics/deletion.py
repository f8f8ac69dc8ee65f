"""Deletion.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
BMVC 2018: pixels are removed, the hottest first, and the score is read after each share of pixels;
the value is its mean over all shares, by the trapezoidal rule. Their code replaces a pixel by 0 in
the numbers that a network sees, for their networks the mean colour of all images; here it is the
mean colour of the image itself by default.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome
from layersight.nouns.heatmaps.result import Curve


def deletion(trial: Trial) -> Outcome:
    """The area under the curve of the score, the hottest pixels deleted first."""
    return exchange(trial, trial.bench.pixels, trial.bench.fill)


def exchange(trial: Trial, before: FloatArray, after: FloatArray) -> Outcome:
    """The scores while one image is turned into another, the hottest pixels first."""
    count = len(trial.order)
    steps = min(trial.bench.options.points, count)
    ends = [round(count * step / steps) for step in range(steps + 1)]

    def pictures() -> Iterator[FloatArray]:
        picture = np.array(before, np.float32)
        pixels, replacement = picture.reshape(count, -1), after.reshape(count, -1)
        for start, end in itertools.pairwise([0, *ends]):
            part = trial.order[start:end]
            pixels[part] = replacement[part]
            yield picture.copy()

    scores = trial.bench.read(pictures())
    shares = np.array(ends) / count
    return Outcome(
        float(np.trapezoid(scores, shares)), Curve(tuple(shares.tolist()), tuple(scores.tolist()))
    )


METRIC = Metric(
    name="deletion",
    order=10,
    title="Deletion",
    says="The mean score while pixels are deleted, the hottest first: low if those mattered.",
    misleads=(
        "Images with holes are none that the network knows: a map that shreds them does well too."
    ),
    source="Petsiuk, Das and Saenko, BMVC 2018",
    higher_is_better=False,
    compute=deletion,
    passes=lambda options, map_cost: options.points + 1,
    uses=("points",),
    options=(
        Option(
            "fill",
            "mean",
            help="Deletion: mean (of the image), black, grey, white or blur.",
            choices=("mean", "black", "grey", "white", "blur"),
            metavar="NAME",
            former="filling",
        ),
    ),
)
