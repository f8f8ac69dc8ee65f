"""What patterns are made on: the input that is optimised, the canvas, the other inputs.

A signal is a canvas of one row, and frames or slices are a canvas of all of them under each other;
shown is a curve for each channel, or all frames as one picture.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from layersight import images
from layersight.batch.gather import check_batch_size, find_input
from layersight.data.arrays import Bytes, FloatArray
from layersight.data.ascent import PIXELS, Ascent, Probe
from layersight.data.fields import split_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.data.stack import contact_sheet
from layersight.errors import ModelInputError, UsageError
from layersight.images import check_size
from layersight.images.arrays import is_token
from layersight.model import Optimisable
from layersight.nouns.patterns.methods.method import Method
from layersight.nouns.patterns.request import PatternOptions

LARGEST = 4096  # pixels along the longest side of a canvas
LARGEST_BATCH = 32  # patterns; more at once gain nothing on a processor
MEMORY = 1 << 30  # bytes that a batch holds at most, as far as that is known, and natural images
COPIES = 12  # bytes for each number that a pass gives: the number, its gradient, room to work in

LINE = 0  # the depth of a signal
FREE_LENGTH, FREE_SIDE, FREE_DEPTH = 256, 64, 8  # of a canvas where a network takes any
RATE = 0.05  # the size of a step, as a share of the range of what the network sees
NOISE = 0.1  # the deviation of the start of a signal, around 0

HIGH, WIDE = 96, 288  # pixels of the picture of a curve
SUPER = 3  # how much finer it is drawn before it is reduced
INKS = ((17, 24, 39), (13, 109, 117), (176, 74, 32), (99, 102, 141), (150, 150, 150))
"""The colours of the channels; those beyond have the last one."""


def settle_options(method: Method, entry: InputInfo, settings: Mapping[str, Any]) -> PatternOptions:
    """The options of a method with the user's own; the canvas is as large as the input."""
    (changes,) = split_options(settings, PatternOptions, without=["method"])
    default = tuple(size or method.free_side for size in entry.size)
    size = check_size(changes.pop("size", default), "a canvas", LARGEST)
    return dataclasses.replace(method.defaults, size=size, **changes)


def choose_input(info: ModelInfo, name: str | None, size: Any = None) -> InputInfo:
    """The input that is optimised: the one named, else the first that takes a picture.

    Signals and frames are laid out as one picture; so are the values of a vector, if ``size`` is
    that of the picture which they could be.
    """
    entry = find_input(info, name)
    if depth_of(entry) != 1 and not is_token(entry):
        return as_canvas(entry)
    possible = entry.possible_picture
    if len(entry.example_shape) != 3 and size is not None:
        size = check_size(size, "a canvas", LARGEST)
        entry = entry.as_picture() if size == (possible or ())[:2] else entry
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
    constants = {}
    for entry in info.inputs:
        if entry.name != optimised.name:
            shape = entry.example_shape
            sides = (*size, 1) if len(shape) == 3 else (1,) * len(shape)
            sizes = tuple(own or side for own, side in zip(shape, sides, strict=True))
            constants[entry.name] = np.zeros((1, *sizes), np.float32)
    return constants


def make_ascent(
    info: ModelInfo,
    entry: InputInfo,
    options: PatternOptions,
    preprocessing: Preprocessing,
    probes: tuple[Probe, ...],
) -> Ascent:
    """An ascent of one slot, before a method adds its own settings."""
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
    numbers = model.activation_count(shapes, [probe.layer for probe in ascent.probes])
    fit = max(1, MEMORY // max(1, numbers * ascent.views * COPIES))
    fit = min(fit, most or LARGEST_BATCH, count)
    even = -(-count // -(-count // fit))
    return max(1, even // ascent.group) * ascent.group


class NaturalImages:
    """Natural images from a folder, a glob, or files, cropped to the canvas.

    As many as :data:`MEMORY` holds are kept; the others are read again whenever they are needed.
    """

    def __init__(
        self,
        entry: InputInfo,
        source: str | os.PathLike[str] | Sequence[Any],
        size: tuple[int, int],
        preprocessing: Preprocessing,
    ) -> None:
        shape = (None, *size, entry.channels or 3)
        self._canvas = InputInfo(entry.name, shape, "channels_last", entry.dtype)
        self._preprocessing = preprocessing
        sources = [source] if isinstance(source, str | os.PathLike) else list(source)
        self._paths = images.find_images(sources)
        self._kept: dict[int, InputImage] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def canvases(self, parameters: str) -> Iterator[FloatArray]:
        """The images as what is optimised: what the network sees, or pictures in 0..1."""
        for index in range(len(self)):
            image = self._load(index)
            pixels = image.pixels.astype(np.float32) / np.float32(255)
            yield image.values if parameters == PIXELS else pixels

    def _load(self, index: int) -> InputImage:
        if index in self._kept:
            return self._kept[index]
        how: dict[str, Any] = {"fit": "crop", "interpolation": "bilinear"}
        how["preprocessing"] = self._preprocessing
        image, _ = images.load(self._paths[index], self._canvas, **how)
        if (index + 1) * (image.values.nbytes + image.pixels.nbytes) <= MEMORY:
            self._kept[index] = image
        return image


def depth_of(entry: InputInfo) -> int:
    """How many frames an input takes, :data:`LINE` for a signal, 1 for a picture."""
    axes = len(entry.example_shape)
    if axes == 4:
        return entry.example_shape[0] or FREE_DEPTH
    return LINE if axes == 2 else 1


def as_canvas(entry: InputInfo) -> InputInfo:
    """A signal or frames laid out as one picture, ``(height, width, channel)``."""
    shape, depth = entry.example_shape, depth_of(entry)
    channels = shape[-1] or 1
    if depth == LINE:
        return dataclasses.replace(entry, picture=(1, shape[0] or FREE_LENGTH, channels))
    height, width = shape[1] or FREE_SIDE, shape[2] or FREE_SIDE
    return dataclasses.replace(entry, picture=(depth * height, width, channels))


@dataclass(frozen=True, eq=False, slots=True)
class Unfolded:
    """How patterns of a signal, volume or video are made by ``classic``."""

    options: dict[str, Any]  # of the method
    preprocessing: Preprocessing  # what the network sees of a canvas
    start: FloatArray  # what every pattern starts from
    note: str  # what a reader should know


def unfold(
    depth: int, entry: InputInfo, method: str, options: dict[str, Any], preprocessing: Preprocessing
) -> Unfolded:
    """How patterns of an input that is laid out are made, with the user's options."""
    what = "a signal" if depth == LINE else "frames or slices"
    if method == "maco":
        raise UsageError(f"maco is of pictures: patterns of {what} are made by classic")
    draw = np.random.default_rng((int(options.get("seed") or 0), 5))
    assert entry.picture is not None
    if depth == LINE:
        preprocessing = SCALES["none"].because("a signal is optimised as the network sees it")
        start = draw.normal(0, NOISE, entry.picture).astype(np.float32)
        value_range, words = 1.0, f"noise of {NOISE:g} around 0"
    else:
        noise = 128 + 20 * draw.random(entry.picture)
        start = np.asarray(preprocessing.apply(noise.astype(np.float32)), np.float32)
        ends = preprocessing.apply(
            np.array([[[0.0], [255.0]]], np.float32).repeat(entry.picture[2], 2)
        )
        value_range, words = float(np.ptp(ends)), "grey and a little noise"
    note = (
        f"patterns of {what} are made by the method classic from {words}: the others move and turn "
        "pictures"
    )
    changes = {name: value for name, value in options.items() if value is not None}
    return Unfolded({"rate": RATE * value_range, **changes}, preprocessing, start, note)


def pictures_of(shown: Bytes, depth: int) -> Bytes:
    """What is shown of canvases, ``(..., height, width, channel)``: curves, or all frames."""
    *outer, height, width, channels = shown.shape
    flat = shown.reshape(-1, height, width, channels)
    if depth == LINE:
        pictures = np.stack([_curves(row) for (row,) in flat])
    else:
        stacks = flat.reshape(len(flat), depth, height // depth, width, channels)[..., :3]
        colours = stacks if stacks.shape[-1] == 3 else stacks[..., :1].repeat(3, -1)
        pictures = np.stack([contact_sheet(frames, 255) for frames in colours])
    return pictures.reshape(*outer, *pictures.shape[1:])


def _curves(values: Bytes) -> Bytes:
    """A signal in 0..255, ``(position, channel)``, as curves, ``(HIGH, WIDE, 3)``.

    The middle is grey; its greatest distance from it reaches an edge.
    """
    offsets = values.astype(float) - 127.5
    heights = offsets / (float(np.abs(offsets).max(initial=0)) or 1.0)
    size = WIDE * SUPER, HIGH * SUPER
    picture = Image.new("RGB", size, (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    pen.line([(0, size[1] // 2), (size[0], size[1] // 2)], fill=(214, 214, 214), width=SUPER)
    across = np.linspace(SUPER, size[0] - 1 - SUPER, len(values))
    for channel in range(values.shape[1] - 1, -1, -1):
        down = (1 - heights[:, channel]) / 2 * (size[1] - 1 - 2 * SUPER) + SUPER
        ink = INKS[min(channel, len(INKS) - 1)]
        pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=ink, width=SUPER + 1)
    return np.asarray(picture.resize((WIDE, HIGH), Image.Resampling.BOX))
