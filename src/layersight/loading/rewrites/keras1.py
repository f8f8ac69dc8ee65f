"""The names that Keras 1 gave to layers and to their settings."""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import count_layers, name_of, settings_of

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "SeparableConvolution1D": "SeparableConv1D",
}
"""What the layers are called since Keras 2."""

SETTINGS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "bias": "use_bias",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
    "gamma_init": "gamma_initializer",
    "beta_init": "beta_initializer",
    "W_regularizer": "kernel_regularizer",
    "W_constraint": "kernel_constraint",
    "b_regularizer": "bias_regularizer",
    "b_constraint": "bias_constraint",
    "U_regularizer": "recurrent_regularizer",
    "U_constraint": "recurrent_constraint",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
"""What the settings are called since Keras 2, whatever the layer."""

OF_CLASS = {
    ("Dense", "output_dim"): "units",
    ("MaxoutDense", "output_dim"): "units",
    ("LSTM", "output_dim"): "units",
    ("GRU", "output_dim"): "units",
    ("SimpleRNN", "output_dim"): "units",
    ("Dropout", "p"): "rate",
    ("SpatialDropout1D", "p"): "rate",
    ("SpatialDropout2D", "p"): "rate",
    ("SpatialDropout3D", "p"): "rate",
    ("GaussianDropout", "p"): "rate",
    ("AlphaDropout", "p"): "rate",
    ("GaussianNoise", "sigma"): "stddev",
    ("UpSampling1D", "length"): "size",
    ("PReLU", "init"): "alpha_initializer",
    ("Embedding", "init"): "embeddings_initializer",
    ("Embedding", "W_regularizer"): "embeddings_regularizer",
    ("Embedding", "W_constraint"): "embeddings_constraint",
}
"""The same for settings whose meaning hangs on the layer."""

SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
"""The sizes of a kernel, each a setting of its own."""

ORDERS = {"th": "channels_first", "tf": "channels_last"}

FORGOTTEN = ("consume_less", "forget_bias_init", "input_dtype")
"""Settings that only told how to train or to compute."""

WITH_ORDER = (
    "Conv",
    "Pooling",
    "UpSampling",
    "ZeroPadding",
    "Cropping",
    "SpatialDropout",
    "Locally",
)


def rename_classes(config: Config) -> int:
    """A layer of a class that Keras 2 renamed."""

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if not isinstance(name, str) or name not in CLASSES:
            return False
        layer["class_name"] = CLASSES[name]
        return True

    return count_layers(config, change)


def rename_settings(config: Config) -> int:
    """A layer with settings that Keras 2 renamed."""

    def change(layer: Config) -> bool:
        inner, name = settings_of(layer), str(layer.get("class_name"))
        changed = _join_sizes(inner)
        for old in list(inner):
            new = OF_CLASS.get((name, old)) or SETTINGS.get(old)
            if new is None or (old == "bias" and not isinstance(inner[old], bool)):
                continue
            value = inner.pop(old)
            inner.setdefault(new, value)
            changed = True
        if "dim_ordering" in inner:
            order = inner.pop("dim_ordering")
            if any(part in str(name) for part in WITH_ORDER):
                inner["data_format"] = ORDERS.get(order, "channels_last")
            changed = True
        for old in FORGOTTEN:
            changed = inner.pop(old, None) is not None or changed
        return changed

    return count_layers(config, change)


def _join_sizes(inner: Config) -> bool:
    """Makes one ``kernel_size`` of the sizes along each axis."""
    for sizes in SIZES:
        if all(size in inner for size in sizes):
            inner["kernel_size"] = [inner.pop(size) for size in sizes]
            return True
    return False


def fix_kernel_padding(config: Config) -> int:
    """Transposed convolutions with an ``output_shape``, which only Theano needed to know."""

    def change(layer: Config) -> bool:
        if layer.get("class_name") not in ("Conv2DTranspose", "Conv3DTranspose"):
            return False
        return settings_of(layer).pop("output_shape", None) is not None

    return count_layers(config, change)


def flatten_as_stored(config: Config) -> int:
    """A Flatten that says nothing of the order of axes: it took them as they were."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        if layer.get("class_name") != "Flatten" or inner.get("data_format") is not None:
            return False
        inner["data_format"] = "channels_last"
        return False  # the same as Keras 3 does, unless the user's own configuration differs

    return count_layers(config, change)


def check_normalisation_mode(config: Config) -> int:
    """A BatchNormalization of Keras 1: only mode 0 is what Keras 2 and 3 compute."""

    def change(layer: Config) -> bool:
        inner = settings_of(layer)
        if layer.get("class_name") != "BatchNormalization" or "mode" not in inner:
            return False
        mode: Any = inner.pop("mode")
        if mode != 0:
            raise ModelFileError(
                f"layer '{name_of(layer)}' is a BatchNormalization of Keras 1 in mode "
                f"{mode!r:.20}, which no later Keras computes: expected mode 0"
            )
        return True

    return count_layers(config, change)
