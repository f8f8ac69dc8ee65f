"""Lambda layers of a file that its user trusts: Keras opens them, and their code runs.

The rule of this module: nothing calls it unless the user said ``trust``.
"""

from __future__ import annotations

import keras

from layersight.data.saved import Config

FUNCTIONS = ("function", "output_shape", "mask")  # the settings of a Lambda layer that may be code

KNOWN = (*FUNCTIONS, "arguments", "name", "dtype", "trainable")


def trusted_lambda(entry: Config) -> keras.layers.Lambda:
    """A Lambda layer, its code made by Keras."""
    inner = dict(entry["config"])
    settings = {key: _as_of_keras_3(inner[key]) for key in KNOWN if inner.get(key) is not None}
    if "output_shape" in inner and inner.get("output_shape_type", "raw") == "raw":
        shape = settings.get("output_shape")
        if isinstance(shape, list) and any(isinstance(part, str) for part in shape):
            del settings["output_shape"]
    return keras.layers.Lambda.from_config(settings, safe_mode=False)


def _as_of_keras_3(value: object) -> object:
    """Code as Keras 1 and 2 wrote it in the form of Keras 3."""
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)):
        return value
    return {
        "class_name": "__lambda__",
        "config": {"code": value[0], "defaults": value[1], "closure": value[2]},
    }
