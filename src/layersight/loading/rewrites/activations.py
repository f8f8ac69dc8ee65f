"""Activation functions and layers of activation."""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import KERAS_3, class_of, layer_rewrite

# Layers that some files give as an activation, and the functions that they are with their defaults.
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

# Functions under the names that TensorFlow and old Keras gave them.
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

# Functions of tensorflow_addons: those of Keras, or of layersight where Keras has no equal.
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
            name = _plain(settings[key])
            changed = changed or name != settings[key]
            settings[key] = name
    return changed


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
        extra = {k: v for k, v in inner.items() if k not in ("name", "trainable", "dtype")}
        if bare == "Activation" and set(extra) == {"activation"}:
            return _plain(extra["activation"])
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
def rename_slopes(layer: Config, settings: Config) -> bool:
    """Layers of activation whose settings have another name in Keras 3."""
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
