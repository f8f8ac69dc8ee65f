"""Settings of layers: activations, types, shapes, and settings that do not change the result.

The rule of this module: a setting is dropped only if it is listed here, for that layer, with
that value. Any other that Keras 3 does not know is an error when the layer is built.
"""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import KERAS_3, class_of, layer_rewrite, settings_of

ANY = object()  # any value

# Settings that are dropped from all layers that do not know them.
EVERYWHERE: dict[str, Any] = {
    "batch_input_shape": ANY,
    "input_shape": ANY,
    "input_dtype": ANY,
    "build_input_shape": ANY,
    "input_length": ANY,
    "time_major": False,
    "implementation": ANY,
    "groups": 1,
    "experimental_autocast": ANY,
    "dynamic": False,
    "batch_size": None,
    "zero_output_for_mask": False,
    "mask_zero": False,
    "weights": None,
    "dtype_policy": ANY,
    "registered_name": ANY,
    "ragged": False,
    "sparse": False,
}
OF_KERNEL = dict.fromkeys(("kernel_initializer", "kernel_regularizer", "kernel_constraint"), ANY)

# Settings that are dropped from layers whose class begins with the key.
OF_CLASS: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"fused": ANY, "virtual_batch_size": ANY, "adjustment": None},
    "SeparableConv": OF_KERNEL,
    "DepthwiseConv": {**OF_KERNEL, "filters": None},
    "MultiHeadAttention": {
        **dict.fromkeys(("query_shape", "key_shape", "value_shape"), ANY),
        "softmax_robust_masking": False,
    },
    # Layers that pass images through unchanged when they are not training.
    "Random": {"value_range": ANY, "rng_type": ANY, "force_generator": ANY},
    "SpatialDropout": {"noise_shape": ANY, "rng_type": ANY, "force_generator": ANY},
    "Dropout": {"rng_type": ANY, "force_generator": ANY},
    "AdditiveAttention": {"score_mode": ANY},
    **{
        name: {"input_dim": ANY}
        for name in (
            *("Dense", "MaxoutDense", "LocallyConnected", "Conv", "LSTM", "GRU", "SimpleRNN"),
            *("Bidirectional", "TimeDistributed"),
        )
    },
    "Highway": {"input_dim": ANY, "transform_bias": ANY},
}

# Classes of layers for which Keras 3 knows a setting of the tables above, so that it is kept.
KNOWN: dict[str, tuple[str, ...]] = {
    "groups": ("Conv1D", "Conv2D", "Conv3D", "GroupNormalization"),
    "mask_zero": ("Embedding",),
    "weights": ("Embedding", "Bidirectional"),
    "zero_output_for_mask": ("RNN",),
    "sparse": ("InputLayer", "CategoryEncoding", "TextVectorization", "Hashing", "IntegerLookup"),
    "ragged": ("InputLayer", "TextVectorization"),
    "input_shape": (),
    "implementation": ("LocallyConnected1D", "LocallyConnected2D"),
    "value_range": (
        *("RandomContrast", "RandomBrightness", "RandomColorJitter", "RandomSaturation"),
        *("RandomHue", "RandomSharpness", "RandomInvert", "RandomPosterization"),
        *("RandomColorDegeneration", "RandomErasing", "RandomGaussianBlur", "RandomPerspective"),
        "RandomElasticTransform",
    ),
    "score_mode": ("Attention",),
}

# Settings of batch renormalisation, which Keras has again since 3.14.
RENORM = ("renorm", "renorm_clipping", "renorm_momentum")

# Settings that Keras 3 itself writes, which are dropped without a message.
QUIET = {"sparse", "ragged", "build_input_shape"}


@layer_rewrite(
    "harmless-settings",
    "settings that Keras 3 does not know and that change no result were dropped",
)
def drop_harmless(layer: Config, settings: Config) -> bool:
    """A layer with settings that Keras 3 does not know and that change no result."""
    name = str(layer.get("class_name"))
    droppable = {**EVERYWHERE}
    for start, of_class in OF_CLASS.items():
        if name.startswith(start):
            droppable |= of_class
    dropped = [
        key
        for key, value in settings.items()
        if key in droppable
        and name not in KNOWN.get(key, ())
        and (
            droppable[key] is ANY
            or (type(value) is type(droppable[key]) and value == droppable[key])
        )
    ]
    for key in dropped:
        del settings[key]
    return any(key not in QUIET for key in dropped)


@layer_rewrite(
    "renormalisation",
    "batch renormalisation, which matters in training only, was dropped",
    of=("BatchNormalization",),
    before=KERAS_3,
)
def drop_renorm(layer: Config, settings: Config) -> bool:
    """A BatchNormalization with batch renormalisation, which matters in training only."""
    dropped = [settings.pop(key, None) for key in RENORM]
    return bool(dropped[0])


@layer_rewrite("policies")
def name_policy(layer: Config, settings: Config) -> bool:
    """A dtype given as a policy, which is replaced by its name."""
    policy = settings.get("dtype")
    if not isinstance(policy, dict):
        return False
    name, kind = settings_of(policy).get("name"), policy.get("class_name")
    if kind not in ("Policy", "DTypePolicy", "PolicyV1", "FloatDTypePolicy"):
        return False
    settings["dtype"] = name if isinstance(name, str) else "float32"
    return kind in ("Policy", "PolicyV1")


@layer_rewrite("axis", of=("BatchNormalization",))
def unlist_axis(layer: Config, settings: Config) -> bool:
    """A BatchNormalization whose axis is a list of one."""
    axis = settings.get("axis")
    if not isinstance(axis, list) or len(axis) != 1 or not isinstance(axis[0], int):
        return False
    settings["axis"] = axis[0]
    return True


@layer_rewrite("batch-shape", of=("InputLayer",))
def name_batch_shape(layer: Config, settings: Config) -> bool:
    """An input layer whose shape is called `batch_input_shape` (up to tf.keras 2.15)."""
    if "batch_input_shape" not in settings:
        return False
    shape = settings.pop("batch_input_shape")
    settings.setdefault("batch_shape", shape)
    return True


@layer_rewrite("free-batch", "a fixed number of images became any number")
def free_batch(layer: Config, settings: Config) -> bool:
    """An input of a fixed number of images, or a stateful layer."""
    shape = settings.get("batch_shape")
    if settings.get("stateful") is True:
        settings["stateful"] = False
    if not isinstance(shape, list) or not shape or shape[0] is None:
        return False
    settings["batch_shape"] = [None, *shape[1:]]
    return True


@layer_rewrite(
    "reset-before",
    "GRU layers reset before the product, as they did when the file was saved",
    of=("GRU", "GRUCell"),
    before=KERAS_3,
)
def state_old_reset(layer: Config, settings: Config) -> bool:
    """A GRU from before the setting `reset_after`, whose default in Keras 3 is the other one."""
    if "reset_after" in settings:
        return False
    settings["reset_after"] = False
    return True


@layer_rewrite("training-settings")
def drop_training(layer: Config, settings: Config) -> bool:
    """Regularisers, constraints and the like, which matter in training only."""
    for key in settings:
        if key.endswith(("_regularizer", "_constraint")):
            settings[key] = None
    layer.pop("compile_config", None)
    return False


# Layers that some files have as an activation, and the functions that they are by default.
LAYERS = {
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "Softmax": "softmax",
    "Swish": "silu",
    "Mish": "mish",
    "HSwish": "hard_silu",
}

DEFAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "LeakyReLU": ({"alpha": 0.2}, {"negative_slope": 0.2}),
    "ReLU": ({}, {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "ELU": ({}, {"alpha": 1.0}),
    "Softmax": ({}, {"axis": -1}),
}

# Names of functions in TensorFlow and old versions of Keras.
FUNCTIONS = {
    **dict.fromkeys(("hard_swish", "hswish", "h_swish"), "hard_silu"),
    **dict.fromkeys(("_relu6", "relu6", "Relu6"), "relu6"),
    **dict.fromkeys(("log_softmax", "log_softmax_v2"), "log_softmax"),
    "softmax_v2": "softmax",
    "relu_v2": "relu",
    "swish": "silu",
    "gelu_v2": "gelu",
    "leaky_relu_v2": "leaky_relu",
}

# Functions of tensorflow_addons, as functions of Keras or, where it has none, of layersight.
OF_ADDONS = {
    **{name: f"addons_{name}" for name in ("gelu", "lisht", "rrelu", "snake", "sparsemax")},
    "hardshrink": "hard_shrink",
    "softshrink": "soft_shrink",
    "tanhshrink": "tanh_shrink",
    "mish": "mish",
}

KEYS = ("activation", "recurrent_activation")

# clip(0.2 x + 0.5, 0, 1); Keras 3 has clip(x / 6 + 0.5, 0, 1) under the old name.
OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"


@layer_rewrite("activations")
def name_activations(layer: Config, settings: Config) -> bool:
    """An activation under an old name, or given as an object."""
    changed = False
    for key in KEYS:
        if key in settings:
            name = _activation_name(settings[key])
            changed = changed or name != settings[key]
            settings[key] = name
    return changed


def _activation_name(value: Any) -> Any:
    """The name of an activation that is a known function or a layer with default settings."""
    if isinstance(value, str):
        package, _, bare = value.rpartition(">")
        table = OF_ADDONS if package == "Addons" else FUNCTIONS
        return table.get(bare, bare)
    if not isinstance(value, dict):
        return value
    name, inner = value.get("class_name"), value.get("config")
    registered = value.get("registered_name")
    if name == "function" and isinstance(registered, str) and registered.startswith("Addons>"):
        return _activation_name(registered)
    if name == "function" and isinstance(inner, str):
        return FUNCTIONS.get(inner, inner)
    if isinstance(name, str) and isinstance(inner, dict):
        bare = name.rpartition(">")[2]
        extra = {k: v for k, v in inner.items() if k not in ("name", "trainable", "dtype")}
        if bare == "Activation" and set(extra) == {"activation"}:
            return _activation_name(extra["activation"])
        if bare in LAYERS and extra in DEFAULTS.get(bare, ({},)):
            return LAYERS[bare]
        if bare == "LeakyReLU" and "alpha" in extra:
            slope = _number(extra["alpha"])
            return {"class_name": bare, "config": {"negative_slope": slope}}
        if bare in FUNCTIONS and not extra:
            return FUNCTIONS[bare]
        if bare == "ReLU" and extra.get("max_value") == 6 and not extra.get("negative_slope"):
            return "relu6"
    return value


@layer_rewrite(
    "slopes",
    "settings of activation layers were given the names of Keras 3",
    of=("LeakyReLU", "ELU", "ThresholdedReLU"),
)
def rename_alpha(layer: Config, settings: Config) -> bool:
    """Activation layers whose settings have another name in Keras 3."""
    name = class_of(layer)
    if name == "LeakyReLU" and "alpha" in settings:
        settings.setdefault("negative_slope", _number(settings.pop("alpha")))
    elif name == "ELU" and isinstance(settings.get("alpha"), dict | list):
        settings["alpha"] = _number(settings["alpha"])
    elif name == "ThresholdedReLU":
        layer["class_name"] = "ReLU"
        threshold = _number(settings.pop("theta", 1.0))
        layer["config"] = {**settings, "threshold": threshold}
    else:
        return False
    return True


def _number(value: Any) -> Any:
    """A number that an old version wrote as an array."""
    if isinstance(value, dict):
        value = value.get("value")
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


@layer_rewrite("hard-sigmoid", "hard_sigmoid is that of Keras 2, clip(0.2 x + 0.5)", before=KERAS_3)
def keep_old_hard_sigmoid(layer: Config, settings: Config) -> bool:
    """The `hard_sigmoid` of Keras 1 and 2, which has another slope in Keras 3."""
    old = [key for key in KEYS if settings.get(key) == "hard_sigmoid"]
    settings.update(dict.fromkeys(old, OLD_HARD_SIGMOID))
    return bool(old)
