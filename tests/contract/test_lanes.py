"""Climbs that stand beside each other: what each gets, and what becomes of a mistake in one."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from layersight.data.ascent import PIXELS, Ascent, Probe, StepResult
from layersight.frameworks.keras.ascent.lanes import Lanes, lane_size, lanes_of


class Recording:
    """A climb that keeps what it is given."""

    def __init__(self, batch, log):
        self.batch, self.log, self.begun, self.wrong = batch, log, [], None

    def beside(self):
        return Recording(self.batch, self.log)

    def begin(self, slot, parameters, weights):
        self.begun.append(slot)

    def step(self, placements, leaking, rates):
        self.log.append((threading.current_thread(), leaking.tolist(), rates.tolist()))
        if self.wrong is not None:
            raise self.wrong
        return StepResult(rates + 10, leaking + 20)

    def measure(self, canvas, placement):
        return (canvas.sum((1, 2)),)

    def canvas(self):
        return np.full((self.batch, 2, 2, 3), len(self.begun), np.float32)

    attention = canvas


@pytest.fixture
def lanes():
    return Lanes(Recording(4, []), 2, 7)


def climbs(lanes):
    return lanes._climbs


NOTHING = np.zeros(7, np.float32)
EVERY = np.arange(1, 8, dtype=np.float32)


def test_every_slot_gets_its_own(lanes):
    for slot in range(7):
        lanes.begin(slot, {}, [])
    assert [climb.begun for climb in climbs(lanes)] == [[0, 1, 2, 3], [0, 1, 2]]
    rung = lanes.step(None, NOTHING, EVERY)
    assert rung.values.tolist() == (EVERY + 10).tolist()
    assert rung.slopes.tolist() == [20] * 7
    canvas = EVERY[:, None, None, None] * np.ones((1, 2, 2, 3), np.float32)
    (found,) = lanes.measure(canvas, np.zeros((2, 3), np.float32))
    assert found[:, 0].tolist() == (4 * EVERY).tolist()
    assert lanes.canvas().shape == lanes.attention().shape == (7, 2, 2, 3)
    assert lanes.canvas()[:, 0, 0, 0].tolist() == [4, 4, 4, 4, 3, 3, 3]


def test_the_first_of_its_kind_and_what_leaks_runs_alone(lanes):
    log = climbs(lanes)[0].log
    here = threading.current_thread()
    lanes.step(None, NOTHING, EVERY)
    assert [thread for thread, *_ in log] == [here, here]
    log.clear()
    lanes.step(None, NOTHING, EVERY)
    assert len({thread for thread, *_ in log}) == 2
    log.clear()
    leaking = NOTHING.copy()
    leaking[5] = 1
    lanes.step(None, leaking, EVERY)
    assert [thread for thread, *_ in log] == [here, here]
    assert log[1][1] == [0, 1, 0, 0]


def test_a_lane_in_which_nothing_climbs_rests(lanes):
    rates = EVERY.copy()
    rates[4:] = 0
    rung = lanes.step(None, NOTHING, rates)
    assert len(climbs(lanes)[0].log) == 1
    assert rung.values.tolist() == [11, 12, 13, 14, 0, 0, 0]


@pytest.mark.parametrize("lane", [0, 1])
def test_what_goes_wrong_in_a_lane_is_told_once_both_are_done(lanes, lane):
    lanes.step(None, NOTHING, EVERY)
    climbs(lanes)[lane].wrong = RuntimeError("out of memory")
    climbs(lanes)[0].log.clear()
    with pytest.raises(RuntimeError, match="out of memory"):
        lanes.step(None, NOTHING, EVERY)
    assert len(climbs(lanes)[0].log) == 2


def ascent(batch, group=1):
    ones = np.ones(3, np.float32)
    one = Ascent("input", (8, 8), 3, batch, PIXELS, (Probe("conv"),), ones, ones)
    return replace(one, group=group)


@pytest.mark.parametrize(
    ("batch", "group", "lanes", "size"),
    [(1, 1, 1, 1), (7, 1, 1, 7), (8, 1, 2, 4), (15, 1, 2, 8), (9, 3, 2, 6), (8, 8, 1, 8)],
)
def test_lanes_are_of_one_size_and_tear_no_group_apart(batch, group, lanes, size):
    asked = ascent(batch, group)
    assert lanes_of(asked) == lanes
    assert lane_size(asked, lanes) == size
    assert size % group == 0
