"""From arrays and ``.npy`` files to numbers that a model takes.

The rule of this module: a float array is taken as it is, and nothing in a ``.npy`` file is
ever run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo
from layersight.errors import ImageError
from layersight.images import contents, depth
from layersight.images.reading import check_file, quiet, reason

_AXES = {2: "length, channel", 3: "height, width, channel", 4: "depth, height, width, channel"}

MAX_NUMBERS = 100_000_000  # of an array: as many as a picture of 33 megapixels has
EXACT = 2**24  # the largest whole number up to which float32 keeps every one
FRAMES = 8  # how often a picture is repeated for an input that takes any number of frames


def is_array_file(path: str | Path) -> bool:
    """Whether a file is a ``.npy`` file by its content; never reads a pipe, which may not end."""
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(len(contents.NUMPY_MAGIC)) == contents.NUMPY_MAGIC
    except (OSError, ValueError):
        return False


def read_array(path: str | Path) -> NDArray[np.generic]:
    """The array in a ``.npy`` file."""
    check_file(path)
    where = repr(str(path))
    try:
        # Mapped first, so that a header that claims more than the file has costs no memory.
        with quiet():
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.size > MAX_NUMBERS or mapped.nbytes > 5 * MAX_NUMBERS:
            raise ImageError(
                f"expected an array of at most {MAX_NUMBERS / 1e6:g} million numbers, found "
                f"{mapped.shape} of {mapped.dtype} in {where}. Give a part of it."
            )
        array: NDArray[np.generic] = np.array(mapped)
    except ImageError:
        raise
    except Exception as error:
        # The header is untrusted text; what NumPy raises for it is not documented.
        raise ImageError(
            f"expected one array of numbers in {where}, cannot read it: {reason(error)}. "
            "Save it anew with numpy.save(path, array, allow_pickle=False)."
        ) from error
    return array


def as_array(source: Any) -> NDArray[np.generic]:
    """Anything that NumPy can take as an array."""
    try:
        array: NDArray[np.generic] = np.asarray(source)
    except Exception as error:
        # Arrays of other libraries raise anything, for example a tensor on a GPU.
        raise ImageError(
            f"expected an array, found a {type(source).__name__} that NumPy cannot take: "
            f"{reason(error)}. Give a NumPy array."
        ) from error
    return array


def with_all_axes(array: NDArray[np.generic], inputs: InputInfo) -> NDArray[np.generic]:
    """The array with its channel axis, and without a batch axis of one.

    Where the network reshapes its input into a picture, an array of the input's own shape becomes
    that picture.
    """
    expected = inputs.example_shape
    if inputs.picture is not None and is_one(array, inputs.shape[1:]):
        if inputs.data_format == "channels_last":
            return array.reshape(inputs.picture)
        height, width, channels = inputs.picture
        return np.moveaxis(array.reshape(channels, height, width), 0, -1)
    if array.ndim == len(expected) + 1 and array.shape[0] == 1:
        return array.reshape(array.shape[1:])
    if array.ndim == len(expected) - 1 and (inputs.is_image or expected[-1] in (None, 1)):
        return array[..., np.newaxis]
    return array


def is_one(array: NDArray[np.generic], shape: tuple[int | None, ...]) -> bool:
    """Whether an array is a single example of a shape, alone or in a batch of one."""
    batched = array.ndim == len(shape) + 1 and len(array) == 1
    return fits_shape(array.shape[1:] if batched else array.shape, shape)


def fill_axes(values: FloatArray, inputs: InputInfo) -> tuple[FloatArray, tuple[str, ...]]:
    """A picture for an input with more channels or axes than it has, and what was filled in.

    ``values`` are ``(height, width, channel)``. Colours are repeated over further channels, and the
    picture over the frames of a video.

    Example:
        >>> bands = InputInfo("bands", (None, 1, 1, 5))
        >>> fill_axes(np.array([[[1, 2, 3]]], np.float32), bands)[0][0, 0].tolist()
        [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    wanted = inputs.example_shape
    steps = []
    if wanted[-1] not in (None, values.shape[-1]):
        bands = [band % values.shape[-1] for band in range(int(wanted[-1] or 0))]
        values = np.ascontiguousarray(values[..., bands])
        steps.append(
            f"its colours repeated over the {len(bands)} channels of the input, which are "
            "not colours: give a .npy file for real ones"
        )
    if len(wanted) == 4:
        frames = wanted[0] or FRAMES
        values = np.repeat(values[np.newaxis], frames, axis=0)
        steps.append(f"the same picture in all {frames} frames: give a .npy file for real ones")
    return values, tuple(steps)


def check_shape(array: NDArray[np.generic], inputs: InputInfo, what: str) -> None:
    """Checks that an array, channels last, is an example for an input, without a batch axis."""
    expected = inputs.example_shape
    if fits_shape(array.shape, expected) and array.size:
        return
    advice = "Bring the array into that shape."
    if array.ndim == len(expected) and fits_shape((*array.shape[1:], array.shape[0]), expected):
        advice = "Move its channels to the end: numpy.moveaxis(array, 0, -1)."
    wanted = ", ".join("any" if side is None else str(side) for side in expected)
    raise ImageError(
        f"expected ({wanted}) ({_AXES.get(len(expected), 'channel last')}) for the input "
        f"'{inputs.name}', found {array.shape} in {what}. {advice}"
    )


def fits_shape(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether a shape is the expected one, where ``None`` stands for any number."""
    return len(shape) == len(expected) and all(
        wanted is None or wanted == side for side, wanted in zip(shape, expected, strict=True)
    )


def is_token(inputs: InputInfo) -> bool:
    """Whether an input takes whole numbers: it feeds an embedding, or has no other type."""
    return inputs.vocabulary is not None or inputs.dtype.startswith("int")


def check_values(array: NDArray[np.generic], inputs: InputInfo, what: str) -> None:
    """Checks the shape of an array, and that the embedding of its input knows every number."""
    check_shape(array, inputs, what)
    if not is_token(inputs):
        return
    least, most = -EXACT, EXACT
    if inputs.vocabulary is not None:
        least, most = 0, inputs.vocabulary - 1
    numbers = np.asarray(array, np.float64)
    wrong = numbers[~((numbers >= least) & (numbers <= most) & (numbers == np.rint(numbers)))]
    if wrong.size:
        why = ", which feeds an embedding" if inputs.vocabulary is not None else ""
        raise ImageError(
            f"expected whole numbers from {least} to {most} for the input '{inputs.name}'{why}, "
            f"found {wrong[0]:g} in {what}. Encode it as the model's own vocabulary does."
        )


def to_values(array: NDArray[np.generic]) -> tuple[FloatArray, tuple[str, ...]]:
    """A copy of an array in float32, and notes about it."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(array, np.float32)
    integers = array.dtype.kind in "iu"
    step = "whole numbers, taken as they are" if integers else "a float array, taken as it is"
    return values, (step, *note_lost(values))


def note_lost(values: FloatArray) -> tuple[str, ...]:
    """How many numbers are not finite, in words; empty where all are."""
    lost = int(values.size - np.isfinite(values).sum())
    return (f"{lost} of its numbers are not finite",) if lost else ()


def to_picture(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """An array as a picture, its least number black and its greatest white.

    Args:
        array: ``(height, width, channel)``, ``(depth, height, width, channel)``,
            ``(length, channel)`` or ``(unit,)``, any real numbers.

    Returns:
        ``(height, width, 1 or 3)`` uint8: the middle slice of a volume, a row for each channel
        of a signal. One and three channels are kept, of four the first three, of others the mean.

    Example:
        >>> to_picture(np.array([[0.0, 2.0], [1.0, 4.0]]))[..., 0].tolist()
        [[0, 64], [128, 255]]
    """
    picture = np.asarray(array)
    if picture.ndim == 1:
        picture = picture[np.newaxis, :, np.newaxis]
    elif picture.ndim == 2:
        picture = picture.T[..., np.newaxis]
    elif picture.ndim == 4:
        picture = picture[len(picture) // 2]
    return depth.stretch(_in_colours(picture))[0]


def to_frames(array: NDArray[np.generic]) -> NDArray[np.uint8] | None:
    """The frames or slices of an array, ``(frame, height, width, 1 or 3)``, on a common scale.

    Bytes of one or three channels are kept. ``None`` for an array with other axes.
    """
    if array.ndim != 4:
        return None
    colours = _in_colours(array)
    return colours.astype(np.uint8) if colours.dtype == np.uint8 else depth.stretch(colours)[0]


def _in_colours(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """One or three channels: of four the first three, of any other number the mean."""
    if picture.shape[-1] == 4:
        return picture[..., :3]
    if picture.shape[-1] in (1, 3):
        return picture
    with np.errstate(all="ignore"):
        return np.asarray(picture.mean(axis=-1, keepdims=True))
