"""Files of weights alone, with a given network or without."""

from __future__ import annotations

import io
import zipfile

import h5py
import numpy as np
import pytest

import layersight
from layersight.errors import ModelFileError, UnsafeModelError


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A model, its configuration, and its weights in every form."""
    import keras

    folder = tmp_path_factory.mktemp("alone")
    inner = keras.Sequential(
        [keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, name="inside")], name="inner"
    )
    inputs = keras.Input((8, 8, 3), name="picture")
    hidden = inner(keras.layers.Conv2D(2, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="norm")(hidden), name="m")
    draw = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(draw.random(tuple(variable.shape)).astype("float32"))
    model.save_weights(folder / "new.weights.h5")
    model.save(folder / "whole.keras")
    model.save(folder / "whole.h5")
    with h5py.File(folder / "whole.h5") as old, h5py.File(folder / "old.h5", "w") as new:
        for key, value in old["model_weights"].attrs.items():
            new.attrs[key] = value
        for name in old["model_weights"]:
            old.copy(f"model_weights/{name}", new, name=name)
    (folder / "model.json").write_text(model.to_json())
    (folder / "windows.weights.h5").write_bytes(
        on_windows((folder / "new.weights.h5").read_bytes())
    )
    with zipfile.ZipFile(folder / "whole.keras") as old:
        contents = {name: old.read(name) for name in old.namelist()}
    contents["model.weights.h5"] = on_windows(contents["model.weights.h5"])
    with zipfile.ZipFile(folder / "windows.keras", "w") as new:
        for name, content in contents.items():
            new.writestr(name, content)
    return model, folder


def on_windows(content: bytes) -> bytes:
    """A store as Keras writes it on Windows, with backslashes in the names of objects."""
    target = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(target, "w") as new:

        def copy(path, member):
            if isinstance(member, h5py.Dataset):
                *above, group, last = path.split("/")
                new["/".join(filter(None, ["\\".join(above), group, last]))] = member[()]

        old.visititems(copy)
    return target.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        *("new.weights.h5", "old.h5", "whole.h5", "whole.keras"),
        *("windows.weights.h5", "windows.keras"),
    ],
)
def test_weights_with_a_configuration(network, name):
    model, folder = network
    opened = layersight.load_model(folder / name, architecture=folder / "model.json")
    for actual, expected in zip(opened.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(actual.numpy()), np.asarray(expected.numpy()))


def test_a_whole_model_written_on_windows(network):
    model, folder = network
    opened = layersight.load_model(folder / "windows.keras")
    for actual, expected in zip(opened.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(actual.numpy()), np.asarray(expected.numpy()))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_batch_renormalisation_of_keras_3_keeps_its_weights(tmp_path, suffix):
    import keras

    built = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.BatchNormalization(renorm=True)])
    for number, variable in enumerate(built.weights):
        variable.assign(np.full(tuple(variable.shape), 1.0 + number, "float32"))
    built.save(tmp_path / f"m{suffix}")
    opened = layersight.load_model(tmp_path / f"m{suffix}")
    for actual, expected in zip(opened.model.weights, built.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(actual.numpy()), np.asarray(expected.numpy()))


def test_a_store_with_the_same_path_twice_is_refused(network, tmp_path):
    path = tmp_path / "twice.weights.h5"
    path.write_bytes((network[1] / "windows.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    with pytest.raises(UnsafeModelError, match="holds two arrays 'layers/conv2d/vars/0'"):
        layersight.load_model(path, architecture=network[1] / "model.json")


@pytest.mark.parametrize("name", ["new.weights.h5", "old.h5", "windows.weights.h5"])
def test_weights_alone_are_described(network, name):
    with pytest.raises(ModelFileError, match=r"holds weights without the network .*--architecture"):
        layersight.load_model(network[1] / name)


def test_weights_of_another_network(network, tmp_path):
    import keras

    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(9, 3, name="conv")])
    (tmp_path / "other.json").write_text(other.to_json())
    for name in ("new.weights.h5", "old.h5"):
        with pytest.raises(ModelFileError) as error:
            layersight.load_model(network[1] / name, architecture=tmp_path / "other.json")
        assert "\n" not in str(error.value)


def test_a_store_with_links_is_refused(network, tmp_path):
    path = tmp_path / "linked.weights.h5"
    path.write_bytes((network[1] / "new.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["layers/more"] = h5py.ExternalLink("other.h5", "/")
    for architecture in (network[1] / "model.json", "MobileNet"):
        with pytest.raises(UnsafeModelError, match="is a link"):
            layersight.load_model(path, architecture=architecture)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
@pytest.mark.parametrize("top", [True, False])
def test_an_architecture_by_name(tmp_path, name, top):
    import keras

    built = keras.applications.MobileNet(weights=None, include_top=top)
    built.save_weights(tmp_path / name) if name == "a.weights.h5" else built.save(tmp_path / name)
    opened = layersight.load_model(tmp_path / name, architecture="MobileNet")
    assert opened.info.preprocessing.name == "-1..1"
    np.testing.assert_array_equal(
        opened.model.get_layer("conv1").kernel.numpy(), built.get_layer("conv1").kernel.numpy()
    )
    assert (opened.info.layers[-1].name == "predictions") == top


@pytest.mark.parametrize("name", ["new.weights.h5", "old.h5", "whole.h5", "whole.keras"])
def test_kernels_without_a_network_are_those_of_the_file(network, name):
    model, folder = network
    weights = layersight.load_weights(folder / name)
    shown = layersight.kernels(weights)
    expected = {
        (3, 3, 3, 2): model.get_layer("conv"),
        (3, 3, 2, 3): model.get_layer("inner").get_layer("inside"),
    }
    assert len(shown) == 2
    for entry in shown:
        layer = expected.pop(entry.values.shape)
        np.testing.assert_array_equal(entry.values, layer.kernel.numpy())
        assert entry.layer.type == "kernel"
    assert "(height, width, input, filter)" in " ".join(shown.notes)
    assert shown.model.digest.startswith("sha256:")


def test_kernels_in_the_order_of_theano(tmp_path):
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(64, 3, 9, 9)), draw.normal(size=(3, 64, 5, 5))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a", b"b"]
        file.attrs["backend"] = b"theano"
        for name, kernel in (("a", first), ("b", second)):
            group = file.create_group(name)
            group.attrs["weight_names"] = [b"W", b"b"]
            group["W"], group["b"] = kernel, np.zeros(kernel.shape[0])
    shown = layersight.kernels(layersight.load_weights(tmp_path / "w.h5"))
    assert [entry.name for entry in shown] == ["a", "b"]
    np.testing.assert_array_equal(
        shown.layers[0].values, first.transpose(2, 3, 1, 0).astype("float32")
    )
    assert shown.layers[1].values.shape == (5, 5, 64, 3)
    assert "180 degrees" in " ".join(shown.notes)


def test_depthwise_kernels_and_two_in_a_layer(tmp_path):
    draw = np.random.default_rng(0)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"sep"]
        group = file.create_group("sep")
        names = [b"sep/depthwise_kernel:0", b"sep/pointwise_kernel:0"]
        group.attrs["weight_names"] = names
        for name, shape in zip(names, [(3, 3, 4, 2), (1, 1, 8, 5)], strict=True):
            group[name.decode()] = draw.normal(size=shape)
    shown = layersight.kernels(layersight.load_weights(tmp_path / "w.h5"))
    assert [entry.name for entry in shown] == [
        "sep/depthwise_kernel:0",
        "sep/pointwise_kernel:0",
    ]
    assert [entry.values.shape for entry in shown] == [(3, 3, 1, 8), (1, 1, 8, 5)]


def test_a_file_without_kernels_is_one_line(tmp_path):
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="no kernels of two dimensions"):
        layersight.load_weights(tmp_path / "m.keras")


@pytest.mark.parametrize("names", [("one/kernel:0", "two/kernel:0"), ("kernel", "kernel")])
def test_no_kernel_of_a_nested_model_is_lost(tmp_path, names):
    draw = np.random.default_rng(0)
    kernels = [draw.normal(size=(3, 3, 2, 4)).astype("float32") for _ in names]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"model", b"more"]
        for layer in ("model", "more"):
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in sorted(set(names))]
            for name in sorted(set(names)):
                group[name] = kernels[names.index(name)]
    shown = layersight.kernels(layersight.load_weights(tmp_path / "w.h5"))
    count = len(set(names))
    assert len({entry.name for entry in shown}) == 2 * count
    for entry, expected in zip(shown, 2 * kernels[:count], strict=True):
        np.testing.assert_array_equal(entry.values, expected)
