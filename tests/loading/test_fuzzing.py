"""Upgrading any configuration gives a configuration or one clear error."""

from __future__ import annotations

import copy
import json

import hypothesis.strategies as st
from hypothesis import given, settings

from layersight.errors import LayersightError
from layersight.loading.rewrites import upgrade
from legacy import node

READ = {"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None]}}
BASE = {
    "class_name": "Model",
    "config": {
        "name": "m",
        "layers": [
            node("InputLayer", "i", batch_input_shape=[None, 8, 8, 3]),
            node("Convolution2D", "c", "i", nb_filter=2, nb_row=3, nb_col=3, axis=[3]),
            {
                **node("TFOpLambda", "t", function="math.add", activation={"class_name": "ReLU"}),
                "inbound_nodes": [["c", 0, 0, {"y": ["c", 0, 0]}]],
            },
            {**node("Sequential", "s", "t"), "config": [READ]},
        ],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["s", 1, 0]],
    },
}

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**12), st.floats(), st.text(max_size=8),
    st.sampled_from(["Merge", "Lambda", "TensorFlowOpLayer", "QuantizeWrapperV2", "i", "c", "GRU"]),
    st.lists(st.integers(-1, 3), max_size=4), st.just({}), st.just([[]]),
    st.just({"class_name": "__keras_tensor__", "config": {"keras_history": ["c", 0, 0]}}),
)  # fmt: skip


def paths_in(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from paths_in(inner, (*path, key))
        else:
            yield (*path, key)


PLACES = [path for path in paths_in(BASE) if path]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_mutated_configurations(changes):
    config = copy.deepcopy(BASE)
    for path, value in changes:
        parent = config
        try:
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue
    for version in (None, "1.2.0", "2.4.0", "3.5.0"):
        try:
            upgraded, messages = upgrade(config, version)
        except LayersightError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            json.dumps(upgraded)
            assert all(isinstance(entry, str) for entry in messages)
