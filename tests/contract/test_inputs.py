"""Inputs that are no pictures: drawn from a seed, and said."""

import keras
import models
import numpy as np
import pytest

import layersight
from layersight.errors import ImageError, ModelInputError


def generator():
    """A latent vector to a picture, as in a GAN."""
    inputs = keras.Input((10,), name="latent")
    hidden = keras.layers.Dense(4 * 4 * 6, name="dense")(inputs)
    hidden = keras.layers.Reshape((4, 4, 6), name="grid")(hidden)
    outputs = keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="up")(hidden)
    return models.randomise(keras.Model(inputs, outputs, name="generator"))


def captioner():
    """A picture and whole numbers."""
    picture = keras.Input((16, 16, 3), name="picture")
    words = keras.Input((5,), name="words")
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(models.conv(4, "conv")(picture))
    read = keras.layers.Embedding(20, 4, name="embed")(words)
    read = keras.layers.GlobalAveragePooling1D(name="mean")(read)
    outputs = keras.layers.Add(name="both")([pooled, read])
    return models.randomise(keras.Model([picture, words], outputs, name="captioner"))


def test_a_generator_is_shown_a_vector_from_a_seed():
    model = layersight.load_model(generator())
    first, again = layersight.activations(model), layersight.activations(model)
    other = layersight.activations(model, seed=1)
    assert first["up"].shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(first["up"], again["up"])
    assert not np.array_equal(first["up"], other["up"])
    assert any("seed 0" in note for note in first.notes)
    whole = model.model(first.images[0].values[None])
    np.testing.assert_allclose(
        first["up"], np.asarray(keras.ops.convert_to_numpy(whole)), atol=1e-5
    )


@pytest.mark.one_backend
def test_a_picture_for_a_generator_is_one_line():
    photo = "photo.png"
    with pytest.raises(ModelInputError, match=r"takes no image: .*'latent' of shape \(None, 10\)"):
        layersight.activations(layersight.load_model(generator()), photo)


def test_a_vector_given_by_the_user():
    model = layersight.load_model(generator())
    vector = np.linspace(-1, 1, 10, dtype=np.float32)
    whole = model.model(vector[None])
    np.testing.assert_allclose(
        layersight.activations(model, vector)["up"],
        np.asarray(keras.ops.convert_to_numpy(whole)),
        atol=1e-5,
    )


def test_words_beside_a_picture_are_drawn_from_the_vocabulary():
    model = layersight.load_model(captioner())
    photo = np.full((20, 30, 3), 90, np.uint8)
    result = layersight.activations(model, {"picture": photo})
    assert result["conv"].shape == (1, 16, 16, 4)
    assert any("'words': seed-0; whole numbers from 0 to 19 drawn" in n for n in result.notes)
    table = keras.ops.convert_to_numpy(model.model.get_layer("embed").embeddings)
    assert all((table == row).all(axis=1).any() for row in result["embed"][0])
    with pytest.raises(ModelInputError, match=r"'picture' .* was given nothing"):
        layersight.activations(model)


def test_words_are_whole_numbers_of_the_vocabulary():
    model = layersight.load_model(captioner())
    photo = np.full((20, 30, 3), 90, np.uint8)
    table = keras.ops.convert_to_numpy(model.model.get_layer("embed").embeddings)
    for kind in (np.int64, np.int32, np.uint8, np.float32):
        words = np.array([3, 19, 0, 7, 3], kind)
        result = layersight.activations(model, [photo, words])
        np.testing.assert_array_equal(result["embed"][0], table[words.astype(int)])
    for wrong in ([3, 20, 0, 7, 3], [3, -1, 0, 7, 3], [3, 0.5, 0, 7, 3]):
        with pytest.raises(ImageError, match=r"whole numbers from 0 to 19 for the input 'words'"):
            layersight.activations(model, [photo, np.array(wrong)])


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_a_dictionary_by_the_keys_of_the_model():
    inputs = {"photo": keras.Input((16, 16, 3), name="b"), "age": keras.Input((4,), name="a")}
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(
        models.conv(4, "conv")(inputs["photo"])
    )
    outputs = keras.layers.Add(name="both")([pooled, inputs["age"]])
    network = models.randomise(keras.Model(inputs, {"sum": outputs}, name="keys"))
    photo = np.random.default_rng(0).random((16, 16, 3), np.float32)
    age = np.arange(4, dtype=np.float32)
    expected = network({"photo": photo[None], "age": age[None]})["sum"]
    for given in ({"photo": photo, "age": age}, {"b": photo, "age": age}):
        result = layersight.activations(layersight.load_model(network), given)
        np.testing.assert_allclose(
            result["both"], keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5
        )


@pytest.mark.one_backend
def test_a_photograph_for_many_channels_says_what_it_did():
    inputs = keras.Input((12, 12, 7))
    model = layersight.load_model(keras.Model(inputs, models.conv(2, "conv")(inputs)))
    photo = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    result = layersight.activations(model, photo)
    assert result["conv"].shape == (1, 12, 12, 2)
    assert any("repeated over the 7 channels" in step for step in result.images[0].steps)
