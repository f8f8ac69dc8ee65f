"""How much of a map is left when the upper half of a network has lost what it had learned.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018: layer by layer from the output down weights are drawn anew, and the map that is made then
is compared with the first. The value is the mean over the stages of Spearman's rank correlation of
the two without their signs.

This ends with half of the layers. Until there the lower ones still find edges, and no one can
tell of what: a map of the edges of the image stays, one of what was decided is gone. Once the
lowest are random too, every map falls apart, whatever it showed.

Random maps drawn anew have nothing in common: 0. The map that is brightest in the middle, whatever
the network, is left as it was: 1. A method passes that comes nearer to the first: below 1/2.
"""

from __future__ import annotations

import numpy as np

from layersight.data.fields import Option
from layersight.nouns.heatmaps.metrics.bench import Bench, Trial
from layersight.nouns.heatmaps.metrics.cascade import cascade, rank_correlation
from layersight.nouns.heatmaps.metrics.metric import Grain, Marks, Metric, Outcome

HALF = 0.5  # the share of the layers that are drawn anew in the end

BAR = 0.5  # what a method has to stay below: half-way from a random map to one that stays


def randomisation(trial: Trial) -> Outcome:
    """The mean likeness of the map before and after weights were drawn anew."""
    assert trial.explain is not None
    bench = trial.bench
    found = cascade(
        bench.model,
        bench.images,
        trial.explain,
        layers=bench.weighted,
        values=trial.values,
        stages=bench.options.stages,
        share=HALF,
        seed=bench.options.seed,
    )
    return Outcome(found.likeness)


def refer(bench: Bench, grain: Grain) -> Marks:
    """Of random maps drawn anew each time; the centre stays as it is."""
    first, *others = (
        bench.random_map(grain, number) for number in range(bench.options.randoms + 1)
    )
    return Marks(float(np.mean([rank_correlation(first, other) for other in others])), 1.0, BAR)


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
    passes=lambda options, anew: options.stages * anew,
    refer=refer,
    explains=True,
    options=(Option("stages", 6, help="Randomisation: maps on the way.", low=1),),
)
