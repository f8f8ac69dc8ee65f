"""Inputs that are no pictures: drawn from a seed, and said."""

from __future__ import annotations

import keras
import models
import numpy as np
import pytest

import convlens
from convlens.errors import ModelInputError


def generator() -> keras.Model:
    """A latent vector to a picture, as in a GAN."""
    inputs = keras.Input((10,), name="latent")
    hidden = keras.layers.Dense(4 * 4 * 6, name="dense")(inputs)
    hidden = keras.layers.Reshape((4, 4, 6), name="grid")(hidden)
    outputs = keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="up")(hidden)
    return models.randomise(keras.Model(inputs, outputs, name="generator"))


def captioner() -> keras.Model:
    """A picture and whole numbers."""
    picture = keras.Input((16, 16, 3), name="picture")
    words = keras.Input((5,), name="words")
    seen = keras.layers.GlobalAveragePooling2D(name="gap")(models.conv(4, "conv")(picture))
    read = keras.layers.Embedding(20, 4, name="embed")(words)
    read = keras.layers.GlobalAveragePooling1D(name="mean")(read)
    outputs = keras.layers.Add(name="both")([seen, read])
    return models.randomise(keras.Model([picture, words], outputs, name="captioner"))


def test_a_generator_is_shown_a_vector_from_a_seed() -> None:
    model = convlens.load_model(generator())
    first, again = convlens.activations(model), convlens.activations(model)
    other = convlens.activations(model, seed=1)
    assert first["up"].shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(first["up"], again["up"])
    assert not np.array_equal(first["up"], other["up"])
    assert any("seed 0" in note for note in first.notes)
    whole = model.model(first.images[0].values[None])
    np.testing.assert_allclose(
        first["up"], np.asarray(keras.ops.convert_to_numpy(whole)), atol=1e-5
    )


def test_a_picture_for_a_generator_is_one_line() -> None:
    photo = "photo.png"
    with pytest.raises(ModelInputError, match=r"takes no image: .*'latent' of shape \(None, 10\)"):
        convlens.activations(convlens.load_model(generator()), photo)


def test_a_vector_of_ones_own() -> None:
    model = convlens.load_model(generator())
    vector = np.linspace(-1, 1, 10, dtype=np.float32)
    whole = model.model(vector[None])
    np.testing.assert_allclose(
        convlens.activations(model, vector)["up"],
        np.asarray(keras.ops.convert_to_numpy(whole)),
        atol=1e-5,
    )


def test_tokens_beside_a_picture_are_zeros() -> None:
    model = convlens.load_model(captioner())
    photo = np.full((20, 30, 3), 90, np.uint8)
    found = convlens.activations(model, photo)
    assert found["conv"].shape == (1, 16, 16, 4)
    assert any("zeros" in note for note in found.notes)
    with pytest.raises(ModelInputError, match=r"'picture' .* was given nothing"):
        convlens.activations(model)


def test_a_photograph_for_many_channels_says_what_it_did() -> None:
    inputs = keras.Input((12, 12, 7))
    model = convlens.load_model(keras.Model(inputs, models.conv(2, "conv")(inputs)))
    photo = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    found = convlens.activations(model, photo)
    assert found["conv"].shape == (1, 12, 12, 2)
    assert any("repeated over the 7 channels" in step for step in found.images[0].steps)
