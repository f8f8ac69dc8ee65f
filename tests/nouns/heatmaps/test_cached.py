"""One pass where the same would be asked several times, and never a stale one."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from described import described
from layersight.data.model import ModelInfo
from layersight.data.readout import Gradients, Readout
from layersight.data.target import PREDICTED, Target
from layersight.model import Differentiable
from layersight.nouns.heatmaps.cached import CachedModel, make_plan
from layersight.nouns.heatmaps.methods.method import find_method

GOAL = (Readout("top", np.array([[0, 1]], np.float32)),)
INFO = ModelInfo(
    name="fake",
    source="a test",
    digest="sha256:0",
    framework="numpy",
    inputs=(),
    outputs=("said",),
    layers=(
        described("conv", "Conv2D", (None, 4, 4, 3), parameters=9, inputs=("input",)),
        described("top", "Dense", (None, 2), parameters=6, inputs=("conv",)),
    ),
    parameters=15,
    output_layers=("top",),
)


class Counted(Differentiable):
    """Gives what depends on its weight alone, and counts how often it is asked."""

    def __init__(self):
        self.weight = 1.0
        self.asked: list[str] = []

    info = INFO

    def describe(self, shapes):
        return INFO

    def forward(self, inputs, layers, *, outputs=False):
        self.asked.append("forward")
        raise AssertionError("not needed")

    def read(self, inputs, goal):
        self.asked.append("read")
        return np.full(len(inputs["x"]), self.weight, np.float32)

    def differentiate(self, inputs, goal, *, layers=(), by=(), guided=False):
        self.asked.append("differentiate")
        count = len(inputs["x"])
        ends = {"top": np.full((count, 2), self.weight, np.float32)}
        scores = np.full(count, self.weight, np.float32)
        maps = {name: np.full((count, 4, 4, 3), self.weight, np.float32) for name in layers}
        return Gradients(scores, ends, maps, maps, {name: inputs[name] for name in by})

    def ablate(self, inputs, goal, layer, factors):
        raise AssertionError("not asked")

    @contextmanager
    def randomised(self, layers, seed):
        before, self.weight = self.weight, 5.0
        try:
            yield
        finally:
            self.weight = before


def images(value=1.0, count=2):
    return {"x": np.full((count, 4, 4, 1), value, np.float32)}


def planned(model):
    return CachedModel(model, INFO, lambda count: (GOAL, ("conv",)))


def test_outputs_score_and_gradients_come_from_one_pass():
    model = Counted()
    remembering = planned(model)
    result = remembering.forward(images(), ["top"], outputs=True)
    assert result.outputs["said"].tolist() == result.layers["top"].tolist() == [[1, 1], [1, 1]]
    remembering.read(images(), GOAL)
    remembering.differentiate(images(), GOAL, layers=["conv"])
    assert model.asked == ["differentiate"]


def test_other_numbers_are_asked_for_anew():
    model = Counted()
    remembering = planned(model)
    remembering.differentiate(images(), GOAL, layers=["conv"])
    other = (Readout("top", np.array([[1, 0]], np.float32)),)
    before = (Readout("top", GOAL[0].weights, before=True),)
    for inputs, goal in ((images(2.0), GOAL), (images(count=3), GOAL), (images(), other)):
        remembering.read(inputs, goal)
    remembering.read(images(), before)
    assert model.asked[1:] == ["read"] * 4
    remembering.differentiate(images(), GOAL, layers=["conv", "top"])
    remembering.differentiate(images(), GOAL, layers=["conv"], by=["x"])
    remembering.differentiate(images(), GOAL, layers=["conv"], guided=True)
    assert model.asked[5:] == ["differentiate"] * 3


def test_nothing_outlives_a_change_of_weights():
    model = Counted()
    remembering = planned(model)
    remembering.differentiate(images(), GOAL, layers=["conv"])
    with remembering.randomised(["top"], 0):
        assert remembering.read(images(), GOAL)[0] == 5
        assert remembering.differentiate(images(), GOAL, layers=["conv"]).scores[0] == 5
    assert remembering.read(images(), GOAL)[0] == 1
    assert remembering.differentiate(images(), GOAL, layers=["conv"]).scores[0] == 1
    with pytest.raises(AssertionError), remembering.randomised(["top"], 0):
        assert remembering.differentiate(images(), GOAL, layers=["conv"]).scores[0] == 1
    assert remembering.differentiate(images(), GOAL, layers=["conv"]).values["conv"].max() == 1


@pytest.mark.parametrize(
    ("method", "targets"),
    [
        ("gradient", [Target("top", 1)]),
        ("grad-cam", None),
        ("grad-cam", [Target("top", 1), Target("top", 0)]),
        ("grad-cam", [Target("conv", 1, where=PREDICTED)]),
    ],
)
def test_what_is_not_known_before_a_pass_is_not_planned(method, targets):
    assert make_plan(INFO, [find_method(method)], targets, None, before=True) is None
