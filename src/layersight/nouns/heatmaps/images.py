"""The images of heatmaps, the input that is explained, and which layers depend on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from layersight.batch.gather import find_input
from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.readout import Readout
from layersight.errors import CapabilityError, IndependentError, ModelInputError
from layersight.images.arrays import is_token
from layersight.model import Differentiable
from layersight.nouns.heatmaps.methods.method import Images

ImagesByInput = Mapping[str, Sequence[InputImage]]  # the images for each input of the model


def choose_input(info: ModelInfo, name: str | None) -> InputInfo:
    """The input that is explained: the one with a name, else the first for pictures."""
    entry = find_input(info, name)
    if is_token(entry):
        raise ModelInputError(
            f"the input '{entry.name}' takes whole numbers that stand for something, as words do: "
            "there is no more and no less of them, so that no heatmap of it can be made"
        )
    if not 1 <= len(entry.sides) <= 3:
        raise ModelInputError(
            "heatmaps are of vectors (unit), signals (position, channel), pictures (height, width, "
            "channel), and frames or slices (frame, height, width, channel): found the input "
            f"'{entry.name}' of shape {entry.shape}"
        )
    return entry


def picture_note(entry: InputInfo) -> str | None:
    """A note that the numbers for an input could be a picture; ``None`` where they cannot."""
    if entry.possible_picture is None:
        return None
    height, width, _ = entry.possible_picture
    return (
        f"numbers for the input '{entry.name}' of shape {entry.shape}: if they are a picture of "
        f"{width} x {height}, give an image file, or pixels of uint8 ({height}, {width}), to see "
        "the heatmap as one"
    )


def same_image_advice(inputs: ImagesByInput) -> str | None:
    """Advice where several inputs got the same image, as of a network that compares two.

    ``None`` where the inputs got different images.
    """
    groups = [images for images in inputs.values() if images and images[0].values.ndim >= 3]
    if len(groups) < 2 or len({image.name for images in groups for image in images}) != 1:
        return None
    first = groups[0][0].values
    if any(not np.array_equal(image.values, first) for images in groups for image in images):
        return None
    names = [name for name, images in inputs.items() if images and images[0].values.ndim >= 3]
    files = " ".join(f"--input {name}=FILE" for name in names)
    keys = ", ".join(f"{name!r}: ..." for name in names)
    return (
        f"the same image went to {' and '.join(names)}, and a network that compares two finds no "
        f"difference to explain (a distance of 0 has no gradient). Give an image for each: {files} "
        f"(from Python {{{keys}}})"
    )


def make_batch(inputs: ImagesByInput, numbers: Sequence[int]) -> dict[str, FloatArray]:
    """The values of the images with some numbers for each input, ``(image, ...)``."""
    return {
        name: np.stack([images[number].values for number in numbers])
        for name, images in inputs.items()
    }


@dataclass(frozen=True, eq=False, slots=True)
class ImageSet:
    """The images for each input of the model, and the input whose pixels are explained.

    Black and white, ``(channel,)`` each, are in the numbers that the network sees. For signals and
    vectors, which have no black, it is 0, and white is the range of each channel.
    """

    inputs: ImagesByInput
    entry: InputInfo
    black: FloatArray
    white: FloatArray

    def batch(self, numbers: Sequence[int]) -> Images:
        return Images(make_batch(self.inputs, numbers), self.entry.name, self.black, self.white)


def make_image_set(
    inputs: ImagesByInput, entry: InputInfo, preprocessing: Preprocessing
) -> ImageSet:
    """The images, and what black and white are in the numbers that the network sees.

    For arrays of numbers they are those of ``preprocessing``, the scale of the model's pictures; if
    values lie outside of it, the least and the greatest value.
    """
    images = inputs[entry.name]
    if len(entry.sides) == 1:
        rows = np.concatenate([image.values.reshape(-1, _channels(image)) for image in images])
        span = np.ptp(rows, axis=0).astype(np.float32)
        return ImageSet(inputs, entry, np.zeros_like(span), np.where(span > 0, span, 1))
    fitted = images[0].region is not None
    scale = images[0].preprocessing if fitted else preprocessing
    channels = images[0].values.shape[-1]
    black, white = black_and_white(scale, channels)
    if not fitted:
        low = min(float(image.values.min()) for image in images)
        high = max(float(image.values.max()) for image in images)
        if low < float(black.min()) or high > float(white.max()):
            high = high if high > low else low + 1
            black, white = np.full(channels, low), np.full(channels, high)
    return ImageSet(inputs, entry, black.astype(np.float32), white.astype(np.float32))


def _channels(image: InputImage) -> int:
    return image.values.shape[-1] if image.values.ndim > 1 else 1


def black_and_white(scale: Preprocessing, channels: int) -> tuple[FloatArray, FloatArray]:
    """A black and a white pixel in the numbers that a network sees, each ``(channel,)`` float32.

    >>> from layersight.data.preprocessing import SCALES
    >>> [ends.tolist() for ends in black_and_white(SCALES["-1..1"], 2)]
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    colours = channels if channels in (1, 3, 4) else 3
    bands = [band % colours for band in range(channels)]
    ends = np.array([[0] * colours, [255] * colours], np.float32)
    ends[:, 3:] = 255  # black is opaque
    black, white = scale.apply(ends[:, np.newaxis, np.newaxis])[:, 0, 0][:, bands]
    return black, white


def depends_on_input(
    model: Differentiable, images: Images, info: ModelInfo
) -> Callable[[LayerInfo], bool]:
    """A function that tells whether a layer depends on the input that is explained.

    In a model with one input every layer does. With several it depends on whether the layer has a
    gradient, computed once; in a model without gradients, on whether the negative changes it.
    """
    if len(info.inputs) == 1:
        return lambda layer: True
    known: dict[str, bool] = {}

    def depends(layer: LayerInfo) -> bool:
        if layer.name not in known:
            rank = len(layer.output_shape or (None, None))
            weights = np.ones((1,) * (rank - 1) + (layer.channels or 1,), np.float32)
            try:
                model.differentiate(
                    images.values, (Readout(layer.name, weights),), by=[images.input]
                )
                known[layer.name] = True
            except IndependentError:
                known[layer.name] = False
            except CapabilityError:
                pixels = images.black + images.white - images.pixels
                pair = (images.values, images.with_pixels(pixels))
                original, negative = (
                    model.forward(values, [layer.name]).layers[layer.name] for values in pair
                )
                known[layer.name] = not np.array_equal(original, negative, equal_nan=True)
        return known[layer.name]

    return depends
