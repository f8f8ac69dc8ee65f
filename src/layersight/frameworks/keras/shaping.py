"""Operations of TensorFlow that change shapes: reshaping, slicing, joining, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from keras import ops

from layersight.frameworks.keras.types import Function, Tensor

Mirror = Literal["reflect", "symmetric"]

# The modes of padding with values of the image; NumPy has more of them than TensorFlow.
MIRRORS: dict[str, Mirror] = {"reflect": "reflect", "symmetric": "symmetric"}


def plain_sizes(value: object) -> Any:
    """A shape, a size or an axis as plain integers, as far as it is known."""
    if isinstance(value, list | tuple):
        return tuple(plain_sizes(part) for part in value)
    return int(value) if isinstance(value, np.integer | float) else value


def _reshape(x: Tensor, shape: object) -> Tensor:
    sizes = [-1 if part is None else part for part in plain_sizes(shape)]
    if sizes and all(isinstance(part, int) for part in sizes) and sizes.count(-1) == 0:
        sizes[0] = -1  # the batch, whose size may differ from that in the file
    return ops.reshape(x, tuple(sizes))


def _squeeze(x: Tensor, axis: object = None, squeeze_dims: object = None) -> Tensor:
    axis = squeeze_dims if axis is None else axis
    axes = plain_sizes(axis)
    if isinstance(axes, int):
        axes = (axes,)
    if not axes:
        axes = tuple(axis for axis, size in enumerate(x.shape) if axis and size == 1)
    return ops.squeeze(x, axis=axes)


def _split(value: Tensor, num_or_size_splits: object, axis: int = 0, num: object = None) -> Any:
    sizes = plain_sizes(num_or_size_splits)
    axis = int(axis)
    if not isinstance(sizes, tuple):
        _check_parts(sizes)
        return ops.split(value, sizes, axis=axis)
    _check_parts(len(sizes))
    if -1 in sizes:
        rest = value.shape[axis] - sum(size for size in sizes if size != -1)
        sizes = tuple(rest if size == -1 else size for size in sizes)
    return ops.split(value, np.cumsum(sizes[:-1]).tolist(), axis=axis)


MAX_PARTS = 100_000  # the most parts or classes into which a tensor may be split


def _check_parts(count: int) -> None:
    if not 0 < count <= MAX_PARTS:
        raise ValueError(f"expected 1 to {MAX_PARTS} parts or classes, found {count}")


def _unstack(x: Tensor, num: int | None = None, axis: int = 0) -> Any:
    axis = int(axis) % len(x.shape)
    count = x.shape[axis] if num is None else int(num)
    _check_parts(count or 0)
    return [ops.take(x, index, axis=axis) for index in range(count)]


def _slice(x: Tensor, begin: object, size: object) -> Tensor:
    """``tf.slice``; a size of -1 is the rest."""
    pairs = zip(plain_sizes(begin), plain_sizes(size), strict=True)
    return x[tuple(slice(b, None if s in (-1, None) else b + s) for b, s in pairs)]


def _one_hot(
    x: Tensor,
    depth: int,
    on_value: object = None,
    off_value: object = None,
    axis: int | None = None,
    dtype: str | None = None,
) -> Tensor:
    _check_parts(depth)
    if on_value not in (None, 1) or off_value not in (None, 0):
        raise ValueError("expected 1 and 0 as the values of one_hot")
    if axis not in (None, -1):
        raise ValueError("expected the classes of one_hot on the last axis")
    classes = np.arange(int(depth), dtype="int32")
    equal = ops.equal(ops.expand_dims(ops.cast(x, "int32"), -1), classes)
    return ops.cast(equal, dtype or "float32")


def _gather(x: Tensor, indices: object, axis: int = 0, batch_dims: int = 0) -> Tensor:
    if batch_dims:
        raise ValueError("expected gather without batch_dims")
    return ops.take(x, np.asarray(indices, "int32"), axis=axis or 0)


def _pad(x: Tensor, paddings: object, mode: str = "CONSTANT", constant_values: float = 0) -> Tensor:
    name = str(mode).lower()
    if name == "constant":
        return ops.pad(x, plain_sizes(paddings), constant_values=constant_values)
    if name not in MIRRORS:
        raise ValueError(f"expected a padding CONSTANT, REFLECT or SYMMETRIC, found {mode!r:.40}")
    for axis, (before, after) in enumerate(plain_sizes(paddings)):
        if before or after:
            x = _mirror(x, axis, before, after, MIRRORS[name])
    return x


def _mirror(x: Tensor, axis: int, before: int, after: int, mode: Mirror) -> Tensor:
    """Reflects along one axis, with the edge (``symmetric``) or without it (``reflect``)."""
    size = x.shape[axis]
    if size is None:
        raise ValueError(f"expected a known size of axis {axis} to pad by {mode}")
    if max(before, after) > size - (mode == "reflect"):
        raise ValueError(f"expected at most {size} values of padding, found {(before, after)}")
    indices = np.pad(np.arange(size), (before, after), mode=mode)
    return ops.take(x, indices.astype("int32"), axis=axis)


def _cast(x: Tensor, dtype: str) -> Tensor:
    name = dtype if isinstance(dtype, str) else "float32"
    return ops.cast(x, {"float": "float32", "half": "float16", "double": "float64"}.get(name, name))


def _getitem(x: Tensor, slice_spec: object) -> Tensor:
    def index(entry: object) -> object:
        if isinstance(entry, dict) and "class_name" not in entry:
            return slice(entry.get("start"), entry.get("stop"), entry.get("step"))
        return Ellipsis if isinstance(entry, dict) or entry == "..." else entry

    entries = slice_spec if isinstance(slice_spec, list | tuple) else [slice_spec]
    return get_item(x, list(map(index, entries)))


def get_item(x: Tensor, key: object) -> Tensor:
    """``x[key]``, on every backend."""
    entries = list(key) if isinstance(key, list | tuple) else [key]
    count = sum(entry is not None for entry in entries if entry is not Ellipsis)
    axis = 0
    for number, entry in enumerate(entries):
        if entry is Ellipsis:
            axis = len(x.shape) - count + axis
            continue
        if isinstance(entry, slice) and (entry.step or 1) < 0:  # which PyTorch lacks
            x = _slice_backwards(x, axis, entry)
            entries[number] = slice(None)
        axis += entry is not None
    return x[tuple(entries)]


def _slice_backwards(x: Tensor, axis: int, part: slice) -> Tensor:
    """A slice with a negative step along one axis."""
    if part == slice(None, None, -1):
        return ops.flip(x, axis=axis)
    if not isinstance(x.shape[axis], int):
        raise ValueError(f"expected a known size of axis {axis} to count down along it")
    return ops.take(x, np.arange(x.shape[axis], dtype="int32")[part], axis=axis)


def _strided_slice(
    x: Tensor,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int] | None = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Tensor:
    entries: list[object] = []
    steps = strides or [1] * len(begin)
    for index, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << index
        if ellipsis_mask & bit:
            entries.append(Ellipsis)
        elif new_axis_mask & bit:
            entries.append(None)
        elif shrink_axis_mask & bit:
            entries.append(first)
        else:
            start = None if begin_mask & bit else first
            entries.append(slice(start, None if end_mask & bit else last, step))
    return x[tuple(entries)]


def _depth_to_space(x: Tensor, block: int, channels: int, height: int, width: int) -> Tensor:
    inner = channels // block**2
    x = ops.reshape(x, (-1, height, width, block, block, inner))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height * block, width * block, inner))


def _space_to_depth(x: Tensor, block: int, channels: int, height: int, width: int) -> Tensor:
    height, width = height // block, width // block
    x = ops.reshape(x, (-1, height, block, width, block, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height, width, block**2 * channels))


def _in_both_orders(move: Function) -> Function:
    """An operation that moves blocks of pixels to channels or back, in either order of axes."""

    def moved(x: Tensor, block_size: int, data_format: str = "NHWC") -> Tensor:
        first = data_format == "NCHW"
        x = ops.transpose(x, (0, 2, 3, 1)) if first else x
        dynamic = ops.shape(x)
        height, width = (x.shape[axis] or dynamic[axis] for axis in (1, 2))
        x = move(x, block_size, x.shape[3], height, width)
        return ops.transpose(x, (0, 3, 1, 2)) if first else x

    return moved


# Operations by the names of their functions in TensorFlow.
SHAPING: dict[str, Function] = {
    "reshape": _reshape,
    "transpose": lambda x, perm=None: ops.transpose(x, None if perm is None else plain_sizes(perm)),
    "expand_dims": lambda x, axis=-1, dim=None: ops.expand_dims(
        x, plain_sizes(axis if dim is None else dim)
    ),
    "squeeze": _squeeze,
    "concat": lambda values, axis=-1: ops.concatenate(list(values), axis=int(axis)),
    "stack": lambda values, axis=0: ops.stack(list(values), axis=int(axis)),
    "split": _split,
    "tile": lambda x, multiples: ops.tile(x, plain_sizes(multiples)),
    "pad": _pad,
    "cast": _cast,
    "reverse": lambda x, axis: ops.flip(x, axis=plain_sizes(axis)),
    "gather": _gather,
    "unstack": _unstack,
    "item": lambda values, index: values[index],
    "slice": _slice,
    "one_hot": _one_hot,
    "repeat": lambda x, repeats, axis=None: ops.repeat(x, int(repeats), axis=axis),
    "repeat_vector": lambda x, n: ops.repeat(ops.expand_dims(x, 1), int(n), axis=1),
    "flatten": lambda x: ops.reshape(x, (-1,)),
    "batch_flatten": lambda x: ops.reshape(x, (-1, int(np.prod(x.shape[1:])))),
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "ones_like": ops.ones_like,
    "zeros_like": ops.zeros_like,
    "__operators__.getitem": _getitem,
    "strided_slice": _strided_slice,
    "nn.depth_to_space": _in_both_orders(_depth_to_space),
    "nn.space_to_depth": _in_both_orders(_space_to_depth),
}
