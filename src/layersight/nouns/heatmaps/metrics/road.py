"""Remove and debias (ROAD).

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods", ICML 2022: pixels are taken away and filled in from those around them, with a
little noise, so that neither a hole nor its shape tells the network anything. As a single
number, half the difference of the scores with the coldest and with the hottest pixels taken
away, in the mean over some shares of pixels (ROADCombined of pytorch-grad-cam).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.fields import Option
from layersight.errors import UsageError
from layersight.nouns.heatmaps.metrics.bench import Trial
from layersight.nouns.heatmaps.metrics.imputation import Masks, impute
from layersight.nouns.heatmaps.metrics.metric import Metric, Outcome
from layersight.nouns.heatmaps.result import Curve


def road(trial: Trial) -> Outcome:
    """Half of what the hottest pixels take from the score more than the coldest ones."""
    bench = trial.bench
    shares = bench.options.shares
    if bench.images.is_vector or len(bench.size) > 2:
        what = "a vector" if bench.images.is_vector else "frames or slices"
        raise UsageError(
            f"road fills in from neighbours in a picture or signal, and cannot be had for {what}: "
            "leave it out"
        )
    known = left_over(trial)
    picture, noise = (
        pixels if len(bench.size) == 2 else pixels[np.newaxis]  # a signal is a picture of one row
        for pixels in (bench.pixels, bench.noise)
    )

    def pictures() -> Iterator[FloatArray]:
        for one in known:
            filled = impute(picture, one[np.newaxis])[0]
            yield np.where(one[..., np.newaxis], picture, filled + noise).reshape(
                bench.pixels.shape
            )

    scores = bench.read(pictures())
    hottest, coldest = scores[: len(shares)], scores[len(shares) :]
    curve = Curve((0.0, *shares), (bench.score, *hottest.tolist()))
    return Outcome(float(np.mean(coldest - hottest) / 2), curve)


def left_over(trial: Trial) -> Masks:
    """Which pixels are left: the hottest gone for each share, then the coldest for each."""
    height, width = (1, *trial.bench.size)[-2:]
    count = height * width
    found = []
    for order in (trial.order, trial.order[::-1]):
        for share in trial.bench.options.shares:
            known = np.ones(count, bool)
            known[order[: min(count - 1, round(count * share))]] = False
            found.append(known.reshape(height, width))
    return np.stack(found)


METRIC = Metric(
    name="road",
    order=30,
    title="ROAD",
    says=(
        "Half of what filling in the hottest pixels takes from the score more than filling in "
        "the coldest ones."
    ),
    misleads="Smooth fillings can be a class of their own: sky, water, a plain wall.",
    source="Rong et al., ICML 2022",
    higher_is_better=True,
    compute=road,
    passes=lambda options, anew: 8 * len(options.shares),
    options=(
        Option(
            "shares",
            (0.2, 0.4, 0.6, 0.8),
            help="ROAD: the shares of pixels filled in.",
            low=0,
            high=1,
            exclusive=True,
        ),
        Option("blemish", 0.01, help="ROAD: noise on pixels filled in, of the range.", low=0),
    ),
)
