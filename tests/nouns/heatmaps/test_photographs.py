"""A heatmap on its photograph: it lies where the network saw it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from heats import heats
from layersight.data.image import Photograph
from layersight.data.placing import enlarge
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import placed
from layersight.nouns.heatmaps.views import Shown


def bilinear(values: np.ndarray, y: float, x: float) -> float:
    """A value between the centres of pixels, written out."""
    height, width = values.shape
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    upper = values[y0, x0] * (1 - (x - x0)) + values[y0, x1] * (x - x0)
    lower = values[y1, x0] * (1 - (x - x0)) + values[y1, x1] * (x - x0)
    return float(upper * (1 - (y - y0)) + lower * (y - y0))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_heat_lies_where_the_network_saw_it(fit: str) -> None:
    made = heats(fit=fit, size=(40, 60), net=(20, 20))
    entry, photograph = made.maps[0], made.photographs[0]
    heat = placed(entry, photograph)
    assert heat.shape == (40, 60)
    top, left, bottom, right = photograph.region
    for y in (0, 7, 20, 39):
        for x in (0, 11, 30, 59):
            inside = top <= y + 0.5 <= bottom and left <= x + 0.5 <= right
            assert np.isfinite(heat[y, x]) == inside
            if inside:
                v = (y + 0.5 - top) / (bottom - top) * 20 - 0.5
                u = (x + 0.5 - left) / (right - left) * 20 - 0.5
                # A map that shrinks is averaged over what a pixel covers.
                near = 0.002 if fit != "pad" else 0.03
                assert heat[y, x] == pytest.approx(bilinear(entry.values, v, u), abs=near)


def test_squares_are_the_cells_of_a_coarse_map() -> None:
    coarse = np.arange(4, dtype=np.float32).reshape(2, 2)
    made = heats(size=(4, 6))
    entry = dataclasses.replace(made.maps[0], coarse=coarse, values=enlarge(coarse, (24, 24)))
    heat = placed(entry, made.photographs[0], smooth=False)
    np.testing.assert_array_equal(heat, coarse.repeat(2, 0).repeat(3, 1))
    for region, rows, columns in (
        ((0.0, 1.0, 4.0, 5.0), slice(0, 4), slice(1, 5)),
        ((1.0, 0.0, 3.0, 6.0), slice(1, 3), slice(0, 6)),
    ):
        cut = Photograph(made.photographs[0].pixels, region)
        heat = placed(entry, cut, smooth=False)
        shape = heat[rows, columns].shape
        wanted = coarse.repeat(shape[0] // 2, 0).repeat(shape[1] // 2, 1)
        np.testing.assert_array_equal(heat[rows, columns], wanted)
        heat[rows, columns] = np.nan
        assert np.isnan(heat).all()


def test_squares_are_drawn_where_they_were_asked_for() -> None:
    made = heats(size=(28, 28))
    smooth, squares = (
        Shown(made, 0, HeatOptions(smooth=each), made.photographs[0]).steps
        for each in (True, False)
    )
    cells = squares.reshape(7, 4, 7, 4).transpose(0, 2, 1, 3).reshape(49, 16)
    assert (cells == cells[:, :1]).all()
    assert len(np.unique(smooth)) > len(np.unique(squares))
