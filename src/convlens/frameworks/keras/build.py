"""From a configuration to a model, with the layers of Keras alone.

The rule of this module: every class is looked up by its bare name among those that Keras
exports, whatever module the configuration names, so that nothing else can be imported or
called. Initialisers are replaced, since the file's weights overwrite what they would make:
on JAX most of the time of opening a model is spent in them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional  # not exported by name

from convlens.errors import ModelFileError, UnsafeModelError, near
from convlens.saved import SavedNetwork

REFUSED = {
    "Lambda": "holds Python code",
    "TorchModuleWrapper": "holds a pickle",
    "TFSMLayer": "loads another file",
    "JaxLayer": "holds Python code",
    "FlaxLayer": "holds Python code",
}
"""Layers of Keras that run code of the file or read other files."""

PLAIN = {"__keras_tensor__", "__tuple__", "__numpy__", "__tensor__", "__slice__", "__ellipsis__"}
"""Class names that stand for plain values."""

DROPPED = ("_regularizer", "_constraint")
"""Settings that only matter in training and may name anything."""


@keras.saving.register_keras_serializable(package="convlens")
class Unset(keras.initializers.Initializer):
    """Stands where an initialiser was: zeros from NumPy, which cost nothing to make."""

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """Zeros of that shape."""
        kind = keras.backend.standardize_dtype(dtype) if dtype else "float32"
        array = np.zeros(tuple(shape), "float32" if kind == "bfloat16" else kind)
        return keras.ops.convert_to_tensor(array, dtype=kind)


UNSET = {
    "module": None,
    "class_name": "Unset",
    "config": {},
    "registered_name": "convlens>Unset",
}


def build(network: SavedNetwork) -> Any:
    """Makes the model of a saved network; its weights are not set yet.

    Raises:
        ModelFileError: The configuration cannot be built; the message names the layer.
        UnsafeModelError: It needs code of its own to run.
    """
    config = network.config
    name = config.get("class_name")
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelFileError(
            f"{network.path} is a model of the class '{name}', which the author wrote: convlens "
            "does not run code from a file. Open it from Python and pass the live model."
        )
    safe = _sanitise(config, str(network.path), "the model")
    cls = keras.Sequential if safe["class_name"] == "Sequential" else keras.Model
    try:
        model = cls.from_config(safe["config"])
        if not model.built and (shape := _build_shape(config)):
            model.build(shape)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[0][:200] if lines else type(error).__name__
        raise ModelFileError(
            f"{network.path} ({network.kind}, Keras {network.keras_version or 'unknown'}) has a "
            f"configuration that Keras {keras.__version__} cannot build: {reason}"
        ) from error
    return model


def _build_shape(config: dict[str, Any]) -> Any:
    """The input shape that Keras 3 notes beside a model that was built by calling it."""
    noted = config.get("build_config")
    shape = noted.get("input_shape") if isinstance(noted, dict) else None
    return tuple(shape) if isinstance(shape, list) else None


def _sanitise(value: Any, path: str, where: str) -> Any:
    """A copy of a configuration in which every class is one that Keras exports."""
    if isinstance(value, list):
        return [_sanitise(item, path, where) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {
            key: _setting(key, item, path, where)
            for key, item in value.items()
            if not (isinstance(key, str) and key.endswith(DROPPED))
        }
    name = value["class_name"]
    if name in PLAIN:
        return value
    inner = value.get("config")
    label = inner.get("name") if isinstance(inner, dict) else None
    here = f"layer '{label or value.get('name')}'" if label or value.get("name") else where
    module, registered = _look_up(name, inner, value, path, here)
    copied = {
        key: _sanitise(item, path, here)
        for key, item in value.items()
        if key not in ("module", "registered_name", "build_config", "compile_config")
    }
    return {**copied, "module": module, "registered_name": registered}


def _setting(key: Any, item: Any, path: str, where: str) -> Any:
    if isinstance(key, str) and key.endswith("_initializer") and item is not None:
        return dict(UNSET)
    return _sanitise(item, path, where)


def _look_up(
    name: Any, inner: Any, entry: dict[str, Any], path: str, where: str
) -> tuple[str, str | None]:
    """The public place of a class, never what the configuration says of it."""
    if not isinstance(name, str):
        raise ModelFileError(f"{path}: {where} names no class")
    if name in ("Functional", "Model"):
        entry["class_name"] = "Functional"
        return Functional.__module__, "Functional"
    if name in REFUSED:
        raise UnsafeModelError(
            f"{path}: {where} is a {name} layer, which {REFUSED[name]}: convlens does not run "
            "code from a file. Open it from Python and pass the live model."
        )
    if name == "function":
        if isinstance(inner, str) and hasattr(keras.activations, inner):
            return "builtins", inner
        raise UnsafeModelError(f"{path}: {where} names a function '{inner}' that Keras has not")
    if name == "Sequential":
        return "keras", None
    for module in (keras.layers, keras.initializers, keras.dtype_policies, keras.activations):
        found = getattr(module, name, None)
        if isinstance(found, type) and found.__module__.partition(".")[0] == "keras":
            return module.__name__, None
    raise ModelFileError(
        f"{path}: {where} is of the class '{name}', which Keras {keras.__version__} does not "
        f"have: convlens does not run code from a file.{near(name, dir(keras.layers))} Open it "
        "from Python and pass the live model."
    )
