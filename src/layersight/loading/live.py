"""A live model of the package ``tf_keras`` (Keras 2), read as data like a file of Keras 2.

People who set ``TF_USE_LEGACY_KERAS=1`` have such models. Nothing of the package is imported
here: the model is asked for its own configuration and weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from layersight.data.saved import LayerWeights, SavedNetwork
from layersight.errors import ModelFileError
from layersight.loading.contents import Contents
from layersight.loading.frameworks import packages_of
from layersight.loading.networks import network_of

# The classes of models whose configuration says what they compute.
GRAPHS = ("Sequential", "Functional", "Model")


def is_keras_2(model: Any) -> bool:
    """Whether an object is a model of the package ``tf_keras``."""
    return "tf_keras" in packages_of(model) and hasattr(model, "to_json")


def read_live(model: Any) -> SavedNetwork:
    """Takes configuration and weights of a live model of Keras 2."""
    unusable = ModelFileError(
        f"expected a sequential or functional model of tf_keras, found {type(model).__name__}, "
        "which has no configuration of its own: build it with Keras 3 and pass that"
    )
    try:
        config = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise unusable from error
    if config.get("class_name") not in GRAPHS:
        raise unusable
    version = str(config.get("keras_version", "2"))
    layers = [_weights_of(layer) for layer in model.layers]
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for layer in layers:
        for array in layer.arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return network_of(
        Path("a live model of tf_keras"),
        f"Keras {version}",
        config,
        version,
        Contents(layers=layers),
        backend="tensorflow",
        digest=f"sha256:{digest.hexdigest()}",
    )


def _weights_of(layer: Any) -> LayerWeights:
    """The weights of a layer, in the order in which Keras 2 saves them."""
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    return LayerWeights(
        layer.name,
        tuple(str(variable.name) for variable in variables),
        tuple(np.asarray(variable.numpy()) for variable in variables),
    )
