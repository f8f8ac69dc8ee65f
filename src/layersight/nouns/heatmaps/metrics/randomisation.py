"""How much of a map is left when the upper half of a network has random weights.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018: weights are randomised layer by layer from the output down, and the map made then is compared
with the original one. The value is the mean over the stages of Spearman's rank correlation of the
two without their signs.

It stops at half of the layers. Until then the lower layers still find edges, but nothing relates
them to a class: a map of the edges of the image stays, a map of the decision is gone. Once the
lowest layers are random too, every map falls apart, whatever it showed.

New random maps have nothing in common: 0. The map that is brightest in the middle, whatever the
network, stays the same: 1. A method passes if it is nearer to the first: below 1/2.
"""

from __future__ import annotations

import numpy as np

from layersight.data.fields import Option
from layersight.nouns.heatmaps.methods.method import Size
from layersight.nouns.heatmaps.metrics.bench import Bench, Trial
from layersight.nouns.heatmaps.metrics.cascade import cascade, rank_correlation
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome, ReferenceValues

HALF = 0.5  # the share of the layers that have random weights in the end

BAR = 0.5  # the limit for a method: half-way from a random map to one that stays the same


def randomisation(trial: Trial) -> Outcome:
    """The mean similarity of the map before and after weights were randomised."""
    assert trial.explain is not None
    bench = trial.bench
    result = cascade(
        bench.model,
        bench.images,
        trial.explain,
        layers=bench.weighted,
        values=trial.values,
        stages=bench.options.stages,
        share=HALF,
        seed=bench.options.seed,
    )
    return Outcome(result.likeness)


def reference(bench: Bench, resolution: Size) -> ReferenceValues:
    """The values of a new random map each time, and of the centre, which stays the same."""
    first, *others = (
        bench.random_map(resolution, number) for number in range(bench.options.randoms + 1)
    )
    mean = np.mean([rank_correlation(first, other) for other in others])
    return ReferenceValues(float(mean), 1.0, BAR)


METRIC = Metric(
    name="randomisation",
    order=80,
    title="Randomised weights",
    says=(
        "How much of the map is left while the weights of the upper half of the layers are drawn "
        "anew."
    ),
    misleads="A map of noise passes: it tells whether the network is shown, not whether rightly.",
    source="Adebayo et al., NeurIPS 2018",
    higher_is_better=False,
    compute=randomisation,
    passes=lambda options, map_cost: options.stages * map_cost,
    reference=reference,
    explains=True,
    options=(Option("stages", 6, help="Randomisation: maps on the way.", low=1),),
)
