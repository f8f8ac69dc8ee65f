"""Expressions of known operations, as plain lists that JSON can hold.

``["input"]``, ``["input", place]`` for one of several, ``["value", number or list]`` and
``["call", name, [expressions], {setting: value}]``.
"""

from __future__ import annotations

from typing import Any

ROOTS = ("tf", "tensorflow", "K", "keras", "backend", "ktf", "KB", "kb", "nn", "ops")
"""The names under which a function of TensorFlow or Keras is called."""

FUNCTIONS = {
    "squeeze": ("squeeze", ("axis",)),
    "expand_dims": ("expand_dims", ("axis",)),
    "reshape": ("reshape", ("shape",)),
    "transpose": ("transpose", ("perm",)),
    "permute_dimensions": ("transpose", ("perm",)),
    "reverse": ("reverse", ("axis",)),
    "cast": ("cast", ("dtype",)),
    "tile": ("tile", ("multiples",)),
    "pad": ("pad", ("paddings", "mode")),
    "concat": ("concat", ("axis",)),
    "concatenate": ("concat", ("axis",)),
    "softmax": ("nn.softmax", ("axis",)),
    "relu": ("nn.relu", ()),
    "relu6": ("nn.relu6", ()),
    "elu": ("nn.elu", ()),
    "leaky_relu": ("nn.leaky_relu", ("alpha",)),
    "sigmoid": ("math.sigmoid", ()),
    "tanh": ("math.tanh", ()),
    "swish": ("nn.silu", ()),
    "silu": ("nn.silu", ()),
    "softplus": ("nn.softplus", ()),
    "l2_normalize": ("math.l2_normalize", ("axis", "epsilon")),
    "abs": ("math.abs", ()),
    "square": ("math.square", ()),
    "sqrt": ("math.sqrt", ()),
    "exp": ("math.exp", ()),
    "log": ("math.log", ()),
    "pow": ("math.pow", ()),
    "add": ("math.add", ()),
    "subtract": ("math.subtract", ()),
    "multiply": ("math.multiply", ()),
    "divide": ("math.truediv", ()),
    "maximum": ("math.maximum", ()),
    "minimum": ("math.minimum", ()),
    "clip": ("clip_by_value", ("clip_value_min", "clip_value_max")),
    "clip_by_value": ("clip_by_value", ("clip_value_min", "clip_value_max")),
    "mean": ("math.reduce_mean", ("axis", "keepdims")),
    "reduce_mean": ("math.reduce_mean", ("axis", "keepdims")),
    "sum": ("math.reduce_sum", ("axis", "keepdims")),
    "reduce_sum": ("math.reduce_sum", ("axis", "keepdims")),
    "max": ("math.reduce_max", ("axis", "keepdims")),
    "reduce_max": ("math.reduce_max", ("axis", "keepdims")),
    "min": ("math.reduce_min", ("axis", "keepdims")),
    "reduce_min": ("math.reduce_min", ("axis", "keepdims")),
    "stop_gradient": ("stop_gradient", ()),
    "identity": ("identity", ()),
    "depth_to_space": ("nn.depth_to_space", ("block_size",)),
    "space_to_depth": ("nn.space_to_depth", ("block_size",)),
    "strided_slice": ("strided_slice", ("begin", "end", "strides")),
    "constant": ("", ()),
    "image.resize": ("image.resize", ("size", "method")),
    "image.resize_images": ("image.resize_bilinear", ("size",)),
    "image.resize_bilinear": ("image.resize_bilinear", ("size", "align_corners")),
    "image.resize_nearest_neighbor": ("image.resize_nearest", ("size", "align_corners")),
    "image.rgb_to_grayscale": ("image.rgb_to_grayscale", ()),
    "image.grayscale_to_rgb": ("image.grayscale_to_rgb", ()),
    "image.per_image_standardization": ("image.per_image_standardization", ()),
}
"""Functions of TensorFlow and of Keras's backend: the operation, and the order of settings."""

SETTINGS = {"keep_dims": "keepdims", "dim": "axis", "pattern": "perm", "axes": "axis"}
"""Settings that have several names."""


class Dotted(str):
    """The name of something outside the code, such as ``tf.nn.relu``."""

    __slots__ = ()


def is_expression(value: Any) -> bool:
    """Whether a value is an expression that depends on the input."""
    return isinstance(value, list) and bool(value) and value[0] in ("input", "call")


def as_expression(value: Any) -> Any:
    """A value as an expression.

    Raises:
        ValueError: It is none.
    """
    return value if is_expression(value) else ["value", plain(value)]


def plain(value: Any) -> Any:
    """A constant as JSON holds it.

    Raises:
        ValueError: It is no constant.
    """
    if isinstance(value, Dotted):
        last = value.rpartition(".")[2]
        if last in ("float16", "float32", "float64", "int32", "int64", "uint8", "bool"):
            return last
        raise ValueError(value)
    if isinstance(value, list | tuple) and not is_expression(value):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(value)


def operate(name: str, values: list[Any]) -> Any:
    """An operation on expressions or constants."""
    if not any(is_expression(value) for value in values):
        numbers = [plain(value) for value in values]
        return _fold(name, numbers)
    return ["call", name, [as_expression(value) for value in values], {}]


def _fold(name: str, numbers: list[Any]) -> Any:
    """An operation on constants alone, done here."""
    if not all(isinstance(n, int | float) and abs(n) < 1e15 for n in numbers):
        raise ValueError(name)
    first, second = (numbers * 2)[:2]
    if name == "math.pow" and abs(second) > 16:
        raise ValueError(name)
    results = {
        "math.add": lambda: first + second,
        "math.subtract": lambda: first - second,
        "math.multiply": lambda: first * second,
        "math.truediv": lambda: first / second,
        "math.pow": lambda: first**second,
        "math.negative": lambda: -first,
    }
    return results[name]()


def index(value: Any, place: Any) -> Any:
    """One of several inputs, or a part of a tensor."""
    if value == ["input"] and isinstance(place, int):
        return ["input", place]
    if is_expression(value) and (isinstance(place, tuple | slice) or place is Ellipsis):
        parts = place if isinstance(place, tuple) else (place,)
        spec = [_part(part) for part in parts]
        return ["call", "__operators__.getitem", [as_expression(value)], {"slice_spec": spec}]
    raise ValueError(place)


def _part(part: Any) -> Any:
    if isinstance(part, slice):
        return {
            "start": plain(part.start),
            "stop": plain(part.stop),
            "step": plain(part.step),
        }
    return "..." if part is Ellipsis else plain(part)


def call(function: Dotted, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """A call of a known function.

    Raises:
        ValueError: The function is not among the known ones, or takes something unknown.
    """
    root, _, rest = function.partition(".")
    rest = rest.removeprefix("keras.").removeprefix("backend.").removeprefix("compat.v1.")
    rest = rest.removeprefix("activations.")
    if root not in ROOTS or not rest:
        raise ValueError(function)
    start, _, last = rest.rpartition(".")
    name = f"image.{last}" if start == "image" else last
    if (
        start not in ("", "nn", "math", "linalg", "image", "backend", "layers")
        or name not in FUNCTIONS
    ):
        raise ValueError(function)
    operation, order = FUNCTIONS[name]
    if name == "constant":
        return plain(arguments[0])
    if name in ("concat", "concatenate"):
        values = keywords.pop("values", None) or keywords.pop("tensors", None)
        first = arguments.pop(0) if values is None else values
        if first != ["input"]:
            raise ValueError(function)
        arguments.insert(0, first)
    tensors = [value for value in arguments if is_expression(value)]
    for key in (
        "x",
        "input",
        "images",
        "tensor",
        "inputs",
        "a",
        "logits",
        "features",
        "input_tensor",
    ):
        if key in keywords and not tensors:
            arguments.insert(0, keywords.pop(key))
    return _called(operation, order, arguments, keywords)


def _called(
    operation: str, order: tuple[str, ...], arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The call as an expression; settings by name, tensors by place."""
    keywords = {key: value for key, value in keywords.items() if key != "name"}
    if not order:
        if not any(is_expression(value) for value in arguments):
            raise ValueError(operation)
        return ["call", operation, [as_expression(value) for value in arguments], {}]
    tensor, *rest = arguments
    if not is_expression(tensor) or len(rest) > len(order):
        raise ValueError(operation)
    settings = {**dict(zip(order, rest, strict=False)), **keywords}
    named = {SETTINGS.get(key, key): plain(value) for key, value in settings.items()}
    allowed = {*order, "constant_values", "antialias", "half_pixel_centers"}
    if not set(named) <= allowed:
        raise ValueError(operation)
    return ["call", operation, [tensor], named]
