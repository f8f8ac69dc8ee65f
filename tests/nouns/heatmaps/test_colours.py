"""The scale of a map whose values are scores: it has their mean in its middle."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from heats import heats
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import places_of
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import captions, colours

OPTIONS = HeatOptions()


def rising(ground: float) -> Heatmaps:
    """A map that rises from left to right about a ground of its own, and one about 0."""
    made = heats(methods=("occlusion",), targets=2)
    height, width = made.maps[0].values.shape
    ramp = np.tile(np.linspace(-1, 2, width, dtype=np.float32), (height, 1))
    about = dataclasses.replace(
        made.maps[0], values=ramp + np.float32(ground), coarse=ramp + np.float32(ground)
    )
    return dataclasses.replace(
        made,
        maps=(
            dataclasses.replace(about, ground=ground),
            dataclasses.replace(made.maps[1], values=ramp, coarse=ramp),
        ),
    )


@pytest.mark.parametrize("ground", [7.5, -3.0])
def test_a_map_about_its_ground_looks_like_one_about_zero(ground: float) -> None:
    made = rising(ground)
    own, plain = (scale_of(made, place, OPTIONS) for place in range(2))
    assert own.limit == pytest.approx(plain.limit, rel=1e-5)
    steps = [
        scale.steps(entry.heat).astype(int)
        for scale, entry in zip((own, plain), made.maps, strict=True)
    ]
    assert np.abs(steps[0] - steps[1]).max() <= 1
    assert steps[0].min() < 100
    assert steps[0].max() > 250


def test_its_bar_tells_values_and_not_differences() -> None:
    scale = scale_of(rising(7.5), 0, dataclasses.replace(OPTIONS, percentile=100.0))
    assert scale.marks() == {0.0: "5.5", 0.5: "7.5", 1.0: "9.5"}
    assert (scale.low, scale.high) == pytest.approx((5.5, 9.5))
    below = scale_of(rising(-3.0), 0, dataclasses.replace(OPTIONS, percentile=100.0))
    assert below.marks() == {0.0: "\N{MINUS SIGN}5", 0.5: "\N{MINUS SIGN}3", 1.0: "\N{MINUS SIGN}1"}


def test_where_the_heat_lies_counts_from_the_ground() -> None:
    made = rising(7.5)
    about, plain = (places_of(made, place) for place in range(2))
    assert about.centre == pytest.approx(plain.centre, rel=1e-4)
    assert (about.hottest, about.box) == (plain.hottest, plain.box)


def test_the_caption_says_what_pale_means() -> None:
    made = rising(7.5)
    assert any("pale: their mean under all masks" in line for line in colours(made, OPTIONS))
    assert any("as far below 0 as above" in line for line in captions(made, OPTIONS))
