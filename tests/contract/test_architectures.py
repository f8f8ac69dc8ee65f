"""Architectures of ``keras.applications`` by name."""

from __future__ import annotations

import random

import numpy as np

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
