"""The names that Keras 1 gave to layers and to their settings."""

from __future__ import annotations

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import KERAS_3, layer_rewrite, name_of

# Names of layers since Keras 2.
CLASSES = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"AtrousConvolution{n}D": f"Conv{n}D" for n in (1, 2)},
    **{f"AtrousConv{n}D": f"Conv{n}D" for n in (1, 2)},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in (1, 2)},
    **{f"Deconvolution{n}D": f"Conv{n}DTranspose" for n in (2, 3)},
    "Convolution2DTranspose": "Conv2DTranspose",
}

# Names of settings since Keras 2, for all layers.
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
    **{f"{what}_init": f"{what}_initializer" for what in ("depthwise", "pointwise")},
    **{f"{what}_init": f"{what}_initializer" for what in ("gamma", "beta")},
    **{
        f"{short}_{what}": f"{weight}_{what}"
        for short, weight in (("W", "kernel"), ("b", "bias"), ("U", "recurrent"))
        for what in ("regularizer", "constraint")
    },
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}

# The same for settings whose meaning depends on the layer.
OF_CLASS = {
    **{
        (name, "output_dim"): "units"
        for name in ("Dense", "MaxoutDense", "LSTM", "GRU", "SimpleRNN")
    },
    **{(name, "p"): "rate" for name in ("Dropout", "GaussianDropout", "AlphaDropout")},
    **{(f"SpatialDropout{n}D", "p"): "rate" for n in (1, 2, 3)},
    ("GaussianNoise", "sigma"): "stddev",
    ("UpSampling1D", "length"): "size",
    ("PReLU", "init"): "alpha_initializer",
    ("Embedding", "init"): "embeddings_initializer",
    ("Embedding", "W_regularizer"): "embeddings_regularizer",
    ("Embedding", "W_constraint"): "embeddings_constraint",
}

# The sizes of a kernel as separate settings.
SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))

ORDERS = {"th": "channels_first", "tf": "channels_last"}

# Settings for training or for the implementation only.
UNUSED = ("consume_less", "forget_bias_init", "input_dtype")

# Parts of the names of layers that take an order of axes.
WITH_ORDER = (
    *("Conv", "Pooling", "UpSampling", "ZeroPadding", "Cropping", "SpatialDropout", "Locally"),
)


@layer_rewrite(
    "keras-1-classes", "layers were given the names of Keras 2", of=CLASSES, before=KERAS_3
)
def rename_classes(layer: Config, settings: Config) -> bool:
    """A layer of a class that Keras 2 renamed."""
    layer["class_name"] = CLASSES[layer["class_name"]]
    return True


@layer_rewrite("keras-1-settings", "settings were given the names of Keras 2", before=KERAS_3)
def rename_settings(layer: Config, settings: Config) -> bool:
    """A layer with settings that Keras 2 renamed."""
    name = str(layer.get("class_name"))
    changed = False
    for sizes in SIZES:
        if all(size in settings for size in sizes):
            settings["kernel_size"] = [settings.pop(size) for size in sizes]
            changed = True
            break
    for old in list(settings):
        new = OF_CLASS.get((name, old)) or SETTINGS.get(old)
        if new is None or (old == "bias" and not isinstance(settings[old], bool)):
            continue
        value = settings.pop(old)
        settings.setdefault(new, value)
        changed = True
    if "dim_ordering" in settings:
        order = settings.pop("dim_ordering")
        if any(part in name for part in WITH_ORDER):
            settings["data_format"] = ORDERS.get(order, "channels_last")
        changed = True
    for old in UNUSED:
        changed = settings.pop(old, None) is not None or changed
    return changed


@layer_rewrite("keras-1-deconvolution", of=("Conv2DTranspose", "Conv3DTranspose"), before=KERAS_3)
def drop_output_shape(layer: Config, settings: Config) -> bool:
    """Transposed convolutions with an `output_shape`, which only Theano needed."""
    return settings.pop("output_shape", None) is not None


@layer_rewrite("flatten", of=("Flatten",), before=KERAS_3)
def flatten_as_stored(layer: Config, settings: Config) -> bool:
    """A Flatten without an order of axes, which left them as they were."""
    if settings.get("data_format") is None:
        settings["data_format"] = "channels_last"
    return False  # the default of Keras 3, unless the user's configuration differs


@layer_rewrite("keras-1-normalisation", of=("BatchNormalization",), before=KERAS_3)
def check_normalisation_mode(layer: Config, settings: Config) -> bool:
    """A BatchNormalization of Keras 1, of whose modes later versions compute only mode 0."""
    if "mode" not in settings:
        return False
    mode = settings.pop("mode")
    if mode != 0:
        raise ModelFileError(
            f"layer '{name_of(layer)}' is a BatchNormalization of Keras 1 in mode "
            f"{mode!r:.20}, which no later Keras computes: expected mode 0"
        )
    return True
