"""Checkpoints of TensorFlow, opened without TensorFlow and with a given network."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import layersight
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.recognise import recognise

NAMES = (".", "checkpoint", "cp.ckpt", "cp.ckpt.index", "cp.ckpt.data-00000-of-00001")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network of Keras 2 that was trained, its folder, and its weights in order."""
    layers = tf_keras.layers
    inner = tf_keras.Sequential(
        [layers.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization()],
        name="inner",
    )
    inputs = layers.Input((8, 8, 3), name="picture")
    hidden = layers.SeparableConv2D(3, 3, name="parts")(inner(inputs))
    model = tf_keras.Model(inputs, layers.Dense(2, name="top")(layers.Flatten()(hidden)))
    draw = np.random.default_rng(0)
    model.set_weights([np.abs(draw.normal(size=w.shape)) for w in model.get_weights()])
    model.compile("adam", "mse", metrics=["mae"])
    folder = tmp_path_factory.mktemp("trained")
    saving = tf_keras.callbacks.ModelCheckpoint(folder / "cp.ckpt", save_weights_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(draw.random((2, 8, 8, 3)), draw.random((2, 2)), verbose=0, callbacks=[saving])
    (folder / "model.json").write_text(model.to_json())
    image = draw.random((2, 8, 8, 3)).astype("float32")
    return folder, image, np.asarray(model(image, training=False)), model


def outputs(path, architecture, image):
    model = layersight.load_model(path, architecture=architecture)
    return model.forward({"picture": image}, [], outputs=True).outputs["top"]


@pytest.mark.parametrize("name", NAMES)
def test_all_names_of_a_checkpoint(trained, name, tmp_path):
    folder, _, _, _ = trained
    assert recognise(folder / name) == "checkpoint"
    with pytest.raises(ModelFileError, match=r"is a TensorFlow checkpoint.*--architecture"):
        layersight.load_model(folder / name)
    stored = layersight.load_weights(folder / name)
    assert set(stored.held) == {"conv", "parts/depthwise_kernel", "parts/pointwise_kernel"}
    assert stored.info.digest == layersight.load_weights(folder / "cp.ckpt").info.digest


def test_its_outputs_are_those_of_keras_2(trained):
    """The optimiser and the metrics beside the layers are ignored."""
    folder, image, expected, _ = trained
    result = outputs(folder / "cp.ckpt", folder / "model.json", image)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["model", "net"])
def test_a_checkpoint_of_several_objects(trained, name, tmp_path):
    """As in the tutorials of TensorFlow: a network beside a step and an optimiser."""
    folder, image, expected, model = trained
    objects = {name: model, "step": tf.Variable(1), "optimizer": model.optimizer}
    tf.train.Checkpoint(**objects).save(str(tmp_path / "ck"))
    result = outputs(tmp_path, folder / "model.json", image)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_a_checkpoint_of_several_networks_is_refused(trained, tmp_path):
    """As generator and discriminator in tutorials: which is meant is unknown."""
    folder, _, _, model = trained
    other = tf_keras.models.clone_model(model)
    tf.train.Checkpoint(generator=model, discriminator=other).save(str(tmp_path / "ck"))
    with pytest.raises(ModelFileError, match=r"several networks \((generator|discriminator), "):
        layersight.load_model(tmp_path, architecture=folder / "model.json")


def test_layers_that_another_session_named(trained, tmp_path):
    """Their order decides where the names do not."""
    folder, image, expected, _ = trained
    text = (folder / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"parts"', '"parts_7"'))
    result = outputs(folder / "cp.ckpt", tmp_path / "model.json", image)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_another_network_is_refused(trained, tmp_path):
    folder, _, _, _ = trained
    other = json.loads((folder / "model.json").read_text())
    other["config"]["layers"][-1]["config"]["units"] = 5
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(ModelFileError, match="layer 'top' expects 'kernel' of shape"):
        layersight.load_model(folder, architecture=tmp_path / "other.json")


def test_incomplete_folders_of_checkpoints(trained, tmp_path):
    folder, _, _, _ = trained
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "checkpoint").write_text('model_checkpoint_path: "/home/somebody/cp.ckpt"\n')
    assert recognise(copy) == "checkpoint"
    (copy / "checkpoint").unlink()
    assert recognise(copy) == "checkpoint"
    shutil.copy(copy / "cp.ckpt.index", copy / "later.index")
    with pytest.raises(ModelFileError, match="holds 2 TensorFlow checkpoints: give one of them"):
        recognise(copy)
    for index in copy.glob("*.index"):
        index.unlink()
    with pytest.raises(ModelFileError, match=r"expected its index cp\.ckpt\.index beside it"):
        recognise(copy / "cp.ckpt.data-00000-of-00001")
    (copy / "checkpoint").write_text('model_checkpoint_path: "cp.ckpt"\n')
    with pytest.raises(ModelFileError, match=r"names the TensorFlow checkpoint 'cp\.ckpt'"):
        recognise(copy)


def test_a_link_to_an_index_is_not_followed(trained, tmp_path):
    (tmp_path / "cp.ckpt.index").symlink_to(trained[0] / "cp.ckpt.index")
    with pytest.raises(UnsafeModelError, match="link to another place"):
        recognise(tmp_path / "cp.ckpt")


def test_a_checkpoint_of_tensorflow_1_is_named(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("conv/kernel", initializer=tf.zeros((2, 2)))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "old"))
    (tmp_path / "m.json").write_text('{"class_name": "Sequential", "config": {"layers": []}}')
    with pytest.raises(ModelFileError, match="belongs to a checkpoint of TensorFlow 1"):
        layersight.load_model(tmp_path, architecture=tmp_path / "m.json")


def test_the_weights_are_those_of_the_same_network_in_hdf5(data):
    cases = data.parent / "cases"
    opened = layersight.load_model(
        cases / "checkpoint", architecture=cases / "checkpoint_architecture.json"
    )
    same = layersight.load_model(
        cases / "checkpoint_same_weights.h5", architecture=cases / "checkpoint_architecture.json"
    )
    for actual, expected in zip(opened.model.weights, same.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(actual.numpy()), np.asarray(expected.numpy()))
