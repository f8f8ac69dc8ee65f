"""From whatever the user has to what the network sees.

The rule of this module: the steps of an InputImage say how it was made, in order.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.errors import ImageError, ModelInputError, UsageError
from layersight.images import arrays, fitting, reading, signals, stacks

# What an image can be given as: a file, an array, a Pillow image, or one loaded before.
Source: TypeAlias = str | os.PathLike[str] | NDArray[np.generic] | Image.Image | InputImage


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
        fit: See ``fit``; ``None`` stretches pictures, and cuts or fills signals.
        interpolation: See ``fit``.
        size: Height and width in pixels, where the model takes any.
        frame: Which frame, page or slice of a file with several, from 0; without it the first,
            of a volume or film the one in the middle.
        name: What to call the image; without it the file's name.

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
    return load_both(
        source,
        inputs,
        preprocessing=preprocessing,
        fit=fit,
        interpolation=interpolation,
        size=size,
        frame=frame,
        name=name,
    )[0]


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
    _check_input(inputs)
    fit_signal, fit = fit, fit or "stretch"
    if isinstance(source, InputImage):
        if source.values.shape == inputs.possible_picture:
            inputs = inputs.as_picture()
        arrays.check_shape(source.values, inputs, f"the image {source.name!r}")
        return source, None
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if is_picture(source):
        inputs = inputs.as_picture()
    shown = name or _name_of(source, path)
    if path is not None and len(inputs.example_shape) < 3 and signals.kind_of(path):
        return _from_table(path, inputs, frame=frame, fit=fit_signal, name=shown), None
    if path is not None and len(inputs.example_shape) == 4 and stacks.holds_several(path):
        return (
            _from_stack(path, inputs, preprocessing, (fit, interpolation), size, frame, shown),
            None,
        )
    whole = _whole_image(source, path, inputs, shown, frame)
    if isinstance(whole, np.ndarray):
        return _as_it_is(whole, inputs, preprocessing, size=size, name=shown, path=path), None
    picture, steps = whole.convert(_picture_channels(inputs))
    high, wide = inputs.example_shape[-3:-1]
    chosen, note = fitting.choose_size((high, wide), picture.size, size)
    fitted, step = fitting.fit_picture(picture, chosen, fit, interpolation)
    pixels = reading.to_array(fitted)
    filled, more = arrays.fill_axes(preprocessing.apply(pixels), inputs)
    image = InputImage(
        name=shown,
        path=path,
        original_size=picture.size,
        pixels=_for_display(fitted, pixels),
        values=filled,
        preprocessing=preprocessing,
        steps=(*steps, *([note] if note else []), step, *more, *_flattened(inputs)),
        region=fitting.seen_region(picture.size, chosen, fit),
        frame=frame,
        frames=_repeated(fitted, pixels, filled),
    )
    return image, whole


def _from_table(
    path: Path, inputs: InputInfo, *, frame: int | None, fit: str | None, name: str
) -> InputImage:
    """A signal or vector from a WAV file or a table."""
    found = signals.read_signal(path, inputs, frame=frame, fit=fit)
    values = np.ascontiguousarray(found.part(0, found.count))
    if len(inputs.example_shape) == 1:
        values = values[0]
    what = repr(name)
    arrays.check_shape(values, inputs, what)
    arrays.check_vocabulary(values, inputs, what)
    lost = int(values.size - np.isfinite(values).sum())
    pixels = arrays.to_picture(values)
    return InputImage(
        name=name,
        path=path,
        original_size=(pixels.shape[1], pixels.shape[0]),
        pixels=pixels,
        values=values,
        preprocessing=SCALES["none"].because("numbers are taken as they are"),
        steps=(*found.steps, *([f"{lost} of its numbers are not finite"] if lost else [])),
        frame=frame,
        names=found.names,
    )


def _from_stack(
    path: Path,
    inputs: InputInfo,
    preprocessing: Preprocessing,
    how: tuple[str, str],
    size: tuple[int, int] | None,
    frame: int | None,
    name: str,
) -> InputImage:
    """Frames or slices, each fitted by itself."""
    count, high, wide, channels = inputs.example_shape
    _picture_channels(inputs)
    found = stacks.read_stack(path, count, frame)
    fit, interpolation = how
    made, shown, steps = [], [], dict.fromkeys(found.steps)
    first = found.frames[0].upright.size
    chosen, note = fitting.choose_size((high, wide), first, size)
    if len(found.frames) * chosen[0] * chosen[1] * (channels or 3) > arrays.MAX_NUMBERS:
        raise ImageError(
            f"expected at most {arrays.MAX_NUMBERS / 1e6:g} million numbers, found "
            f"{len(found.frames)} frames of {chosen[1]} x {chosen[0]} for the input '{inputs.name}'"
        )
    for each in found.frames:
        picture, done = each.convert(_picture_channels(inputs))
        fitted, step = fitting.fit_picture(picture, chosen, fit, interpolation)
        pixels = reading.to_array(fitted)
        made.append(pixels)
        shown.append(_for_display(fitted, pixels))
        steps |= dict.fromkeys([*done, *([note] if note else []), step])
    frames_shown = np.stack(shown)
    return InputImage(
        name=name,
        path=path,
        original_size=first,
        pixels=frames_shown[len(made) // 2],
        values=preprocessing.apply(np.stack(made)),
        preprocessing=preprocessing,
        steps=tuple(steps),
        region=fitting.seen_region(first, chosen, fit),
        frame=frame,
        frames=frames_shown,
    )


def _repeated(
    fitted: Image.Image, pixels: NDArray[np.uint8], values: NDArray[np.floating]
) -> NDArray[np.uint8] | None:
    """The frames of a picture that stands for several."""
    if values.ndim != 4:
        return None
    return np.repeat(_for_display(fitted, pixels)[np.newaxis], len(values), axis=0)


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


def _whole_image(
    source: Any, path: Path | None, inputs: InputInfo, name: str, frame: int | None
) -> reading.Decoded | NDArray[np.generic]:
    """A picture that is still to be fitted, or an array that is not."""
    if isinstance(source, Image.Image):
        with reading.guarded(repr(name)):
            return reading.upright_picture(source, repr(name))
    if path is not None:
        reading.check_file(path)
        if not arrays.is_array_file(path):
            _picture_channels(inputs)  # an input for no images refuses before a file is read
            return reading.read_picture(path, frame)
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


def _as_it_is(
    array: NDArray[np.generic],
    inputs: InputInfo,
    preprocessing: Preprocessing,
    *,
    size: tuple[int, int] | None,
    name: str,
    path: Path | None,
) -> InputImage:
    """An array that is not fitted: floats, or bytes for an input that is no picture."""
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
        values = preprocessing.apply(array)
    else:
        values, steps = arrays.to_values(array)
        preprocessing = SCALES["none"].because("a float array is taken as it is")
        if whole:
            preprocessing = SCALES["none"].because("whole numbers are taken as they are")
    if inputs.picture is not None:
        steps = (*steps, f"shown as a picture of {pixels.shape[1]} x {pixels.shape[0]}")
    return InputImage(
        name=name,
        path=path,
        original_size=(pixels.shape[1], pixels.shape[0]),
        pixels=pixels,
        values=values,
        preprocessing=preprocessing,
        steps=steps,
        frames=arrays.to_frames(array),
    )


def _check_input(inputs: InputInfo) -> None:
    """Checks that an image or at least an array with a spatial axis fits the input."""
    if len(inputs.shape) not in (2, 3, 4, 5):
        raise ModelInputError(
            f"expected an input for images, (batch, height, width, channel), found the input "
            f"'{inputs.name}' of shape {inputs.shape}. Choose a model that takes images."
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


def _name_of(source: Any, path: Path | None) -> str:
    if path is not None:
        return path.name
    return "image" if isinstance(source, Image.Image) else "array"


def _for_display(fitted: Image.Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if fitted.mode != "RGBA":
        return pixels
    return reading.to_array(reading.lay_on_white(fitted)[0].convert("RGB"))
