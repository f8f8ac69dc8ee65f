"""Remove and debias (ROAD).

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods", ICML 2022: pixels are removed and filled in from those around them, with a
little noise, so that neither a hole nor its shape gives the network any information. The value is
half the difference of the scores without the coldest and without the hottest pixels, averaged over
some shares of pixels (ROADCombined of pytorch-grad-cam).
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
    """Half of how much more the score loses by the hottest pixels than by the coldest ones."""
    bench = trial.bench
    shares = bench.options.shares
    if bench.images.is_vector or len(bench.size) > 2:
        what = "a vector" if bench.images.is_vector else "frames or slices"
        raise UsageError(
            f"road fills in from neighbours in a picture or signal, and does not apply to {what}: "
            "leave it out"
        )
    masks = known_masks(trial)
    picture, noise = (
        pixels if len(bench.size) == 2 else pixels[np.newaxis]  # a signal is a picture of one row
        for pixels in (bench.pixels, bench.noise)
    )

    def pictures() -> Iterator[FloatArray]:
        for known in masks:
            filled = impute(picture, known[np.newaxis])[0] + noise
            changed = np.where(known[..., np.newaxis], picture, filled)
            yield changed.reshape(bench.pixels.shape)

    scores = bench.read(pictures())
    hottest, coldest = scores[: len(shares)], scores[len(shares) :]
    curve = Curve((0.0, *shares), (bench.score, *hottest.tolist()))
    return Outcome(float(np.mean(coldest - hottest) / 2), curve)


def known_masks(trial: Trial) -> Masks:
    """Which pixels are known: without the hottest of each share, then without the coldest."""
    height, width = (1, *trial.bench.size)[-2:]
    count = height * width
    masks = []
    for order in (trial.order, trial.order[::-1]):
        for share in trial.bench.options.shares:
            known = np.ones(count, bool)
            known[order[: min(count - 1, round(count * share))]] = False
            masks.append(known.reshape(height, width))
    return np.stack(masks)


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
    passes=lambda options, map_cost: 8 * len(options.shares),
    options=(
        Option(
            "shares",
            (0.2, 0.4, 0.6, 0.8),
            help="ROAD: the shares of pixels filled in.",
            low=0,
            high=1,
            exclusive=True,
        ),
        Option(
            "fill_noise",
            0.01,
            help="ROAD: noise on pixels filled in, of the range.",
            low=0,
            former="blemish",
        ),
    ),
)
