"""From whatever the user has to what the network sees.

The rule of this module: the steps of an InputImage say how it was made, in order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack

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


class How(TypedDict, total=False):
    """What :func:`load` takes beside the scale of the pixels."""

    fit: str | None
    interpolation: str
    size: tuple[int, int] | None
    frame: int | None
    name: str | None


def load(
    source: Source, inputs: InputInfo, *, preprocessing: Preprocessing, **how: Unpack[How]
) -> InputImage:
    """An image as the network will see it.

    An image file, a Pillow image or an array of uint8 is fitted to the input and
    preprocessed. A float array is taken as it is and must have the input's shape.

    Args:
        source: An image file; a ``.npy`` file; an array ``(height, width)`` or ``(height,
            width, channel)``; a Pillow image; or an ``InputImage``, which comes back as it is.
            Inputs that are no images take arrays alone: signals ``(length, channel)`` and
            volumes ``(depth, height, width, channel)``. Channels are last whatever the
            model's own order. A batch axis of one is dropped. An input whose values the
            network makes a picture of takes a picture as well as an array of its own shape;
            so does one whose values could be a picture, if a picture is given. Signals and
            vectors take WAV files and tables of numbers (CSV) too; an input for frames or slices
            takes films, animations, pages of a TIFF, and a folder of pictures.
        inputs: The input of the model that the image is for.
        preprocessing: From pixels 0..255 to what the network gets.
        **how: ``fit`` and ``interpolation`` as :func:`layersight.images.fit` takes them; without a
            fit pictures are stretched, and signals cut or filled. ``size``: height and width in
            pixels, where the model takes any. ``frame``: which frame, page or slice of a file
            with several, from 0; without it the first, of a volume or film the one in the
            middle. ``name``: what to call the image; without it the file's name.

    Returns:
        The image. Its ``values`` are ``(height, width, channel)`` float32, or of the rank of
        the input; its ``pixels`` are ``(height, width, 1 or 3)`` to be shown, transparent ones
        on white, and of floats spread from their least to their greatest.

    Raises:
        ImageError: It cannot be read, or its shape does not fit.
        ModelInputError: The model takes no image.
        UsageError: The model takes another size, or there is no such fit or interpolation.

    Example:
        >>> from layersight.data.preprocessing import find_scale
        >>> inputs = InputInfo("image", (None, 2, 2, 1))
        >>> pixels = np.array([[0, 255], [255, 0]], np.uint8)
        >>> image = load(pixels, inputs, preprocessing=find_scale("0..1"), name="chess")
        >>> image.values[..., 0].tolist(), image.steps
        ([[0.0, 1.0], [1.0, 0.0]], ('kept at 2 x 2 pixels',))
    """
    return load_both(source, inputs, preprocessing=preprocessing, **how)[0]


def load_both(
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
    """An image as :func:`load` gives it, and the whole picture that it was made from.

    There is none of an array that is no picture, nor of an image that was loaded before.
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
    asked = _Asked(
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
        return _from_table(path, asked, fit), None
    if path is not None and len(inputs.example_shape) == 4 and stacks.holds_several(path):
        return _from_stack(path, asked), None
    whole = _whole_image(source, asked)
    if isinstance(whole, np.ndarray):
        return _as_it_is(whole, asked), None
    chosen, note = asked.choose_size(whole)
    pixels, shown, steps = asked.fitted(whole, chosen, note)
    values, more = arrays.fill_axes(preprocessing.apply(pixels), inputs)
    frames = np.repeat(shown[np.newaxis], len(values), axis=0) if values.ndim == 4 else None
    steps = (*steps, *more, *_flattened(inputs))
    return asked.image(whole, chosen, shown, values, steps, frames), whole


@dataclass(frozen=True, slots=True)
class _Asked:
    """What :func:`load` was asked for."""

    inputs: InputInfo
    preprocessing: Preprocessing
    path: Path | None
    name: str
    fit: str
    interpolation: str
    size: tuple[int, int] | None
    frame: int | None

    def choose_size(self, whole: reading.Decoded) -> tuple[tuple[int, int], str | None]:
        high, wide = self.inputs.example_shape[-3:-1]
        return fitting.choose_size((high, wide), whole.upright.size, self.size)

    def fitted(
        self, whole: reading.Decoded, size: tuple[int, int], note: str | None
    ) -> tuple[Pixels, Pixels, tuple[str, ...]]:
        """The pixels of a picture in a size, the same to be shown, and what was done."""
        picture, steps = whole.convert(_picture_channels(self.inputs))
        made, step = fitting.fit_picture(picture, size, self.fit, self.interpolation)
        pixels = shown = reading.to_array(made)
        if made.mode == "RGBA":
            shown = reading.to_array(reading.lay_on_white(made)[0].convert("RGB"))
        return pixels, shown, (*steps, *([note] if note else []), step)

    def image(
        self,
        whole: reading.Decoded,
        size: tuple[int, int],
        pixels: Pixels,
        values: FloatArray,
        steps: tuple[str, ...],
        frames: Pixels | None,
    ) -> InputImage:
        """The image that was made of a picture, or of several of its size."""
        own = whole.upright.size
        return InputImage(
            name=self.name,
            path=self.path,
            original_size=own,
            pixels=pixels,
            values=values,
            preprocessing=self.preprocessing,
            steps=steps,
            region=fitting.seen_region(own, size, self.fit),
            frame=self.frame,
            frames=frames,
        )


def _from_table(path: Path, asked: _Asked, fit: str | None) -> InputImage:
    """A signal or vector from a WAV file or a table."""
    found = signals.read_signal(path, asked.inputs, frame=asked.frame, fit=fit)
    values = found.values()
    if len(asked.inputs.example_shape) == 1:
        values = values[0]
    what = repr(asked.name)
    arrays.check_shape(values, asked.inputs, what)
    arrays.check_vocabulary(values, asked.inputs, what)
    lost = int(values.size - np.isfinite(values).sum())
    pixels = arrays.to_picture(values)
    return InputImage(
        name=asked.name,
        path=path,
        original_size=(pixels.shape[1], pixels.shape[0]),
        pixels=pixels,
        values=values,
        preprocessing=SCALES["none"].because("numbers are taken as they are"),
        steps=(*found.steps, *([f"{lost} of its numbers are not finite"] if lost else [])),
        frame=asked.frame,
        names=found.names,
    )


def _from_stack(path: Path, asked: _Asked) -> InputImage:
    """Frames or slices, each fitted by itself."""
    inputs = asked.inputs
    _picture_channels(inputs)
    found = stacks.read_stack(path, inputs.example_shape[0], asked.frame)
    first = found.frames[0]
    chosen, note = asked.choose_size(first)
    if len(found.frames) * chosen[0] * chosen[1] * (inputs.channels or 3) > arrays.MAX_NUMBERS:
        raise ImageError(
            f"expected at most {arrays.MAX_NUMBERS / 1e6:g} million numbers, found "
            f"{len(found.frames)} frames of {chosen[1]} x {chosen[0]} for the input '{inputs.name}'"
        )
    made = [asked.fitted(each, chosen, note) for each in found.frames]
    frames = np.stack([shown for _, shown, _ in made])
    values = asked.preprocessing.apply(np.stack([pixels for pixels, _, _ in made]))
    steps = tuple(dict.fromkeys([*found.steps, *(step for _, _, done in made for step in done)]))
    return asked.image(first, chosen, frames[len(made) // 2], values, steps, frames)


def is_picture(source: Any) -> bool:
    """Whether a source is a picture and no array of numbers: by its kind, not its content."""
    if isinstance(source, Image.Image):
        return True
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return not (arrays.is_array_file(path) or signals.kind_of(path))
    dtype, axes = getattr(source, "dtype", None), getattr(source, "ndim", 0)
    return dtype == np.uint8 and axes in (2, 3)


def _flattened(inputs: InputInfo) -> tuple[str, ...]:
    """How a picture is brought to an input that has fewer axes."""
    if inputs.picture is None:
        return ()
    height, width, channels = inputs.picture
    own = " x ".join(str(size) for size in inputs.shape[1:])
    if len(inputs.shape) == 2:
        first = " x 3, channels first," if inputs.data_format != "channels_last" else " x 3"
        colours = first if channels == 3 else ""
        return (f"{width} x {height}{colours} flattened row by row to {own} numbers",)
    return (f"without a channel axis: rows and columns {own}",)


def _whole_image(source: Any, asked: _Asked) -> reading.Decoded | NDArray[np.generic]:
    """A picture that is still to be fitted, or an array that is not."""
    path, inputs, name = asked.path, asked.inputs, asked.name
    if isinstance(source, Image.Image):
        with reading.guarded(repr(name)):
            return reading.upright_picture(source, repr(name))
    if path is not None:
        reading.check_file(path)
        if not arrays.is_array_file(path):
            _picture_channels(inputs)  # an input for no images refuses before a file is read
            return reading.read_picture(path, asked.frame)
    array = arrays.as_array(source) if path is None else arrays.read_array(path)
    array = arrays.with_all_axes(array, inputs)
    channels = array.shape[-1] if array.ndim == 3 else 0
    if array.dtype != np.uint8 or not inputs.accepts_image:
        return array
    special = inputs.channels not in (None, *reading.MODES) or len(inputs.example_shape) == 4
    if special and channels not in reading.MODES:
        return array  # bands or frames of its own
    if channels not in reading.MODES or not array.size:
        raise ImageError(
            "expected pixels (height, width) or (height, width, channel) with 1, 3 or 4 "
            f"channels, found {array.shape} of uint8 in {name!r}. Bring the array into that shape."
        )
    picture = Image.fromarray(array[..., 0] if channels == 1 else array)
    with reading.guarded(repr(name)):
        return reading.upright_picture(picture, repr(name))


def _as_it_is(array: NDArray[np.generic], asked: _Asked) -> InputImage:
    """An array that is not fitted: floats, or bytes for an input that is no picture."""
    inputs, size, name = asked.inputs, asked.size, asked.name
    whole = array.dtype.kind in "iu" and (array.dtype != np.uint8 or arrays.is_token(inputs))
    if (
        array.dtype != np.uint8
        and array.dtype.kind != "f"
        and not (whole and not inputs.accepts_image)
    ):
        raise ImageError(
            f"expected an array of uint8 (pixels, 0..255) or of floats (taken as they are), "
            f"found {array.dtype} in {name!r}. Convert it: array.astype('float32')."
        )
    arrays.check_shape(array, inputs, repr(name))
    arrays.check_vocabulary(array, inputs, repr(name))
    pixels = arrays.to_picture(array)
    if size is not None and fitting.check_size(size) != array.shape[-3:-1]:
        raise UsageError(
            f"expected no size for the array {name!r}, which is taken as it is, found "
            f"{size[1]} x {size[0]} (width x height). Leave the size out, or resize the array."
        )
    steps: tuple[str, ...] = ("an array of bytes, not fitted",)
    if array.dtype == np.uint8 and not whole:
        values, preprocessing = asked.preprocessing.apply(array), asked.preprocessing
    else:
        values, steps = arrays.to_values(array)
        preprocessing = SCALES["none"].because("a float array is taken as it is")
        if whole:
            preprocessing = SCALES["none"].because("whole numbers are taken as they are")
    if inputs.picture is not None:
        steps = (*steps, f"shown as a picture of {pixels.shape[1]} x {pixels.shape[0]}")
    return InputImage(
        name=name,
        path=asked.path,
        original_size=(pixels.shape[1], pixels.shape[0]),
        pixels=pixels,
        values=values,
        preprocessing=preprocessing,
        steps=steps,
        frames=arrays.to_frames(array),
    )


def _picture_channels(inputs: InputInfo) -> int:
    if not inputs.accepts_image:
        wanted = ", ".join("any" if side is None else str(side) for side in inputs.example_shape)
        raise ModelInputError(
            f"expected an input for images, found the input '{inputs.name}' of shape "
            f"{inputs.shape}. Give a float array or .npy file of shape ({wanted}) instead."
        )
    channels = inputs.channels
    return channels if channels in (1, 3, 4) else 3
