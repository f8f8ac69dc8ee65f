"""A network as a list of steps: its names, dependencies, receptive fields and orders of axes."""

from __future__ import annotations

import pytest

from layersight.data.model import InputInfo
from layersight.frameworks.graph.geometry import (
    FIRST,
    LAST,
    Field,
    Orders,
    Window,
    follow_fields,
    follow_formats,
)
from layersight.frameworks.graph.inputs import fed_shape
from layersight.frameworks.graph.program import Program, Step, names_of
from layersight.frameworks.graph.view import Stop, find_stops


def program(*steps, inputs=1):
    """A program of steps ``(operation, inputs, outputs)``; values from 0 are the inputs."""
    made = Program(inputs=tuple(range(inputs)))
    for name, taken, given in steps:
        pairs = tuple((value, value) for value in taken)
        made.steps.append(Step(((name, 0),), name, None, pairs, given, [(None, 8, 8, 3)]))
    made.values = 1 + max(value for step in made.steps for value in step.outputs)
    made.outputs = made.steps[-1].outputs
    return made


CHAIN = program(
    ("conv", (0,), (1,)), ("pool", (1,), (2,)), ("conv", (2,), (3,)), ("add", (1, 3), (4,))
)


def test_receptive_fields_grow_with_kernels_and_strides():
    windows = {
        "conv": Window((3, 3), (1, 1), (1, 1), before=(1, 0)),
        "pool": Window((2, 2), (2, 2), (1, 1)),
        "add": Window(),
    }
    fields = follow_fields(CHAIN, lambda step: windows[step.operation])
    assert fields[1] == Field((3, 3), (1, 1), (-1, 0))
    assert fields[2] == Field((4, 4), (2, 2), (-1, 0))
    assert fields[3] == Field((8, 8), (2, 2), (-3, 0))
    assert fields[4] == Field((8, 8), (2, 2), (-3, 0))


@pytest.mark.parametrize(
    ("window", "field"),
    [
        (Window((3,), (1,), (2,), before=(2,)), Field((2 + 4 * 2,), (2,), (5 - 2 * 2,))),
        (Window((2,), (2,), (1,), transposed=True), Field((2,), (1,), (5,))),
        (Window((4,), (2,), (1,), transposed=True, before=(1,)), Field((2 + 2,), (1,), (5 - 2,))),
        (Window((1,), (1,), (1,), before=(-3,)), Field((2,), (2,), (5 + 3 * 2,))),
        (Window(), Field((2,), (2,), (5,))),
    ],
)
def test_one_window(window, field):
    assert window.after(Field((2,), (2,), (5,))) == field


def test_there_are_no_fields_after_a_step_in_which_any_position_may_depend_on_all():
    windows = {"conv": Window((3,), (1,), (1,)), "pool": None, "add": Window()}
    fields = follow_fields(CHAIN, lambda step: windows[step.operation])
    assert [fields[value] for value in (2, 3, 4)] == [None, None, None]


def test_an_order_of_axes_is_passed_on_forwards_and_backwards():
    orders = {"conv": Orders(), "pool": Orders(FIRST, (FIRST,)), "add": Orders()}
    assert set(follow_formats(CHAIN, lambda step: orders[step.operation]).values()) == {FIRST}
    orders["add"] = Orders(keeps=False)
    assert follow_formats(CHAIN, lambda step: orders[step.operation])[4] == LAST


def test_dependencies_of_steps():
    two = program(("a", (0,), (2,)), ("b", (1,), (3,)), ("c", (2, 3), (4,)), inputs=2)
    assert two.needed({0}) == {0}
    assert two.needed({2}) == {0, 1, 2}
    assert two.needed({2}, lambda step: step.operation == "c") == {2}
    assert two.origins()[4] == {0, 1}
    assert two.used_inputs({1}) == [1]
    assert two.used_inputs({2}) == [0, 1]
    assert two.dependents({0}) == [0, 2]
    assert two.dependents({3}) == [2]
    assert two.dependents({0}, [0, 1]) == [0]
    assert two.dependents(()) == two.dependents({4}) == []


def test_a_stop_holds_for_all_that_follows():
    stop = Stop("m.h5", "pool", "has code")
    found = find_stops(CHAIN, lambda step: stop if step.operation == "pool" else None)
    assert found == {1: stop, 2: stop, 3: stop}
    assert found[2].describe("conv") == "layer 'conv' depends on layer 'pool', which has code"


def test_layers_that_are_called_again_are_numbered():
    keys = [(("net", 0), ("conv", call)) for call in (0, 1)] + [(("net", 0), ("top", 0))]
    assert list(names_of(keys).values()) == ["net/conv@0", "net/conv@1", "net/top"]


def test_the_shape_in_which_a_network_gets_an_array():
    first = InputInfo("x", (None, 3, 8, 6), FIRST)
    assert fed_shape(first, (2, 8, 6, 3)) == (2, 3, 8, 6)
    assert fed_shape(InputInfo("x", (None, 784)), (2, 28, 28, 1)) == (2, 784)
