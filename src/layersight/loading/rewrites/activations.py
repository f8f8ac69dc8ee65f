"""Activation functions and layers of activation."""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import count_layers, settings_of

LAYERS = {
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "Softmax": "softmax",
    "Swish": "silu",
    "Mish": "mish",
    "HSwish": "hard_silu",
}
"""Layers that some gave as an activation, and the functions that they are with their defaults."""

FUNCTIONS = {
    "softmax_v2": "softmax",
    "relu_v2": "relu",
    "swish": "silu",
    "hard_swish": "hard_silu",
    "hswish": "hard_silu",
    "h_swish": "hard_silu",
    "gelu_v2": "gelu",
    "log_softmax_v2": "log_softmax",
    "log_softmax": "log_softmax",
    "leaky_relu_v2": "leaky_relu",
    "_relu6": "relu6",
    "relu6": "relu6",
    "Relu6": "relu6",
}
"""Functions under the names that TensorFlow and old Keras gave them."""

OF_ADDONS = {
    "gelu": "addons_gelu",
    "lisht": "addons_lisht",
    "rrelu": "addons_rrelu",
    "snake": "addons_snake",
    "hardshrink": "hard_shrink",
    "softshrink": "soft_shrink",
    "tanhshrink": "tanh_shrink",
    "mish": "mish",
    "sparsemax": "addons_sparsemax",
}
"""Functions of tensorflow_addons: those of Keras, or of layersight where Keras has no equal."""

KEYS = ("activation", "recurrent_activation")

OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"
"""``clip(0.2 x + 0.5, 0, 1)``; Keras 3 has ``clip(x / 6 + 0.5, 0, 1)`` under the old name."""


def name_activations(config: Config) -> int:
    """An activation under an old name, or given as an object."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        changed = False
        for key in KEYS:
            if key in inner:
                plain = _plain(inner[key])
                changed = changed or plain != inner[key]
                inner[key] = plain
        return changed

    return count_layers(config, change)


def _plain(value: Any) -> Any:
    """An activation by its name where it is a known function or a layer's default."""
    if isinstance(value, str):
        package, _, bare = value.rpartition(">")
        table = OF_ADDONS if package == "Addons" else FUNCTIONS
        return table.get(bare, bare)
    if not isinstance(value, dict):
        return value
    name, inner = value.get("class_name"), value.get("config")
    registered = value.get("registered_name")
    if name == "function" and isinstance(registered, str) and registered.startswith("Addons>"):
        return _plain(registered)
    if name == "function" and isinstance(inner, str):
        return FUNCTIONS.get(inner, inner)
    if isinstance(name, str) and isinstance(inner, dict):
        bare = name.rpartition(">")[2]
        extra = {key: item for key, item in inner.items() if key not in _IGNORED}
        if bare == "Activation" and set(extra) == {"activation"}:
            return _plain(extra["activation"])
        if bare in LAYERS and extra in _DEFAULTS.get(bare, ({},)):
            return LAYERS[bare]
        if bare == "LeakyReLU" and "alpha" in extra:
            slope = _number(extra["alpha"])
            return {"class_name": bare, "config": {"negative_slope": slope}}
        if bare in FUNCTIONS and not extra:
            return FUNCTIONS[bare]
        if bare == "ReLU" and extra.get("max_value") == 6 and not extra.get("negative_slope"):
            return "relu6"
    return value


_IGNORED = {"name", "trainable", "dtype"}
_DEFAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "LeakyReLU": ({"alpha": 0.2}, {"negative_slope": 0.2}),
    "ReLU": ({}, {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "ELU": ({}, {"alpha": 1.0}),
    "Softmax": ({}, {"axis": -1}),
}


def name_slopes(config: Config) -> int:
    """Layers of activation whose settings Keras 3 calls otherwise."""

    def change(layer: Config) -> bool:
        inner, name = settings_of(layer), layer.get("class_name")
        if name == "LeakyReLU" and "alpha" in inner:
            inner.setdefault("negative_slope", _number(inner.pop("alpha")))
            return True
        if name == "ELU" and isinstance(inner.get("alpha"), dict | list):
            inner["alpha"] = _number(inner["alpha"])
            return True
        if name == "ThresholdedReLU":
            layer["class_name"] = "ReLU"
            threshold = _number(inner.pop("theta", 1.0))
            layer["config"] = {**inner, "threshold": threshold}
            return True
        return False

    return count_layers(config, change)


def _number(value: Any) -> Any:
    """A number that an old version wrote as an array."""
    if isinstance(value, dict):
        value = value.get("value")
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def keep_old_hard_sigmoid(config: Config) -> int:
    """``hard_sigmoid`` of Keras 1 and 2, which has another slope in Keras 3."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        changed = False
        for key in KEYS:
            if inner.get(key) == "hard_sigmoid":
                inner[key] = OLD_HARD_SIGMOID
                changed = True
        return changed

    return count_layers(config, change)
