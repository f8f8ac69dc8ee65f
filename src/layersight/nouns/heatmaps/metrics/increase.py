"""Increase in confidence.

Chattopadhay, Sarkar, Howlader and Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual
Explanations for Deep Convolutional Networks", WACV 2018: 1 where the score rises when the image is
multiplied by its map, else 0; over several images the share of those where it does.
"""

from __future__ import annotations

from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome


def increase(trial: Trial) -> Outcome:
    """Whether the score rises when only what is hot is seen."""
    return Outcome(float(trial.masked > trial.bench.score))


METRIC = Metric(
    name="increase",
    order=50,
    title="Increase",
    says="Whether the score rises when the image is seen through its map only; the share of those.",
    misleads="It says nothing of how much; a score near 1 cannot rise.",
    source="Chattopadhay et al., WACV 2018",
    higher_is_better=True,
    compute=increase,
    probability=True,
)
