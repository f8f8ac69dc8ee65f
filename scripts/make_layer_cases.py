"""Writes the layers of several versions of Keras, as each of them saves them, for the tests.

    python scripts/make_layer_cases.py tests/contract/layers_of_keras.json.xz

installs each version in turn beside the packages of this environment, has it build every layer
with its defaults and with each setting changed, and keeps the configuration of the model around
the layer and what it computes. Equal cases of several versions are kept once. The output is
computed on PyTorch, with weights and inputs that depend on names and shapes alone.
"""

from __future__ import annotations

import inspect
import json
import lzma
import os
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

VERSIONS = ("3.10.0", "3.11.3", "3.12.4", "3.13.2", "3.14.1", "3.15.1")

VECTOR, SERIES, IMAGE, VOLUME = (8,), (7, 4), (8, 8, 4), (5, 5, 5, 4)
FRAMES = (3, 6, 6, 4)

LEFT_OUT = {
    *("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"),  # run code
    *("InputSpec", "Layer", "Wrapper", "Pipeline", "InputLayer"),  # are no layers by themselves
    *("StackedRNNCells", "GRUCell", "LSTMCell", "SimpleRNNCell"),  # are saved inside an RNN
    "MaxNumBoundingBoxes",  # takes boxes
}

TEXT = ("StringLookup", "TextVectorization")

RANKS = {"1D": SERIES, "2D": IMAGE, "3D": VOLUME}

INPUTS: dict[str, tuple[tuple[int, ...], ...]] = {
    **dict.fromkeys(
        ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
        (IMAGE, IMAGE),
    ),
    "Dot": (SERIES, SERIES),
    **dict.fromkeys(("Attention", "AdditiveAttention"), (SERIES, SERIES)),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), (SERIES, SERIES)),
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "RNN", "Bidirectional", "Masking"), (SERIES,)),
    **dict.fromkeys(("ConvLSTM1D",), ((3, 8, 4),)),
    **dict.fromkeys(("ConvLSTM2D", "TimeDistributed"), (FRAMES,)),
    "ConvLSTM3D": ((2, 4, 4, 4, 4),),
    **dict.fromkeys(
        ("CategoryEncoding", "Dense", "Discretization", "Embedding", "RepeatVector"), (VECTOR,)
    ),
    **dict.fromkeys(("Hashing", "IntegerLookup", "ReversibleEmbedding"), (VECTOR,)),
    "HashedCrossing": ((1,), (1,)),
    "MelSpectrogram": ((64,),),
    "STFTSpectrogram": ((64, 1),),
    "EinsumDense": (SERIES,),
    **dict.fromkeys(TEXT, ((1,),)),
}
"""What each layer takes, where its name does not tell; an image otherwise."""

WHOLE = (
    *("CategoryEncoding", "Embedding", "Hashing", "HashedCrossing", "IntegerLookup"),
    "ReversibleEmbedding",
)
"""Layers that take whole numbers."""

NEEDED: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "relu"},
    "AlphaDropout": {"rate": 0.3},
    "CategoryEncoding": {"num_tokens": 8},
    "CenterCrop": {"height": 4, "width": 5},
    "Discretization": {"bin_boundaries": [-0.5, 0.0, 0.5]},
    "Dot": {"axes": -1},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": [7, 3]},
    "Embedding": {"input_dim": 9, "output_dim": 3},
    "GaussianNoise": {"stddev": 0.2},
    "GroupNormalization": {"groups": 2},
    "GroupQueryAttention": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
    "HashedCrossing": {"num_bins": 5},
    "Hashing": {"num_bins": 5},
    "IntegerLookup": {"vocabulary": [1, 2, 4]},
    "MelSpectrogram": {"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 6},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "Normalization": {"mean": [0.1, 0.2, 0.3, 0.4], "variance": [1.0, 2.0, 3.0, 4.0]},
    "Permute": {"dims": [2, 1, 3]},
    "ReversibleEmbedding": {"input_dim": 9, "output_dim": 3},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": 0.5},
    "Reshape": {"target_shape": [16, 16]},
    "STFTSpectrogram": {"frame_length": 16},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomPosterization": {"factor": 4},
    "RandomZoom": {"height_factor": 0.1},
    "RandomCrop": {"height": 4, "width": 5},
    "Resizing": {"height": 5, "width": 4},
    "StringLookup": {"vocabulary": ["a", "b"]},
    "TextVectorization": {"vocabulary": ["a", "b"]},
}
"""What a layer cannot be built without, beside :data:`NAMED`."""

NAMED: dict[str, Any] = {
    "units": 3,
    "filters": 4,
    "kernel_size": 3,
    "pool_size": 2,
    "output_size": 2,
    "rate": 0.3,
    "factor": 0.2,
}
"""Values of settings without a default, by their names."""

OTHERS: dict[str, tuple[Any, ...]] = {
    "activation": ("tanh", "gelu"),
    "recurrent_activation": ("hard_sigmoid",),
    "padding": ("same", "causal", 2, ((1, 2), (0, 1)), (2, 0)),
    "data_format": ("channels_first",),
    "interpolation": ("nearest", "bilinear", "bicubic"),
    "fill_mode": ("constant", "wrap", "edge", "nearest"),
    "merge_mode": ("sum", "mul", "ave", None),
    "output_mode": ("one_hot", "multi_hot", "count", "int", "tf_idf"),
    "score_mode": ("concat",),
    "window": ("hamming", None),
    "mode": ("vertical", "magnitude", "real"),
    "scaling": ("spectrum",),
    "oov_method": ("farmhash",),
    "axis": (1, 2, [1, 2], [2, 3], [-2, -1]),
    "pool_size": (3,),
    "use_cudnn": (False,),
    "axes": (1, [2, 2]),
    "bias_axes": ("d",),
    "noise_shape": ([None, 1, 1, 4],),
    "shared_axes": ([1, 2],),
    "strides": (2, 1),
    "kernel_size": (5, 2),
    "dilation_rate": (2,),
    "output_padding": (1,),
    "groups": (2, 1, 4),
    "size": (3,),
    "cropping": (2, ((1, 0), (2, 1)), ((1, 0), (2, 1), (0, 1))),
    "value_range": ([0, 1],),
    "seed": (7,),
    "max_value": (0.4,),
    "momentum": (0.495,),
    "renorm_momentum": (0.495,),
    "mask_value": (0, 0.5),
    "attention_axes": ([1],),
    "value_dim": (5,),
    "output_shape": ([6], [7, 5]),
    "sliding_window": (2,),
    "flash_attention": (False,),
    "lora_rank": (2,),
    "offset": (0.25,),
    "scale": (False, 0.25, (0.1, 0.4)),
    "width_factor": (0.3,),
    "height_factor": (0.3,),
    "fft_length": (32,),
    "frame_step": (8,),
    "sequence_length": (12,),
    "max_freq": (6000.0,),
    "equation": ("abc,cd->adb",),
    "target_shape": ([8, 32],),
    "dims": ([3, 1, 2],),
    "mask_token": (4,),
    "oov_token": (-2, "[OTHER]"),
    "max_tokens": (7,),
    "vocabulary": ([1, 3], ["b", "c"]),
    "salt": (3,),
    "standardize": (None, "lower"),
    "split": (None, "character"),
    "ngrams": (2,),
    "output_sequence_length": (4,),
    "logit_soft_cap": (3.0,),
    "reverse_dtype": ("float32",),
    "bin_boundaries": ([-1.0, 0.2],),
    "num_bins": (6,),
    "mean": ([1.0, 2.0, 3.0, 4.0],),
    "variance": ([2.0, 1.0, 4.0, 3.0],),
    "brightness_factor": (0.3,),
    "contrast_factor": (0.3,),
    "saturation_factor": (0.3,),
    "hue_factor": (0.3,),
    "tile_grid_size": ([2, 2],),
    "encoding": ("latin-1",),
    "renorm_clipping": ({"rmax": 2.0},),
    "fill_value": (0.5,),
    "vocabulary_dtype": ("int32",),
}
"""Other values of settings, tried in turn until the layer takes one; all, where all are taken."""

WITH: dict[str, dict[str, Any]] = {
    "output_padding": {"strides": 2},
    "pad_to_aspect_ratio": {"width": 5},
    "equation": {"output_shape": [3, 7]},
    "num_bins": {"bin_boundaries": None},
    "pad_to_max_tokens": {"output_mode": "multi_hot", "max_tokens": 7},
    "fill_value": {"fill_mode": "constant"},
    "renorm_clipping": {"renorm": True},
    "go_backwards": {"return_sequences": True},
    "salt": {"oov_method": "farmhash"},
    "fill_mode": {"pad_to_aspect_ratio": True},
}
"""What a layer needs beside a setting that is changed, as far as it has it."""

NOT_CHANGED = {
    *("name", "dtype", "layer", "cell", "cells", "backward_layer", "layers", "input_tensor"),
    *("autocast", "weights", "idf_weights", "vocabulary_size"),
    *("quantization_config", "gptq_unpacked_column_size", "lora_alpha"),  # have tests of their own
}


def numbers(name: str, shape: tuple[int, ...]) -> Any:
    """Numbers that depend on a name and a shape alone, between -1 and 1."""
    draw = np.random.default_rng(zlib.crc32(f"{name} {tuple(shape)}".encode()))
    values = draw.uniform(-1, 1, tuple(shape))
    positive = name.endswith(("variance", "_norm"))
    return np.abs(values) + 0.5 if positive else values


def weigh(model: Any) -> None:
    """Gives every weight of a model such numbers."""
    for variable in model.weights:
        if "seed" in variable.path.rpartition("/")[2] or not str(variable.dtype).startswith("fl"):
            continue
        variable.assign(numbers(variable.name, tuple(variable.shape)).astype("float32"))


def inputs_of(model: Any, *, whole: bool) -> list[Any]:
    """One input of two images for each input of a model."""
    result = []
    for index, tensor in enumerate(model.inputs):
        shape = (2, *(size or 4 for size in tensor.shape[1:]))
        values = numbers(f"input {index}", shape)
        result.append(np.floor(np.abs(values) * 8) if whole else values)
    return [array.astype("int32" if whole else "float32") for array in result]


def signature(output: Any) -> list[Any]:
    """What an output is, in short: shapes, and two weighted sums of the values of each."""
    import keras

    result: list[Any] = []
    for tensor in keras.tree.flatten(output):
        values = np.asarray(keras.ops.convert_to_numpy(tensor), "float64")
        weights = [numbers(text, values.shape) for text in ("first", "second")]
        sums = [float(np.mean(values * weight)) for weight in weights]
        result.append([list(values.shape), *(float(f"{total:.6g}") for total in sums)])
    return result


def make_layer(kind: str, settings: dict[str, Any]) -> Any:
    """A layer."""
    import keras

    inner = {
        "TimeDistributed": lambda: keras.layers.Conv2D(3, 3, name="inner"),
        "Bidirectional": lambda: keras.layers.LSTM(3, name="inner"),
        "SpectralNormalization": lambda: keras.layers.Conv2D(3, 3, name="inner"),
    }
    if kind in inner:
        settings = {"layer": inner[kind](), **settings}
    if kind == "RNN":
        cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(2), keras.layers.SimpleRNNCell(2)]
        settings = {"cell": cells, **settings}
    return getattr(keras.layers, kind)(name="layer", **settings)


def model_of(kind: str, settings: dict[str, Any]) -> Any:
    """A model of this layer alone."""
    import keras

    layer = make_layer(kind, settings)
    guess = next((RANKS[kind[index : index + 2]] for index in range(len(kind)) if
                  kind[index : index + 2] in RANKS), IMAGE)  # fmt: skip
    shapes = INPUTS.get(kind, (guess,))
    dtype: Any = "string" if kind in TEXT else "int32" if kind in WHOLE else "float32"
    inputs = [
        keras.Input(shape, settings.get("stateful") and 2, dtype, name=f"input_{index}")
        for index, shape in enumerate(shapes)
    ]
    taken = inputs[0] if len(inputs) == 1 else inputs
    if kind in ("MultiHeadAttention", "GroupQueryAttention"):
        return keras.Model(inputs, layer(inputs[0], inputs[1]), name="model")
    return keras.Model(inputs, layer(taken), name="model")


def case(kind: str, changed: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A case: the model around the layer as it is saved, and what it computes."""
    import keras

    keras.utils.set_random_seed(0)
    model = model_of(kind, settings)
    output: list[Any] | None = None
    if kind not in TEXT:
        weigh(model)
        taken = inputs_of(model, whole=kind in WHOLE)
        output = signature(model(taken if len(taken) > 1 else taken[0], training=False))
    config = keras.saving.serialize_keras_object(model)
    text = json.dumps({key: config[key] for key in ("class_name", "config", "module")})
    return {"layer": kind, "changed": changed, "config": _plain(json.loads(text)), "gives": output}


def _plain(value: Any) -> Any:
    """A configuration without the numbers that Keras gives to shared objects."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "shared_object_id"}
    return value


def _key(result: dict[str, Any]) -> str:
    """What tells a case from others: with other settings, no more than the layer counts.

    The model around it, which versions write in several ways, is kept with the defaults.
    """
    config = result["config"]
    if result["changed"]:
        config = [
            entry for entry in config["config"]["layers"] if entry["config"]["name"] == "layer"
        ]
    entry = {**result, "config": _without_initialisers(config)}
    return json.dumps(entry, sort_keys=True)


def _without_initialisers(value: Any) -> Any:
    """A case without what the weights of a file overwrite, which every version writes its way."""
    if isinstance(value, list):
        return [_without_initialisers(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: isinstance(item, dict) or _without_initialisers(item)
        if key.endswith("_initializer")
        else _without_initialisers(item)
        for key, item in value.items()
    }


def others(key: str, value: Any) -> tuple[Any, ...]:
    """Other values of a setting."""
    if key.endswith("_initializer"):
        return ("ones",)
    if key.endswith("_regularizer"):
        return ("l2",)
    if key.endswith("_constraint"):
        return ("non_neg",)
    if key in OTHERS:
        return tuple(other for other in OTHERS[key] if other != value)
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, 2 * value, value - 1)
    return (value / 2, value + 0.25) if isinstance(value, float) else ()


def settings_of(kind: str) -> dict[str, Any]:
    """The settings of a layer with their defaults: those of its signature, and those it saves."""
    import keras

    cls = getattr(keras.layers, kind)
    result: dict[str, Any] = {}
    for parameter in inspect.signature(cls.__init__).parameters.values():
        if parameter.name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        result[parameter.name] = None if parameter.default is parameter.empty else parameter.default
    saved = make_layer(kind, needed(kind)).get_config()
    return {**{key: value for key, value in saved.items() if key not in result}, **result}


def needed(kind: str) -> dict[str, Any]:
    """What a layer cannot be built without."""
    import keras

    parameters = inspect.signature(getattr(keras.layers, kind).__init__).parameters.values()
    empty = {item.name for item in parameters if item.default is item.empty}
    named = {key: value for key, value in NAMED.items() if key in empty}
    return {**named, **NEEDED.get(kind, {})}


def cases() -> Iterator[dict[str, Any]]:
    """Every case of the version of Keras that is imported."""
    import keras

    seen: set[type] = set()
    for kind in sorted(vars(keras.layers)):
        cls = getattr(keras.layers, kind)
        if not isinstance(cls, type) or kind in LEFT_OUT or cls in seen or cls.__name__ != kind:
            continue
        seen.add(cls)
        least = needed(kind)
        try:
            yield case(kind, "", least)
        except Exception as error:
            print(f"{kind} was not built ({_first(error)})", file=sys.stderr)
            continue
        defaults = settings_of(kind)
        for key, value in defaults.items():
            if key in NOT_CHANGED:
                continue
            worked, problem = 0, ""
            for other in others(key, value if value is not None else least.get(key)):
                extra = {name: part for name, part in WITH.get(key, {}).items() if name in defaults}
                try:
                    result = case(kind, f"{key}={other!r}", {**least, **extra, key: other})
                except Exception as error:
                    problem = _first(error)
                    continue
                worked += 1
                if key in result["config"]["config"]["layers"][-1]["config"]:
                    yield result
                else:
                    print(f"{kind}: '{key}' is not saved", file=sys.stderr)
            if not worked:
                print(f"{kind}: '{key}' was not changed ({problem})", file=sys.stderr)


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[-1]:.100}"


def main(target: Path) -> None:
    """Has each version write its cases, and keeps each case once."""
    merged: dict[str, dict[str, Any]] = {}
    for version in VERSIONS:
        with tempfile.TemporaryDirectory() as folder:
            keras_at = os.environ.get("KERAS_VERSIONS")
            path = f"{keras_at}/{version}" if keras_at else folder
            if not keras_at:
                install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
                subprocess.run([*install, f"keras=={version}", "--target", folder], check=True)
            told = subprocess.run(
                [sys.executable, __file__],
                env={**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "torch"},
                stdout=subprocess.PIPE,
                check=True,
            )
        for line in told.stdout.splitlines():
            result = json.loads(line)
            entry = merged.setdefault(_key(result), {**result, "versions": []})
            entry["versions"].append(version)
    held = sorted(merged.values(), key=lambda entry: (entry["layer"], entry["changed"]))
    text = json.dumps(held, separators=(",", ":")).encode()
    target.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(held)} cases, {len(text)} bytes, {target.stat().st_size} packed")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        warnings.simplefilter("ignore")
        for entry in cases():
            print(json.dumps(entry), flush=True)
