"""Finding the class that a configuration names, and checking its settings.

The rules of this module: every class is looked up by its bare name among those that Keras exports,
whatever module the configuration names, so that nothing else can be imported or called. Numbers are
checked before any class sees them: those of a setting listed below by its meaning; all others must
at least be numbers that a layer can compute with.
"""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass
from math import isfinite

import keras
from keras.src.ops import core, image, linalg, math, nn  # Keras does not export operation classes
from keras.src.ops import numpy as plain

from layersight.data.saved import Config
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.gone import GONE
from layersight.frameworks.keras.libraries import LIBRARIES
from layersight.frameworks.keras.ops import TensorFlowCall, find_operation

MAX_INTEGER = 2**31 - 1  # beyond it compiled code of a backend may crash the whole process
MAX_FLOAT = 3.4028234663852886e38  # the largest number of single precision (IEEE 754)

# How many numbers a setting may have that has one for each axis, or for each side of an axis.
MAX_LIST = 64


@dataclass(frozen=True, slots=True)
class Range:
    """The range of the numbers of a setting."""

    least: float
    most: float
    words: str  # the range, in words
    flags: bool = False  # whether booleans are allowed
    long: bool = False  # whether there may be many
    infinite: bool = False  # whether infinity and NaN are allowed
    also: int | None = None  # a further value with a special meaning

    def holds(self, value: object) -> bool:
        """Whether a value is in this range, or not a number."""
        if isinstance(value, bool):
            return self.flags
        if not isinstance(value, int | float):
            return True
        if isinstance(value, float) and not isfinite(value):
            return self.infinite
        return self.least <= value <= self.most or value == self.also


WINDOW = Range(1, 10**6, f"integers from 1 to {10**6}")
GROUPS = Range(1, 10**6, f"integers from 1 to {10**6}, or -1 for one per channel", also=-1)
COUNT = Range(1, MAX_INTEGER, f"integers from 1 to {MAX_INTEGER}")
BUCKETS = Range(0, 10**6, f"integers from 0 to {10**6}")  # listed one by one
NONE_OR_MORE = Range(0, MAX_INTEGER, f"integers from 0 to {MAX_INTEGER}")
POSITION = Range(-MAX_INTEGER, MAX_INTEGER, f"integers from {-MAX_INTEGER} to {MAX_INTEGER}")
SHARE = Range(0, 1, "numbers from 0 to 1", flags=True)
SMALL = Range(0, 1e6, "numbers from 0 to 1000000", flags=True)
VALUE = Range(
    -MAX_FLOAT, MAX_FLOAT, "numbers of single precision", flags=True, long=True, infinite=True
)
NUMBER = Range(-MAX_FLOAT, MAX_FLOAT, "finite numbers of single precision", flags=True, long=True)

# The range of a setting by its name, in any layer or operation.
BY_NAME: dict[str, Range] = {
    **dict.fromkeys(("strides", "pool_size", "dilation_rate", "kernel_size"), WINDOW),
    "groups": GROUPS,
    **dict.fromkeys(("size", "filters", "depth_multiplier", "block_size"), WINDOW),
    **dict.fromkeys(("height", "width", "target_height", "target_width", "crop_size"), WINDOW),
    **dict.fromkeys(("rank", "lora_rank", "num_outputs", "indices_or_sections"), WINDOW),
    **dict.fromkeys(("units", "input_dim", "output_dim", "n", "nb_feature"), COUNT),
    **dict.fromkeys(("num_heads", "num_query_heads", "num_key_value_heads"), COUNT),
    **dict.fromkeys(("key_dim", "value_dim", "head_dim", "num_bins", "num_tokens"), COUNT),
    **dict.fromkeys(("max_tokens", "output_sequence_length", "num_mel_bins"), COUNT),
    **dict.fromkeys(("frame_length", "frame_step", "fft_length", "sequence_length"), COUNT),
    **dict.fromkeys(("sequence_stride", "sampling_rate", "max_sequence_length"), COUNT),
    "num_oov_indices": BUCKETS,
    **dict.fromkeys(("num_classes", "depth", "num"), NONE_OR_MORE),
    **dict.fromkeys(("target_shape", "dims", "axis", "axes", "padding", "cropping"), POSITION),
    **dict.fromkeys(("rate", "dropout", "recurrent_dropout", "momentum"), SHARE),
    **dict.fromkeys(("epsilon", "stddev", "lora_alpha"), SMALL),
    **dict.fromkeys(("max_value", "x_min", "x_max", "fill_value", "constant_values"), VALUE),
    **dict.fromkeys(("nan", "posinf", "neginf", "initial", "mask_value"), VALUE),
}


def check_settings(settings: Config, where: str) -> None:
    """Refuses numbers that no layer can use, before compiled code sees them."""
    for key, value in settings.items():
        if not isinstance(value, bool | int | float | list | tuple | dict):
            continue
        allowed = BY_NAME.get(key, NUMBER)
        numbers = leaves(value)
        if not allowed.long and len(numbers) > MAX_LIST:
            raise ModelFileError(
                f"{where} has the setting '{key}' with {len(numbers)} numbers: expected at most "
                f"{MAX_LIST}"
            )
        for number in numbers:
            if not allowed.holds(number):
                raise ModelFileError(
                    f"{where} has the setting '{key}' = {in_short(number)}: expected "
                    f"{allowed.words}"
                )


def leaves(value: object) -> list[object]:
    """The values in nested lists and dictionaries."""
    values: list[object] = []
    stack: list[object] = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, list | tuple):
            stack.extend(part)
        elif isinstance(part, dict):
            stack.extend(part.values())
        else:
            values.append(part)
    return values


def largest_number(settings: object) -> str:
    """The setting with the largest number, such as ``units = 1000000000``; empty without any."""
    if not isinstance(settings, dict):
        return ""
    numbers = [
        (abs(number), key)
        for key, value in settings.items()
        for number in leaves(value)
        if isinstance(number, int | float) and not isinstance(number, bool)
    ]
    if not numbers:
        return ""
    key = max(numbers)[1]
    return f"{key!s:.40} = {in_short(settings[key])}"


def in_short(value: object) -> str:
    """A value as text of bounded length; Python refuses to format huge integers."""
    try:
        return f"{value!r:.60}"
    except ValueError:
        return "a number of thousands of digits"


# Layers of Keras that run code from the file or read other files.
REFUSED = {
    "Lambda": "holds Python code",
    "TorchModuleWrapper": "holds a pickle",
    "TFSMLayer": "loads another file",
    "JaxLayer": "holds Python code",
    "FlaxLayer": "holds Python code",
}

NO_CODE = "(layersight does not run code from a file)"

TEXT_LAYERS = ("StringLookup", "TextVectorization")  # layers that take text

# Settings that, as text, name a file to read.
FILE_SETTINGS = {
    "StringLookup": ("vocabulary", "idf_weights"),
    "IntegerLookup": ("vocabulary", "idf_weights"),
    "TextVectorization": ("vocabulary", "idf_weights"),
}

# The operations of ``keras.ops.core`` that take no function to run.
CORE_OPERATIONS = ("Cast", "Slice", "Shape", "StopGradient", "Unstack", "ConvertToTensor")

# Layers of layersight that rewrites insert.
OUR_LAYERS: dict[str, type[keras.layers.Layer]] = {
    "TensorFlowCall": TensorFlowCall,
    "Formula": Formula,
}

# Settings of every layer of Keras.
COMMON_SETTINGS = {"name", "trainable", "dtype", "autocast", "activity_regularizer"}

# Settings of newer versions of Keras, with the value that keeps the behaviour of older ones.
NEUTRAL_VALUES: Config = {
    "rms_scaling": False,
    "use_gate": False,
    "oov_method": "floormod",
    "data_format": "channels_last",
}

MAX_PATH = 300  # the longest path of a layer in a map of policies

EXPORTING = (
    *(keras.layers, keras.initializers, keras.dtype_policies, keras.activations),
    keras.quantizers,
)


def find_layer(entry: Config, where: str) -> tuple[type[keras.Operation] | None, str]:
    """The class of a layer.

    ``None`` and the reason, as a clause that follows "which", if the layer cannot be run.
    """
    name = entry.get("class_name")
    if not isinstance(name, str):
        raise ModelFileError(f"{where} names no class")
    if name in REFUSED:
        return None, f"is a {name} layer, which {REFUSED[name]} {NO_CODE}"
    inner = entry.get("config")
    if name == "TensorFlowCall" and isinstance(inner, dict):
        function = inner.get("function")
        if find_operation(str(function)) is None:
            return None, f"computes 'tf.{function}', which layersight does not know"
    ours = OUR_LAYERS.get(name) or GONE.get(name) or LIBRARIES.get(name)
    if ours is not None:
        return ours, ""
    cls = _operation(name, entry.get("module")) or getattr(keras.layers, name, None)
    if isinstance(cls, type) and issubclass(cls, keras.Operation) and _of_keras(cls):
        return cls, ""
    return None, f"is of the class '{name}', which {not_of_keras()}"


def not_of_keras() -> str:
    """Why a class is refused, as a clause that follows "which"."""
    return f"Keras {keras.__version__} does not have {NO_CODE}"


def _operation(name: str, module: object) -> type[keras.Operation] | None:
    """The class of an operation of ``keras.ops`` in a graph."""
    if not isinstance(module, str) or not module.startswith(("keras.src.ops", "keras.ops")):
        return None
    for source in (plain, nn, math, image, linalg):
        if source.__name__ == module or not module.startswith("keras.src.ops."):
            cls = getattr(source, name, None)
            if isinstance(cls, type) and cls.__module__ == source.__name__:
                return cls
    if name in CORE_OPERATIONS:
        cls = getattr(core, name, None)
        return cls if isinstance(cls, type) else None
    return None


def _of_keras(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "keras"


def exporting_module(name: str) -> str | None:
    """The module of Keras that exports an initialiser, a policy or a layer of that name."""
    for module in EXPORTING:
        cls = getattr(module, name, None)
        if isinstance(cls, type) and _of_keras(cls):
            return "keras" if cls is keras.DTypePolicy else str(module.__name__)
    return None


def known_settings(cls: type, settings: Config, where: str) -> Config:
    """The settings that a layer takes; others are left out if they have no effect."""
    known = _known_settings(cls)
    for key, value in settings.items():
        if key in FILE_SETTINGS.get(cls.__name__, ()) and isinstance(value, str):
            raise UnsafeModelError(
                f"{where} is a {cls.__name__} that reads its {key} from a file of its own: "
                "not opened"
            )
        if key in known | COMMON_SETTINGS or key.endswith("_initializer"):  # these are never used
            continue
        if value is not None and value != NEUTRAL_VALUES.get(key):
            raise ModelFileError(
                f"{where} ({cls.__name__}) has the setting '{key}' = {in_short(value)}, which "
                f"Keras {keras.__version__} does not know and which may change what it computes. "
                "Open it with the Keras that saved it."
            )
    return {key: value for key, value in settings.items() if key in known}


def unset_settings(cls: type) -> list[str]:
    """The initialisers that a class takes, all of which are replaced."""
    known = _known_settings(cls)
    return sorted(key for key in known if key.endswith("_initializer"))


def check_policies(settings: object, where: str) -> None:
    """Refuses policies for layers whose pattern could match for ever.

    Keras uses the keys of a ``DTypePolicyMap`` as regular expressions.
    """
    policies = settings.get("policy_map") if isinstance(settings, dict) else None
    for key in policies if isinstance(policies, dict) else ():
        text = str(key)
        if len(text) > MAX_PATH or not re.fullmatch(r"[\w/ .-]*", text.replace(".*", "", 2)):
            raise UnsafeModelError(
                f"{where} has a policy for '{text:.60}': expected the path of a layer, with '.*' "
                "for any part of it"
            )


@functools.cache
def _known_settings(cls: type) -> frozenset[str]:
    """The settings that a class takes.

    They are those of its signature, and those that it takes from its ``**kwargs`` and saves: the
    names of these are constants in the code of both ``__init__`` and ``get_config``.
    """
    known: set[str] = set()
    for base in cls.__mro__:
        if base is keras.Operation or base is keras.Layer:
            known |= COMMON_SETTINGS
            break
        if "__init__" in base.__dict__:
            parameters = inspect.signature(base.__dict__["__init__"]).parameters
            known |= set(parameters)
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                break
            if "get_config" in base.__dict__:
                known |= _named_in(base, "__init__") & _named_in(base, "get_config")
    if issubclass(cls, keras.layers.MultiHeadAttention):
        known |= {"query_shape", "key_shape", "value_shape"}
    return frozenset(known)


def _named_in(cls: type, method: str) -> set[str]:
    """The names that are text constants in the code of a method of a class of Keras."""
    code = inspect.unwrap(cls.__dict__[method]).__code__
    texts: set[str] = set()
    for constant in code.co_consts:
        parts = constant if isinstance(constant, tuple) else (constant,)
        texts.update(part for part in parts if isinstance(part, str) and part.isidentifier())
    return texts
