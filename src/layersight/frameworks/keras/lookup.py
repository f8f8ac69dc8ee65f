"""Finding the class that a configuration names, among those of Keras and nowhere else.

The rule of this module: every class is looked up by its bare name among those that Keras
exports, whatever module the configuration names, so that nothing else can be imported or
called.
"""

from __future__ import annotations

import functools
import inspect
import re

import keras
from keras.src.ops import core, image, linalg, math, nn  # Keras exports no operation by class
from keras.src.ops import numpy as plain

from layersight.data.saved import Config
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.gone import GONE
from layersight.frameworks.keras.libraries import LIBRARIES
from layersight.frameworks.keras.ops import TensorFlowCall, find_operation
from layersight.frameworks.keras.ranges import in_short

# Layers of Keras that run code of the file or read other files.
REFUSED = {
    "Lambda": "holds Python code",
    "TorchModuleWrapper": "holds a pickle",
    "TFSMLayer": "loads another file",
    "JaxLayer": "holds Python code",
    "FlaxLayer": "holds Python code",
}

NO_CODE = "(layersight does not run code from a file)"

ON_TEXT = ("StringLookup", "TextVectorization")  # layers that take text, which no image gives

# Settings that, as text, name a file to read.
OUTSIDE = {
    "StringLookup": ("vocabulary", "idf_weights"),
    "IntegerLookup": ("vocabulary", "idf_weights"),
    "TextVectorization": ("vocabulary", "idf_weights"),
}

# The operations of ``keras.ops.core`` that run no function given to them.
OF_CORE = ("Cast", "Slice", "Shape", "StopGradient", "Unstack", "ConvertToTensor")

# Layers of layersight that the rewrites bring in.
OWN: dict[str, type[keras.layers.Layer]] = {"TensorFlowCall": TensorFlowCall, "Formula": Formula}

# Settings that every layer of Keras knows.
ALWAYS = {"name", "trainable", "dtype", "autocast", "activity_regularizer"}

# Settings of newer versions of Keras, with the value for which older ones do the same.
NEUTRAL: Config = {
    "rms_scaling": False,
    "use_gate": False,
    "oov_method": "floormod",
    "data_format": "channels_last",
}

MAX_PATH = 300  # how long the path of a layer may be that a policy is for

EXPORTING = (
    *(keras.layers, keras.initializers, keras.dtype_policies, keras.activations),
    keras.quantizers,
)


def find_layer(entry: Config, where: str) -> tuple[type[keras.Operation] | None, str]:
    """The class of a layer.

    Returns:
        The class, or ``None`` and why the layer cannot be run, as it follows on "which".
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
    ours = OWN.get(name) or GONE.get(name) or LIBRARIES.get(name)
    if ours is not None:
        return ours, ""
    found = _operation(name, entry.get("module")) or getattr(keras.layers, name, None)
    if isinstance(found, type) and issubclass(found, keras.Operation) and _of_keras(found):
        return found, ""
    return None, f"is of the class '{name}', which {not_of_keras()}"


def not_of_keras() -> str:
    """Why a class is not made, as it follows on "which"."""
    return f"Keras {keras.__version__} does not have {NO_CODE}"


def _operation(name: str, module: object) -> type[keras.Operation] | None:
    """An operation of ``keras.ops``, which is a class of its own inside a graph."""
    if not isinstance(module, str) or not module.startswith(("keras.src.ops", "keras.ops")):
        return None
    for source in (plain, nn, math, image, linalg):
        if source.__name__ == module or not module.startswith("keras.src.ops."):
            found = getattr(source, name, None)
            if isinstance(found, type) and found.__module__ == source.__name__:
                return found
    if name in OF_CORE:
        found = getattr(core, name, None)
        return found if isinstance(found, type) else None
    return None


def _of_keras(found: type) -> bool:
    return found.__module__.partition(".")[0] == "keras"


def exporting_module(name: str) -> str | None:
    """The module of Keras that exports an initialiser, a policy or a layer of that name."""
    for module in EXPORTING:
        found = getattr(module, name, None)
        if isinstance(found, type) and _of_keras(found):
            return "keras" if found is keras.DTypePolicy else str(module.__name__)
    return None


def known_settings(cls: type, settings: Config, where: str) -> Config:
    """The settings that a layer knows; what it does not know and is not set is left out."""
    known = _known_settings(cls)
    for key, value in settings.items():
        if key in OUTSIDE.get(cls.__name__, ()) and isinstance(value, str):
            raise UnsafeModelError(
                f"{where} is a {cls.__name__} that reads its {key} from a file of its own: "
                "not opened"
            )
        if key in known | ALWAYS or key.endswith("_initializer"):  # no initialiser is ever used
            continue
        if value is not None and value != NEUTRAL.get(key):
            raise ModelFileError(
                f"{where} ({cls.__name__}) has the setting '{key}' = {in_short(value)}, which "
                f"Keras {keras.__version__} does not know and which may change what it computes. "
                "Open it with the Keras that saved it."
            )
    return {key: value for key, value in settings.items() if key in known}


def unset_settings(cls: type) -> list[str]:
    """The initialisers that a class takes, all of which are replaced, named or not."""
    known = _known_settings(cls)
    return sorted(key for key in known if key.endswith("_initializer"))


def check_policies(settings: object, where: str) -> None:
    """Refuses policies for layers whose pattern could match for ever.

    Keras takes the keys of a ``DTypePolicyMap`` for regular expressions.
    """
    held = settings.get("policy_map") if isinstance(settings, dict) else None
    for key in held if isinstance(held, dict) else ():
        text = str(key)
        if len(text) > MAX_PATH or not re.fullmatch(r"[\w/ .-]*", text.replace(".*", "", 2)):
            raise UnsafeModelError(
                f"{where} has a policy for '{text:.60}': expected the path of a layer, with '.*' "
                "for any part of it"
            )


@functools.cache
def _known_settings(cls: type) -> frozenset[str]:
    """The settings that a class takes.

    They are those of its signature, and those that it takes out of its ``**kwargs`` and saves:
    such a one stands as text in the code of both ``__init__`` and ``get_config``.
    """
    known: set[str] = set()
    for base in cls.__mro__:
        if base is keras.Operation or base is keras.Layer:
            known |= ALWAYS
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
    """The names that stand as text in the code of a method of a class of Keras."""
    code = inspect.unwrap(cls.__dict__[method]).__code__
    texts: set[str] = set()
    for constant in code.co_consts:
        parts = constant if isinstance(constant, tuple) else (constant,)
        texts.update(part for part in parts if isinstance(part, str) and part.isidentifier())
    return texts
