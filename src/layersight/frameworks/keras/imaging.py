"""Operations of TensorFlow on images: resizing, cropping, rotation, colours, standardisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.frameworks.graph.sizes import check_array
from layersight.frameworks.keras.shaping import plain_sizes
from layersight.frameworks.keras.types import Function, Tensor

Size = Sequence[int] | Tensor  # height and width


def _resize(
    x: Tensor,
    size: Size,
    method: str | int = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Tensor:
    """``tf.image.resize`` of TensorFlow 2, in the order channels last."""
    if preserve_aspect_ratio:
        raise ValueError("an image cannot be resized with its aspect ratio kept")
    names = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}
    name = names[method] if method in names else str(method).lower()
    target = plain_sizes(size)
    sides = (x.shape[1], x.shape[2], *target)
    if name == "bicubic" and not antialias and all(isinstance(side, int) for side in sides):
        rows, columns = (_cubic(*pair) for pair in zip(sides[:2], target, strict=True))
        return _interpolate(x, rows, columns)
    return ops.image.resize(
        x, target, interpolation=name, antialias=bool(antialias), data_format="channels_last"
    )


def _resize_bilinear(
    x: Tensor, size: Size, align_corners: bool = False, half_pixel_centers: bool = False
) -> Tensor:
    """The resize of TensorFlow 1, whose sampling positions differ from those of TensorFlow 2."""
    height, width = plain_sizes(size)
    rows = _weights(x.shape[1], height, align_corners, half_pixel_centers)
    columns = _weights(x.shape[2], width, align_corners, half_pixel_centers)
    return _interpolate(x, rows, columns)


def _interpolate(x: Tensor, rows: FloatArray, columns: FloatArray) -> Tensor:
    """Images times the matrices of both axes."""
    x = ops.einsum("ij,bjwc->biwc", ops.convert_to_tensor(rows), x)
    return ops.einsum("ij,bhjc->bhic", ops.convert_to_tensor(columns), x)


def _resize_nearest(
    x: Tensor, size: Size, align_corners: bool = False, half_pixel_centers: bool = False
) -> Tensor:
    height, width = plain_sizes(size)
    for axis, target in ((1, height), (2, width)):
        side = x.shape[axis]
        _check_side(side, target)
        positions = _positions(side, target, align_corners, half_pixel_centers)
        positions = np.round(positions) if align_corners else np.floor(positions)
        x = ops.take(x, np.clip(positions, 0, side - 1).astype("int32"), axis=axis)
    return x


def _positions(
    size: int, target: int, align_corners: bool, half_pixel_centers: bool
) -> NDArray[np.floating]:
    """The sampling positions along an axis."""
    steps = np.arange(target)
    if align_corners and target > 1:
        return steps * (size - 1) / (target - 1)
    if half_pixel_centers:
        return (steps + 0.5) * size / target - 0.5
    return steps * size / target


def _check_side(size: int | None, target: int) -> None:
    """Refuses an unknown side, and one that is resized to nothing."""
    if size is None or target < 1:
        raise ValueError(f"expected a known side to resize, and a size for it: {size}, {target}")
    check_array(target * size, "a matrix that resizes")


def _weights(size: int, target: int, align_corners: bool, half_pixel_centers: bool) -> FloatArray:
    """The matrix that interpolates along an axis."""
    _check_side(size, target)
    positions = np.clip(_positions(size, target, align_corners, half_pixel_centers), 0, size - 1)
    low = np.floor(positions).astype(int)
    high = np.minimum(low + 1, size - 1)
    matrix = np.zeros((target, size), "float32")
    matrix[np.arange(target), low] += 1 - (positions - low)
    matrix[np.arange(target), high] += positions - low
    return matrix


def _cubic(size: int, target: int) -> FloatArray:
    """The matrix of bicubic interpolation along an axis, as in TensorFlow 2.

    Keys, "Cubic convolution interpolation", 1981, with a = -1/2, which is not the same in all
    backends; offsets are rounded to 1/1024; pixels outside the image have no weight.
    """
    _check_side(size, target)
    positions = (np.arange(target) + 0.5) * size / target - 0.5
    low = np.floor(positions).astype(int)
    offset = np.rint((positions - low) * 1024) / 1024
    matrix = np.zeros((target, size), "float32")
    for step in range(-1, 3):
        distance = np.abs(step - offset)
        near = (1.5 * distance - 2.5) * distance**2 + 1
        far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
        inside = (low + step >= 0) & (low + step < size)
        rows = np.flatnonzero(inside)
        matrix[rows, (low + step)[inside]] += np.where(distance <= 1, near, far)[inside]
    return matrix / matrix.sum(axis=1, keepdims=True)


def _resize_images(
    x: Tensor, size: Size, method: int | str = 0, align_corners: bool = False
) -> Tensor:
    """``tf.image.resize_images`` of TensorFlow 1, bilinear or nearest."""
    if method in ("bilinear", 0):
        return _resize_bilinear(x, size, align_corners=bool(align_corners))
    if method in ("nearest", 1):
        return _resize_nearest(x, size, align_corners=bool(align_corners))
    raise ValueError(f"expected the method bilinear or nearest, found {method!r}")


def _resize_by_factor(
    x: Tensor,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
    interpolation: str = "nearest",
) -> Tensor:
    """``K.resize_images``."""
    first = data_format in ("channels_first", "th")
    if data_format not in (None, "channels_last", "tf") and not first:
        raise ValueError(f"expected an order of axes, found {data_format!r}")
    if interpolation == "nearest":
        rows, columns = (2, 3) if first else (1, 2)
        return ops.repeat(
            ops.repeat(x, int(height_factor), axis=rows), int(width_factor), axis=columns
        )
    x = ops.transpose(x, (0, 2, 3, 1)) if first else x
    height, width = ops.shape(x)[1:3]
    size = (height * int(height_factor), width * int(width_factor))
    x = _resize(x, size, interpolation)
    return ops.transpose(x, (0, 3, 1, 2)) if first else x


def _pad_images(
    x: Tensor, padding: Sequence[Size] = ((1, 1), (1, 1)), data_format: str | None = None
) -> Tensor:
    """``K.spatial_2d_padding``."""
    sides = [tuple(plain_sizes(side)) for side in padding]
    first = data_format == "channels_first"
    return ops.pad(x, [(0, 0), (0, 0), *sides] if first else [(0, 0), *sides, (0, 0)])


def _standardise(x: Tensor) -> Tensor:
    """``tf.image.per_image_standardization``."""
    axes = (-3, -2, -1)
    count = float(np.prod([x.shape[axis] for axis in axes]))
    mean = ops.mean(x, axis=axes, keepdims=True)
    deviation = ops.std(x, axis=axes, keepdims=True)
    return (x - mean) / ops.maximum(deviation, 1.0 / count**0.5)


# The weights of red, green and blue in ``tf.image.rgb_to_grayscale``.
GREY = (0.2989, 0.5870, 0.1140)


def _grey(x: Tensor) -> Tensor:
    red, green, blue = (x[..., n : n + 1] * weight for n, weight in enumerate(GREY))
    return red + green + blue


def _rotate(x: Tensor, k: int = 1) -> Tensor:
    """``tf.image.rot90``: counter-clockwise, k times."""
    turns = int(k) % 4
    if turns % 2:
        x = ops.swapaxes(x, -3, -2)
    axes = {1: (-3,), 2: (-3, -2), 3: (-2,)}.get(turns, ())
    return ops.flip(x, axis=axes) if axes else x


def _crop(
    x: Tensor, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """``tf.image.crop_to_bounding_box``."""
    top, left = int(offset_height), int(offset_width)
    return x[..., top : top + int(target_height), left : left + int(target_width), :]


def _crop_centre(x: Tensor, central_fraction: float) -> Tensor:
    """``tf.image.central_crop``."""
    sides = []
    for size in x.shape[-3:-1]:
        start = int((size - size * central_fraction) / 2)
        sides.append(slice(start, size - start))
    return x[(..., *sides, slice(None))]


def _enlarge(
    x: Tensor, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """``tf.image.pad_to_bounding_box``, of a batch."""
    top, left = int(offset_height), int(offset_width)
    bottom = int(target_height) - top - x.shape[1]
    right = int(target_width) - left - x.shape[2]
    return ops.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)])


def _fit(x: Tensor, target_height: int, target_width: int) -> Tensor:
    """``tf.image.resize_with_crop_or_pad``, of a batch."""
    for axis, target in ((1, int(target_height)), (2, int(target_width))):
        size = x.shape[axis]
        if size > target:
            start = (size - target) // 2
            x = ops.take(x, np.arange(start, start + target, dtype="int32"), axis=axis)
        elif size < target:
            before = (target - size) // 2
            padding = [(0, 0)] * len(x.shape)
            padding[axis] = (before, target - size - before)
            x = ops.pad(x, padding)
    return x


# Operations by the names of their functions in TensorFlow.
IMAGING: Mapping[str, Function] = {
    "image.resize": _resize,
    "image.resize_images": _resize_images,
    "image.resize_bilinear": _resize_bilinear,
    "image.resize_nearest": _resize_nearest,
    "keras.resize_images": _resize_by_factor,
    "keras.spatial_2d_padding": _pad_images,
    "image.grayscale_to_rgb": lambda x: ops.repeat(x, 3, axis=-1),
    "image.rgb_to_grayscale": _grey,
    "image.rgb_to_hsv": lambda x: ops.image.rgb_to_hsv(x, data_format="channels_last"),
    "image.hsv_to_rgb": lambda x: ops.image.hsv_to_rgb(x, data_format="channels_last"),
    "image.flip_left_right": lambda x: ops.flip(x, axis=-2),
    "image.flip_up_down": lambda x: ops.flip(x, axis=-3),
    "image.rot90": _rotate,
    "image.crop_to_bounding_box": _crop,
    "image.pad_to_bounding_box": _enlarge,
    "image.central_crop": _crop_centre,
    "image.resize_with_crop_or_pad": _fit,
    "image.per_image_standardization": _standardise,
}
