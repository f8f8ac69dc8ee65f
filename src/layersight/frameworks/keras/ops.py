"""The operations of TensorFlow in old models, computed by Keras on all backends.

The rule of this module: an operation is looked up by name in :data:`OPERATIONS` only. All others
are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from keras import ops

from layersight.frameworks.keras.imaging import IMAGING
from layersight.frameworks.keras.shaping import SHAPING
from layersight.frameworks.keras.types import Function, Settings, Structure, Tensor

Axes = int | Sequence[int] | None
Window = int | Sequence[int]


@keras.saving.register_keras_serializable(package="layersight")
def hard_sigmoid_of_keras_2(x: Tensor) -> Tensor:
    """``clip(0.2 x + 0.5, 0, 1)``, as Keras 1 and 2 had it."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def _axes(axis: Axes) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


def _reduce(function: Function) -> Function:
    def reduced(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
        return function(x, axis=_axes(axis), keepdims=bool(keepdims))

    return reduced


def _binary(function: Function) -> Function:
    return lambda x, y: function(*_as_tensors(x, y))


def _as_tensors(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors; a number or a list becomes a tensor of the type of the other."""
    if not hasattr(x, "dtype"):
        return ops.convert_to_tensor(np.asarray(x), dtype=y.dtype), y
    if not hasattr(y, "dtype"):
        return x, ops.convert_to_tensor(np.asarray(y), dtype=x.dtype)
    return x, y


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``tf.where`` of three tensors or numbers; numbers get the type of the tensors."""
    dtype = next((value.dtype for value in (x, y) if hasattr(value, "dtype")), "float32")
    x, y = (v if hasattr(v, "dtype") else ops.cast(v, dtype) for v in (x, y))
    return ops.where(condition, x, y)


def _position(function: Function) -> Function:
    """The index of the greatest or least value, by default along the first axis."""
    return lambda x, axis=None, output_type=None: function(x, axis=0 if axis is None else axis)


def _norm(
    x: Tensor,
    ord: float | str | None = None,  # noqa: A002 (as TensorFlow calls it)
    axis: Axes = None,
    keepdims: bool = False,
) -> Tensor:
    """``tf.norm`` of vectors: the Euclidean one, or that of order 1, 2 or infinity."""
    axes, keep = _axes(axis), bool(keepdims)
    if ord in (None, "euclidean", 2):
        return ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=keep))
    if ord == 1:
        return ops.sum(ops.absolute(x), axis=axes, keepdims=keep)
    if ord == float("inf"):
        return ops.max(ops.absolute(x), axis=axes, keepdims=keep)
    raise ValueError(f"expected a norm of order 1, 2 or infinity, found {ord!r}")


def _moments(
    x: Tensor, axis: Axes, shift: object = None, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    mean = ops.mean(x, axis=_axes(axis), keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=_axes(axis), keepdims=bool(keepdims))
    return mean if keepdims else ops.squeeze(mean, axis=_axes(axis)), variance


def _batch_dot(x: Tensor, y: Tensor, axes: int | Sequence[int] | None = None) -> Tensor:
    """``K.batch_dot`` of Keras 2.2 and later; axis 0 is that of the batch."""
    first, second = len(x.shape), len(y.shape)
    if axes is None:
        axes = (first - 1, second - 1 if second == 2 else second - 2)
    x_axis, y_axis = (axes, axes) if isinstance(axes, int) else axes
    x_axis, y_axis = x_axis % first, y_axis % second
    letters = "abcdefghijklmnopqrstuvwxyz"
    left = ["z", *letters[1:first]]
    right = ["z", *letters[first : first + second - 1]]
    right[y_axis] = left[x_axis]
    free = [letter for letter in (*left[1:], *right[1:]) if letter != left[x_axis]]
    result = ops.einsum(f"{''.join(left)},{''.join(right)}->z{''.join(free)}", x, y)
    return result if free else ops.expand_dims(result, -1)


def _relu_of_keras(
    x: Tensor, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    alpha, threshold = float(alpha or 0), float(threshold or 0)
    y = ops.where(x >= threshold, x, alpha * (x - threshold))
    return y if max_value is None else ops.minimum(y, float(max_value))


def _fake_quant(
    x: Tensor,
    min: float | Sequence[float] = -6.0,  # noqa: A002 (as TensorFlow calls them)
    max: float | Sequence[float] = 6.0,  # noqa: A002
    num_bits: int = 8,
    narrow_range: bool = False,
) -> Tensor:
    """``tf.quantization.fake_quant_with_min_max_args`` and ``..._vars``: rounds to 2^bits levels.

    The range is shifted so that zero is one of the levels, as documented by TensorFlow.
    """
    low, high = np.asarray(min, "float32"), np.asarray(max, "float32")
    least, most = np.float32(1 if narrow_range else 0), np.float32(2**num_bits - 1)
    scale = np.where(high > low, (high - low) / (most - least), np.float32(1))
    zero = np.clip(np.floor(least - low / scale + np.float32(0.5)), least, most)
    bottom, top = (least - zero) * scale, (most - zero) * scale
    bottom, top, scale = (
        ops.convert_to_tensor(array, dtype=x.dtype) for array in (bottom, top, scale)
    )
    clipped = ops.minimum(ops.maximum(x, bottom), top)
    steps = ops.floor((clipped - bottom) / scale + 0.5)
    return steps * scale + bottom


def _softmax(function: Function) -> Function:
    return lambda x, axis=-1: function(x, axis=-1 if axis is None else axis)


def _l2_normalize(x: Tensor, axis: Axes = None, epsilon: float = 1e-12, dim: Axes = None) -> Tensor:
    total = ops.sum(ops.square(x), axis=_axes(axis if dim is None else dim), keepdims=True)
    return x * ops.rsqrt(ops.maximum(total, epsilon))


def _matmul(x: Tensor, y: Tensor, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    first = ops.swapaxes(x, -1, -2) if transpose_a else x
    return ops.matmul(first, ops.swapaxes(y, -1, -2) if transpose_b else y)


def _bias_add(x: Tensor, bias: Tensor, data_format: str | None = None) -> Tensor:
    bias = _as_tensors(x, bias)[1]
    if isinstance(data_format, str) and data_format.startswith("NC") and len(x.shape) > 2:
        bias = ops.reshape(bias, (1, -1, *(1,) * (len(x.shape) - 2)))
    return x + bias


SLICES = 64  # the reach up to which neighbours are added one by one; beyond it by running sums


def _local_response(
    x: Tensor, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Tensor:
    """``tf.nn.local_response_normalization`` over the last axis."""
    channels = int(x.shape[-1])
    reach = max(0, min(depth_radius, channels - 1))
    padding = [(0, 0)] * (len(x.shape) - 1) + [(reach, reach)]
    squares = ops.pad(ops.square(x), padding)
    if reach <= SLICES:
        shifted = [squares[..., start : start + channels] for start in range(2 * reach + 1)]
        total = sum(shifted[1:], shifted[0])
    else:
        sums = ops.cumsum(ops.pad(squares, [*padding[:-1], (1, 0)]), -1)
        total = sums[..., 2 * reach + 1 :] - sums[..., :channels]
    return x / (bias + alpha * total) ** beta


def _pool(function: Function) -> Function:
    def pooled(
        x: Tensor,
        ksize: Window = 2,
        strides: Window | None = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Tensor:
        first = str(data_format).startswith(("NC", "channels_first"))
        order = "channels_first" if first else "channels_last"
        return function(
            x, _window(ksize), _window(strides or ksize), str(padding).lower(), data_format=order
        )

    return pooled


def _window(value: Window) -> Window:
    """A window of TensorFlow, which may include the axes of batch and channel."""
    if not isinstance(value, list | tuple):
        return value
    sides = tuple(value[1:-1]) if len(value) == 4 else tuple(value)
    # Keras on JAX cannot load a window of two sides from a file.
    return sides[0] if len(set(sides)) == 1 else sides


# Operations by the names of their functions in TensorFlow.
OPERATIONS: Mapping[str, Callable[..., Structure]] = {
    **SHAPING,
    **IMAGING,
    **{
        f"math.{name}": getattr(ops, name)
        for name in (
            *("ceil", "cos", "erf", "exp", "expm1", "floor", "log", "log1p", "logical_and"),
            *("logical_not", "logical_or", "negative", "reciprocal", "round", "rsqrt", "sigmoid"),
            *("sign", "sin", "softplus", "softsign", "sqrt", "square", "tan", "tanh"),
        )
    },
    "math.abs": ops.absolute,
    "math.is_nan": ops.isnan,
    "math.is_inf": ops.isinf,
    "math.is_finite": ops.isfinite,
    **{
        f"math.{name}": _binary(getattr(ops, name))
        for name in (
            *("add", "divide_no_nan", "equal", "greater", "greater_equal", "less", "less_equal"),
            *("maximum", "minimum", "mod", "multiply", "not_equal", "subtract"),
        )
    },
    "__operators__.add": _binary(ops.add),
    "math.add_n": lambda x: sum(x[1:], x[0]),
    "math.divide": _binary(ops.true_divide),
    "math.truediv": _binary(ops.true_divide),
    "math.floordiv": _binary(ops.floor_divide),
    "math.pow": _binary(ops.power),
    "math.squared_difference": _binary(lambda x, y: ops.square(x - y)),
    "where": _where,
    **{
        f"math.reduce_{name}": _reduce(getattr(ops, name))
        for name in ("mean", "sum", "max", "min", "prod", "std", "any", "all", "logsumexp")
    },
    "math.reduce_variance": _reduce(ops.var),
    "math.cumsum": lambda x, axis=0: ops.cumsum(x, axis=axis),
    "math.argmax": _position(ops.argmax),
    "math.argmin": _position(ops.argmin),
    "norm": _norm,
    "nn.moments": _moments,  # gives two
    **dict.fromkeys(("math.l2_normalize", "linalg.l2_normalize", "nn.l2_normalize"), _l2_normalize),
    "linalg.matmul": _matmul,
    # ``K.dot``: over the last axis of ``x`` and the last but one of ``y``.
    "dot": lambda x, y: ops.tensordot(
        x, y, axes=((len(x.shape) - 1,), (max(len(y.shape) - 2, 0),))
    ),
    "batch_dot": _batch_dot,
    "tensordot": lambda x, y, axes: ops.tensordot(
        x, y, axes=axes if isinstance(axes, int) else tuple(map(_axes, axes))
    ),
    "einsum": ops.einsum,
    "clip_by_value": lambda x, clip_value_min, clip_value_max: ops.clip(
        x, clip_value_min, clip_value_max
    ),
    **{
        f"nn.{name}": getattr(ops, name)
        for name in ("elu", "relu", "relu6", "selu", "sigmoid", "softplus", "softsign", "tanh")
    },
    "nn.bias_add": _bias_add,
    "nn.crelu": lambda x, axis=-1: ops.concatenate([ops.relu(x), ops.relu(-x)], axis=axis),
    "nn.mish": lambda x: x * ops.tanh(ops.softplus(x)),
    "keras.relu": _relu_of_keras,
    "keras.elu": lambda x, alpha=1.0: ops.where(x > 0, x, alpha * ops.expm1(x)),
    **dict.fromkeys(("nn.silu", "nn.swish"), lambda x, beta=1.0: x * ops.sigmoid(beta * x)),
    "nn.gelu": lambda x, approximate=False: ops.gelu(x, approximate=bool(approximate)),
    "nn.leaky_relu": lambda x, alpha=0.2: ops.leaky_relu(x, negative_slope=alpha),
    "nn.softmax": _softmax(ops.softmax),
    "nn.log_softmax": _softmax(ops.log_softmax),
    **dict.fromkeys(("nn.local_response_normalization", "nn.lrn"), _local_response),
    **dict.fromkeys(("nn.max_pool", "nn.max_pool2d"), _pool(ops.max_pool)),
    **dict.fromkeys(("nn.avg_pool", "nn.avg_pool2d"), _pool(ops.average_pool)),
    "keras.pool2d": lambda x, pool_size, strides=1, pool_mode="max", **more: _pool(
        ops.max_pool if pool_mode == "max" else ops.average_pool
    )(x, pool_size, strides, **more),
    **{
        f"quantization.fake_quant_with_min_max_{end}": _fake_quant
        for end in ("args", "vars", "vars_per_channel")
    },
}

# Modules in which TensorFlow has the same function again.
SAME = ("compat.v1.", "math.", "nn.", "linalg.", "image.", "quantization.")


def find_operation(name: str) -> Callable[..., Structure] | None:
    """The computation of an operation; ``None`` if it is unknown."""
    bare = name.removeprefix("compat.v1.")
    if bare in OPERATIONS:
        return OPERATIONS[bare]
    last = bare.rpartition(".")[2]
    for start in ("", *SAME):
        if bare in (last, f"{start}{last}") and f"{start}{last}" in OPERATIONS:
            return OPERATIONS[f"{start}{last}"]
    return None


@keras.saving.register_keras_serializable(package="layersight")
class TensorFlowCall(keras.layers.Layer):
    """An operation of TensorFlow, computed by Keras on all backends.

    ``arguments`` are those other than tensors, by name, and ``constants`` likewise by their
    position among the tensors.
    """

    def __init__(
        self,
        function: str,
        arguments: Mapping[str, object] | None = None,
        constants: Sequence[tuple[int, object]] = (),
        **settings: object,
    ) -> None:
        settings.setdefault("autocast", False)
        super().__init__(**settings)
        compute = find_operation(function)
        if compute is None:
            raise ValueError(f"unknown operation {function}")
        self.function = function
        self.arguments = {_NAMES.get(k, k): v for k, v in (arguments or {}).items()}
        self.constants = tuple((index, value) for index, value in constants)
        self._compute = compute
        self.built = True

    def call(self, *args: object, **settings: object) -> Structure:
        inputs = list(args)
        for index, value in self.constants:
            inputs.insert(index, value)
        if self.function == "concat" and len(inputs) > 2:
            inputs = [inputs[:-1], inputs[-1]]
        named = {_NAMES.get(key, key): value for key, value in settings.items()}
        return self._compute(*inputs, **self.arguments, **named)

    def get_config(self) -> Settings:
        own = {"arguments": self.arguments, "constants": self.constants}
        return {**super().get_config(), "function": self.function, **own}


# Settings that have several names in TensorFlow.
_NAMES = {"keep_dims": "keepdims", "b": "y"}
