"""Sensitivity, at its greatest.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations",
NeurIPS 2019: how far a map moves when the image is changed by so little that it is hardly
visible,

    max over e, |e| <= r, of  || map(x + e) - map(x) || / || map(x) ||

with noise that is uniform in -r..r, here 0.02 of the range from black to white, and the greatest
of ten. Low is good, but not sufficient: the map that is brightest in the middle, whatever the
image, changes by 0. A new random map each time changes by about 0.7 if it is white noise, less if
it is smooth; a method that changes as much says no more about an image than about its noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.nouns.heatmaps.methods.method import Size
from layersight.nouns.heatmaps.metrics.bench import NOISE, Bench, Trial
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome, ReferenceValues

SENSITIVITY = 1  # the purpose of this noise, beside that of imputed pixels


def sensitivity(trial: Trial) -> Outcome:
    """The greatest relative change of the map under noise that is hardly visible."""
    assert trial.explain is not None
    bench = trial.bench
    random = bench.random(NOISE, SENSITIVITY)
    radius = bench.options.radius * bench.range
    maps: list[FloatArray] = []
    for start in range(0, bench.options.copies, bench.batch_size):
        count = min(bench.batch_size, bench.options.copies - start)
        noise = [random.uniform(-radius, radius, bench.pixels.shape) for _ in range(count)]
        noisy = (bench.pixels + np.stack(noise)).astype(np.float32)
        maps.append(trial.explain(noisy))
    return Outcome(greatest_change(trial.values, np.concatenate(maps)))


def greatest_change(before: FloatArray, after: FloatArray) -> float:
    """The greatest relative change of a map; NaN if the map is empty."""
    size = _norm(before[np.newaxis])[0]
    return float(_norm(after - before).max() / size) if size > 0 else float("nan")


def _norm(maps: FloatArray) -> NDArray[np.float64]:
    squared = np.square(maps, dtype=np.float64)
    return np.asarray(np.sqrt(squared.reshape(len(squared), -1).sum(axis=1)), np.float64)


def reference(bench: Bench, resolution: Size) -> ReferenceValues:
    """The values of a new random map each time, and of the centre, which never changes."""
    copies, randoms = bench.options.copies, bench.options.randoms
    changes = []
    for number in range(randoms):
        first = number * (copies + 1)
        maps = np.stack([bench.random_map(resolution, first + each) for each in range(copies + 1)])
        changes.append(greatest_change(maps[0], maps[1:]))
    return ReferenceValues(float(np.mean(changes)), 0.0)


METRIC = Metric(
    name="sensitivity",
    order=70,
    title="Sensitivity",
    says="The greatest relative change of the map under noise that is hardly visible.",
    misleads="A map that does not look at the image never moves: read it beside the others.",
    source="Yeh et al., NeurIPS 2019",
    higher_is_better=False,
    compute=sensitivity,
    passes=lambda options, map_cost: options.copies * map_cost,
    reference=reference,
    explains=True,
    options=(
        Option("radius", 0.02, help="Sensitivity: the noise, of the range.", low=0),
        Option("copies", 10, help="Sensitivity: images with noise.", low=1),
    ),
)
