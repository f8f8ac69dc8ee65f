"""Insertion.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
BMVC 2018: the image is blurred, and its pixels are restored, the hottest first; the value is the
mean of the score over all shares of pixels, by the trapezoidal rule.
"""

from __future__ import annotations

from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.deletion import exchange
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome


def insertion(trial: Trial) -> Outcome:
    """The area under the curve of the score, the hottest pixels restored first."""
    return exchange(trial, trial.bench.blurred, trial.bench.pixels)


METRIC = Metric(
    name="insertion",
    order=20,
    title="Insertion",
    says=(
        "The mean score while pixels are brought back to a blurred image, the hottest first: high "
        "if those suffice."
    ),
    misleads="A network that knows the blurred image already leaves little to be told apart.",
    source="Petsiuk, Das and Saenko, BMVC 2018",
    higher_is_better=True,
    compute=insertion,
    passes=lambda options, map_cost: options.points + 1,
    uses=("points",),
)
