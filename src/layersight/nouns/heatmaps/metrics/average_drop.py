"""Average drop.

Chattopadhay, Sarkar, Howlader and Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual
Explanations for Deep Convolutional Networks", WACV 2018: the image is multiplied by its map, black
where that is cold; the value is the share of the score that is lost, ``max(0, y - o) / y``.
"""

from __future__ import annotations

from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome


def average_drop(trial: Trial) -> Outcome:
    """The share of the score that is lost when only what is hot is seen."""
    score, masked = trial.bench.score, trial.masked
    return Outcome(max(0.0, score - masked) / score if score > 0 else 0.0)


METRIC = Metric(
    name="average-drop",
    order=40,
    title="Average drop",
    says="The share of the score that is lost when the image is seen through its map only.",
    misleads="A map that is hot everywhere loses nothing.",
    source="Chattopadhay et al., WACV 2018",
    higher_is_better=False,
    compute=average_drop,
    probability=True,
)
