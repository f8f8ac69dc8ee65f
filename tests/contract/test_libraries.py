"""Layers of add-on libraries, against their formulas in NumPy."""

import io
import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

import legacy
from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.backends import to_numpy
from layersight.loading import load_model

DRAW = np.random.default_rng(0)
IMAGES = DRAW.normal(size=(2, 4, 6, 8)).astype("float32") * 2 + 1
START = {
    f"{weight}_{what}": None
    for weight in ("beta", "gamma")
    for what in ("initializer", "regularizer", "constraint")
}
"""Settings of normalisation that matter in training."""


def weights(*sizes):
    return [DRAW.normal(size=size).astype("float32") for size in sizes]


def opened(tmp_path, kind, arrays=None, beside=None, flat=192, **settings):
    """A network of one layer with the weights given, and of one more that gives it some."""
    shape = IMAGES.shape[1:]
    entry = legacy.layer(kind, "layer", batch_input_shape=[None, *shape], **settings)
    entry |= beside or {}
    config = legacy.sequential(
        entry,
        legacy.layer("Flatten", "flat"),
        legacy.layer("Dense", "top", units=1, use_bias=False, activation="linear"),
        version="2.4.0",
    )
    held = {"top": {"top/kernel:0": np.ones((flat, 1), "float32")}}
    if arrays:
        held = {"layer": {f"layer/{name}:0": array for name, array in arrays.items()}} | held
    return load_model(legacy.write(tmp_path / "model.h5", config, held, version="2.4.0"))


def output_of(model, images=IMAGES):
    name = model.info.inputs[0].name
    return model.forward({name: images}, ["layer"]).layers["layer"]


def normalised(x, gamma, beta, axes, epsilon, *, inside):
    mean, spread = x.mean(axes, keepdims=True), x.std(axes, keepdims=True)
    divisor = np.sqrt(np.square(spread) + epsilon) if inside else spread + epsilon
    return (x - mean) / divisor * gamma + beta


@pytest.mark.parametrize("groups", [-1, 8])
def test_instance_normalisation_of_addons(tmp_path, groups):
    gamma, beta = weights(8, 8)
    model = opened(
        tmp_path, "Addons>InstanceNormalization", {"gamma": gamma, "beta": beta},
        groups=groups, axis=-1, epsilon=0.5, center=True, scale=True, **START,
    )  # fmt: skip
    wanted = normalised(IMAGES, gamma, beta, (1, 2), 0.5, inside=True)
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)
    assert any(text.startswith("addons: ") for text in model.info.rewrites)
    model.save(tmp_path / "new.keras")


@pytest.mark.parametrize("axis", [None, -1, 3])
def test_instance_normalisation_of_contrib_divides_by_deviation_plus_epsilon(tmp_path, axis):
    gamma, beta = weights(1 if axis is None else 8, 1 if axis is None else 8)
    model = opened(
        tmp_path, "InstanceNormalization", {"gamma": gamma, "beta": beta},
        axis=axis, epsilon=0.5, center=True, scale=True, **START,
    )  # fmt: skip
    axes = (1, 2, 3) if axis is None else (1, 2)
    wanted = normalised(IMAGES, gamma, beta, axes, 0.5, inside=False)
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)
    assert any("keras_contrib" in text for text in model.info.rewrites)
    with pytest.raises(ModelFileError, match="needs 'InstanceNormalization', which Keras does not"):
        model.save(tmp_path / "new.keras")


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("kind", "more", "beside"),
    [
        ("InstanceNormalization", {"momentum": 0.9}, {}),
        ("Mine>InstanceNormalization", {}, {}),
        ("InstanceNormalization", {}, {"module": "mine.layers"}),
        ("InstanceNormalization", {}, {"registered_name": "Mine>InstanceNormalization"}),
    ],
)
def test_a_layer_of_its_author_stays_refused(tmp_path, kind, more, beside):
    model = opened(
        tmp_path, kind, {"gamma": np.ones(8, "float32"), "beta": np.ones(8, "float32")},
        axis=-1, epsilon=0.5, center=True, scale=True, **START, **more, beside=beside,
    )  # fmt: skip
    with pytest.raises(LayersightError, match="InstanceNormalization', which Keras"):
        output_of(model)


def test_group_normalisation_of_addons(tmp_path):
    gamma, beta = weights(8, 8)
    model = opened(
        tmp_path, "GroupNormalization", {"gamma": gamma, "beta": beta},
        groups=2, axis=-1, epsilon=0.5, center=True, scale=True, **START,
        beside={"module": "tensorflow_addons.layers.normalizations",
                "registered_name": "Addons>GroupNormalization"},
    )  # fmt: skip
    parts = IMAGES.reshape(2, 4, 6, 2, 4)
    scaled = normalised(parts, 1, 0, (1, 2, 4), 0.5, inside=True).reshape(IMAGES.shape)
    np.testing.assert_allclose(output_of(model), scaled * gamma + beta, rtol=1e-4, atol=1e-5)


def test_group_normalisation_of_contrib_before_keras_had_one(tmp_path):
    """Its parts are bands of rows, since it reshapes without turning axes."""
    gamma, beta = weights(8, 8)
    model = opened(
        tmp_path, "GroupNormalization", {"gamma": gamma, "beta": beta},
        groups=2, axis=-1, epsilon=0.5, center=True, scale=True, **START,
    )  # fmt: skip
    wanted = np.empty_like(IMAGES)
    for number, image in enumerate(IMAGES):
        for part, band in enumerate(image.reshape(2, 4, 6, 4)):
            scaled = (band - band.mean()) / np.sqrt(band.var() + 0.5)
            scaled = scaled * gamma[4 * part : 4 * part + 4] + beta[4 * part : 4 * part + 4]
            wanted[number, 2 * part : 2 * part + 2] = scaled.reshape(2, 6, 8)
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)
    assert any("keras_contrib" in text for text in model.info.rewrites)


@pytest.mark.parametrize("learned", [False, True])
def test_filter_response_normalisation(tmp_path, learned):
    gamma, beta, extra = weights((1, 1, 1, 8), (1, 1, 1, 8), (1,))
    arrays = {"learned_epsilon": extra} if learned else {}
    model = opened(
        tmp_path, "Addons>FilterResponseNormalization",
        arrays | {"gamma": gamma, "beta": beta},
        axis=[1, 2], epsilon=0.25, learned_epsilon=learned, learned_epsilon_constraint=None,
        **START,
    )  # fmt: skip
    epsilon = 0.25 + (abs(extra) if learned else 0)
    power = np.square(IMAGES).mean((1, 2), keepdims=True)
    wanted = gamma * IMAGES / np.sqrt(power + epsilon) + beta
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affine", [False, True])
def test_thresholded_linear_unit(tmp_path, affine):
    tau, alpha = weights((4, 6, 8), (4, 6, 8))
    more = {"alpha_initializer": None, "alpha_regularizer": None, "alpha_constraint": None}
    model = opened(
        tmp_path, "Addons>TLU", {"tau": tau, "alpha": alpha} if affine else {"tau": tau},
        affine=affine, tau_initializer=None, tau_regularizer=None, tau_constraint=None,
        **(more if affine else {}),
    )  # fmt: skip
    wanted = np.maximum(IMAGES, tau + alpha * IMAGES * affine)
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-5, atol=1e-6)


def test_snake(tmp_path):
    model = opened(
        tmp_path, "Addons>Snake", {"frequency": np.float32(0.7)}, frequency_initializer=None
    )
    wanted = IMAGES + (1 - np.cos(1.4 * IMAGES)) / 1.4
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [None, [1, 2]])
@pytest.mark.parametrize("kind", ["PELU", "SReLU"])
def test_activations_of_contrib_with_weights(tmp_path, kind, shared):
    shape = (1, 1, 8) if shared else (4, 6, 8)
    if kind == "PELU":
        alpha, beta = (abs(array) + 0.5 for array in weights(shape, shape))
        arrays = {"alpha": alpha, "beta": beta}
        wanted = np.where(
            IMAGES >= 0, alpha / beta * IMAGES, alpha * (np.exp(np.minimum(IMAGES, 0) / beta) - 1)
        )
        more = dict.fromkeys(
            f"{weight}_{what}"
            for weight in ("alpha", "beta")
            for what in ("regularizer", "constraint")
        )
    else:
        left, below, right, above = weights(shape, shape, shape, shape)
        arrays = {"t_left": left, "a_left": below, "t_right": right, "a_right": above}
        upper = left + abs(right)
        wanted = np.where(upper <= IMAGES, upper + above * (IMAGES - upper), IMAGES)
        wanted = np.where(left >= IMAGES, left + below * (IMAGES - left), wanted)
        more = {}
    starts = {f"{name}_initializer": None for name in arrays}
    model = opened(tmp_path, kind, arrays, shared_axes=shared, **starts, **more)
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
def test_spectral_normalisation_is_its_layer_with_the_kernel_of_the_file(tmp_path):
    kernel, bias, vector = weights((1, 1, 8, 8), 8, (1, 8))
    inner = legacy.layer("Conv2D", "inner", filters=8, kernel_size=[1, 1], strides=[1, 1],
                         padding="valid", activation="linear", use_bias=True)  # fmt: skip
    model = opened(
        tmp_path, "Addons>SpectralNormalization",
        {"kernel": kernel, "bias": bias, "sn_u": vector}, layer=inner, power_iterations=1,
    )  # fmt: skip
    np.testing.assert_allclose(output_of(model), IMAGES @ kernel[0, 0] + bias, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "new.keras")


@pytest.mark.one_backend
def test_the_weights_of_a_keras_archive_lie_under_the_names_of_the_library(tmp_path):
    """As tf.keras 2.15 wrote one: plain Keras 3 without the library's classes is the reference."""
    inputs = keras.Input((4, 6, 8))
    hidden = keras.layers.GroupNormalization(groups=-1, name="one")(inputs)
    hidden = keras.layers.Conv2D(8, 1, name="plain")(hidden)
    hidden = keras.layers.Conv2D(8, 1, name="wrapped")(hidden)
    hidden = keras.layers.GroupNormalization(groups=-1, name="layer")(hidden)
    plain = keras.Model(inputs, hidden)
    for variable in plain.weights:
        variable.assign(DRAW.normal(size=variable.shape))
    plain.save(tmp_path / "plain.keras")
    with zipfile.ZipFile(tmp_path / "plain.keras") as archive:
        config = json.loads(archive.read("config.json"))
        stored = io.BytesIO(archive.read("model.weights.h5"))
    for entry in config["config"]["layers"]:
        if entry["class_name"] == "GroupNormalization":
            _of_addons(entry, "InstanceNormalization")
        elif entry["config"]["name"] == "wrapped":
            inner = {key: entry[key] for key in ("module", "class_name", "registered_name")}
            inner["config"] = {**entry["config"], "name": "inner"}
            entry["config"] = {"name": "wrapped", "layer": inner, "power_iterations": 1}
            _of_addons(entry, "SpectralNormalization")
    with h5py.File(stored, "a") as file:
        layers = file["layers"]
        layers.move("group_normalization", "instance_normalization")
        layers.move("group_normalization_1", "instance_normalization_1")
        layers.create_group("spectral_normalization/vars")["0"] = np.ones((1, 8), "float32")
        layers.move("conv2d_1", "spectral_normalization/layer")
    with zipfile.ZipFile(tmp_path / "addons.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", stored.getvalue())
    wanted = to_numpy(plain(keras.ops.convert_to_tensor(IMAGES)))
    result = output_of(load_model(tmp_path / "addons.keras"))
    np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


def _of_addons(entry, name):
    entry |= {
        "class_name": name,
        "module": "tensorflow_addons.layers",
        "registered_name": f"Addons>{name}",
    }


def blocks(x, rows, columns):
    """The parts of pictures that each cell of a grid covers, with their axes apart."""
    n, h, w, c = x.shape
    return x.reshape(n, rows, h // rows, columns, w // columns, c)


def pyramid(x):
    one = x.mean((1, 2))[:, None]
    cut = x[:, :3, :6]
    nine = blocks(cut, 3, 3).mean((2, 4)).reshape(2, 9, 8)
    return np.concatenate([one, nine], 1)


def tanh_gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


WITHOUT_WEIGHTS = {
    "Maxout": ("Addons>Maxout", {"num_units": 4, "axis": -1},
               lambda x: x.reshape(2, 4, 6, 2, 4).max(-2), 96),
    "AdaptiveAveragePooling2D": (
        "Addons>AdaptiveAveragePooling2D",
        {"output_size": [2, 3], "data_format": "channels_last"},
        lambda x: blocks(x, 2, 3).mean((2, 4)), 48,
    ),
    "AdaptiveMaxPooling2D": (
        "Addons>AdaptiveMaxPooling2D", {"output_size": [2, 2], "data_format": "channels_last"},
        lambda x: blocks(x, 2, 2).max((2, 4)), 32,
    ),
    "SpatialPyramidPooling2D": (
        "Addons>SpatialPyramidPooling2D",
        {"bins": [[1, 1], [3, 3]], "data_format": "channels_last"}, pyramid, 80,
    ),
    "GELU": ("Addons>GELU", {"approximate": True}, tanh_gelu, 192),
    "Sparsemax": ("Addons>Sparsemax", {"axis": -1}, None, 192),
    "SubPixelUpscaling": (
        "SubPixelUpscaling", {"scale_factor": 2, "data_format": "channels_last"},
        lambda x: x.reshape(2, 4, 6, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 8, 12, 2),
        192,
    ),
    "CastToFloat32": ("Custom>CastToFloat32", {}, lambda x: x, 192),
    "ExpandLastDim": ("Custom>ExpandLastDim", {}, lambda x: x[..., None], 192),
    "MultiCategoryEncoding": (
        "Custom>MultiCategoryEncoding", {"encoding": ["none"] * 8}, lambda x: x, 192,
    ),
}  # fmt: skip
"""The class, its settings, what it computes and how many values that has."""


def sparse(x):
    """By search: the threshold at which what is left over sums to one."""
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        more = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.maximum(x - low, 0)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_layers_without_weights(tmp_path, name):
    kind, settings, wanted, size = WITHOUT_WEIGHTS[name]
    model = opened(tmp_path, kind, flat=size, **settings)
    expected = (wanted or sparse)(IMAGES.astype("float64"))
    np.testing.assert_allclose(output_of(model), expected, rtol=1e-4, atol=1e-5)
    if name == "Sparsemax":
        with pytest.raises(ModelFileError, match="addons_sparsemax"):
            model.save(tmp_path / "new.keras")
    else:
        model.save(tmp_path / "new.keras")


def test_a_shortcut_with_stochastic_depth(tmp_path):
    entry = legacy.layer("Addons>StochasticDepth", "layer", survival_probability=0.75)
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                legacy.layer("InputLayer", "in", batch_input_shape=[None, 4, 6, 8])
                | {"name": "in", "inbound_nodes": []},
                legacy.layer("Dense", "double", units=8, use_bias=False, activation="linear")
                | {"name": "double", "inbound_nodes": [[["in", 0, 0, {}]]]},
                entry
                | {"name": "layer", "inbound_nodes": [[["in", 0, 0, {}], ["double", 0, 0, {}]]]},
            ],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["layer", 0, 0]],
        },
    }
    arrays = {"double": {"double/kernel:0": 2 * np.eye(8, dtype="float32")}}
    model = load_model(legacy.write(tmp_path / "m.h5", config, arrays, version="2.4.0"))
    np.testing.assert_allclose(output_of(model), IMAGES * (1 + 0.75 * 2), rtol=1e-5)


FUNCTIONS = {
    "gelu": tanh_gelu,
    "lisht": lambda x: x * np.tanh(x),
    "rrelu": lambda x: np.where(x >= 0, x, x * (1 / 8 + 1 / 3) / 2),
    "snake": lambda x: x + (1 - np.cos(2 * x)) / 2,
    "hardshrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "softshrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "tanhshrink": lambda x: x - np.tanh(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "sparsemax": sparse,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_of_addons(tmp_path, name):
    model = opened(tmp_path, "Activation", activation=f"Addons>{name}")
    wanted = FUNCTIONS[name](IMAGES.astype("float64"))
    np.testing.assert_allclose(output_of(model), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Addons>Maxout", {"num_units": 4, "axis": 2}),
        ("Addons>NetVLAD", {"num_clusters": 4}),
        ("Custom>MultiCategoryEncoding", {"encoding": ["int", "none"]}),
        ("Maxout", {"num_units": 4, "axis": -1}),
    ],
)
def test_what_is_not_known_of_a_library_is_refused_by_name(tmp_path, kind, settings):
    model = opened(tmp_path, kind, **settings)
    with pytest.raises(LayersightError, match=f"{kind}', which Keras"):
        output_of(model)


@pytest.mark.one_backend
def test_the_file_of_the_collection(data):
    """Its own numbers, through the layer that Keras 3 does not have."""
    path = data.parent / "cases" / "instance_normalization_of_addons.h5"
    model = load_model(path)
    image = DRAW.random((1, 32, 32, 3), dtype="float32")
    result = model.forward({model.info.inputs[0].name: image}, ["c1", "inst"])
    with h5py.File(path) as file:
        held = file["model_weights/inst/inst"]
        gamma, beta = held["gamma:0"][:], held["beta:0"][:]
    wanted = normalised(result.layers["c1"], gamma, beta, (1, 2), 1e-3, inside=True)
    np.testing.assert_allclose(result.layers["inst"], wanted, rtol=1e-4, atol=1e-5)
    assert os.environ.get("LAYERSIGHT_DATA")
