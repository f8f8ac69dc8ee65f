"""Settings that no layer of Keras 3 knows and that change nothing of what it computes.

The rule of this module: a setting is dropped only if it is listed here, for that layer, with
that value. What is left over and unknown to Keras 3 is an error when the layer is built.
"""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import count_layers, each_layer, settings_of

ANY = object()
"""Stands for: whatever the value."""

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
"""Settings that are dropped from every layer that does not know them."""

OF_CLASS: dict[str, dict[str, Any]] = {
    "BatchNormalization": {
        "fused": ANY,
        "virtual_batch_size": ANY,
        "adjustment": None,
    },
    "SeparableConv": {
        "kernel_initializer": ANY,
        "kernel_regularizer": ANY,
        "kernel_constraint": ANY,
    },
    "DepthwiseConv": {
        "kernel_initializer": ANY,
        "kernel_regularizer": ANY,
        "kernel_constraint": ANY,
        "filters": None,
    },
    "MultiHeadAttention": {
        "query_shape": ANY,
        "key_shape": ANY,
        "value_shape": ANY,
        "softmax_robust_masking": False,
    },
    # Layers that pass images through unchanged when they are not training.
    "Random": {"value_range": ANY, "rng_type": ANY, "force_generator": ANY},
    "SpatialDropout": {"noise_shape": ANY, "rng_type": ANY, "force_generator": ANY},
    "Dropout": {"rng_type": ANY, "force_generator": ANY},
    "AdditiveAttention": {"score_mode": ANY},
    "Dense": {"input_dim": ANY},
    "MaxoutDense": {"input_dim": ANY},
    "Highway": {"input_dim": ANY, "transform_bias": ANY},
    "LocallyConnected": {"input_dim": ANY},
    "LSTM": {"input_dim": ANY},
    "GRU": {"input_dim": ANY},
    "SimpleRNN": {"input_dim": ANY},
    "Conv": {"input_dim": ANY},
    "Bidirectional": {"input_dim": ANY},
    "TimeDistributed": {"input_dim": ANY},
}
"""Settings that are dropped from layers whose class begins so."""

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
"""Where a setting of the lists above is one that Keras 3 knows: left there."""


RENORM = ("renorm", "renorm_clipping", "renorm_momentum")
"""The settings of batch renormalisation, which Keras knows again since 3.14."""

QUIET = {"sparse", "ragged", "build_input_shape"}
"""Settings that Keras 3 writes itself: dropped without a word."""


def drop_harmless(config: Config) -> int:
    """A layer with settings that Keras 3 does not know and that change no result."""

    def change(layer: Config) -> bool:
        inner, name = settings_of(layer), str(layer.get("class_name"))
        known = {**EVERYWHERE}
        for start, settings in OF_CLASS.items():
            if name.startswith(start):
                known |= settings
        dropped = [key for key in inner if _is_harmless(key, inner[key], name, known)]
        for key in dropped:
            del inner[key]
        return any(key not in QUIET for key in dropped)

    return count_layers(config, change)


def _is_harmless(key: str, value: Any, name: str, known: dict[str, Any]) -> bool:
    if key not in known or name in KNOWN.get(key, ()):
        return False
    wanted = known[key]
    return wanted is ANY or (type(value) is type(wanted) and value == wanted)


def drop_renorm(config: Config) -> int:
    """A BatchNormalization with batch renormalisation, which matters in training only."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        if layer.get("class_name") != "BatchNormalization":
            return False
        dropped = [inner.pop(key, None) for key in RENORM]
        return bool(dropped[0])

    return count_layers(config, change)


def take_policy(config: Config) -> int:
    """A dtype given as a policy: its name."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        policy = inner.get("dtype")
        if not isinstance(policy, dict):
            return False
        name = settings_of(policy).get("name")
        kind = policy.get("class_name")
        if kind not in ("Policy", "DTypePolicy", "PolicyV1", "FloatDTypePolicy"):
            return False
        inner["dtype"] = name if isinstance(name, str) else "float32"
        return kind in ("Policy", "PolicyV1")

    return count_layers(config, change)


def take_axis(config: Config) -> int:
    """A BatchNormalization whose axis is a list of one."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        axis = inner.get("axis")
        if layer.get("class_name") != "BatchNormalization" or not isinstance(axis, list):
            return False
        if len(axis) != 1 or not isinstance(axis[0], int):
            return False
        inner["axis"] = axis[0]
        return True

    return count_layers(config, change)


def name_batch_shape(config: Config) -> int:
    """An input layer whose shape is called ``batch_input_shape`` (up to tf.keras 2.15)."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        if layer.get("class_name") != "InputLayer" or "batch_input_shape" not in inner:
            return False
        shape = inner.pop("batch_input_shape")
        inner.setdefault("batch_shape", shape)
        return True

    return count_layers(config, change)


def free_batch(config: Config) -> int:
    """An input of a fixed number of images: of any number, starting from no state."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        shape = inner.get("batch_shape")
        if inner.get("stateful") is True:
            inner["stateful"] = False
        if not isinstance(shape, list) or not shape or shape[0] is None:
            return False
        inner["batch_shape"] = [None, *shape[1:]]
        return True

    return count_layers(config, change)


def forget_training(config: Config) -> int:
    """Regularisers, constraints and the like, which matter in training only."""
    for layer in each_layer(config):
        inner = settings_of(layer)
        for key in [key for key in inner if key.endswith(("_regularizer", "_constraint"))]:
            inner[key] = None
        layer.pop("compile_config", None)
    return 0
