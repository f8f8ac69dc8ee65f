"""Lambda layers whose code has a well-known harmless form.

The rule of this module: the code is read as data and never run. Arithmetic on the input and calls
of known functions of TensorFlow or Keras are recognised; code that can be read in two ways is not.
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

# Functions of these modules that a Lambda may name.
ACTIVATION_MODULES = ("keras.activations", "keras.src.activations")
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
    new: Config = {"name": name_of(layer)}
    dtype = settings.get("dtype")
    if isinstance(dtype, str | dict):
        new["dtype"] = dtype
    module, name = _saved_name(settings.get("function"))
    if module.startswith(ACTIVATION_MODULES) and name in ACTIVATIONS:
        replace_class(layer, "Activation", new | {"activation": name})
        return True
    formula = find_formula(settings)
    if formula is None:
        return False
    replace_class(layer, "Formula", new | {"expression": formula})
    return True


@layer_rewrite(
    "random-lambda",
    "random numbers in a Lambda layer were replaced by their mean: the same picture each time",
    of=("Formula",),
)
def note_means(layer: Config, settings: Config) -> bool:
    """A Lambda that draws random numbers, which are replaced by their mean."""
    formula = settings.get("expression")
    return bool(formula and formula.get("random"))


def find_formula(settings: Config) -> Any:
    """The formula of a Lambda layer by its settings, ``None`` if it is not recognised."""
    code, defaults, closure = _function(settings.get("function"))
    if code is None:
        return _named(settings)
    formulas: list[Any] = []
    for reading in read_code(code):
        bindings = _bindings(reading, defaults, closure, settings.get("arguments"))
        for formula in formulas_of(reading, bindings):
            if formula not in formulas:
                formulas.append(formula)
    return formulas[0] if len(formulas) == 1 else None


# Modules of functions in files of Keras 3, and the prefixes with which code would call them.
MODULES = {
    "keras.src.applications.": "keras.applications.",
    "keras.applications.": "keras.applications.",
    "tensorflow.keras.applications.": "keras.applications.",
    "keras.src.ops.": "ops.",
    "keras.ops": "ops.",
    "keras.src.legacy.backend": "K.",
    "tensorflow.python.ops.": "tf.",
}


def _saved_name(function: Any) -> tuple[str, str]:
    """Module and name of a function that Keras 3 saves by name, empty for any other."""
    if not isinstance(function, dict) or function.get("class_name") != "function":
        return "", ""
    module, name = function.get("module"), function.get("config")
    return (module, name) if isinstance(module, str) and isinstance(name, str) else ("", "")


def _named(settings: Config) -> Any:
    """The formula of a function that Keras 3 saves by name, such as ``preprocess_input``."""
    module, name = _saved_name(settings.get("function"))
    start = next((start for start in MODULES if module.startswith(start)), None)
    if start is None:
        return None
    last = f"{module.rpartition('.')[2]}." if "applications" in module else ""
    writer, full_name = Writer(), Dotted(f"{MODULES[start]}{last}{name}")
    arguments = settings.get("arguments")
    keywords = dict(arguments) if isinstance(arguments, dict) else {}
    try:
        return writer.finish(call(writer, full_name, [INPUT], keywords))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _function(value: Any) -> tuple[bytes | None, Any, Any]:
    """Code, defaults and closure of a function, in the form of any version."""
    if isinstance(value, dict) and value.get("class_name") == "__lambda__":
        inner = settings_of(value)
        return _bytes(inner.get("code")), inner.get("defaults"), inner.get("closure")
    if isinstance(value, list) and len(value) == 3:
        return _bytes(value[0]), value[1], value[2]
    return None, None, None


def _bytes(text: Any) -> bytes | None:
    """The code, which is base64 since Keras 2.0.5 and raw characters before."""
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


def _bindings(code: Code, defaults: Any, closure: Any, arguments: Any) -> dict[str, Any]:
    """The values of further arguments and of free variables, where they are plain."""
    names = code.variables[: code.arguments]
    values: dict[str, Any] = {}
    if isinstance(defaults, list) and len(defaults) <= len(names):
        values |= dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    if isinstance(arguments, dict):
        values |= arguments
    if isinstance(closure, list) and len(closure) == len(code.free):
        values |= dict(zip(code.free, closure, strict=True))
    for name, value in values.items():  # the form of a tuple since Keras 2.13
        if isinstance(value, dict) and value.get("class_name") == "__tuple__":
            values[name] = value.get("items", settings_of(value).get("items"))
    return {name: value for name, value in values.items() if not isinstance(value, dict)}
