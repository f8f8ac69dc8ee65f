"""Layers of tf_keras from a configuration, by their bare names and from plain settings.

The rule of this module: a class is one that ``tf_keras.layers`` exports, and its settings are
numbers, text and lists of them. Nothing is deserialised by tf_keras itself, which would look
classes up by module and run the code of a Lambda.
"""

from __future__ import annotations

import inspect
from typing import Any

import tensorflow as tf
import tf_keras

from convlens.errors import ModelFileError
from convlens.frameworks.keras.lookup import ALWAYS, ON_TEXT, OUTSIDE, REFUSED
from convlens.frameworks.keras.ranges import check_settings
from convlens.frameworks.keras.sizes import count_weights
from convlens.loading.rewrites.activations import OLD_HARD_SIGMOID
from convlens.loading.rewrites.walking import name_of, settings_of
from convlens.saved import Config

LEFT_OUT = (*REFUSED, *ON_TEXT, *OUTSIDE, "DenseFeatures", "RNN", "StackedRNNCells", "Layer")
"""Layers that run code, read files, take no images, or hold what is no plain setting."""

OLD_NAMES = {("LeakyReLU", "negative_slope"): "alpha"}
"""Settings that the rewrites gave the names of Keras 3."""


@tf_keras.utils.register_keras_serializable(package="convlens")  # Bidirectional copies it
class Unset(tf_keras.initializers.Initializer):  # type: ignore[misc]
    """Zeros in the place of an initialiser; each weight is counted before it is made."""

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """Zeros of that shape."""
        count_weights(tuple(shape))
        return tf.zeros(shape, dtype or "float32")


def make_layer(entry: Config, where: str) -> Any:
    """A layer of tf_keras.

    Args:
        entry: Its configuration, upgraded.
        where: The layer in words, for messages.

    Raises:
        ModelFileError: tf_keras does not have it, or it holds more than plain settings.
    """
    kind = str(entry.get("class_name"))
    cls = _find(kind)
    if cls is None:
        raise ModelFileError(f"{where} is of the class '{kind:.60}'")
    settings: Config = {}
    known = _known_settings(cls)
    for key, value in settings_of(entry).items():
        name = OLD_NAMES.get((kind, key), key)
        if name in known:
            settings[name] = _setting(name, value, cls, where)
        elif value is not None and name not in ALWAYS:
            raise ModelFileError(f"{where} has the setting '{name:.60}'")
    check_settings(settings, where)
    for name in known:
        if name.endswith("_initializer"):
            settings[name] = Unset()
    return cls(**{**settings, "name": name_of(entry)})


def _find(kind: str) -> type[Any] | None:
    found = getattr(tf_keras.layers, kind, None)
    if kind in LEFT_OUT or not isinstance(found, type):
        return None
    if not issubclass(found, tf_keras.layers.Layer) or not found.__module__.startswith("tf_keras."):
        return None
    return found


def _known_settings(cls: type[Any]) -> set[str]:
    """The settings that a class and those above it take."""
    known = {"name", "dtype"}
    for base in cls.__mro__:
        if base is tf_keras.layers.Layer:
            break
        if "__init__" in base.__dict__:
            parameters = inspect.signature(base.__dict__["__init__"]).parameters
            known |= {key for key, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                break
    if issubclass(cls, tf_keras.layers.RNN):
        known |= {"return_sequences", "return_state", "go_backwards", "time_major", "unroll"}
    return known - {"self", "args"}


def _setting(key: str, value: Any, cls: type[Any], where: str) -> Any:
    if issubclass(cls, tf_keras.layers.Wrapper) and key in ("layer", "backward_layer"):
        return None if value is None else make_layer(value, f"{where}, inside it")
    if key.endswith("activation") and isinstance(value, str):
        name = "hard_sigmoid" if value == OLD_HARD_SIGMOID else value
        if name in ("get", "serialize", "deserialize") or name.startswith("_"):
            raise ModelFileError(f"{where} has the activation '{name:.60}'")
        if not callable(getattr(tf_keras.activations, name, None)):
            raise ModelFileError(f"{where} has the activation '{name:.60}'")
        return name
    if not key.endswith(("_initializer", "_regularizer", "_constraint")):
        _check_plain(value, key, where)
        return value
    return None


def _check_plain(value: Any, key: str, where: str) -> None:
    if isinstance(value, list):
        for item in value:
            _check_plain(item, key, where)
    elif not isinstance(value, str | int | float | bool | None):
        raise ModelFileError(f"{where} holds an object as '{key:.60}'")
