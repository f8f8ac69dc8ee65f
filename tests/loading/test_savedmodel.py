"""SavedModel folders of Keras 2, read without TensorFlow and without the graph."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import HealthCheck, given, settings
from tensorflow.core.protobuf import saved_model_pb2

from layersight.errors import LayersightError, ModelFileError, UnsafeModelError
from layersight.loading import load_model, read_network
from layersight.loading.bundle import read_checkpoint


def network():
    layers = tf_keras.layers
    inner = tf_keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(6.0, name="clip"),
        ],
        name="inner",
    )
    inputs = layers.Input((8, 8, 3), name="picture")
    hidden = layers.SeparableConv2D(3, 3, name="parts")(inner(inputs))
    hidden = layers.Reshape((4, 12), name="rows")(hidden)
    hidden = layers.Bidirectional(layers.LSTM(3, name="lstm"), name="both")(hidden)
    return tf_keras.Model(inputs, layers.Dense(2, name="top")(hidden), name="whole")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network that was trained, so that an optimiser and metrics are saved with it."""
    model = network()
    draw = np.random.default_rng(0)
    model.set_weights([np.abs(draw.normal(size=w.shape)) for w in model.get_weights()])
    model.compile("adam", "mse", metrics=["mae"])
    folder = tmp_path_factory.mktemp("saved") / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(draw.random((2, 8, 8, 3)), draw.random((2, 2)), verbose=0)
        model.save(folder, save_format="tf")
    image = draw.random((1, 8, 8, 3)).astype("float32")
    return folder, image, np.asarray(model(image, training=False))


def outputs(folder, image):
    model = load_model(folder)
    result = model.forward({"picture": image}, ["inner/conv"], outputs=True)
    assert result.layers["inner/conv"].shape == (1, 6, 6, 4)
    return result.outputs["top"]


def test_outputs_are_those_of_keras_2(saved):
    folder, image, expected = saved
    np.testing.assert_allclose(outputs(folder, image), expected, rtol=1e-5, atol=1e-5)
    assert read_network(folder).kind == "SavedModel"


def test_the_metadata_of_tensorflow_up_to_2_4(saved, tmp_path):
    """It was in ``saved_model.pb``."""
    folder, image, expected = saved
    shutil.copytree(folder, tmp_path / "old")
    root = json.loads(_root_text(folder))
    graph = saved_model_pb2.SavedModel()
    graph.ParseFromString((folder / "saved_model.pb").read_bytes())
    node = graph.meta_graphs[0].object_graph_def.nodes[0].user_object
    assert node.identifier == "_tf_keras_network"
    node.metadata = json.dumps({**root, "keras_version": "2.4.0"})
    (tmp_path / "old" / "saved_model.pb").write_bytes(graph.SerializeToString())
    (tmp_path / "old" / "keras_metadata.pb").unlink()
    np.testing.assert_allclose(outputs(tmp_path / "old", image), expected, rtol=1e-5, atol=1e-5)


def _root_text(folder):
    from tf_keras.protobuf import saved_metadata_pb2

    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    return next(node.metadata for node in metadata.nodes if node.node_path == "root")


def test_reading_it_imports_no_framework(saved):
    code = (
        "import sys; from pathlib import Path; from layersight.loading import read_network;"
        "read_network(Path(sys.argv[1]));"
        "print([m for m in ('tensorflow', 'tf_keras', 'keras') if m in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(saved[0])], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


def test_a_folder_that_keras_did_not_write(tmp_path):
    class Plain(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1])])
        def __call__(self, x):
            return x * self.weight

        def __init__(self):
            super().__init__()
            self.weight = tf.Variable([2.0])

    tf.saved_model.save(Plain(), str(tmp_path / "plain"))
    with pytest.raises(ModelFileError, match="a SavedModel folder without Keras layers"):
        load_model(tmp_path / "plain")


def test_a_model_of_a_custom_class(tmp_path):
    class Own(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = tf_keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    model(np.zeros((1, 2), "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "own", save_format="tf")
    with pytest.raises(ModelFileError, match="class 'Own', which its author wrote"):
        load_model(tmp_path / "own")


@pytest.mark.parametrize(
    "name", ["variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_an_incomplete_folder(saved, tmp_path, name):
    shutil.copytree(saved[0], tmp_path / "part")
    (tmp_path / "part" / name).unlink()
    with pytest.raises(ModelFileError, match=r"variables\.") as caught:
        load_model(tmp_path / "part")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["keras_metadata.pb", "variables", "variables/variables.index"])
def test_no_link_is_followed(saved, tmp_path, name):
    folder, elsewhere = tmp_path / "linked", tmp_path / "elsewhere"
    shutil.copytree(saved[0], folder)
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(UnsafeModelError, match="is a link to another place"):
        load_model(folder)


PARTS = ("keras_metadata.pb", "variables/variables.index", "graph")


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PARTS), st.floats(0, 1), st.binary(min_size=1, max_size=6), st.booleans())
def test_damage_is_one_error(saved, tmp_path, part, share, piece, cut):
    folder = tmp_path / "damaged"
    if not folder.exists():
        shutil.copytree(saved[0], folder)
    file = folder / ("variables/variables.data-00000-of-00001" if part == "graph" else part)
    content = (saved[0] / file.relative_to(folder)).read_bytes()
    start = len(content) - 4000 if part == "graph" else 0
    at = start + int(share * (len(content) - start - 1))
    file.write_bytes(content[:at] if cut else content[:at] + piece + content[at + len(piece) :])
    try:
        read_network(folder)
    except LayersightError as error:
        assert "\n" not in str(error)  # noqa: PT017
    finally:
        file.write_bytes(content)


def test_every_type_of_number(tmp_path):
    kinds = ("float32", "float64", "int32", "uint8", "int8", "int64", "bool", "float16", "bfloat16")

    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            with tf.name_scope("numbers"):
                self.variables_held = [
                    tf.Variable(tf.cast([[0, 1], [3, 2]], kind), name=kind) for kind in kinds
                ]

    holder = Holder()
    point = tf.train.Checkpoint(layer=holder)
    prefix = point.write(str(tmp_path / "point"))
    result, files = read_checkpoint(tmp_path, "point")
    assert prefix.endswith("point")
    assert len(files) == 2
    assert len(result) == len(kinds)
    for variable in holder.variables_held:
        name = variable.name.partition(":")[0]
        expected = tf.cast(variable, "float32").numpy()
        np.testing.assert_array_equal(result[name].astype("float32"), expected)
