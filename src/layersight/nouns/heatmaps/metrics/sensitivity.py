"""Sensitivity, at its greatest.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations",
NeurIPS 2019: how far a map moves when the image is changed by so little that it is hardly
visible,

    max over e, |e| <= r, of  || map(x + e) - map(x) || / || map(x) ||

with noise that is uniform in -r..r, here 0.02 of the range from black to white, and the greatest
of ten. Low is good, but not enough: the map that is brightest in the middle, whatever the
image, moves by 0. Random maps drawn anew each time move by about 0.7 if they are white noise,
less if they are smooth; a method that moves as far says no more of an image than of its noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.nouns.heatmaps.metrics.bench import NOISE, Bench, Trial
from layersight.nouns.heatmaps.metrics.metric import Grain, Marks, Metric, Outcome

SENSITIVITY = 1  # what the noise is drawn for, beside that of filled in pixels


def sensitivity(trial: Trial) -> Outcome:
    """The greatest relative change of the map under noise that is hardly visible."""
    assert trial.explain is not None
    bench = trial.bench
    draw = bench.random(NOISE, SENSITIVITY)
    radius = bench.options.radius * bench.range
    found: list[FloatArray] = []
    for start in range(0, bench.options.copies, bench.batch_size):
        count = min(bench.batch_size, bench.options.copies - start)
        noise = [draw.uniform(-radius, radius, bench.pixels.shape) for _ in range(count)]
        shown = (bench.pixels + np.stack(noise)).astype(np.float32)
        found.append(trial.explain(shown))
    return Outcome(greatest_change(trial.values, np.concatenate(found)))


def greatest_change(before: FloatArray, after: FloatArray) -> float:
    """The greatest relative change of a map; not a number where the map is empty."""
    size = _norm(before[np.newaxis])[0]
    return float(_norm(after - before).max() / size) if size > 0 else float("nan")


def _norm(maps: FloatArray) -> NDArray[np.float64]:
    squared = np.square(maps, dtype=np.float64)
    return np.asarray(np.sqrt(squared.reshape(len(squared), -1).sum(axis=1)), np.float64)


def refer(bench: Bench, grain: Grain) -> Marks:
    """Of random maps drawn anew each time; the centre never moves."""
    copies, randoms = bench.options.copies, bench.options.randoms
    found = []
    for number in range(randoms):
        first = number * (copies + 1)
        maps = np.stack([bench.random_map(grain, first + each) for each in range(copies + 1)])
        found.append(greatest_change(maps[0], maps[1:]))
    return Marks(float(np.mean(found)), 0.0)


METRIC = Metric(
    name="sensitivity",
    order=70,
    title="Sensitivity",
    says="The greatest relative change of the map under noise that is hardly visible.",
    misleads="A map that does not look at the image never moves: read it beside the others.",
    source="Yeh et al., NeurIPS 2019",
    higher_is_better=False,
    compute=sensitivity,
    passes=lambda options, anew: options.copies * anew,
    refer=refer,
    explains=True,
    options=(
        Option("radius", 0.02, help="Sensitivity: the noise, of the range.", low=0),
        Option("copies", 10, help="Sensitivity: images with noise.", low=1),
    ),
)
