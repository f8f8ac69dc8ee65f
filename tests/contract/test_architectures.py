"""Architectures of ``keras.applications`` by name."""

import random
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from layersight import load_model


def test_random_weights_are_the_same_each_time_and_the_users_chance_goes_on():
    first = load_model("MobileNet", weights="random")
    random.seed(7)
    expected = random.random()
    random.seed(7)
    second = load_model("MobileNet", weights="random")
    assert random.random() == expected
    assert first.info.digest == second.info.digest
    assert np.std(first.model.layers[1].get_weights()[0]) > 0


def test_random_weights_are_a_matter_of_their_own_thread(monkeypatch):
    """What other threads draw meanwhile neither changes nor matters."""
    drawn = []

    def small(**_):
        layers = [keras.layers.Dense(2, name=f"{n}") for n in range(3)]
        with ThreadPoolExecutor(1) as pool:
            drawn.append(pool.submit(random.random).result())
            drawn.append(pool.submit(keras.layers.Dense, 2).result().kernel_initializer.seed)
        layers += [keras.layers.Dropout(0.5), keras.layers.Dense(2, name="last")]
        return keras.Sequential([keras.Input((2,)), *layers], name="small")

    monkeypatch.setattr(keras.applications, "VGG16", small)
    random.seed(7)
    expected = [random.random(), random.randint(1, 10**9), random.random()]
    digests = []
    for seed in (7, 8):
        random.seed(seed)
        digests.append(load_model("VGG16", weights="random").info.digest)
        if seed == 7:
            assert [*drawn, random.random()] == expected
    assert digests[0] == digests[1]


@pytest.mark.one_backend
def test_want_of_memory_is_not_taken_for_a_network_that_is_gone(monkeypatch):
    def large(**_):
        raise MemoryError

    monkeypatch.setattr(keras.applications, "VGG16", large)
    with pytest.raises(MemoryError):
        load_model("VGG16")
