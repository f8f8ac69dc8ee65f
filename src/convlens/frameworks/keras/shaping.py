"""Operations of TensorFlow that change shapes: reshaping, slicing, resizing, padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops


def _plain(value: Any) -> Any:
    """A shape or an axis as plain integers, where it is known."""
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    return int(value) if isinstance(value, np.integer | float) else value


def _reshape(x: Any, shape: Any) -> Any:
    wanted = list(_plain(shape))
    if wanted and all(isinstance(part, int) for part in wanted) and wanted.count(-1) == 0:
        wanted[0] = -1  # the batch, which need not be the one of the file
    return ops.reshape(x, tuple(wanted))


def _transpose(x: Any, perm: Any = None) -> Any:
    return ops.transpose(x, None if perm is None else _plain(perm))


def _expand(x: Any, axis: Any = -1, dim: Any = None) -> Any:
    return ops.expand_dims(x, _plain(axis if dim is None else dim))


def _squeeze(x: Any, axis: Any = None, squeeze_dims: Any = None) -> Any:
    axis = squeeze_dims if axis is None else axis
    chosen = _plain(axis)
    if isinstance(chosen, int):
        chosen = (chosen,)
    if not chosen:
        chosen = tuple(place for place, size in enumerate(x.shape) if place and size == 1)
    return ops.squeeze(x, axis=chosen)


def _concat(values: Any, axis: Any = -1) -> Any:
    return ops.concatenate(list(values), axis=int(axis))


def _stack(values: Any, axis: Any = 0) -> Any:
    return ops.stack(list(values), axis=int(axis))


def _split(value: Any, num_or_size_splits: Any, axis: Any = 0) -> Any:
    sizes = _plain(num_or_size_splits)
    if isinstance(sizes, tuple):
        sizes = np.cumsum(sizes[:-1]).tolist()
    return ops.split(value, sizes, axis=int(axis))


def _tile(x: Any, multiples: Any) -> Any:
    return ops.tile(x, _plain(multiples))


def _pad(x: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    mode = mode.lower()
    value = constant_values if mode == "constant" else None
    return ops.pad(x, _plain(paddings), mode=mode, constant_values=value)


def _cast(x: Any, dtype: Any) -> Any:
    name = dtype if isinstance(dtype, str) else "float32"
    return ops.cast(x, {"float": "float32", "half": "float16", "double": "float64"}.get(name, name))


def _getitem(x: Any, slice_spec: Any) -> Any:
    entries = slice_spec if isinstance(slice_spec, list | tuple) else [slice_spec]
    return x[tuple(_index(entry) for entry in entries)]


def _index(entry: Any) -> Any:
    if isinstance(entry, dict) and "class_name" not in entry:
        return slice(entry.get("start"), entry.get("stop"), entry.get("step"))
    if isinstance(entry, dict) or entry == "...":
        return Ellipsis
    return entry


def _strided_slice(
    x: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    entries: list[Any] = []
    steps = strides or [1] * len(begin)
    for place, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << place
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


def _depth_to_space(x: Any, block_size: int, data_format: str = "NHWC") -> Any:
    if data_format == "NCHW":
        return _first(_depth_to_space(_last(x), block_size))
    _, height, width, channels = x.shape
    inner = channels // block_size**2
    shape = ops.shape(x)
    height, width = height or shape[1], width or shape[2]
    x = ops.reshape(x, (-1, height, width, block_size, block_size, inner))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height * block_size, width * block_size, inner))


def _space_to_depth(x: Any, block_size: int, data_format: str = "NHWC") -> Any:
    if data_format == "NCHW":
        return _first(_space_to_depth(_last(x), block_size))
    _, height, width, channels = x.shape
    shape = ops.shape(x)
    height, width = (height or shape[1]) // block_size, (width or shape[2]) // block_size
    x = ops.reshape(x, (-1, height, block_size, width, block_size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height, width, block_size**2 * channels))


def _last(x: Any) -> Any:
    return ops.transpose(x, (0, 2, 3, 1))


def _first(x: Any) -> Any:
    return ops.transpose(x, (0, 3, 1, 2))


def _resize(
    x: Any,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Any:
    """``tf.image.resize`` of TensorFlow 2, in the order channels last."""
    if preserve_aspect_ratio:
        raise ValueError("an image cannot be resized with its aspect ratio kept")
    names = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}
    name = str(names.get(method, method)).lower()
    chosen: Any = _plain(size)
    return ops.image.resize(
        x, chosen, interpolation=name, antialias=bool(antialias), data_format="channels_last"
    )


def _resize_bilinear(
    x: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False
) -> Any:
    """The resize of TensorFlow 1, whose samples lie elsewhere than those of TensorFlow 2."""
    height, width = _plain(size)
    rows = _weights(x.shape[1], height, align_corners, half_pixel_centers)
    columns = _weights(x.shape[2], width, align_corners, half_pixel_centers)
    x = ops.einsum("ij,bjwc->biwc", ops.convert_to_tensor(rows), x)
    return ops.einsum("ij,bhjc->bhic", ops.convert_to_tensor(columns), x)


def _resize_nearest(
    x: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False
) -> Any:
    height, width = _plain(size)
    rows = _places(x.shape[1], height, align_corners, half_pixel_centers)
    columns = _places(x.shape[2], width, align_corners, half_pixel_centers)
    pick = np.round if align_corners else np.floor
    x = ops.take(x, np.clip(pick(rows), 0, x.shape[1] - 1).astype("int32"), axis=1)
    return ops.take(x, np.clip(pick(columns), 0, x.shape[2] - 1).astype("int32"), axis=2)


def _places(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Any:
    """Where along an axis each wanted sample lies."""
    steps = np.arange(wanted)
    if align_corners and wanted > 1:
        return steps * (size - 1) / (wanted - 1)
    if half_pixel_centers:
        return (steps + 0.5) * size / wanted - 0.5
    return steps * size / wanted


def _weights(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Any:
    """The matrix that interpolates along an axis."""
    places = np.clip(_places(size, wanted, align_corners, half_pixel_centers), 0, size - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, size - 1)
    matrix = np.zeros((wanted, size), "float32")
    matrix[np.arange(wanted), low] += 1 - (places - low)
    matrix[np.arange(wanted), high] += places - low
    return matrix


def _shape(x: Any, **_: Any) -> Any:
    return ops.shape(x)


SHAPING: dict[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "concat": _concat,
    "stack": _stack,
    "split": _split,
    "tile": _tile,
    "pad": _pad,
    "cast": _cast,
    "reverse": lambda x, axis: ops.flip(x, axis=_plain(axis)),
    "gather": lambda x, indices, axis=0: ops.take(x, np.asarray(indices), axis=axis or 0),
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "ones_like": ops.ones_like,
    "zeros_like": ops.zeros_like,
    "__operators__.getitem": _getitem,
    "strided_slice": _strided_slice,
    "nn.depth_to_space": _depth_to_space,
    "nn.space_to_depth": _space_to_depth,
    "image.resize": _resize,
    "image.resize_bilinear": _resize_bilinear,
    "image.resize_nearest": _resize_nearest,
    "image.grayscale_to_rgb": lambda x: ops.repeat(x, 3, axis=-1),
    "image.flip_left_right": lambda x: ops.flip(x, axis=-2),
    "image.flip_up_down": lambda x: ops.flip(x, axis=-3),
}
"""What each operation computes, by the name that TensorFlow gives its function."""
