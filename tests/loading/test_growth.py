"""Opening takes time in proportion to the configuration, and a chain that Keras cannot build is
refused before any layer is created."""

from __future__ import annotations

import itertools
import sys

import keras
import pytest

import legacy
from layersight.errors import ModelFileError
from layersight.frameworks.keras import graph as building
from layersight.loading import load_model
from legacy import write


def layer(name, *inputs, kind="ReLU", **config):
    return legacy.node(kind, name, *inputs, **config)


ENTRY = layer("i", kind="InputLayer", batch_shape=[None, 2, 2, 1])


def graph(*layers, outputs):
    config = {"name": "g", "layers": [ENTRY, *layers], "input_layers": [["i", 0, 0]]}
    config["output_layers"] = [[name, 0, 0] for name in outputs]
    return {"class_name": "Functional", "config": config}


def row(count):
    layers = [{"class_name": "ReLU", "config": {"name": f"r{n}"}} for n in range(count)]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [ENTRY, *layers]}}


def chain(count):
    names = ["i", *(f"r{n}" for n in range(count))]
    layers = [layer(name, before) for before, name in itertools.pairwise(names)]
    return graph(*layers, outputs=names[-1:])


def wide(count):
    names = [f"r{n}" for n in range(count)]
    return graph(*(layer(name, "i") for name in names), outputs=names)


def nested(count):
    rows = [{**row(2), "config": {**row(2)["config"], "name": f"m{n}"}} for n in range(count // 3)]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [ENTRY, *rows]}}


def dense(count):
    """Each layer has the two layers before it as inputs."""
    names = ["i", "i", *(f"r{n}" for n in range(count))]
    layers = [layer(names[n], *names[n - 2 : n], kind="Add") for n in range(2, len(names))]
    return graph(*layers, outputs=names[-1:])


def calls(path):
    """The number of calls of Python functions while a file is opened."""
    count = 0

    def see(frame, event, argument):
        nonlocal count
        count += event == "call"

    keras.backend.clear_session(free_memory=False)
    sys.setprofile(see)
    try:
        _ = load_model(path).info
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("make", [row, chain, wide, nested, dense])
def test_opening_grows_as_the_configuration_does(tmp_path, make):
    load_model(write(tmp_path / "first", make(30)))  # what is imported late is there then
    few, many = (calls(write(tmp_path / str(count), make(count))) for count in (60, 240))
    assert many < 4.4 * few


@pytest.mark.parametrize("make", [row, chain])
def test_a_chain_of_more_layers_than_keras_can_build(tmp_path, monkeypatch, make):
    monkeypatch.setattr(keras.layers.Layer, "__call__", lambda *_, **__: pytest.fail("it is built"))
    with pytest.raises(ModelFileError, match=r"has 130\d layers one behind the other.*limit of"):
        load_model(write(tmp_path / "m", make(1300)))


@pytest.mark.parametrize("make", [row, chain])
def test_a_chain_within_the_limit_is_built(tmp_path, monkeypatch, make):
    load_model(write(tmp_path / "one", make(1)))
    depths = []
    count = building._stack_depth
    monkeypatch.setattr(building, "_stack_depth", lambda: depths.append(count() - 1) or depths[-1])
    load_model(write(tmp_path / "two", make(2)))
    most = 400 - building.EXTRA_FRAMES  # with a limit of 400 calls from there
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depths[0] + 400)
    try:
        with pytest.raises(ModelFileError, match="one behind the other"):
            load_model(write(tmp_path / "many", make(most + 10)))
        assert len(load_model(write(tmp_path / "few", make(most - 10))).info.layers) == most - 10
    finally:
        sys.setrecursionlimit(before)


def test_long_networks_that_are_not_deep_for_keras(tmp_path):
    assert len(load_model(write(tmp_path / "m", dense(1100))).info.layers) == 1100
