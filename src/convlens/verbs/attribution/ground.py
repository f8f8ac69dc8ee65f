"""What heatmaps are of: the input that is explained, its images, the layers that rest on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convlens.errors import ModelInputError
from convlens.model import Model
from convlens.readout import Readout
from convlens.results import FloatArray, InputImage, InputInfo, LayerInfo, ModelInfo
from convlens.verbs.attribution.method import Images
from convlens.verbs.gather import find_input

Given = Mapping[str, Sequence[InputImage]]
"""For each input of the model its images."""


def choose_input(info: ModelInfo, name: str | None) -> InputInfo:
    """The input whose pixels are explained: the one asked for, else the first with pictures.

    Raises:
        ModelInputError: There is none of that name, or it takes no picture.
    """
    entry = find_input(info, name)
    if len(entry.shape) == 4:
        return entry
    axes = {3: "one axis of positions", 5: "three axes of positions"}.get(len(entry.shape))
    raise ModelInputError(
        "heatmaps are of pictures: expected an input of (height, width, channel), found "
        f"'{entry.name}' of shape {entry.shape}" + (f", {axes}" if axes else "")
    )


def make_images(given: Given, entry: InputInfo, numbers: Sequence[int]) -> Images:
    """A batch of the images with some numbers."""
    values = {
        name: np.stack([images[number].values for number in numbers])
        for name, images in given.items()
    }
    black, white = ends_of(given[entry.name], values[entry.name])
    return Images(values, entry.name, black, white)


def ends_of(images: Sequence[InputImage], values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a black and a white pixel are in the numbers that the network sees.

    For float arrays, which have neither, the least and the greatest number in them.

    Returns:
        Two arrays ``(channel,)`` float32.
    """
    channels = values.shape[-1]
    if images[0].region is None:
        low, high = float(values.min()), float(values.max())
        high = high if high > low else low + 1
        return np.full(channels, low, np.float32), np.full(channels, high, np.float32)
    colours = channels if channels in (1, 3, 4) else 3
    bands = [band % colours for band in range(channels)]
    scale = images[0].preprocessing
    ends = np.array([[0] * colours, [255] * colours], np.float32)
    ends[:, 3:] = 255  # black is opaque
    black, white = scale.apply(ends[:, np.newaxis, np.newaxis])[:, 0, 0][:, bands]
    return black, white


def resting(model: Model, images: Images, info: ModelInfo) -> Callable[[LayerInfo], bool]:
    """Tells whether a layer rests on the input that is explained.

    Of a model with one input every layer does. With several the model itself is asked for
    the gradient, once for each layer.
    """
    if len(info.inputs) == 1:
        return lambda layer: True
    known: dict[str, bool] = {}

    def rests(layer: LayerInfo) -> bool:
        if layer.name not in known:
            rank = len(layer.output_shape or (None, None))
            weights = np.ones((1,) * (rank - 1) + (layer.channels or 1,), np.float32)
            try:
                model.differentiate(
                    images.values, (Readout(layer.name, weights),), by=[images.input]
                )
                known[layer.name] = True
            except ModelInputError:
                known[layer.name] = False
        return known[layer.name]

    return rests
