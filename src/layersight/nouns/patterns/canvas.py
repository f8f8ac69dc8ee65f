"""What patterns are made on: the input that is optimised, the canvas, the other inputs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from layersight import images
from layersight.batch.gather import check_batch_size, find_input
from layersight.data.arrays import FloatArray
from layersight.data.ascent import PIXELS, Ascent, Probe
from layersight.data.fields import split_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import ModelInputError
from layersight.images import check_size
from layersight.images.arrays import is_token
from layersight.model import Optimisable
from layersight.nouns.patterns.methods.method import Method
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.unfolded import as_canvas, depth_of

Natural = tuple[InputImage, ...]
"""Natural images in the size of the canvas."""

LARGEST = 4096
"""The longest side of a canvas, in pixels."""

MEMORY = 1 << 30
"""How many bytes a batch may hold at once, as far as that can be told."""

LARGEST_BATCH = 32
"""More patterns at once gain nothing on a processor."""

COPIES = 12
"""Bytes for each number that a pass gives: the number, its gradient, room to work in."""


def settle_options(method: Method, entry: InputInfo, settings: Mapping[str, Any]) -> PatternOptions:
    """The options of a method with what was asked for; the canvas is as large as the input."""
    (given,) = split_options(settings, PatternOptions, without=["method"])
    side = method.free_side
    own = tuple(size or side for size in entry.size)
    size = check_size(given.pop("size", own), "a canvas", LARGEST)
    return dataclasses.replace(method.defaults, size=size, **given)


def choose_input(info: ModelInfo, name: str | None, size: Any = None) -> InputInfo:
    """The input that is optimised: the one asked for, else the first that takes a picture.

    Signals and frames are laid out as one picture; so are the values of a vector, if ``size`` is
    that of the picture which they could be.
    """
    entry = find_input(info, name)
    if depth_of(entry) != 1 and not is_token(entry):
        return as_canvas(entry)
    possible = entry.possible_picture
    if len(entry.example_shape) != 3 and size is not None:
        asked = check_size(size, "a canvas", LARGEST)
        entry = entry.as_picture() if asked == (possible or ())[:2] else entry
    if len(entry.example_shape) == 3:
        return entry
    hint = ""
    if possible is not None:
        hint = (
            f". If its values are a picture of {possible[1]} x {possible[0]}, say so with the "
            f"size {possible[0]}x{possible[1]}"
        )
    raise ModelInputError(
        "patterns are of pictures, signals and frames: expected an input of (height, width, "
        f"channel), found '{entry.name}' of shape {entry.shape}{hint}"
    )


def constants_of(info: ModelInfo, optimised: InputInfo, size: tuple[int, int]) -> dict[str, Any]:
    """What the other inputs are held at: zeros, of their own size or that of the canvas."""
    found = {}
    for entry in info.inputs:
        if entry.name != optimised.name:
            shape = entry.example_shape
            sides = (*size, 1) if len(shape) == 3 else (1,) * len(shape)
            sizes = tuple(own or side for own, side in zip(shape, sides, strict=True))
            found[entry.name] = np.zeros((1, *sizes), np.float32)
    return found


def make_ascent(
    info: ModelInfo,
    entry: InputInfo,
    options: PatternOptions,
    preprocessing: Preprocessing,
    probes: tuple[Probe, ...],
) -> Ascent:
    """An ascent of one slot that no method has decided on yet."""
    channels = entry.channels or 3
    black = preprocessing.apply(np.zeros((1, 1, channels), np.float32))[0, 0]
    white = preprocessing.apply(np.full((1, 1, channels), 255, np.float32))[0, 0]
    return Ascent(
        input=entry.name,
        size=options.size,
        channels=channels,
        batch=1,
        parameters=PIXELS,
        probes=probes,
        gain=white - black,
        shift=black,
        flip=preprocessing.order == "BGR" and channels == 3,
        total_variation=options.total_variation,
        norm=options.norm,
        diversity=options.diversity if options.facets > 1 else 0.0,
        group=options.facets if options.diversity else 1,
        mixed=options.precision == "mixed",
        constants=constants_of(info, entry, options.size),
    )


def choose_batch(model: Optimisable, ascent: Ascent, count: int, most: int | None) -> int:
    """How many patterns are optimised together: as many as fit, in batches of one size."""
    if most is not None:
        check_batch_size(most)
    shapes: dict[str, tuple[int, ...]] = {
        ascent.input: (1, *ascent.size, ascent.channels),
        **{name: array.shape for name, array in ascent.constants.items()},
    }
    count_of_one = model.activation_count(shapes, [probe.layer for probe in ascent.probes])
    fit = max(1, MEMORY // max(1, count_of_one * ascent.views * COPIES))
    fit = min(fit, most or LARGEST_BATCH, count)
    even = -(-count // -(-count // fit))
    return max(1, even // ascent.group) * ascent.group


def load_natural(
    entry: InputInfo,
    given: str | os.PathLike[str] | Sequence[Any],
    size: tuple[int, int],
    preprocessing: Preprocessing,
) -> Natural:
    """Natural images from a folder, a glob, or files, cropped to the canvas."""
    shape = (None, *size, entry.channels or 3)
    canvas = InputInfo(entry.name, shape, "channels_last", entry.dtype)
    paths = images.find_images([given] if isinstance(given, str | os.PathLike) else list(given))
    how: dict[str, Any] = {"fit": "crop", "interpolation": "bilinear"}
    return tuple(images.load(path, canvas, preprocessing=preprocessing, **how) for path in paths)


def canvases_of(natural: Natural, parameters: str) -> list[FloatArray]:
    """Natural images as what is optimised: what the network sees, or pictures in 0..1."""
    if parameters == PIXELS:
        return [image.values for image in natural]
    return [image.pixels.astype(np.float32) / np.float32(255) for image in natural]
