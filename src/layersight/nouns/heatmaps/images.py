"""The images that heatmaps are of, the input that is explained, and what depends on it."""

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

Given = Mapping[str, Sequence[InputImage]]  # for each input of the model its images


def choose_input(info: ModelInfo, name: str | None) -> InputInfo:
    """The input that is explained: the one asked for, else the first with pictures."""
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
    """That the numbers for an input could be a picture; ``None`` where they could be none."""
    if entry.possible_picture is None:
        return None
    height, width, _ = entry.possible_picture
    return (
        f"numbers for the input '{entry.name}' of shape {entry.shape}: if they are a picture of "
        f"{width} x {height}, give an image file, or pixels of uint8 ({height}, {width}), to see "
        "the heatmap as one"
    )


def same_everywhere(given: Given) -> str | None:
    """What to do where one image went to several inputs, as to a network that compares two.

    ``None`` where the inputs were given different images.
    """
    groups = [images for images in given.values() if images and images[0].values.ndim >= 3]
    if len(groups) < 2 or len({image.name for images in groups for image in images}) != 1:
        return None
    first = groups[0][0].values
    if any(not np.array_equal(image.values, first) for images in groups for image in images):
        return None
    named = [name for name, images in given.items() if images and images[0].values.ndim >= 3]
    files = " ".join(f"--input {name}=FILE" for name in named)
    keys = ", ".join(f"{name!r}: ..." for name in named)
    return (
        f"the same image went to {' and '.join(named)}, and a network that compares two finds no "
        f"difference to explain (a distance of 0 has no gradient). Give an image for each: {files} "
        f"(from Python {{{keys}}})"
    )


def make_batch(given: Given, numbers: Sequence[int]) -> dict[str, FloatArray]:
    """What the images with some numbers are for each input, ``(image, ...)``."""
    return {
        name: np.stack([images[number].values for number in numbers])
        for name, images in given.items()
    }


@dataclass(frozen=True, eq=False, slots=True)
class ImageSet:
    """The images for each input of the model, and the input whose pixels are explained.

    Black and white, ``(channel,)`` each, are in the numbers that the network sees. Of signals and
    vectors, which have no black, 0 stands for it, and for white the range of each channel.
    """

    given: Given
    entry: InputInfo
    black: FloatArray
    white: FloatArray

    def batch(self, numbers: Sequence[int]) -> Images:
        return Images(make_batch(self.given, numbers), self.entry.name, self.black, self.white)


def make_image_set(given: Given, entry: InputInfo, preprocessing: Preprocessing) -> ImageSet:
    """The images with what black and white are in the numbers that the network sees.

    For arrays that were given as numbers they are those of ``preprocessing``, what the model's
    pictures want; if values lie outside of it, the least and the greatest value.
    """
    images = given[entry.name]
    if len(entry.sides) == 1:
        rows = np.concatenate([image.values.reshape(-1, _channels(image)) for image in images])
        reach = np.ptp(rows, axis=0).astype(np.float32)
        return ImageSet(given, entry, np.zeros_like(reach), np.where(reach > 0, reach, 1))
    fitted = images[0].region is not None
    scale = images[0].preprocessing if fitted else preprocessing
    channels = images[0].values.shape[-1]
    black, white = ends_of(scale, channels)
    if not fitted:
        low = min(float(image.values.min()) for image in images)
        high = max(float(image.values.max()) for image in images)
        if low < float(black.min()) or high > float(white.max()):
            high = high if high > low else low + 1
            black, white = np.full(channels, low), np.full(channels, high)
    return ImageSet(given, entry, black.astype(np.float32), white.astype(np.float32))


def _channels(image: InputImage) -> int:
    return image.values.shape[-1] if image.values.ndim > 1 else 1


def ends_of(scale: Preprocessing, channels: int) -> tuple[FloatArray, FloatArray]:
    """What a black and a white pixel are for a network, each ``(channel,)`` float32.

    >>> from layersight.data.preprocessing import SCALES
    >>> [ends.tolist() for ends in ends_of(SCALES["-1..1"], 2)]
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
    """Tells whether a layer depends on the input that is explained.

    Of a model with one input every layer does. With several the model itself is asked for
    the gradient, once for each layer; one that gives none is shown the image in negative.
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
                pair = (images.values, images.showing(pixels))
                as_it_is, negative = (
                    model.forward(values, [layer.name]).layers[layer.name] for values in pair
                )
                known[layer.name] = not np.array_equal(as_it_is, negative, equal_nan=True)
        return known[layer.name]

    return depends
