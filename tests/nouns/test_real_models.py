"""Real models and photographs: what Keras itself computes, and the seeds' own bytes."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import layersight
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.tiles import make_tiles
from maps import lesson

SHAPES = {
    "conv2d": (148, 148, 32),
    "max_pooling2d": (74, 74, 32),
    "conv2d_1": (72, 72, 64),
    "max_pooling2d_1": (36, 36, 64),
    "conv2d_2": (34, 34, 128),
    "max_pooling2d_2": (17, 17, 128),
    "conv2d_3": (15, 15, 128),
    "max_pooling2d_3": (7, 7, 128),
}
PHOTOS = {
    "dog": ("images/dog.1100.jpg", {}),
    "virus": ("images/person3_virus_16.jpeg", {}),
    "normal": ("images/IM-0115-0001.jpeg", {}),
    "tiger": ("images/imagenet/n02129604_tiger.JPEG", {"fit": "crop"}),
}
"""The lesson's dog, the lab's grey X-rays, and a tiger cropped to the input size."""


@functools.cache
def opened(path, labels=None):
    return layersight.load_model(path, labels=labels)


@functools.cache
def alone(path):
    """The same file by Keras's own loader."""
    import keras

    return keras.models.load_model(path, compile=False)


@functools.cache
def seen(data, photo):
    name, options = PHOTOS[photo]
    model = opened(data / "models/cats_dogs_150.h5")
    return layersight.activations(model, data / name, layers=":8", **options)


def loaded_by_keras(path, size, **options):
    """The image as the seeds bring it to the network."""
    import keras

    picture = keras.utils.load_img(path, target_size=size, **options)
    return np.asarray(keras.utils.img_to_array(picture))[None]


@pytest.mark.parametrize("photo", PHOTOS)
def test_eight_layers_and_704_maps_as_keras_computes_them(data, photo):
    import keras

    found = seen(data, photo)
    assert {name: array.shape[1:] for name, array in found.items()} == SHAPES
    assert found.map_count == 704
    name, options = PHOTOS[photo]
    crop = {"keep_aspect_ratio": True} if options else {}
    pixels = loaded_by_keras(data / name, (150, 150), **crop)
    np.testing.assert_array_equal(found.images[0].pixels, pixels[0])
    model = alone(data / "models/cats_dogs_150.h5")
    parts = keras.Model(model.inputs, [layer.output for layer in model.layers[:8]])
    for array, wanted in zip(found.values(), parts.predict(pixels / 255, verbose=0), strict=True):
        np.testing.assert_allclose(array, np.asarray(wanted), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("contrast", "centre"), [(64, 128), (128, 256)])
def test_live_tiles_are_the_bytes_of_the_seeds(data, photo, contrast, centre):
    found = seen(data, photo)
    options = PictureOptions(contrast=contrast, centre=centre)
    live = 0
    for entry in found.layers:
        tiles = make_tiles(entry, 0, options)
        for channel in entry.channels:
            if tiles.dead[channel]:
                assert not tiles.pixels[channel].any()
                assert np.ptp(entry.values[0, ..., channel]) < 1e-5
                continue
            live += 1
            wanted = lesson(entry.values[0, ..., channel], contrast, centre)
            assert tiles.pixels[channel].tobytes() == wanted.tobytes(), (entry.name, channel)
    assert live == 704 - sum(entry.dead() for entry in found.layers)
    assert photo != "dog" or live == 704 - 352
    assert found.notes == ()


def test_the_layers_behind_the_maps_keep_their_names(data):
    import keras

    model = opened(data / "models/cats_dogs_150.h5")
    found = layersight.activations(
        model, data / "images/dog.1100.jpg", layers="8:14", predictions=True
    )
    assert [(entry.name, entry.layer.type) for entry in found.layers] == [
        ("flatten", "Flatten"),
        ("dropout", "Dropout"),
        ("dense", "Dense"),
        ("dense_1", "Dense"),
    ]
    assert [array.shape for array in found.values()] == [(1, 6272), (1, 6272), (1, 512), (1, 1)]
    own = alone(data / "models/cats_dogs_150.h5")
    parts = keras.Model(own.inputs, [layer.output for layer in own.layers[8:]])
    pixels = loaded_by_keras(data / "images/dog.1100.jpg", (150, 150)) / 255
    for array, wanted in zip(found.values(), parts.predict(pixels, verbose=0), strict=True):
        np.testing.assert_allclose(array, np.asarray(wanted), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["flatten"], found["dropout"])
    assert found.predictions[0][0].top[0].score == pytest.approx(found["dense_1"][0, 0])


def test_the_emotion_network_of_keras_2_0_5(data):
    path = next((data / "models").glob("keras205_fer2013_mini_XCEPTION.102*"))
    model = opened(path)
    found = layersight.activations(
        model, data / "images/person3_virus_16.jpeg", scale="-1..1", predictions=True
    )
    assert model.info.inputs[0].shape == (None, 64, 64, 1)
    kinds = {entry.layer.type for entry in found.layers}
    assert {"Conv2D", "BatchNormalization", "SeparableConv2D", "Add"} <= kinds
    grey = loaded_by_keras(data / "images/person3_virus_16.jpeg", (64, 64), color_mode="grayscale")
    np.testing.assert_allclose(found.images[0].values, grey[0] / 127.5 - 1, atol=1e-6)
    wanted = model.model.predict(grey / 127.5 - 1, verbose=0)[0]
    best = found.predictions[0][0]
    assert best.size == 7
    assert best.top[0].index == int(wanted.argmax())
    assert best.top[0].score == pytest.approx(float(wanted.max()), abs=1e-5)


def test_a_network_of_any_size(data):
    model = opened(data / "models/squeezenet_imagenet_notop.h5")
    assert model.info.inputs[0].size == (None, None)
    path = data / "images/creative_commons_elephant.jpg"
    found = layersight.activations(model, path)
    height, width = found.images[0].values.shape[:2]
    assert max(height, width) == 512
    assert "any size" in found.images[0].steps[0]
    first, last = found.layers[0], found.layers[-1]
    assert first.values.shape[1:3] == ((height - 3) // 2 + 1, (width - 3) // 2 + 1)
    wanted = model.model.predict(found.images[0].values[None], verbose=0)
    np.testing.assert_allclose(last.values, wanted, rtol=1e-4, atol=1e-3)
    small = layersight.activations(model, path, size=(227, 227), layers=last.name)
    assert small[last.name].shape[1:3] == (13, 13)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_the_elephant_is_an_african_elephant(data, suffix):
    labels = data / "imagenet_classes.txt"
    model = opened(data / f"models/mobilenet_025_224_imagenet{suffix}", labels)
    path = data / "images/creative_commons_elephant.jpg"
    found = layersight.activations(model, path, layers="conv1", predictions=True)
    best = found.predictions[0][0].top[0]
    assert best.label is not None
    assert best.label.replace("_", " ").endswith("African elephant")
    assert best.index == 386
    assert best.score == pytest.approx(0.42, abs=0.02)
    scale = found.images[0].preprocessing
    assert scale.name == "-1..1"
    assert scale.reason == ("as MobileNet was trained, and the statistics kept by 'conv1_bn' fit")


def test_both_files_of_one_network_give_the_same(data):
    path = data / "images/creative_commons_elephant.jpg"
    first, second = (
        layersight.activations(
            opened(data / f"models/mobilenet_025_224_imagenet{suffix}"), path, layers="-3:"
        )
        for suffix in (".h5", ".keras")
    )
    for one, other in zip(first.values(), second.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_file_that_plain_keras_refuses_opens_and_says_why(data):
    model = opened(data / "models/keras216_cats_and_dogs_small_1.h5")
    causes = [rewrite.partition(":")[0] for rewrite in model.info.rewrites]
    assert causes[:2] == ["sequential-list", "input-layer"]
    found = layersight.activations(model, data / "images/dog.1100.jpg", layers=":6")
    assert [array.shape[1:] for array in found.values()] == [
        (48, 48, 32),
        (24, 24, 32),
        (22, 22, 64),
        (11, 11, 64),
        (9, 9, 64),
        (4, 4, 64),
    ]
    assert found.model.rewrites == model.info.rewrites
