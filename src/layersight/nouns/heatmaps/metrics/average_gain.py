"""Average gain.

Zhang, Torres, Sicre, Avrithis and Ayache, "Opti-CAM: Optimizing saliency maps for
interpretability", 2023: the image is multiplied by its map, black where that is cold; the
value is the share of the possible gain in score that is reached, ``max(0, o - y) / (1 - y)``, in
0..1. It complements the average drop: a map that does well in both does more than leave the image
unchanged.
"""

from __future__ import annotations

from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome


def average_gain(trial: Trial) -> Outcome:
    """The share of the possible gain in score that is reached when only what is hot is seen."""
    score, masked = trial.bench.score, trial.masked
    return Outcome(max(0.0, masked - score) / (1 - score) if score < 1 else 0.0)


METRIC = Metric(
    name="average-gain",
    order=60,
    title="Average gain",
    says="The share of what the score could win that it wins when only what is hot is seen.",
    misleads="Of a score near 1 there is nothing to win, and the share is of next to nothing.",
    source="Zhang et al., 2023",
    higher_is_better=True,
    compute=average_gain,
    probability=True,
)
