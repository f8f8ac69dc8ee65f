"""What work costs, counted beforehand, and the time that is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.nouns.heatmaps.methods.method import Images, methods
from layersight.nouns.heatmaps.metrics.metric import choose_metrics
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.work import Tracker, count_costs, map_passes


def zeros(*shape):
    """One black image."""
    channels = np.zeros(shape[-1] if len(shape) > 1 else 1, np.float32)
    return Images({"x": np.zeros((1, *shape), np.float32)}, "x", channels, channels + 1)


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("grad-cam", 3),
        ("gradient", 3),
        ("score-cam", 128),
        ("ablation-cam", 128),
        ("smoothgrad", 96),
        ("integrated-gradients", 192),
        ("occlusion", 16**2),
        ("rise", 2000),
    ],
)
def test_what_a_map_costs(name, passes):
    images = zeros(150, 150, 3)
    assert map_passes(methods()[name], HeatmapOptions(), images, 128) == passes
    if name in ("score-cam", "rise"):
        assert map_passes(methods()[name], HeatmapOptions(masks=20), images, 128) == 20


def test_occlusion_covers_each_unit_of_a_vector_and_many_positions_of_a_signal():
    occlusion = methods()["occlusion"]
    for images, passes in ((zeros(40), 40), (zeros(40, 1), 19)):
        assert map_passes(occlusion, HeatmapOptions(), images, 0) == passes


def test_what_measuring_costs():
    """Random maps are measured once for maps of one kind, the centre once."""
    metrics = choose_metrics("deletion,sensitivity")
    result = count_costs(
        {"grad-cam": 3, "hirescam": 3, "rise": 2000},
        metrics,
        MeasureOptions(),
        {"grad-cam": "conv", "hirescam": "conv", "rise": "cells"},
    )
    assert result["grad-cam", "deletion"] == 33 * (1 + 3 + 1)
    assert result["hirescam", "deletion"] == 33
    assert result["rise", "deletion"] == 33 * (1 + 3)
    assert result["hirescam", "sensitivity"] == 10 * 3
    assert result["rise", "sensitivity"] == 10 * 2000


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def tracker(maps):
    reported: list[tuple[int, int]] = []
    clock = Clock()
    return Tracker(lambda *parts: reported.append(parts), maps, clock), clock, reported


def test_the_time_that_is_told_is_the_time_that_it_takes():
    """A cheap part and one of a thousand passes: no 97 % that stand for minutes."""
    work, clock, reported = tracker(maps=2)
    work.plan({("quick", ""): 3, ("slow", ""): 1000}, lambda: 0.01)
    assert reported == [(0, 20060)], "beforehand, by what a pass takes"
    clock.now = 0.05
    work.finish(("quick", ""), 1)
    assert reported[-1] == (50, 50 + 20000 + 50)
    clock.now = 6.05
    work.within(("slow", ""), 1)(500, 1000)
    assert reported[-1] == (6050, 6050 + 6000 + 12000 + 50), "half of it took 6 s, not 5"
    clock.now = 12.05
    work.finish(("slow", ""), 1)
    assert reported[-1] == (12050, 12050 + 12000 + 50)


def test_what_does_not_apply_takes_no_time():
    work, clock, reported = tracker(maps=1)
    work.plan({("a", ""): 200, ("a", "m"): 300, ("b", ""): 100}, lambda: 0.001)
    work.drop("a")
    clock.now = 0.1
    work.finish(("b", ""), 1)
    assert reported[-1] == (100, 100)
    work.complete()
    assert reported[-1] == (100, 100)


def test_few_passes_are_not_measured_beforehand():
    work, _, reported = tracker(maps=1)
    work.plan({("a", ""): 3}, lambda: pytest.fail("measured"))
    assert reported == []


def test_without_anyone_to_tell_nothing_is_planned():
    assert Tracker(None, 3).planned
