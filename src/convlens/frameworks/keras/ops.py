"""Layers that compute the operations of TensorFlow that old models hold, on any backend.

The rule of this module: an operation is found by its name in :data:`OPERATIONS` and nowhere
else. What is not there is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from convlens.errors import UnsafeModelError
from convlens.frameworks.keras.shaping import SHAPING
from convlens.frameworks.keras.sizes import check_output

Function = Callable[..., Any]

MAX_OPERATIONS = 500
"""How many operations a formula may have; one that a person wrote has some ten."""

MAX_FORMULA_DEPTH = 50
"""How deep a formula may be nested."""


@keras.saving.register_keras_serializable(package="convlens")  # type: ignore[untyped-decorator]
def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """``clip(0.2 x + 0.5, 0, 1)``, as Keras 1 and 2 had it."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _reduce(function: Function) -> Function:
    def reduced(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return function(x, axis=_axes(axis), keepdims=bool(keepdims))

    return reduced


def _binary(function: Function) -> Function:
    def combined(x: Any, y: Any) -> Any:
        return function(*_alike(x, y))

    return combined


def _alike(x: Any, y: Any) -> tuple[Any, Any]:
    """A number or a list beside a tensor, in the tensor's own type."""
    if not hasattr(x, "dtype"):
        return ops.convert_to_tensor(np.asarray(x), dtype=y.dtype), y
    if not hasattr(y, "dtype"):
        return x, ops.convert_to_tensor(np.asarray(y), dtype=x.dtype)
    return x, y


def _softmax(x: Any, axis: Any = -1) -> Any:
    return ops.softmax(x, axis=-1 if axis is None else axis)


def _leaky_relu(x: Any, alpha: float = 0.2) -> Any:
    return ops.leaky_relu(x, negative_slope=alpha)


def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    total = ops.sum(ops.square(x), axis=_axes(axis if dim is None else dim), keepdims=True)
    return x * ops.rsqrt(ops.maximum(total, epsilon))


def _clip(x: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    return ops.clip(x, clip_value_min, clip_value_max)


def _matmul(x: Any, y: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    first = ops.swapaxes(x, -1, -2) if transpose_a else x
    return ops.matmul(first, ops.swapaxes(y, -1, -2) if transpose_b else y)


def _bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    bias = _alike(x, bias)[1]
    if isinstance(data_format, str) and data_format.startswith("NC") and len(x.shape) > 2:
        bias = ops.reshape(bias, (1, -1, *(1,) * (len(x.shape) - 2)))
    return x + bias


def _standardise(x: Any) -> Any:
    """``tf.image.per_image_standardization``."""
    axes = (-3, -2, -1)
    count = float(np.prod([x.shape[axis] for axis in axes]))
    mean = ops.mean(x, axis=axes, keepdims=True)
    deviation = ops.std(x, axis=axes, keepdims=True)
    return (x - mean) / ops.maximum(deviation, 1.0 / count**0.5)


SLICES = 64
"""Up to this reach a response sums its neighbours one by one, beyond it by running sums."""


def _local_response(
    x: Any, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Any:
    """``tf.nn.local_response_normalization`` over the last axis."""
    channels = int(x.shape[-1])
    reach = max(0, min(depth_radius, channels - 1))
    room = [(0, 0)] * (len(x.shape) - 1) + [(reach, reach)]
    squares = ops.pad(ops.square(x), room)
    if reach <= SLICES:
        shifted = [squares[..., start : start + channels] for start in range(2 * reach + 1)]
        total = sum(shifted[1:], shifted[0])
    else:
        sums = ops.cumsum(ops.pad(squares, [*room[:-1], (1, 0)]), -1)
        total = sums[..., 2 * reach + 1 :] - sums[..., :channels]
    return x / (bias + alpha * total) ** beta


def _pool(mode: str) -> Function:
    def pooled(
        x: Any, ksize: Any = 2, strides: Any = None, padding: str = "VALID", data_format: Any = None
    ) -> Any:
        order = "channels_first" if str(data_format).startswith("NC") else "channels_last"
        function = ops.max_pool if mode == "max" else ops.average_pool
        return function(
            x, _window(ksize), _window(strides or ksize), str(padding).lower(), data_format=order
        )

    return pooled


def _window(value: Any) -> Any:
    """A window as TensorFlow gives it, with or without the axes of batch and channel."""
    if isinstance(value, list | tuple):
        return tuple(value[1:-1]) if len(value) == 4 else tuple(value)
    return value


OPERATIONS: Mapping[str, Function] = {
    **SHAPING,
    "math.add": _binary(ops.add),
    "__operators__.add": _binary(ops.add),
    "math.add_n": lambda x: sum(x[1:], x[0]),
    "math.subtract": _binary(ops.subtract),
    "math.multiply": _binary(ops.multiply),
    "math.divide": _binary(ops.true_divide),
    "math.truediv": _binary(ops.true_divide),
    "math.divide_no_nan": _binary(ops.divide_no_nan),
    "math.floordiv": _binary(ops.floor_divide),
    "math.mod": _binary(ops.mod),
    "math.pow": _binary(ops.power),
    "math.maximum": _binary(ops.maximum),
    "math.minimum": _binary(ops.minimum),
    "math.squared_difference": _binary(lambda x, y: ops.square(x - y)),
    "math.negative": ops.negative,
    "math.abs": ops.absolute,
    "math.exp": ops.exp,
    "math.log": ops.log,
    "math.log1p": ops.log1p,
    "math.sqrt": ops.sqrt,
    "math.rsqrt": ops.rsqrt,
    "math.square": ops.square,
    "math.reciprocal": ops.reciprocal,
    "math.sign": ops.sign,
    "math.sin": ops.sin,
    "math.cos": ops.cos,
    "math.floor": ops.floor,
    "math.ceil": ops.ceil,
    "math.round": ops.round,
    "math.erf": ops.erf,
    "math.sigmoid": ops.sigmoid,
    "math.tanh": ops.tanh,
    "math.softplus": ops.softplus,
    "math.softsign": ops.softsign,
    "math.reduce_mean": _reduce(ops.mean),
    "math.reduce_sum": _reduce(ops.sum),
    "math.reduce_max": _reduce(ops.max),
    "math.reduce_min": _reduce(ops.min),
    "math.reduce_prod": _reduce(ops.prod),
    "math.reduce_std": _reduce(ops.std),
    "math.reduce_variance": _reduce(ops.var),
    "math.argmax": lambda x, axis=None: ops.argmax(x, axis=0 if axis is None else axis),
    "math.l2_normalize": _l2_normalize,
    "linalg.l2_normalize": _l2_normalize,
    "nn.l2_normalize": _l2_normalize,
    "linalg.matmul": _matmul,
    "clip_by_value": _clip,
    "nn.bias_add": _bias_add,
    "nn.relu": ops.relu,
    "nn.relu6": ops.relu6,
    "nn.elu": ops.elu,
    "nn.selu": ops.selu,
    "nn.silu": lambda x, beta=1.0: x * ops.sigmoid(beta * x),
    "nn.swish": lambda x, beta=1.0: x * ops.sigmoid(beta * x),
    "nn.gelu": lambda x, approximate=False: ops.gelu(x, approximate=bool(approximate)),
    "nn.leaky_relu": _leaky_relu,
    "nn.softmax": _softmax,
    "nn.log_softmax": lambda x, axis=-1: ops.log_softmax(x, axis=-1 if axis is None else axis),
    "nn.softplus": ops.softplus,
    "nn.softsign": ops.softsign,
    "nn.sigmoid": ops.sigmoid,
    "nn.tanh": ops.tanh,
    "nn.local_response_normalization": _local_response,
    "nn.lrn": _local_response,
    "nn.max_pool": _pool("max"),
    "nn.max_pool2d": _pool("max"),
    "nn.avg_pool": _pool("average"),
    "nn.avg_pool2d": _pool("average"),
    "image.per_image_standardization": _standardise,
}
"""What each operation computes, by the name that TensorFlow gives its function."""

SAME = ("compat.v1.", "math.", "nn.", "linalg.", "image.")
"""Beginnings under which TensorFlow has the same function again."""


def find_operation(name: str) -> Function | None:
    """The computation of an operation, ``None`` if it is not among the known ones."""
    bare = name.removeprefix("compat.v1.")
    if bare in OPERATIONS:
        return OPERATIONS[bare]
    last = bare.rpartition(".")[2]
    for start in ("", *SAME):
        if bare in (last, f"{start}{last}") and f"{start}{last}" in OPERATIONS:
            return OPERATIONS[f"{start}{last}"]
    return None


@keras.saving.register_keras_serializable(package="convlens")
class TensorFlowCall(keras.layers.Layer):  # type: ignore[misc]
    """One operation of TensorFlow, computed by Keras on any backend.

    Args:
        function: Its name in TensorFlow, such as ``"math.truediv"``.
        arguments: Those of its arguments that are no tensors, by name.
        constants: The same by place among the tensors.
        **settings: Of every layer.
    """

    def __init__(
        self,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        constants: Sequence[tuple[int, Any]] = (),
        **settings: Any,
    ) -> None:
        settings.setdefault("autocast", False)
        super().__init__(**settings)
        found = find_operation(function)
        if found is None:
            raise ValueError(f"unknown operation {function}")
        self.function = function
        self._arguments = {_NAMES.get(k, k): v for k, v in (arguments or {}).items()}
        self._constants = tuple((place, value) for place, value in constants)
        self._compute = found
        self.built = True

    def call(self, *args: Any, **settings: Any) -> Any:
        """Computes the operation."""
        given = list(args)
        for place, value in self._constants:
            given.insert(place, value)
        if self.function == "concat" and len(given) > 2:
            given = [given[:-1], given[-1]]
        named = {_NAMES.get(key, key): value for key, value in settings.items()}
        return self._compute(*given, **self._arguments, **named)

    def get_config(self) -> dict[str, Any]:
        """What makes the layer again."""
        own = {"arguments": self._arguments, "constants": self._constants}
        return {**super().get_config(), "function": self.function, **own}


_NAMES = {"keep_dims": "keepdims", "b": "y"}
"""Settings that TensorFlow calls differently from function to function."""


@keras.saving.register_keras_serializable(package="convlens")
class Formula(keras.layers.Layer):  # type: ignore[misc]
    """A formula of known operations, read from the code of a Lambda layer.

    Args:
        expression: ``["input"]``, ``["input", place]``, ``["value", number or list]`` or
            ``["call", name, [expressions], {setting: value}]``.
        **settings: Of every layer.
    """

    def __init__(self, expression: Any, **settings: Any) -> None:
        super().__init__(**settings)
        _check_expression(expression)
        self.expression = expression
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Computes the formula."""
        return _evaluate(self.expression, inputs)

    def get_config(self) -> dict[str, Any]:
        """What makes the layer again."""
        return {**super().get_config(), "expression": self.expression}


def _check_expression(expression: Any) -> None:
    """Refuses a formula of far more operations than a person writes.

    Raises:
        UnsafeModelError: It is one.
    """
    level, operations = [expression], 0
    for _ in range(MAX_FORMULA_DEPTH):
        calls = [part for part in level if isinstance(part, list) and part[:1] == ["call"]]
        operations += len(calls)
        level = [inner for part in calls if len(part) > 2 for inner in part[2]]
        if not level or operations > MAX_OPERATIONS:
            break
    if level:
        raise UnsafeModelError(
            f"a formula of more than {MAX_OPERATIONS} operations, or nested more than "
            f"{MAX_FORMULA_DEPTH} deep: not computed"
        )


def _evaluate(expression: Any, inputs: Any) -> Any:
    kind, *rest = expression
    if kind == "input":
        return inputs[rest[0]] if rest else inputs
    if kind == "value":
        return rest[0]
    name, arguments, settings = rest
    function = find_operation(name)
    if function is None:
        raise ValueError(f"unknown operation {name}")
    given = function(*(_evaluate(argument, inputs) for argument in arguments), **settings)
    check_output(given, f"the operation '{name}' of a formula")
    return given
