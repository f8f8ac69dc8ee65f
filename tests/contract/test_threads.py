"""Any number of threads may use any number of models made of the same layers.

``LAYERSIGHT_RACE_SECONDS`` lets the threads run for longer than the test-suite does.
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import keras
import models
import numpy as np
import pytest

from layersight import patterns
from layersight.data.readout import Readout
from layersight.frameworks.graph import patches
from layersight.frameworks.keras import model as keras_model
from layersight.frameworks.keras.attribution.reading import SIZES
from layersight.frameworks.keras.backends import make_runner
from layersight.frameworks.keras.model import PROGRAMS
from layersight.loading import load_model

SECONDS = float(os.environ.get("LAYERSIGHT_RACE_SECONDS", "2"))
THREADS = 8
IMAGE = np.random.default_rng(1).normal(0, 1, (1, 16, 16, 3)).astype("float32")


class Broken(keras.layers.Layer):
    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        raise ValueError("broken on the way")


@pytest.fixture(scope="module")
def networks():
    """Two networks that share layers, and a third of the same layers that always fails."""
    inputs = keras.Input((16, 16, 3), name="picture")
    shared = models.conv(4, "shared")
    norm = keras.layers.BatchNormalization(name="norm")
    body = norm(shared(inputs))
    top = keras.layers.Dense(3, name="top")
    first = top(keras.layers.GlobalAveragePooling2D(name="gap")(models.conv(4, "left")(body)))
    second = keras.layers.GlobalMaxPooling2D(name="gmp")(models.conv(4, "right")(body))
    result = [keras.Model(inputs, first), keras.Model(inputs, second)]
    for number, network in enumerate(result):
        models.randomise(network, number)
    return [*result, keras.Model(inputs, Broken(name="broken")(body))]


def gradient(model, layer, *, guided):
    width = model.forward({"picture": IMAGE}, [layer]).layers[layer].shape[-1]
    goal = (Readout(layer, np.ones((1, width), np.float32)),)
    result = model.differentiate(
        {"picture": IMAGE}, goal, layers=["shared"], by=["picture"], guided=guided
    )
    return result.inputs["picture"]


def randomised(model, layer):
    with model.randomised(["shared", "norm"], 3):
        return model.forward({"picture": IMAGE}, [layer]).layers[layer]


def ablated(model, layer):
    width = model.forward({"picture": IMAGE}, [layer]).layers[layer].shape[-1]
    goal = (Readout(layer, np.ones((1, width), np.float32)),)
    return model.ablate({"picture": IMAGE}, goal, "shared", 1 - np.eye(4, dtype=np.float32))


def climbed(model, layer):
    options = {"method": "classic", "steps": 2, "size": (16, 16), "precision": "mixed"}
    return patterns(model, layer, channels=[0, 1], **options).values


def requests(model, layer):
    return [
        lambda: model.forward({"picture": IMAGE}, ["shared", layer]).layers[layer],
        lambda: gradient(model, layer, guided=False),
        lambda: gradient(model, layer, guided=True),
        lambda: randomised(model, layer),
        lambda: ablated(model, layer),
    ]


def state(networks):
    """Everything of the layers that a thread could have left changed."""
    layers = {id(layer): layer for network in networks for layer in network._flatten_layers()}
    return [
        (
            layer.name,
            "call" in layer.__dict__,
            getattr(layer, "activation", None),
            type(layer.dtype_policy),
            layer.dtype_policy.name,
            layer.trainable,
            [np.asarray(keras.ops.convert_to_numpy(v)).tobytes() for v in layer.weights],
        )
        for layer in layers.values()
    ]


@pytest.mark.parametrize("failing", [False, True], ids=["all well", "every third call fails"])
def test_threads_that_share_layers_get_what_one_alone_gets(networks, failing):
    first, second, broken = networks
    opened = [load_model(network) for network in (first, first, second, second)]
    every = [
        request
        for model, layer in zip(opened, ["top", "top", "gmp", "gmp"], strict=True)
        for request in requests(model, layer)
    ]
    # Patterns are compiled anew each time, so that most threads would wait for them.
    rare = [lambda: climbed(opened[0], "left"), lambda: climbed(opened[2], "right")]
    every = [*every * 3, *rare]
    expected = [request() for request in every]
    before = state(networks)
    fails = load_model(broken)
    end = time.monotonic() + SECONDS

    def run(seed):
        draw, done = random.Random(seed), 0
        while time.monotonic() < end or done < 3:
            if failing and done % 3 == 2:
                with pytest.raises(ValueError, match="broken on the way"):
                    gradient(fails, "broken", guided=True)
                with pytest.raises(RuntimeError, match="stop"), opened[0].randomised(["norm"], 1):
                    raise RuntimeError("stop")
            number = draw.randrange(len(every))
            np.testing.assert_allclose(every[number](), expected[number], rtol=1e-5, atol=1e-6)
            done += 1
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(run, range(THREADS)))
    assert min(counts) >= 3
    assert not patches._slots
    assert state(networks) == before


def test_plain_gradients_are_plain_while_another_thread_runs_guided(networks):
    """The user's own calls of their layers, which ask no lock of ours."""
    network = networks[0]
    model = load_model(network)
    expected = gradient(model, "top", guided=False)
    guided = gradient(model, "top", guided=True)
    assert not np.allclose(guided, expected)
    plain = np.asarray(keras.ops.convert_to_numpy(network(IMAGE)))
    seen = []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [gradient(model, "top", guided=True) for _ in range(20)])
        while not running.done():
            seen.append(np.asarray(keras.ops.convert_to_numpy(network(IMAGE))))
        for result in running.result():
            np.testing.assert_allclose(result, guided, rtol=1e-5, atol=1e-6)
    for result in seen:
        np.testing.assert_array_equal(result, plain)


@pytest.mark.parametrize("often", [False, True])
def test_a_pass_that_has_started_keeps_its_weights(networks, often):
    conv = networks[0].get_layer("left")
    run = make_runner(lambda tensors: {"maps": conv(tensors[0])}, conv.variables, often=often)
    arrays = [np.ones((2, 8, 8, 4), np.float32)]
    expected = run(arrays)()["maps"]
    waits = run(arrays), run(arrays)
    before = conv.get_weights()
    conv.set_weights([np.zeros_like(weight) for weight in before])
    try:
        assert not run(arrays)()["maps"].any()
        for wait in waits:
            np.testing.assert_array_equal(wait()["maps"], expected)
    finally:
        conv.set_weights(before)


def test_a_digest_is_never_of_weights_that_are_exchanged_for_a_while(networks, monkeypatch):
    model = load_model(networks[0])
    expected, digest = model.info.digest, keras_model._digest
    begun, exchanged, computed = (threading.Event() for _ in range(3))

    def slow_digest(network):
        begun.set()
        exchanged.wait(0.5)
        result = digest(network)
        computed.set()
        return result

    def look_again():
        model.refresh()
        return model.info.digest

    monkeypatch.setattr(keras_model, "_digest", slow_digest)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look_again)
        assert begun.wait(120)
        with model.randomised(["top"], 3):
            exchanged.set()
            assert computed.wait(120)
        assert looking.result(120) == expected


@pytest.mark.parametrize(
    "read",
    [
        lambda model: [model.kernel("shared")],
        lambda model: [(s.mean, s.variance) for s in model.moving_statistics()],
    ],
    ids=["kernels", "moving statistics"],
)
def test_weights_are_not_read_while_another_thread_has_exchanged_them(networks, read):
    model = load_model(networks[0])
    expected = read(model)
    with ThreadPoolExecutor(1) as pool:
        with model.randomised(["shared", "norm"], 3):
            reading = pool.submit(read, model)
            wait([reading], 0.3)
        np.testing.assert_array_equal(reading.result(120), expected)


def test_compiled_programs_are_kept_in_bounded_number(networks):
    model = load_model(networks[0])
    names = ["top", "left", "shared", "norm", "gap"]
    for number in range(PROGRAMS + 2):
        chosen = [name for index, name in enumerate(names) if number >> index & 1]
        model.forward({"picture": IMAGE}, chosen)
        goal = (Readout("top", np.ones((1, 3), np.float32)),)
        model.read({"picture": np.repeat(IMAGE, number % 8 + 1, 0)}, goal)
    assert len(list(model._runners)) == PROGRAMS
    (sizes,) = [model._reading._runners.get(key, dict) for key in model._reading._runners]
    assert len(list(sizes)) <= SIZES
