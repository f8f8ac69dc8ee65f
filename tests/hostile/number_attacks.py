"""Attacks by a number: every layer and operation that a configuration can name, each number huge.

The rule of this module: nothing is picked by hand. The classes are enumerated from Keras, their
settings and arguments from their signatures; for each setting that may be a number there is a
file in which it is huge and everything else is plain.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostile.files import Config, as_version_3, keras_tensor, layer, write_keras
from hostile.registry import Attack, Traps

HUGE: tuple[Any, ...] = (10**9, 20_000)
"""What a number is set to: beyond all bounds, and so that squares and products of it are."""

PLAIN: dict[str, Any] = {
    **dict.fromkeys(("filters", "units", "output_dim", "num_heads", "key_dim", "head_dim"), 2),
    **dict.fromkeys(("num_query_heads", "num_key_value_heads", "n", "size", "height", "width"), 2),
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "crop_size", "repeats", "num"), 2),
    **dict.fromkeys(("target_height", "target_width", "num_outputs", "sections", "bins"), 2),
    **dict.fromkeys(("input_dim", "num_tokens", "num_bins", "num_classes", "max_tokens"), 8),
    **dict.fromkeys(("depth", "minlength", "N", "k", "shift", "sequence_length", "m"), 3),
    **dict.fromkeys(("sequence_stride", "fft_length", "frame_length", "n_fft"), 4),
    **dict.fromkeys(("rate", "factor", "height_factor", "width_factor", "dropout", "seed"), 0.1),
    "dims": [1, 2],
    "axes": [1, 2],
    "perm": [1, 2],
    **dict.fromkeys(("axis", "source", "axis1"), 1),
    **dict.fromkeys(("destination", "axis2"), 2),
    "target_shape": [-1],
    "newshape": [-1],
    "shape": [-1],
    **dict.fromkeys(("indices_or_sections", "pad_width", "paddings", "num_or_size"), 1),
    **dict.fromkeys(("start", "x_min", "low", "min_value"), 0),
    **dict.fromkeys(("stop", "x_max", "high", "max_value"), 1),
    "bin_boundaries": [0.0, 1.0],
    "subscripts": "...ij->...ji",
    "dtype": "float32",
    "activation": "relu",
    "interpolation": "nearest",
    "activity_regularizer": None,
}
"""What a setting or an argument without a default is in an honest file."""

TENSORS = ("x", "inputs", "x1", "x2", "a", "b", "y", "images", "logits", "query", "key", "value")
TENSORS += ("condition", "data", "v", "weights", "boxes", "mask", "target", "output", "offset_map")
TENSORS += ("kernel", "transform", "coordinates", "segment_ids", "indices", "sorted_sequence")
"""Arguments that are tensors of a graph."""

LISTS = ("xs", "arrays", "operands")
"""Arguments that are lists of them."""

INTEGERS = ("Bincount", "BitwiseAnd", "BitwiseInvert", "BitwiseLeftShift", "BitwiseNot", "Gcd")
INTEGERS += ("BitwiseOr", "BitwiseRightShift", "BitwiseXor", "LeftShift", "RightShift", "Lcm")
INTEGERS += ("CategoryEncoding", "Hashing", "IntegerLookup", "OneHot", "MultiHot", "Embedding")
INTEGERS += ("UnravelIndex", "Trunc")
"""Classes that take integers: what comes in is cast to them."""

SHAPES = {1: [8, 24], 2: [8, 8, 3], 3: [4, 4, 4, 3], 0: [192]}
"""What goes into a layer by the number of its axes beside the channels: each of 192 values."""

OWN: dict[str, Config] = {
    "BroadcastTo": {"shape": [1, 8, 8, 3]},
    "ConvTranspose": {"strides": 1},
    "DepthToSpace": {"block_size": 1},
    "Discretization": {"num_bins": 4},
    "EinsumDense": {"equation": "abcd,de->abce", "output_shape": [8, 8, 4]},
    "Full": {"shape": [2, 2], "fill_value": 1.0},
    "GaussianNoise": {"stddev": 0.1},
    "GetItem": {"key": 0},
    "GroupNormalization": {"groups": 1},
    "IntegerLookup": {"vocabulary": [1, 2, 3]},
    "MaxNumBoundingBoxes": {"max_number": 4},
    "Nanquantile": {"q": 0.5},
    "Permute": {"dims": [2, 1, 3]},
    "Quantile": {"q": 0.5},
    "RandomPosterization": {"factor": 4},
    "Rescaling": {"scale": 2.0, "offset": 0.0},
    "Resize": {"size": [4, 4]},
    "ScaleAndTranslate": {"output_shape": [1, 8, 8, 3], "method": "linear"},
    "Slice": {"start_indices": [0, 0, 0, 0], "shape": [1, 8, 8, 3]},
    "SpatialDropout": {"rate": 0.1},
    "Take": {"indices": 0},
    "TransposedConv": {},
    "AdaptiveAveragePool": {"output_size": 2},
    "AdaptiveMaxPool": {"output_size": 2},
    "CropImages": {"target_height": 4, "target_width": 4, "top_cropping": 0, "left_cropping": 0},
    "PadImages": {"target_height": 9, "target_width": 9, "top_padding": 0, "left_padding": 0},
}
"""What is honest for one class alone."""

SQUARE = ("linalg",)
"""The modules whose operations want square matrices."""

ON_SHAPES: dict[str, list[int]] = {
    "ConvLSTM1D": [8, 8, 3],
    "ConvLSTM2D": [4, 4, 4, 3],
    "ConvLSTM3D": [2, 2, 4, 4, 3],
    "STFTSpectrogram": [192, 1],
    "RandomGrayscale": [8, 8, 3],
    "Glu": [8, 24],
}
"""Classes that want an input of their own."""

LEFT_OUT = ("Layer", "Wrapper", "RNN", "StackedRNNCells", "InputLayer", "Input", "InputSpec")
WRAPPED = {"TimeDistributed", "Bidirectional", "SpectralNormalization"}
CELLS = ("Cell",)


@functools.cache
def layer_classes() -> dict[str, Any]:
    """The layers that a configuration can name, by name."""
    import keras

    from layersight.frameworks.keras.gone import GONE
    from layersight.frameworks.keras.lookup import REFUSED, TEXT_LAYERS

    classes = {
        name: getattr(keras.layers, name)
        for name in dir(keras.layers)
        if isinstance(getattr(keras.layers, name), type)
        and issubclass(getattr(keras.layers, name), keras.Layer)
    }
    left_out = {*LEFT_OUT, *WRAPPED, *REFUSED, *TEXT_LAYERS}
    kept = {n: c for n, c in classes.items() if n not in left_out and not n.endswith(CELLS)}
    return kept | GONE


@functools.cache
def operation_classes() -> dict[str, tuple[str, Any]]:
    """The operations of Keras that a configuration can name: module and class, by name."""
    import keras

    from layersight.frameworks.keras.lookup import _operation

    modules = ("numpy", "nn", "math", "image", "linalg", "core")
    classes: dict[str, tuple[str, Any]] = {}
    for module_name in modules:
        module = f"keras.src.ops.{module_name}"
        for name in dir(__import__(module, fromlist=["x"])):
            cls = _operation(name, module)
            if cls is not None and issubclass(cls, keras.Operation):
                classes.setdefault(name, (module, cls))
    return classes


def _axes_of(name: str) -> int:
    """How many axes beside the channels a layer takes."""
    for axes in (1, 2, 3):
        if f"{axes}D" in name:
            return axes
    if name in ("LSTM", "GRU", "SimpleRNN", "Attention", "AdditiveAttention"):
        return 1
    if name in ("MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"):
        return 1
    if "Spectrogram" in name or name in ("Embedding", "RepeatVector", "MaxoutDense", "Highway"):
        return 0
    return 2


def _parameters(function: Any) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function).parameters.values()
    return [
        p
        for p in parameters
        if p.kind not in kinds and p.name not in ("self", "name", "kwargs", "training")
    ]


def _is_numeric(parameter: inspect.Parameter) -> bool:
    """Whether a setting may be a number, by what it is without being set."""
    default = parameter.default
    if isinstance(default, bool | str):
        return False
    if isinstance(default, int | float | tuple | list):
        return True
    if parameter.name.endswith(("_initializer", "_regularizer", "_constraint", "activation")):
        return False
    return parameter.name not in ("dtype", "trainable", "layer", "data_format", "mode")


def _plain(name: str, parameters: list[inspect.Parameter]) -> Config:
    """Values for the settings of a class that must be given."""
    needed = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    own = {key: v for key, v in OWN.get(name, {}).items() if key in {p.name for p in parameters}}
    return {key: PLAIN.get(key, 2) for key in needed} | own


def _settings(
    name: str, parameters: list[inspect.Parameter], key: str, form: Any
) -> Iterator[Config]:
    """Settings of a class with one that is huge; both with padding, where there is any."""
    settings = _plain(name, parameters) | {key: form}
    yield settings
    if any(p.name == "padding" and p.default == "valid" for p in parameters):
        yield settings | {"padding": "same"}
        if any(p.name == "strides" for p in parameters) and key != "strides":
            yield settings | {"padding": "same", "strides": 1}


def _huge(value: int, name: str) -> Iterator[Any]:
    """A huge number in the forms that a setting of that name takes."""
    yield value
    if name in ("size", "kernel_size", "pool_size", "padding", "cropping", "shape"):
        yield [value, value]
    if name in ("newshape", "target_shape", "repeats", "dims", "pad_width", "axis"):
        yield [1, value, value]


def _graph(entry: Config, args: list[Any], kwargs: Config, shape: list[int]) -> Config:
    """A picture through a convolution, brought to a shape, into what is attacked."""
    listed = [
        layer("InputLayer", "entry", batch_shape=[None, 8, 8, 3], dtype="float32"),
        layer("Conv2D", "conv", filters=math.prod(shape) // 64, kernel_size=1),
        layer("Reshape", "shaped", target_shape=shape),
        layer("Cast", "cast", dtype="int32") | {"module": "keras.src.ops.core"},
        entry,
    ]
    if entry["class_name"] not in INTEGERS:
        listed.pop(3)
    last = keras_tensor(listed[-2]["config"]["name"])
    filled = [last if a is TENSOR else a for a in args]
    given = {k: last if v is TENSOR else v for k, v in kwargs.items()}
    given = {k: [last, last] if v is LIST else v for k, v in given.items()}
    nodes: list[list[Any]] = [
        [],
        [{"args": [keras_tensor("entry")], "kwargs": {}}],
        [{"args": [keras_tensor("conv")], "kwargs": {}}],
        *([[{"args": [keras_tensor("shaped")], "kwargs": {}}]] * (len(listed) - 4)),
        [{"args": filled, "kwargs": given}],
    ]
    layers = [
        {**as_version_3(item), "name": item["config"]["name"], "inbound_nodes": calls}
        for item, calls in zip(listed, nodes, strict=True)
    ]
    config = {
        "name": "model",
        "trainable": True,
        "layers": layers,
        "input_layers": [["entry", 0, 0]],
        "output_layers": [["attacked", 0, 0]],
    }
    return as_version_3({"class_name": "Functional", "config": config}, "keras")


TENSOR, LIST = object(), object()
"""Stand for the tensor that comes in, and for a list of it."""


def _attack(name: str, says: str, config: Config, honest: Config) -> Attack:
    """A file of a configuration, with the weights that the honest one has."""

    def write(path: Path, traps: Traps) -> None:
        write_keras(path, config, weights=_weights(json.dumps(honest)))

    return Attack(name, "model.keras", says, write, heavy=True)


@functools.cache
def _weights(config: str) -> bytes:
    """The weights of a network, drawn by Keras; of the convolution alone if it makes none."""
    import keras

    whole = json.loads(config)
    for entry in whole["config"]["layers"]:
        if entry["config"]["name"] == "conv":
            filters = entry["config"]["filters"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        try:
            model = keras.Model.from_config(whole["config"])
        except Exception:  # an operation that has no honest form here
            entry = keras.Input((8, 8, 3))
            model = keras.Model(entry, keras.layers.Conv2D(filters, 1, name="conv")(entry))
        model.save_weights(path)
        return path.read_bytes()


def _layer_attacks(name: str, cls: Any) -> Iterator[Attack]:
    """Every number of a layer."""
    parameters = _parameters(cls.__init__)
    call = _parameters(cls.call)
    needed = [p for p in call if p.default is inspect.Parameter.empty]
    count = max(1, len(needed))
    tensors: list[Any] = [TENSOR] * count
    if name in MERGING:
        tensors = [[keras_tensor("shaped"), keras_tensor("shaped")]]
    shape = ON_SHAPES.get(name, SHAPES[_axes_of(name)])
    honest = _graph(layer(name, "attacked", **_plain(name, parameters)), tensors, {}, shape)
    yield _attack(f"{name}_plain", f"{name} with nothing wrong in it", honest, honest)
    for parameter in parameters:
        if not _is_numeric(parameter):
            continue
        for value in HUGE:
            forms = _huge(value, parameter.name)
            whole = (_settings(name, parameters, parameter.name, form) for form in forms)
            for number, settings in enumerate(itertools.chain.from_iterable(whole)):
                entry = layer(name, "attacked", **settings)
                yield _attack(
                    f"{name}_{parameter.name}_{value}_{number}",
                    f"{name} with {parameter.name} = {settings[parameter.name]}",
                    _graph(entry, tensors, {}, shape),
                    honest,
                )
    numeric = [p.name for p in parameters if p.name in ("units", "output_dim", "input_dim")]
    if "quantization_config" in {p.name for p in parameters}:
        for (policy, key), value in itertools.product(itertools.product(POLICIES, numeric), HUGE):
            more = {key: value, "dtype": policy, "lora_rank": 4}
            entry = layer(name, "attacked", **(_plain(name, parameters) | more))
            yield _attack(
                f"{name}_{key}_{value}_{policy.partition('_')[0].replace('/', '_')}",
                f"{name} of {policy} with {key} = {value}",
                _graph(entry, tensors, {}, shape),
                honest,
            )


POLICIES = ("int8_from_float32", "int4_from_float32", "float8_from_float32")
"""Ways of holding weights in fewer bits, which have tables of their own."""

MERGING = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
MERGING += ("Attention", "AdditiveAttention")


def _operation_attacks(name: str, module: str, cls: Any) -> Iterator[Attack]:
    """Every number of an operation, and the operation on constants alone."""
    settings, call = _parameters(cls.__init__), _parameters(cls.call)
    tensors = {p.name for p in call if p.name in TENSORS} or {p.name for p in call[:1]}
    needed = [p.name for p in call if p.default is inspect.Parameter.empty]
    tensors |= {p.name for p in call if p.name in LISTS}
    honest = {key: LIST if key in LISTS else TENSOR for key in needed if key in tensors}
    honest |= {key: v for key, v in _plain(name, call).items() if key not in tensors}
    own = _plain(name, settings)
    shape = ON_SHAPES.get(name, [16, 16] if module.endswith(SQUARE) else SHAPES[2])
    plain = _graph(layer(name, "attacked", **own) | {"module": module}, [], honest, shape)

    def make(label: str, more: Config, given: Config) -> Attack:
        entry = layer(name, "attacked", **more) | {"module": module}
        config = _graph(entry, [], given, shape)
        return _attack(f"op_{name}_{label}", f"{name} of {module} with {label}", config, plain)

    yield make("plain", own, honest)
    for value in HUGE:
        for parameter in filter(_is_numeric, settings):
            for number, form in enumerate(_huge(value, parameter.name)):
                label = f"{parameter.name}_{value}_{number}"
                yield make(label, own | {parameter.name: form}, honest)
        for parameter in filter(_is_numeric, call):
            if parameter.name not in tensors:
                for number, form in enumerate(_huge(value, parameter.name)):
                    label = f"call_{parameter.name}_{value}_{number}"
                    yield make(label, own, honest | {parameter.name: form})
        square = [[1.0, 2.0], [3.0, 4.0]]
        constants = {key: square if key in tensors else value for key, what in honest.items()}
        yield make(f"constants_{value}", dict.fromkeys(own, value), constants)


def all_kinds() -> list[str]:
    """What is attacked: layers by their names, operations by such as ``op_Tile``."""
    return [*layer_classes(), *(f"op_{name}" for name in operation_classes())]


@functools.cache
def attacks_on(kind: str) -> dict[str, Attack]:
    """The attacks on a layer or an operation, by name."""
    if kind.startswith("op_"):
        name = kind.removeprefix("op_")
        entries = _operation_attacks(name, *operation_classes()[name])
    else:
        entries = _layer_attacks(kind, layer_classes()[kind])
    return {entry.name: entry for entry in entries}
