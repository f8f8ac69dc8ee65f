"""Heatmaps on every backend against what other libraries gave for the same networks.

``scripts/make_heatmap_references.py`` recorded them. The table in the file says of each what was
called, what is done to both sides before they are compared, and where layersight differs and why;
``heatmap_variants`` computes what is given as the reason.
"""

import functools
import json
from unittest.mock import patch

import keras
import numpy as np
import pytest

from contract.heatmap_variants import VARIANTS, ResolvedTarget
from contract.twins import CLASSES, NETWORKS, build, load
from layersight.data.readout import Readout
from layersight.loading import load_model
from layersight.nouns.heatmaps.methods.method import Images, Request, Result, find_method, methods
from layersight.nouns.heatmaps.request import HeatmapOptions

ARRAYS, TABLE = load()

TOLERANCE = 1e-4
"""How far two maps of an image may lie apart, as a share of the range of the recorded one."""

ALONE = {"activation"}
"""Methods that no other library has: the map of a channel, as it is."""


@functools.cache
def opened(network):
    """The network, live in Keras on this backend, as layersight sees it."""
    return load_model(build(network, ARRAYS))


def goal(network):
    """The logits that were explained."""
    chosen = ARRAYS[f"{network}/classes"]
    return (Readout("top", np.eye(CLASSES, dtype=np.float32)[chosen]),)


@functools.cache
def explained(network, method, layers, options):
    """What layersight gives, under the recorded noise and masks."""
    black, white = np.zeros(3, np.float32), np.ones(3, np.float32)
    images = Images({"picture": ARRAYS["images"]}, "picture", black, white)
    module = "layersight.nouns.heatmaps.methods."
    with (
        patch(module + "smoothgrad.noise", lambda _, known, number: known.noise * noise(number)),
        patch(module + "rise.masks", lambda _, __, wanted: ARRAYS["masks"][wanted]),
    ):
        result = find_method(method).compute(
            Request(
                opened(network),
                images,
                target=goal(network),
                layers=layers,
                options=HeatmapOptions(**json.loads(options)),
                batch_size=256,
                progress=lambda done, ahead: None,
            )
        )
    return Result.of(result).values


def noise(number):
    """The recorded noise of a sample, of spread 1."""
    return ARRAYS["noise"][number]


def rectified(maps, _):
    return np.maximum(maps, 0)


def stretched(maps, _):
    low, high = (result(maps, axis=(1, 2), keepdims=True) for result in (np.min, np.max))
    return (maps - low) / (high - low)


def measured(maps, _):
    return maps / maps.max(axis=(1, 2), keepdims=True)


def turned(maps, ours):
    """Each map with the sign that fits, rectified."""
    signs = np.sign((maps * ours).sum(axis=(1, 2), keepdims=True))
    return np.maximum(signs * maps, 0)


COMPARED = {
    "none": lambda maps, _: maps,
    "relu": rectified,
    "min-max": stretched,
    "factor": measured,
    "sign": turned,
}


def ours(entry):
    """What layersight gives for an entry of the table."""
    options = json.dumps(entry["options"])
    return explained(entry["network"], entry["method"], tuple(entry["layers"]), options)


def distance(result, entry):
    """How far maps lie from a recording, as a share of its range: of the worst image."""
    comparable = COMPARED[entry["compared"]]
    theirs = comparable(ARRAYS[entry["key"]], result)
    assert result.shape == theirs.shape
    distances = np.abs(comparable(result, result) - theirs).max(axis=(1, 2))
    return float((distances / np.ptp(theirs, axis=(1, 2))).max())


@pytest.mark.parametrize("network", NETWORKS)
def test_the_network_is_the_recorded_one(network):
    logits = keras.ops.convert_to_numpy(build(network, ARRAYS)(ARRAYS["images"]))
    np.testing.assert_allclose(logits, ARRAYS[f"{network}/logits"], atol=2e-5)


@pytest.mark.parametrize(
    "entry", [entry for entry in TABLE if not entry["differs"]], ids=lambda entry: entry["key"]
)
def test_the_heatmap_is_that_of_the_other_library(entry):
    assert distance(ours(entry), entry) < TOLERANCE


@pytest.mark.parametrize(
    "entry", [entry for entry in TABLE if entry["differs"]], ids=lambda entry: entry["key"]
)
def test_what_differs_differs_for_the_reason_given(entry):
    network = entry["network"]
    assert distance(ours(entry), entry) > 10 * TOLERANCE
    variant = VARIANTS[entry["library"], entry["method"]]
    result = variant(ResolvedTarget(opened(network), ARRAYS, entry, goal(network)))
    assert distance(result, entry) < TOLERANCE


def test_every_method_is_that_of_another_library():
    same = {entry["method"] for entry in TABLE if not entry["differs"]}
    assert same == set(methods()) - ALONE
