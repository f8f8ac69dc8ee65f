"""Recurrent layers: defaults that changed and classes that are gone."""

from __future__ import annotations

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import count_layers, settings_of

CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}


def state_old_defaults(config: Config) -> int:
    """A GRU from before ``reset_after``: it reset before, where Keras 3 resets after."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        if layer.get("class_name") not in ("GRU", "GRUCell") or "reset_after" in inner:
            return False
        inner["reset_after"] = False
        return True

    return count_layers(config, change)


def replace_cudnn(config: Config) -> int:
    """``CuDNNLSTM`` and ``CuDNNGRU``: the plain layers with the activations of CuDNN."""

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if not isinstance(name, str) or name not in CUDNN:
            return False
        inner = settings_of(layer)
        layer["class_name"] = CUDNN[name]
        inner |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
        if name == "CuDNNGRU":
            inner["reset_after"] = True
        return True

    return count_layers(config, change)
