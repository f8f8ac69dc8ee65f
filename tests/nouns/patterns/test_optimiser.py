"""The optimisation in slots, with a network that is a formula."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from layersight.data.ascent import Ascent, Probe, StepResult
from layersight.errors import ModelInputError
from layersight.nouns.patterns.methods.classic import METHOD as CLASSIC
from layersight.nouns.patterns.methods.method import Context, Method
from layersight.nouns.patterns.methods.robust import pace
from layersight.nouns.patterns.optimiser import ATTEMPTS, PERIOD, SILENT, Optimiser
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import Objective, Term


class Hill:
    """Every slot rises to its own height; a channel of height 0 never moves."""

    def __init__(self, heights, batch, wakes_at=0):
        self.heights, self.wakes_at = heights, wakes_at
        self.height = np.zeros(batch, np.float32)
        self.value = np.zeros(batch, np.float32)
        self.attempts = np.zeros(batch, int)
        self.begun: list[tuple[int, int]] = []
        self.seen: list[np.ndarray | None] = []
        self.leaked = 0.0

    def begin(self, slot, parameters, weights):
        channel = int(weights[0].argmax())
        self.height[slot] = self.heights[channel]
        self.value[slot] = 0
        self.attempts[slot] = int(parameters["pixels"].flat[0])
        self.begun.append((slot, channel))

    def step(self, placements, leaking, rates):
        self.leaked = max(self.leaked, float(leaking.max()))
        self.seen.append(placements)
        values = self.value.copy()
        awake = ~(self.height <= 0) & (self.attempts >= self.wakes_at)
        self.value += np.where(awake, (self.height - self.value) * 0.5, 0)
        return StepResult(values, np.where(awake, 1.0, 0.0).astype("float32"))

    def measure(self, canvas, placement):
        found = (np.asarray(self.heights) > 0).astype("float32")
        return (np.tile(found, (len(canvas), 1)),)

    def canvas(self):
        return np.tile(self.value[:, None, None, None], (1, 2, 2, 3))

    def attention(self):
        return np.zeros((len(self.value), 2, 2), np.float32)


def method(**changes):
    return dataclasses.replace(
        Method(
            "test",
            "A test.",
            PatternOptions(),
            lambda context: {},
            lambda context, facet, attempt: {"pixels": np.full((2, 2, 3), attempt, np.float32)},
            None,
            lambda canvas: np.asarray(canvas, np.uint8),
        ),
        **changes,
    )


def optimise(
    heights, batch, options=None, wakes_at=0, facets=1, frames=(), progress=None, **changes
):
    options = options or PatternOptions(steps=60, patience=5, size=(2, 2))
    objectives = [
        Objective((Term("conv", channel),), facet)
        for channel in range(len(heights))
        for facet in range(facets)
    ]
    weights = [[np.eye(len(heights), dtype="float32")[o.channel]] for o in objectives]
    ascent = Ascent(
        *("input", (2, 2), 3, batch, "pixels", (Probe("conv"),)),
        *(np.ones(3, np.float32), np.zeros(3, np.float32)),
        group=facets,
    )
    hill = Hill(heights, batch, wakes_at)
    context = Context(options, 3)

    def make():
        how = method(**changes)
        return Optimiser(hill, ascent, how, context, objectives, weights, frames, progress)

    optimiser = make()
    found = {entry.number: entry for entry in optimiser.run()}
    if optimiser.asleep:
        found |= {entry.number: entry for entry in make().wake(optimiser.asleep)}
    return hill, found


def test_every_pattern_is_optimised_once_for_any_batch():
    for batch in (1, 2, 5):
        hill, found = optimise([1, 2, 3, 4, 5], batch)
        assert sorted(found) == [0, 1, 2, 3, 4]
        assert len(hill.begun) == 5
        for number, entry in found.items():
            assert entry.canvas.max() == pytest.approx(number + 1, rel=0.01)
            assert entry.start.max() == 0
            assert entry.awake
            assert entry.converged


def test_a_pattern_that_gains_no_more_ends_early_and_another_takes_its_slot():
    hill, found = optimise([1, 2, 3, 4], 2)
    assert all(len(entry.history) < 60 for entry in found.values())
    assert [slot for slot, _ in hill.begun] == [0, 1, 0, 1]


def test_without_patience_every_step_is_taken():
    _, found = optimise([1, 2], 2, PatternOptions(steps=17, patience=0, size=(2, 2)))
    assert [len(entry.history) for entry in found.values()] == [17, 17]


def test_a_silent_channel_starts_again_and_is_dead_at_last():
    hill, found = optimise([1, 0], 2)
    assert [channel for _, channel in hill.begun].count(1) == ATTEMPTS
    assert not found[1].awake
    assert not found[1].converged
    assert len(found[1].history) == SILENT
    assert hill.leaked == 1
    assert found[0].awake


def test_a_channel_that_another_start_wakes_is_alive():
    _, found = optimise([1], 1, wakes_at=2)
    assert found[0].awake
    assert found[0].canvas.max() == pytest.approx(1, rel=0.01)


def test_silent_patterns_are_found_and_wait():
    hill = Hill([1, 0, 3], 2)
    objectives = [Objective((Term("conv", channel),)) for channel in range(3)]
    weights = [[np.eye(3, dtype="float32")[channel]] for channel in range(3)]
    ascent = Ascent(
        *("input", (2, 2), 3, 2, "pixels", (Probe("conv"),)),
        *(np.ones(3, np.float32), np.zeros(3, np.float32)),
    )
    context = Context(PatternOptions(steps=4, patience=0, size=(2, 2)), 3)
    optimiser = Optimiser(hill, ascent, method(), context, objectives, weights)
    silent = optimiser.find_silent()
    assert silent == (1,)
    hill.begun.clear()
    found = [entry.number for entry in optimiser.run(last=silent)]
    assert [channel for _, channel in hill.begun] == [0, 2, 1]
    assert found == [0, 2]
    assert optimiser.asleep == [1]


def test_all_slots_have_the_same_placements_and_patterns_begin_where_these_repeat():
    ages = PatternOptions(steps=PERIOD + 8, patience=0, size=(2, 2))
    hill, found = optimise(
        [1, 2, 3], 2, ages, placements=lambda options, step: np.full((1, 2, 3), step)
    )
    turns = [int(placements[0, 0, 0]) for placements in hill.seen]
    assert turns[: PERIOD + 8] == [*range(PERIOD), *range(8)]
    assert turns[PERIOD + 8] == 0  # all were done: it begins anew
    assert [len(entry.history) for entry in found.values()] == [PERIOD + 8] * 3


def test_facets_begin_and_end_together():
    hill, found = optimise([1, 2], 2, facets=2)
    assert sorted(found) == [0, 1, 2, 3]
    assert [channel for _, channel in hill.begun] == [0, 0, 1, 1]


def test_frames_are_kept_from_the_start_on_and_filled_up():
    _, found = optimise([100], 1, frames=(0, 2, 50))
    frames = [int(frame.max()) for frame in found[0].frames]
    assert frames == [0, 75, 99, 99]


def test_progress_counts_the_steps_of_all_patterns():
    reports = []
    optimise([1, 2, 3], 2, progress=lambda done, total: reports.append((done, total)))
    assert {total for _, total in reports} == {180}
    done = [done for done, _ in reports]
    assert done == sorted(done)


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(ModelInputError, match="activation of conv channel 0 is not a finite"):
        optimise([float("nan")], 1, PatternOptions(steps=3, size=(2, 2)), wakes_at=0)


def test_the_pace_rises_then_falls_and_a_short_optimisation_does_neither_for_long():
    long, short = PatternOptions(steps=128), PatternOptions(steps=12)
    paces = [pace(long, step) for step in range(128)]
    assert paces[0] == pytest.approx(1 / 8)
    assert max(paces) == pytest.approx(1, abs=0.02)
    assert paces[-1] == pytest.approx(0.1, abs=0.01)
    assert min(pace(short, step) for step in range(12)) > 0.6


def test_later_starts_of_a_classic_optimisation_are_of_every_colour():
    context = Context(PatternOptions(method="classic", size=(19, 21)), 3)
    first, second, third = (CLASSIC.start(context, 0, attempt)["pixels"] for attempt in range(3))
    assert (first.min() >= 128, first.max() <= 148) == (True, True)
    assert (second.min() < 10, second.max() > 245) == (True, True)
    assert third.shape == (19, 21, 3)
    assert (third[:8, :8] == third[0, 0]).all()
    assert (third[8, 8] != third[0, 0]).all()
