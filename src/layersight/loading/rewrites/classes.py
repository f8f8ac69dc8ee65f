"""Classes of layers that moved, were wrapped, or belong to a package.

The wrappers of tensorflow-model-optimization matter in training only (pruning, clustering), or
round the results of the layer to those of an 8-bit device (quantisation): the layer itself is kept,
with its real weights.
"""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import (
    KERAS_3,
    class_of,
    each_layer,
    layer_rewrite,
    name_of,
    replace_class,
    rewrite,
    settings_of,
)

# Layers of known libraries and old versions that compute the same as a layer of Keras.
EQUIVALENT = {
    "FixedDropout": "Dropout",
    **dict.fromkeys(
        ("SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"),
        "BatchNormalization",
    ),
    "TimeDistributedDense": "Dense",
}

# Settings of the first layer of a Sequential that describe its input.
INPUT_SETTINGS = ("batch_input_shape", "batch_shape", "dtype")

# Classes of layersight, which files may not use.
RESERVED = ("Formula", "TensorFlowCall", "Unset")

# Packages whose layers are those of Keras.
KERAS_PACKAGES = {"keras", "tf", "tf_keras", "tensorflow", "builtins"}

WRAPPERS = (
    *("QuantizeWrapper", "QuantizeWrapperV2", "QuantizeAnnotate"),
    *("PruneLowMagnitude", "ClusterWeights", "ClusterWeightsMHA"),
)

WRAPPED_ACTIVATIONS = ("QuantizeAwareActivation", "QuantizeActivation")

CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}

# The key for the class of a layer as saved, by which files of Keras 3 store its weights.
SAVED_CLASS = "saved_class"


def note_classes(config: Config) -> None:
    """Records the class of each layer, without its package, before rewrites change it."""
    for layer in each_layer(config):
        name = layer.get("class_name")
        if isinstance(name, str):
            layer[SAVED_CLASS] = bare_class(layer)
        elif isinstance(name, list | dict):
            raise ModelFileError(
                f"the model's configuration is damaged: expected the name of a class, found "
                f"{name!r:.40}"
            )


def note_inside(layer: Config) -> None:
    """Records that a layer was taken out of a wrapper, inside whose weights its own are stored."""
    if SAVED_CLASS in layer:
        layer[SAVED_CLASS] += "/layer"


def bare_class(layer: Config) -> str:
    """The class of a layer without the package that registered it."""
    return class_of(layer).rpartition(">")[2]


@layer_rewrite("functional", of=("Model", "Container", "Network"))
def name_functional(layer: Config, settings: Config) -> bool:
    """A graph of layers of the class `Model` (up to tf.keras 2.2) or `Container`."""
    if "layers" not in settings:
        return False
    layer["class_name"] = "Functional"
    return True


@layer_rewrite("packages")
def drop_packages(layer: Config, settings: Config) -> bool:
    """A class name with the package of Keras that registered it, `Keras>`."""
    package, separator, bare = class_of(layer).rpartition(">")
    if not separator or package.lower() not in {"keras", "tf", "builtins"}:
        return False
    layer["class_name"] = bare
    return True


@layer_rewrite("own", of=RESERVED)
def keep_own(layer: Config, settings: Config) -> bool:
    """A class of layersight that a file names, whose formula must not be computed."""
    layer["class_name"] = f"file>{layer['class_name']}"  # later rewrites add the real ones
    return False


@layer_rewrite("foreign")
def keep_foreign(layer: Config, settings: Config) -> bool:
    """A custom class with the name of a class of Keras, which gets its package as a prefix."""
    name, module = class_of(layer), layer.get("module")
    registered = layer.get("registered_name")
    if not isinstance(layer.get("class_name"), str) or ">" in name:
        return False
    if isinstance(registered, str) and ">" in registered:
        package = registered.rpartition(">")[0]
    else:
        package = module if isinstance(module, str) else "keras"
    if package.lower().partition(".")[0] not in KERAS_PACKAGES:
        layer["class_name"] = f"{package}>{name}"
    return False


@layer_rewrite(
    "library-layer",
    "layers of a library were replaced by the Keras layers that compute the same",
    of=EQUIVALENT,
)
def name_library_layers(layer: Config, settings: Config) -> bool:
    """A layer of a known library that computes the same as a layer of Keras."""
    layer["class_name"] = EQUIVALENT[layer["class_name"]]
    for key in ("module", "registered_name"):
        layer.pop(key, None)
    return True


@layer_rewrite(
    "random-size",
    "layers that change the size in training only were passed over",
    of=("RandomHeight", "RandomWidth"),
)
def skip_random_sizes(layer: Config, settings: Config) -> bool:
    """`RandomHeight` and `RandomWidth`, which change nothing outside training."""
    settings = {key: settings[key] for key in ("name", *INPUT_SETTINGS) if key in settings}
    replace_class(layer, "Identity", settings)
    return True


@rewrite(
    "optimised-wrapper",
    "layers wrapped for quantisation or pruning were taken alone, with their real weights",
)
def unwrap_optimised(config: Config) -> int:
    """A layer wrapped for pruning, clustering or quantisation, which is replaced by the layer."""
    count = 0
    for layer in each_layer(config):  # lazily, so that unwrapped layers are not visited again
        while bare_class(layer) in WRAPPERS:
            wrapped = settings_of(layer).get("layer")
            if not isinstance(wrapped, dict) or not isinstance(wrapped.get("config"), dict):
                break
            name = name_of(layer)
            layer["class_name"] = wrapped.get("class_name")
            layer["config"] = {**wrapped["config"], "name": name}
            layer.pop("build_config", None)
            layer.pop("module", None)
            note_inside(layer)
            count += 1
        if bare_class(layer) == "QuantizeLayer":
            layer["class_name"] = "Activation"
            layer["config"] = {"name": name_of(layer), "activation": "linear"}
            count += 1
        count += _unwrap_activations(settings_of(layer))
    return count


def _unwrap_activations(settings: Config) -> int:
    count = 0
    for key in ("activation", "recurrent_activation"):
        value: Any = settings.get(key)
        while isinstance(value, dict) and bare_class(value) in WRAPPED_ACTIVATIONS:
            value = settings_of(value).get("activation")
            count += 1
        if isinstance(value, dict) and bare_class(value) == "NoOpActivation":
            value = "linear"
        if key in settings:
            settings[key] = value
    return count


@layer_rewrite("cudnn", "CuDNN layers were replaced by the plain ones", of=CUDNN, before=KERAS_3)
def replace_cudnn(layer: Config, settings: Config) -> bool:
    """`CuDNNLSTM` and `CuDNNGRU`, the plain layers with the activations of CuDNN."""
    name = layer["class_name"]
    layer["class_name"] = CUDNN[name]
    settings |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
    if name == "CuDNNGRU":
        settings["reset_after"] = True
    return True
