"""Patterns of signals, volumes and videos, on the canvas of a picture.

The rule of this module: a signal is a canvas of one row, and frames or slices are a canvas of all
of them under each other; shown is a curve for each channel, or all frames as one picture.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.data.stack import contact_sheet
from layersight.errors import UsageError

LINE = 0
"""In place of the number of frames: a signal."""

HIGH, WIDE = 96, 288
"""The picture of a curve, in pixels."""
SUPER = 3
"""How much finer it is drawn before it is reduced."""
INKS = ((17, 24, 39), (13, 109, 117), (176, 74, 32), (99, 102, 141), (150, 150, 150))
"""The colours of the channels; those beyond have the last one."""

FREE_LENGTH, FREE_SIDE, FREE_DEPTH = 256, 64, 8
"""The sides of a canvas where a network takes any."""

RATE = 0.05
"""The size of a step, as a share of the range of what the network sees."""
NOISE = 0.1
"""The deviation of the start of a signal, around 0."""


def depth_of(entry: InputInfo) -> int:
    """How many frames an input takes, :data:`LINE` for a signal, 1 for a picture."""
    axes = len(entry.example_shape)
    if axes == 4:
        return entry.example_shape[0] or FREE_DEPTH
    return LINE if axes == 2 else 1


def as_canvas(entry: InputInfo) -> InputInfo:
    """An input laid out as one picture, ``(height, width, channel)``."""
    own, depth = entry.example_shape, depth_of(entry)
    if depth == 1:
        return entry
    channels = own[-1] or 1
    if depth == LINE:
        return dataclasses.replace(entry, picture=(1, own[0] or FREE_LENGTH, channels))
    high, wide = own[1] or FREE_SIDE, own[2] or FREE_SIDE
    return dataclasses.replace(entry, picture=(depth * high, wide, channels))


@dataclass(frozen=True, eq=False, slots=True)
class Unfolded:
    """How patterns of a signal, volume or video are made by ``classic``."""

    options: dict[str, Any]  # of the method
    preprocessing: Preprocessing  # what the network sees of a canvas
    start: FloatArray  # what every pattern starts from
    note: str  # what a reader should know


def settle(
    depth: int, entry: InputInfo, method: str, options: dict[str, Any], preprocessing: Preprocessing
) -> Unfolded:
    """How patterns of an input that is laid out are made, from what was asked for."""
    what = "a signal" if depth == LINE else "frames or slices"
    if method == "maco":
        raise UsageError(f"maco is of pictures: patterns of {what} are made by classic")
    draw = np.random.default_rng((int(options.get("seed") or 0), 5))
    assert entry.picture is not None
    if depth == LINE:
        preprocessing = SCALES["none"].because("a signal is optimised as the network sees it")
        start = draw.normal(0, NOISE, entry.picture).astype(np.float32)
        reach, begun = 1.0, f"noise of {NOISE:g} around 0"
    else:
        noise = 128 + 20 * draw.random(entry.picture)
        start = np.asarray(preprocessing.apply(noise.astype(np.float32)), np.float32)
        ends = preprocessing.apply(
            np.array([[[0.0], [255.0]]], np.float32).repeat(entry.picture[2], 2)
        )
        reach, begun = float(np.ptp(ends)), "grey and a little noise"
    note = (
        f"patterns of {what} are made by the method classic from {begun}: the others move and turn "
        "pictures"
    )
    given = {name: value for name, value in options.items() if value is not None}
    return Unfolded({"rate": RATE * reach, **given}, preprocessing, start, note)


def pictures_of(shown: Bytes, depth: int) -> Bytes:
    """What is shown of canvases, ``(..., height, width, channel)``: curves, or all frames."""
    *many, height, width, channels = shown.shape
    flat = shown.reshape(-1, height, width, channels)
    if depth == LINE:
        made = np.stack([_curves(each[0]) for each in flat])
    else:
        stacks = flat.reshape(len(flat), depth, height // depth, width, channels)[..., :3]
        colours = stacks if stacks.shape[-1] == 3 else stacks[..., :1].repeat(3, -1)
        made = np.stack([contact_sheet(each, 255) for each in colours])
    return made.reshape(*many, *made.shape[1:])


def _curves(values: Bytes) -> Bytes:
    """A signal in 0..255, ``(position, channel)``, as curves, ``(HIGH, WIDE, 3)``.

    The middle is grey; its greatest distance from it reaches an edge.
    """
    apart = values.astype(float) - 127.5
    heights = apart / (float(np.abs(apart).max(initial=0)) or 1.0)
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
