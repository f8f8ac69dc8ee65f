"""Wrappers of tensorflow-model-optimization around layers of Keras.

What they add matters in training only (pruning, clustering) or rounds what the layer
computes to what an 8-bit device would (quantisation): the layer itself is kept, with its
real weights.
"""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.names import note_inside
from layersight.loading.rewrites.walking import each_layer, name_of, settings_of

WRAPPERS = (
    *("QuantizeWrapper", "QuantizeWrapperV2", "QuantizeAnnotate"),
    *("PruneLowMagnitude", "ClusterWeights", "ClusterWeightsMHA"),
)

ACTIVATIONS = ("QuantizeAwareActivation", "QuantizeActivation")


def unwrap_optimised(config: Config) -> int:
    """A layer wrapped for pruning, clustering or quantisation: the layer alone."""
    count = 0
    for layer in each_layer(config):
        while _bare(layer.get("class_name")) in WRAPPERS:
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
        if _bare(layer.get("class_name")) == "QuantizeLayer":
            layer["class_name"] = "Activation"
            layer["config"] = {"name": name_of(layer), "activation": "linear"}
            count += 1
        count += _unwrap_activations(settings_of(layer))
    return count


def _unwrap_activations(inner: Config) -> int:
    count = 0
    for key in ("activation", "recurrent_activation"):
        value: Any = inner.get(key)
        while isinstance(value, dict) and _bare(value.get("class_name")) in ACTIVATIONS:
            value = settings_of(value).get("activation")
            count += 1
        if isinstance(value, dict) and _bare(value.get("class_name")) == "NoOpActivation":
            value = "linear"
        if key in inner:
            inner[key] = value
    return count


def _bare(name: Any) -> str:
    return name.rpartition(">")[2] if isinstance(name, str) else ""
