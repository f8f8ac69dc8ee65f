"""Calls in a formula: which function a name refers to, and what it computes.

The rule of this module: a function is recognised by its full name and all its arguments; anything
that is not in the tables of :mod:`layersight.loading.functions` is a ``ValueError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from layersight.loading.formulas import Dotted, Ref, Writer, as_constant, as_tensor
from layersight.loading.functions import (
    IGNORED,
    KERAS,
    OPS,
    SETTINGS,
    TENSORFLOW,
    TENSORS,
    Operation,
)

UTILS = "imagenet_utils"

# Names under which the backend of Keras, Keras itself, TensorFlow and others are imported.
KERAS_ROOTS = ("K", "k", "keras", "backend", "KTF", "KB", "kb", "keras_backend", "ks", UTILS)
TF_ROOTS = ("tf", "tensorflow", "ktf", "nn", "tfk")
OPS_ROOTS = ("ops",)
NUMBER_ROOTS = ("np", "numpy", "math")

# What may be between the root of a name and the function.
BETWEEN = {
    *("keras", "backend", "compat", "v1", "v2", "_v2", "api", "python", "tf", "tensorflow"),
    *("nn", "math", "linalg", "image", "activations", "ops", "random", "quantization", "dtypes"),
    *("layers", "applications", "src", "utils", "legacy"),
}

# How each module of keras.applications scales images; "" for not at all.
PREPROCESSING = {
    "densenet": "torch",
    **dict.fromkeys(
        (
            *("inception_v3", "inception_resnet_v2", "mobilenet", "mobilenet_v2", "nasnet"),
            *("resnet_v2", "xception", "nasnet_mobile"),
        ),
        "tf",
    ),
    **dict.fromkeys(("vgg16", "vgg19", "resnet", "resnet50", "resnet_v1"), "caffe"),
    **dict.fromkeys(
        ("efficientnet", "efficientnet_v2", "mobilenet_v3", "convnext", "regnet", "resnet_rs"), ""
    ),
}

# Means of ImageNet, blue, green, red, out of 255; means and deviations, red, green, blue, out of
# 1 (keras.applications.imagenet_utils).
MEANS = [103.939, 116.779, 123.68]
TORCH = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

# Functions of NumPy and of Python on one constant.
NUMBERS: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("sqrt", "log", "exp", "floor", "ceil")},
    "float32": float,
    "int32": int,
}


def call(writer: Writer, function: Dotted, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """A call of a known function."""
    if "." not in function:
        return _builtin(writer, function, arguments, keywords)
    root, *between, name = function.split(".")
    if root in NUMBER_ROOTS:
        return _on_number(writer, name, arguments, keywords)
    if root not in (*KERAS_ROOTS, *TF_ROOTS, *OPS_ROOTS):
        raise ValueError(function)
    if name == "preprocess_input":
        module = between[-1] if between else root
        return _preprocess(writer, module, arguments, keywords)
    if not set(between) <= BETWEEN:
        raise ValueError(function)
    is_keras = root in KERAS_ROOTS and not {"tf", "tensorflow"} & set(between)
    if {"random"} & set(between) or name.startswith(("random_", "truncated_normal")):
        return _random(writer, name, arguments, keywords)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(writer, arguments, keywords)
    if root in OPS_ROOTS or "ops" in between:
        table = OPS
    elif is_keras or {"backend", "activations", "layers"} & set(between):
        table = KERAS
    else:
        table = TENSORFLOW
    full = f"image.{name}" if "image" in between else name
    if full not in table and is_keras and "backend" not in between:
        table = TENSORFLOW if "image" in between or "nn" in between else table
    if full not in table:
        raise ValueError(function)
    return _bind(writer, table[full], arguments, keywords)


def _bind(
    writer: Writer, operation: Operation, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The step of a call with positional and keyword arguments."""
    name = operation.name
    named = {key: value for key, value in keywords.items() if key not in IGNORED}
    positional = list(arguments)
    for key in TENSORS:
        if key in named and len(positional) < operation.tensors and SETTINGS.get(key) is None:
            positional.append(named.pop(key))
    if name == "einsum":
        return writer.step(name, [as_constant(positional[0]), *map(as_tensor, positional[1:])])
    tensors, rest = positional[: operation.tensors], positional[operation.tensors :]
    if len(tensors) != operation.tensors or len(rest) > len(operation.settings):
        raise ValueError(name)
    settings = {**dict(operation.fixed), **dict(zip(operation.settings, rest, strict=False))}
    for key, value in named.items():
        setting = key if key in operation.settings else SETTINGS.get(key, key)
        if setting not in operation.settings:
            raise ValueError(key)
        settings[setting] = value
    settings = {k: v for k, v in settings.items() if k not in IGNORED}
    if name in _LIST_OPERATIONS:
        return writer.step(name, [_tensors(tensors[0])], settings, operation.kind)
    tensors = [as_tensor(value) for value in tensors]
    if not any(isinstance(value, Ref) for value in tensors):
        if not name.startswith("math.") or operation.settings:
            raise ValueError(name)
        if not all(isinstance(as_constant(value), int | float) for value in tensors):
            raise ValueError(name)
    if name == "cast" and isinstance(tensors[0], Ref) and tensors[0].kind == "number":
        return tensors[0]
    return writer.step(name, tensors, settings, operation.kind)


_LIST_OPERATIONS = ("concat", "stack", "math.add_n")


def _tensors(value: Any) -> Any:
    """A list of tensors: a literal, all inputs of the layer, or the result of an operation."""
    if isinstance(value, Ref):
        if value.kind not in ("input", "tensors"):
            raise ValueError(value.kind)
        return value
    if not isinstance(value, list | tuple) or not any(isinstance(v, Ref) for v in value):
        raise ValueError(value)
    return [as_tensor(item) for item in value]


def _builtin(writer: Writer, function: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if function not in ("int", "float", "len", "list", "tuple", "abs") or keywords:
        raise ValueError(function)
    (value,) = arguments
    if function == "abs":
        return writer.step("math.abs", [as_tensor(value)]) if isinstance(value, Ref) else abs(value)
    if function in ("list", "tuple"):
        if isinstance(value, Ref) and value.kind == "shape":
            return value
        if not isinstance(value, list | tuple):
            raise ValueError(function)
        return list(value) if function == "list" else tuple(value)
    if function == "len":
        if isinstance(value, Ref) and value.kind == "shape":
            return writer.step("number.len", [value], kind="number")
        if not isinstance(value, list | tuple):
            raise ValueError(function)
        return len(value)
    if isinstance(value, Ref) and value.kind == "number":
        return writer.step("number.int", [value], kind="number") if function == "int" else value
    if not isinstance(value, int | float) or abs(value) > 1e15:
        raise ValueError(function)
    return int(value) if function == "int" else float(value)


def _on_number(writer: Writer, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if keywords and set(keywords) != {"dtype"}:
        raise ValueError(name)
    if name in ("array", "asarray", "float32") and arguments:
        return as_constant(arguments[0])
    (value,) = arguments
    if isinstance(value, Ref):
        if value.kind != "number" or name != "sqrt":
            raise ValueError(name)
        return writer.operate("pow", [value, 0.5])
    if name not in NUMBERS or not isinstance(value, int | float) or abs(value) > 1e15:
        raise ValueError(name)
    return NUMBERS[name](value)


def _random(writer: Writer, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The mean of random numbers, which replaces them.

    The shape is left out: what they are added to or multiplied with has it.
    """
    if name not in ("normal", "random_normal", "truncated_normal", "random_normal_variable"):
        raise ValueError(name)
    named = dict(zip(("shape", "mean", "stddev", "dtype", "seed"), arguments, strict=False))
    named |= keywords
    if not set(named) <= {"shape", "mean", "stddev", "std", "dtype", "seed", "name"}:
        raise ValueError(name)
    mean = named.get("mean", 0.0)
    if not isinstance(mean, int | float):
        raise ValueError(name)
    writer.random = True
    return float(mean)


def _preprocess(writer: Writer, module: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """``preprocess_input`` of a module of ``keras.applications``, channels last."""
    named = dict(zip(("x", "data_format", "mode"), arguments, strict=False)) | keywords
    if not set(named) <= {"x", "data_format", "mode"} or not isinstance(named.get("x"), Ref):
        raise ValueError(module)
    if named.get("data_format") not in (None, "channels_last"):
        raise ValueError(module)
    mode = named.get("mode", "caffe" if module == UTILS else PREPROCESSING.get(module))
    return preprocess(writer, as_tensor(named["x"]), mode)


def preprocess(writer: Writer, x: Any, mode: Any) -> Any:
    """The arithmetic of ``keras.applications.imagenet_utils.preprocess_input``.

    ``mode`` is ``"tf"``, ``"caffe"``, ``"torch"`` or "" for none.
    """
    if mode == "tf":
        return writer.operate("subtract", [writer.operate("truediv", [x, 127.5]), 1.0])
    if mode == "caffe":
        reversed_channels = writer.index(x, (Ellipsis, slice(None, None, -1)))
        return writer.operate("subtract", [reversed_channels, MEANS])
    if mode == "torch":
        scaled = writer.operate("subtract", [writer.operate("truediv", [x, 255.0]), TORCH[0]])
        return writer.operate("truediv", [scaled, TORCH[1]])
    if mode != "":
        raise ValueError(mode)
    return x


def _shape(writer: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    tensors = [*arguments, *(v for k, v in keywords.items() if k in TENSORS)]
    if len(tensors) != 1 or not isinstance(tensors[0], Ref):
        raise ValueError("shape")
    return shape_of(writer, tensors[0])


def shape_of(writer: Writer, value: Ref) -> Ref:
    if value.kind not in ("input", "tensor"):
        raise ValueError(value.kind)
    return writer.step("shape", [value], kind="shape")


def _rank(writer: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    return writer.step("number.len", [_shape(writer, arguments, keywords)], kind="number")


def _constant(_: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if not set(keywords) <= {"dtype", "name", "value"}:
        raise ValueError("constant")
    return as_constant([*arguments, *(v for k, v in keywords.items() if k == "value")][0])


def _in_test(writer: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """``K.in_train_phase(x, alt)`` outside training."""
    if keywords or len(arguments) != 2 or not isinstance(arguments[1], Ref):
        raise ValueError("in_train_phase")
    return writer.step("identity", [arguments[1]])


# Functions whose result is not a tensor, or differs in training.
_SPECIAL: dict[str, Callable[[Writer, list[Any], dict[str, Any]], Any]] = {
    "shape": _shape,
    "int_shape": _shape,
    "ndim": _rank,
    "rank": _rank,
    "constant": _constant,
    "epsilon": lambda *_: 1e-7,
    "floatx": lambda *_: "float32",
    "in_train_phase": _in_test,
}
