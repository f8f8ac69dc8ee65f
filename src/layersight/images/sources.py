"""From files, arrays and Pillow images to what the network sees.

The rule of this module: the steps of an InputImage say how it was made, in order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.errors import ImageError, ModelInputError, UsageError
from layersight.images import arrays, fitting, reading, signals, stacks

# What an image can be given as: a file, an array, a Pillow image, or one loaded before.
Source: TypeAlias = str | os.PathLike[str] | NDArray[np.generic] | Image.Image | InputImage

Pixels = NDArray[np.uint8]


def load(
    source: Source,
    inputs: InputInfo,
    *,
    preprocessing: Preprocessing,
    fit: str | None = None,
    interpolation: str = "nearest",
    size: tuple[int, int] | None = None,
    frame: int | None = None,
    name: str | None = None,
) -> tuple[InputImage, reading.Decoded | None]:
    """An image as the network will see it, and the picture that it was made from.

    An image file, a Pillow image or an array of uint8 is fitted to the input and
    preprocessed. A float array is not changed and must have the input's shape.

    Args:
        source: An image file; a ``.npy`` file; an array ``(height, width)`` or ``(height,
            width, channel)``; a Pillow image; or an ``InputImage``, which is returned.
            Inputs that are not images take arrays: signals ``(length, channel)`` and volumes
            ``(depth, height, width, channel)``. Channels are last whatever the order of the
            model. A batch axis of one is dropped. An input that the network reshapes into a
            picture, or whose values could be one, takes a picture as well as an array of its own
            shape. Signals and vectors also take WAV files and tables of numbers (CSV); an input
            for frames or slices takes films, animations, pages of a TIFF, and a folder of pictures.
        inputs: The input of the model that the image is for.
        preprocessing: From pixels 0..255 to what the network gets.
        fit: See :func:`~layersight.images.fitting.fit_picture`; without it pictures are
            stretched, and signals cut or filled.
        interpolation: One of ``layersight.images.fitting.INTERPOLATIONS``.
        size: Height and width in pixels, where the model takes any.
        frame: Which frame, page or slice of a file with several, from 0; without it the first,
            of a volume or film the one in the middle.
        name: What to call the image; without it the file's name.

    Returns:
        The image. Its ``values`` are ``(height, width, channel)`` float32, or of the rank of
        the input; its ``pixels`` are ``(height, width, 1 or 3)`` to be shown, transparent ones
        on white, and floats spread from the least to the greatest.

        The decoded picture before it was fitted; ``None`` for an array that is not a picture,
        for several frames, and for an image that was loaded before.

    Raises:
        ImageError: It cannot be read, or its shape does not fit.
        ModelInputError: The model takes no image.
        UsageError: The model takes another size, or there is no such fit or interpolation.

    Example:
        >>> from layersight.data.preprocessing import find_scale
        >>> inputs = InputInfo("image", (None, 2, 2, 1))
        >>> pixels = np.array([[0, 255], [255, 0]], np.uint8)
        >>> image, _ = load(pixels, inputs, preprocessing=find_scale("0..1"), name="chess")
        >>> image.values[..., 0].tolist(), image.steps
        ([[0.0, 1.0], [1.0, 0.0]], ('kept at 2 x 2 pixels',))
    """
    if len(inputs.shape) not in (2, 3, 4, 5):
        raise ModelInputError(
            f"expected an input for images, (batch, height, width, channel), found the input "
            f"'{inputs.name}' of shape {inputs.shape}. Choose a model that takes images."
        )
    if isinstance(source, InputImage):
        if source.values.shape == inputs.possible_picture:
            inputs = inputs.as_picture()
        arrays.check_shape(source.values, inputs, f"the image {source.name!r}")
        return source, None
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if is_picture(source):
        inputs = inputs.as_picture()
    request = _Request(
        inputs,
        preprocessing,
        path,
        name or (path.name if path else "image" if isinstance(source, Image.Image) else "array"),
        fit or "stretch",
        interpolation,
        size,
        frame,
    )
    if path is not None and len(inputs.example_shape) < 3 and signals.kind_of(path):
        return _from_table(path, request, fit), None
    if path is not None and len(inputs.example_shape) == 4 and stacks.holds_several(path):
        return _from_stack(path, request), None
    picture = _read(source, request)
    if isinstance(picture, np.ndarray):
        return _from_array(picture, request), None
    chosen, note = request.choose_size(picture)
    pixels, display, steps = request.fit_picture(picture, chosen, note)
    values, more = arrays.fill_axes(preprocessing.apply(pixels), inputs)
    frames = np.repeat(display[np.newaxis], len(values), axis=0) if values.ndim == 4 else None
    steps = (*steps, *more, *_flattening_steps(inputs))
    return request.image(picture, chosen, display, values, steps, frames), picture


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of :func:`load`, checked and completed."""

    inputs: InputInfo
    preprocessing: Preprocessing
    path: Path | None
    name: str
    fit: str
    interpolation: str
    size: tuple[int, int] | None
    frame: int | None

    def choose_size(self, picture: reading.Decoded) -> tuple[tuple[int, int], str | None]:
        height, width = self.inputs.example_shape[-3:-1]
        return fitting.choose_size((height, width), picture.upright.size, self.size)

    def fit_picture(
        self, decoded: reading.Decoded, size: tuple[int, int], note: str | None
    ) -> tuple[Pixels, Pixels, tuple[str, ...]]:
        """The pixels of a picture in a size, the same for display, and what was done."""
        picture, steps = decoded.convert(_picture_channels(self.inputs))
        fitted, step = fitting.fit_picture(picture, size, self.fit, self.interpolation)
        pixels = display = reading.to_array(fitted)
        if fitted.mode == "RGBA":
            display = reading.to_array(reading.lay_on_white(fitted)[0].convert("RGB"))
        return pixels, display, (*steps, *([note] if note else []), step)

    def image(
        self,
        picture: reading.Decoded,
        size: tuple[int, int],
        pixels: Pixels,
        values: FloatArray,
        steps: tuple[str, ...],
        frames: Pixels | None,
    ) -> InputImage:
        """The image made from a picture, or from several of its size."""
        original = picture.upright.size
        return InputImage(
            name=self.name,
            path=self.path,
            original_size=original,
            pixels=pixels,
            values=values,
            preprocessing=self.preprocessing,
            steps=steps,
            region=fitting.seen_region(original, size, self.fit),
            frame=self.frame,
            frames=frames,
        )

    def image_of_numbers(
        self,
        array: NDArray[np.generic],
        values: FloatArray,
        preprocessing: Preprocessing,
        steps: tuple[str, ...],
    ) -> InputImage:
        """The image made from an array that is not a picture."""
        pixels = arrays.to_picture(array)
        size = pixels.shape[1], pixels.shape[0]
        return InputImage(self.name, self.path, size, pixels, values, preprocessing, steps)


def _from_table(path: Path, request: _Request, fit: str | None) -> InputImage:
    """A signal or vector from a WAV file or a table."""
    signal = signals.read_signal(path, request.inputs, frame=request.frame, fit=fit)
    values = signal.values()
    if len(request.inputs.example_shape) == 1:
        values = values[0]
    arrays.check_values(values, request.inputs, repr(request.name))
    steps = (*signal.steps, *arrays.note_lost(values))
    scale = SCALES["none"].because("numbers are taken as they are")
    image = request.image_of_numbers(values, values, scale, steps)
    return replace(image, frame=request.frame, names=signal.names)


def _from_stack(path: Path, request: _Request) -> InputImage:
    """Frames or slices, each fitted by itself."""
    inputs = request.inputs
    _picture_channels(inputs)
    stack = stacks.read_stack(path, inputs.example_shape[0], request.frame)
    first = stack.frames[0]
    chosen, note = request.choose_size(first)
    if len(stack.frames) * chosen[0] * chosen[1] * (inputs.channels or 3) > arrays.MAX_NUMBERS:
        raise ImageError(
            f"expected at most {arrays.MAX_NUMBERS / 1e6:g} million numbers, found "
            f"{len(stack.frames)} frames of {chosen[1]} x {chosen[0]} for the input '{inputs.name}'"
        )
    fitted = [request.fit_picture(frame, chosen, note) for frame in stack.frames]
    frames = np.stack([display for _, display, _ in fitted])
    values = request.preprocessing.apply(np.stack([pixels for pixels, _, _ in fitted]))
    steps = dict.fromkeys([*stack.steps, *(step for _, _, steps in fitted for step in steps)])
    return request.image(first, chosen, frames[len(frames) // 2], values, tuple(steps), frames)


def is_picture(source: Any) -> bool:
    """Whether a source is a picture rather than an array of numbers, by its type."""
    if isinstance(source, Image.Image):
        return True
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return not (arrays.is_array_file(path) or signals.kind_of(path))
    dtype, axes = getattr(source, "dtype", None), getattr(source, "ndim", 0)
    return dtype == np.uint8 and axes in (2, 3)


def _flattening_steps(inputs: InputInfo) -> tuple[str, ...]:
    """How a picture is flattened for an input that has fewer axes, in words."""
    if inputs.picture is None:
        return ()
    height, width, channels = inputs.picture
    flat = " x ".join(map(str, inputs.shape[1:]))
    if len(inputs.shape) == 2:
        order = " x 3, channels first," if inputs.data_format != "channels_last" else " x 3"
        colours = order if channels == 3 else ""
        return (f"{width} x {height}{colours} flattened row by row to {flat} numbers",)
    return (f"without a channel axis: rows and columns {flat}",)


def _read(source: Any, request: _Request) -> reading.Decoded | NDArray[np.generic]:
    """A picture that is yet to be fitted, or an array that will not be."""
    path, inputs, name = request.path, request.inputs, request.name
    if isinstance(source, Image.Image):
        with reading.guarded(repr(name)):
            return reading.upright_picture(source, repr(name))
    if path is not None:
        reading.check_file(path)
        if not arrays.is_array_file(path):
            _picture_channels(inputs)  # refuses an input that takes no images before reading
            return reading.read_picture(path, request.frame)
    array = arrays.as_array(source) if path is None else arrays.read_array(path)
    array = arrays.with_all_axes(array, inputs)
    channels = array.shape[-1] if array.ndim == 3 else 0
    if array.dtype != np.uint8 or not inputs.accepts_image:
        return array
    has_bands = inputs.channels not in (None, *reading.MODES)
    if (has_bands or len(inputs.example_shape) == 4) and channels not in reading.MODES:
        return array
    if channels not in reading.MODES or not array.size:
        raise ImageError(
            "expected pixels (height, width) or (height, width, channel) with 1, 3 or 4 "
            f"channels, found {array.shape} of uint8 in {name!r}. Bring the array into that shape."
        )
    picture = Image.fromarray(array[..., 0] if channels == 1 else array)
    with reading.guarded(repr(name)):
        return reading.upright_picture(picture, repr(name))


def _from_array(array: NDArray[np.generic], request: _Request) -> InputImage:
    """An array that is not fitted: floats, or bytes for an input that takes no pictures."""
    inputs, size, name = request.inputs, request.size, request.name
    integers = array.dtype.kind in "iu" and (array.dtype != np.uint8 or arrays.is_token(inputs))
    if (
        array.dtype != np.uint8
        and array.dtype.kind != "f"
        and not (integers and not inputs.accepts_image)
    ):
        raise ImageError(
            f"expected an array of uint8 (pixels, 0..255) or of floats (taken as they are), "
            f"found {array.dtype} in {name!r}. Convert it: array.astype('float32')."
        )
    arrays.check_values(array, inputs, repr(name))
    if size is not None and fitting.check_size(size) != array.shape[-3:-1]:
        raise UsageError(
            f"expected no size for the array {name!r}, which is taken as it is, found "
            f"{size[1]} x {size[0]} (width x height). Leave the size out, or resize the array."
        )
    steps: tuple[str, ...] = ("an array of bytes, not fitted",)
    if array.dtype == np.uint8 and not integers:
        values, preprocessing = request.preprocessing.apply(array), request.preprocessing
    else:
        values, steps = arrays.to_values(array)
        why = "a float array is taken as it is"
        if integers:
            why = "whole numbers are taken as they are"
        preprocessing = SCALES["none"].because(why)
    if inputs.picture is not None:
        steps = (*steps, f"shown as a picture of {array.shape[1]} x {array.shape[0]}")
    image = request.image_of_numbers(array, values, preprocessing, steps)
    return replace(image, frames=arrays.to_frames(array))


def _picture_channels(inputs: InputInfo) -> int:
    if not inputs.accepts_image:
        wanted = ", ".join("any" if side is None else str(side) for side in inputs.example_shape)
        raise ModelInputError(
            f"expected an input for images, found the input '{inputs.name}' of shape "
            f"{inputs.shape}. Give a float array or .npy file of shape ({wanted}) instead."
        )
    channels = inputs.channels
    return channels if channels in (1, 3, 4) else 3
