"""Every layer as Keras 3.10 to 3.15 save it, with its defaults and with each setting changed.

``scripts/make_layer_cases.py`` has each of these versions write the configuration of a model
around the layer, and what that model computes there, on PyTorch. What is compared is that
output: two weighted sums of its values.
"""

import importlib.util
import json
import lzma
import re
from collections import defaultdict
from pathlib import Path

import keras
import pytest

from layersight.data.saved import SavedNetwork
from layersight.frameworks.keras.build import build
from layersight.limits import Limits
from layersight.loading.rewrites import upgrade

HERE = Path(__file__).parent


def _script():
    script = HERE.parents[1] / "scripts" / "make_layer_cases.py"
    spec = importlib.util.spec_from_file_location("make_layer_cases", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKING = _script()
CASES = defaultdict(list)
for entry in json.loads(lzma.decompress((HERE / "layers_of_keras.json.xz").read_bytes())):
    CASES[entry["layer"]].append(entry)

OPENED = [kind for kind in CASES if hasattr(keras.layers, kind)]
"""The layers that the Keras at hand has; it may be older than the newest of the cases."""


BEYOND = {
    "RandomColorDegeneration": "older versions let it take images of four channels",
    "HashedCrossing": "it needs whole numbers of 64 bits, which JAX has not by itself",
    "MixUp": "it cannot be traced on JAX",
}
"""Layers that the Keras at hand cannot compute in half of the cases, or more."""


def opened(entry):
    config, rewrites = upgrade(entry["config"], entry["versions"][0])
    path = Path(f"{entry['layer']}({entry['changed']}) of Keras {entry['versions']}")
    network = SavedNetwork(path, ".keras archive", config, (), None, None, rewrites, "")
    return build(network, Limits())[0]


def cases_of(kind):
    """The cases that are computed: on PyTorch all, elsewhere the defaults as saved last.

    What matters in training alone is computed once, and not as each version saves it.
    """
    entries = CASES[kind]
    if keras.backend.backend() != "torch":
        return [entry for entry in entries if not entry["changed"]][-1:]
    last = {entry["changed"]: entry for entry in entries}
    in_training = re.compile(r"\w*(_initializer|_regularizer|_constraint|seed|dropout)=")
    return [
        entry
        for entry in entries
        if not in_training.match(entry["changed"]) or last[entry["changed"]] is entry
    ]


def computed(model, kind):
    """What a model gives in short, with weights that depend on their names alone."""
    MAKING.weigh(model)
    taken = MAKING.inputs_of(model, whole=kind in MAKING.WHOLE)
    return MAKING.signature(model(taken if len(taken) > 1 else taken[0], training=False))


def check(entry):
    try:
        sums = computed(opened(entry), entry["layer"])
    except Exception:
        with pytest.raises(Exception):  # noqa: B017 - the Keras at hand cannot either
            computed(keras.saving.deserialize_keras_object(entry["config"]), entry["layer"])
        return False
    for own, wanted in zip(sums, entry["gives"], strict=True):
        assert own == [wanted[0], *(pytest.approx(x, 1e-4, 1e-5) for x in wanted[1:])], entry
    return True


@pytest.mark.parametrize("kind", [kind for kind in OPENED if kind not in MAKING.TEXT])
def test_a_layer_computes_what_the_keras_that_saved_it_computed(kind):
    entries = cases_of(kind)
    assert sum(map(check, entries)) > len(entries) // 2 or kind in BEYOND


@pytest.mark.parametrize("kind", MAKING.TEXT)
def test_a_layer_that_takes_text_is_refused_for_that_alone(kind):
    for entry in CASES[kind]:
        stop = opened(entry).get_layer("layer").stop
        assert f"is a {kind} layer, which takes text" in stop.reason


def test_the_cases_are_those_of_every_version():
    entries = [entry for held in CASES.values() for entry in held]
    assert {version for entry in entries for version in entry["versions"]} == set(MAKING.VERSIONS)
    assert len(entries) > 1500
