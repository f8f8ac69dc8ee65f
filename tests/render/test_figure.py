"""Figures: made without pyplot, every view, dead maps marked."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from samples import entry, result, small_network, smooth, with_dead

from layersight.errors import SelectionError, UsageError
from layersight.nouns.activations.options import PictureOptions
from layersight.render.figure import plot


def words(figure: object) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]


def test_a_grid_marks_dead_and_broken_maps() -> None:
    before = "matplotlib.pyplot" in sys.modules
    figure = plot(small_network())
    figure.savefig(io.BytesIO())
    told = words(figure)
    assert told.count("dead") == 2
    assert told.count("dead = 0") == 2
    assert "not a\nnumber" in told
    assert any("standardised" in text for text in told)
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_one_channel_across_layers() -> None:
    layers = [entry(f"conv{side}", smooth((side, side, 4))[None]) for side in (30, 15, 7)]
    figure = plot(result(layers), channel=3)
    assert "conv30\n30 \u00d7 30 \u00d7 4" in words(figure)
    images = [image for one in figure.axes for image in one.images]
    assert [image.get_array().shape[:2] for image in images] == [(30, 30), (15, 15), (7, 7)]
    assert all(image.get_interpolation() == "nearest" for image in images)


def test_one_map_has_its_real_scale() -> None:
    values = np.linspace(2, 6, 49, dtype=np.float32).reshape(7, 7, 1)
    figure = plot(result({"conv": values}), layer="conv", channel=0)
    (low, high) = figure.axes[-1].get_ylim()
    assert (low, high) == (2, 6)


def test_a_dead_map_says_so() -> None:
    values = with_dead(smooth((7, 7, 3)), {1: 0.5})
    assert "dead\n= 0.5" in words(plot(result({"conv": values}), layer="conv", channel=1))


def test_a_dollar_starts_no_mathematics() -> None:
    plot(result({"conv_$x_$y": smooth((7, 7, 3))})).savefig(io.BytesIO())


def test_options_and_changes() -> None:
    shown = result({"conv": smooth((7, 7, 8))})
    figure = plot(shown, PictureOptions(normalise="minmax"), columns=2)
    assert figure.axes[0].images[0].get_array().shape[0] == 4 * 8
    with pytest.raises(UsageError, match="no option 'colums'"):
        plot(shown, colums=2)
    with pytest.raises(SelectionError, match="no image 3"):
        plot(shown, image=3)
    with pytest.raises(SelectionError, match="no channel 9"):
        plot(shown, layer="conv", channel=9)
    with pytest.raises(SelectionError, match="'conx'"):
        plot(shown, layer="conx")
