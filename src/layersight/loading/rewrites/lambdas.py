"""Lambda layers whose code is one of the well-known harmless forms.

The rule of this module: the code is read as data and never run. What is recognised is
arithmetic on the input and calls of known functions of TensorFlow or Keras; code that can
be read in two ways is not recognised.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from layersight.data.saved import Config
from layersight.loading.bytecode import formulas_of
from layersight.loading.calls import call
from layersight.loading.formulas import INPUT, Dotted, Writer
from layersight.loading.marshalled import Code, read_code
from layersight.loading.rewrites.walking import layer_rewrite, name_of, replace_class, settings_of

# Functions of keras.activations that a Lambda may name.
ACTIVATIONS = {
    *("relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softmax", "softplus", "softsign"),
    *("silu", "gelu", "leaky_relu", "hard_sigmoid", "exponential", "linear", "mish"),
}


@layer_rewrite(
    "lambda",
    "Lambda layers were recognised as known formulas and replaced; their code was not run",
    of=("Lambda",),
)
def replace_known(layer: Config, settings: Config) -> bool:
    """A Lambda that computes a known formula."""
    known: Config = {"name": name_of(layer)}
    dtype = settings.get("dtype")
    if isinstance(dtype, str | dict):
        known["dtype"] = dtype
    if activation := _named_activation(settings.get("function")):
        replace_class(layer, "Activation", known | {"activation": activation})
        return True
    formula = find_formula(settings)
    if formula is None:
        return False
    replace_class(layer, "Formula", known | {"expression": formula})
    return True


@layer_rewrite(
    "random-lambda",
    "random numbers in a Lambda layer were replaced by their mean: the same picture each time",
    of=("Formula",),
)
def note_means(layer: Config, settings: Config) -> bool:
    """A Lambda that draws random numbers: their mean stands for them, each time the same."""
    formula = settings.get("expression")
    return bool(formula and formula.get("random"))


def _named_activation(function: Any) -> str | None:
    """An activation of Keras that a Lambda of Keras 3 names."""
    if not isinstance(function, dict) or function.get("class_name") != "function":
        return None
    module, name = function.get("module"), function.get("config")
    ours = isinstance(module, str) and module.startswith(
        ("keras.activations", "keras.src.activations")
    )
    return name if ours and isinstance(name, str) and name in ACTIVATIONS else None


def find_formula(settings: Config) -> Any:
    """The formula of a Lambda layer by its settings, ``None`` if it is not recognised."""
    code, defaults, closure = _function(settings.get("function"))
    if code is None:
        return _named(settings)
    found: list[Any] = []
    for reading in read_code(code):
        given = _given(reading, defaults, closure, settings.get("arguments"))
        for formula in formulas_of(reading, given):
            if formula not in found:
                found.append(formula)
    return found[0] if len(found) == 1 else None


# The modules of functions that a file of Keras 3 names, and how code would call them.
MODULES = {
    "keras.src.applications.": "keras.applications.",
    "keras.applications.": "keras.applications.",
    "tensorflow.keras.applications.": "keras.applications.",
    "keras.src.ops.": "ops.",
    "keras.ops": "ops.",
    "keras.src.legacy.backend": "K.",
    "tensorflow.python.ops.": "tf.",
}


def _named(settings: Config) -> Any:
    """The formula of a function that Keras 3 names by its module, such as ``preprocess_input``."""
    function, more = settings.get("function"), settings.get("arguments")
    if not isinstance(function, dict) or function.get("class_name") != "function":
        return None
    module, name = function.get("module"), function.get("config")
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    start = next((start for start in MODULES if module.startswith(start)), None)
    if start is None:
        return None
    last = f"{module.rpartition('.')[2]}." if "applications" in module else ""
    writer = Writer()
    try:
        given = more if isinstance(more, dict) else {}
        return writer.finish(
            call(writer, Dotted(f"{MODULES[start]}{last}{name}"), [INPUT], dict(given))
        )
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _function(value: Any) -> tuple[bytes | None, Any, Any]:
    """Code, defaults and closure of a function, as every version wrote them."""
    if isinstance(value, dict) and value.get("class_name") == "__lambda__":
        inner = settings_of(value)
        return _bytes(inner.get("code")), inner.get("defaults"), inner.get("closure")
    if isinstance(value, list) and len(value) == 3:
        return _bytes(value[0]), value[1], value[2]
    return None, None, None


def _bytes(text: Any) -> bytes | None:
    """The code, which came as base64 from Keras 2.0.5 on and as raw characters before."""
    if not isinstance(text, str) or len(text) > 400_000:
        return None
    try:
        return base64.b64decode(text.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        pass
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _given(code: Code, defaults: Any, closure: Any, arguments: Any) -> dict[str, Any]:
    """The values of further arguments and of variables from outside, where they are plain."""
    names = code.variables[: code.arguments]
    found: dict[str, Any] = {}
    if isinstance(defaults, list) and len(defaults) <= len(names):
        found |= dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    if isinstance(arguments, dict):
        found |= arguments
    if isinstance(closure, list) and len(closure) == len(code.free):
        found |= dict(zip(code.free, closure, strict=True))
    for name, value in found.items():  # Keras 2.13 and later write a tuple so
        if isinstance(value, dict) and value.get("class_name") == "__tuple__":
            found[name] = value.get("items", settings_of(value).get("items"))
    return {name: value for name, value in found.items() if not isinstance(value, dict)}
