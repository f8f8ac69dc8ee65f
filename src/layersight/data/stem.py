"""The scale of pixels that follows from a network's own arithmetic on its input.

The stem of an input is what a network computes from it before its first learned weights: division,
subtraction, another order of colours, a Normalization. It is run on plain pictures of one colour in
each of the common scales; the right scale is the one in which the first weights get numbers of the
size that networks are trained on.

The rule of this module: plain NumPy. The framework walks the graph and runs the stem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.errors import few

Numbers = NDArray[np.float32]

# The scales in which pixels are fed to the stem.
FED = ("none", "0..1", "-1..1")

# The greys that are tried, as pixels.
LEVELS = np.array([0.0, 63.75, 127.5, 191.25, 255.0], np.float32)

# What black and white become in networks whose inputs are not standardised.
PLAIN_ENDS = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5))

PIXELS = (0.0, 255.0)  # what they become if the network first restores pixels
CLOSE = 0.02  # how far black and white may be from these, as a share of their distance

# The mean of photographs between black (0) and white (1), and how far it varies.
USUAL_MEAN = (0.45, 0.2)

# The distance of black and white in standard deviations, and how far its logarithm varies.
USUAL_WIDTH = (4.0, 0.5)

# Added to the cost of -1..1, which is seldom fed to a network that standardises its input.
SELDOM = 3.0

SATURATED = 100.0  # added to the cost of a scale in which greys that differ become one number


class Stem(Protocol):
    """A function that runs the stem of an input."""

    @property
    def layers(self) -> Sequence[str]:
        """The names of the layers that changed the pictures of the last run."""
        ...

    def __call__(self, colours: Numbers, *, ramp: bool = False) -> Numbers:
        """Returns the numbers that reach the first weights.

        Args:
            colours: ``(picture, channel)``, in the input's own numbers.
            ramp: Whether each picture rises from black at its left to its colour at its right.

        Returns:
            ``(picture, number)``: in the middle of each picture, of a ramp at three quarters.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a stem."""

    # the preprocessing of pixels; None if the stem does not show it
    preprocessing: Preprocessing | None = None
    swapped: bool = False  # whether the stem reverses the order of three colours


def read_stem(stem: Stem, channels: int) -> Reading:
    """The scale that a network takes, from its stem's output for plain pictures."""
    fed = [SCALES[name].apply(_tried(channels)) for name in FED]
    responses = stem(np.concatenate(fed)).astype(np.float64)
    if len(responses) != sum(map(len, fed)):
        return Reading()
    named = _listed(stem.layers)
    responses_in = dict(zip(FED, np.split(responses, len(FED)), strict=True))
    greys = {name: part[: len(LEVELS)] for name, part in responses_in.items()}
    if not np.isfinite(greys["none"]).all():
        return Reading()
    varying = np.ptp(greys["none"], axis=0) > 1e-6
    if not varying.any():
        return _read_ramp(stem, channels, named)
    swapped = _is_swapped(responses_in["none"][len(LEVELS) :] - responses_in["none"][0])
    greys = {name: part[:, varying] for name, part in greys.items()}
    if np.allclose(greys["none"], LEVELS[:, None], rtol=1e-3, atol=1e-3):
        return Reading(None, swapped)
    costs = {
        "none": _cost(greys["none"], PLAIN_ENDS),
        "0..1": _cost(greys["0..1"], (*PLAIN_ENDS, PIXELS)),
        "-1..1": _cost(greys["-1..1"], (*PLAIN_ENDS, PIXELS)) + SELDOM,
    }
    best = min(costs, key=costs.__getitem__)
    if best == "none":
        reason = f"the model scales its input itself: {_formula(greys[best], swapped)} in {named}"
    else:
        black, white = greys[best][0].mean(), greys[best][-1].mean()
        reason = f"the model goes on from {best} itself, to {black:.3g}..{white:.3g}, in {named}"
    return Reading(SCALES[best].because(reason, "model"), swapped)


def _tried(channels: int) -> Numbers:
    """The pixels that are tried: greys, and of three channels each colour alone."""
    greys = np.repeat(LEVELS[:, None], channels, axis=1)
    return np.concatenate([greys, 255 * np.eye(3, dtype=np.float32)]) if channels == 3 else greys


def _read_ramp(stem: Stem, channels: int, named: str) -> Reading:
    """The reading of a stem that is independent of scale, as standardising is."""
    white = np.ones((1, channels), np.float32)
    bright, dim = (stem(white * scale, ramp=True).astype(np.float64) for scale in (255, 1))
    if not np.isfinite(bright).all() or not np.abs(bright).max(initial=0) > 1e-3:
        return Reading()
    if not np.allclose(bright, dim, rtol=0.05, atol=1e-3):
        return Reading()
    reason = f"the model standardises every picture itself in {named}: any scale gives the same"
    return Reading(SCALES["none"].because(reason, "model"))


def _cost(greys: NDArray[np.float64], ends: Sequence[tuple[float, float]]) -> float:
    """How unusual ``(level, number)`` greys are as the input of a network; 0 at common ends."""
    if not np.isfinite(greys).all():
        return np.inf
    first, last = greys[0], greys[-1]
    width = np.maximum(np.abs(last - first), 1e-12)
    saturated = (np.abs(np.diff(greys, axis=0)) < 1e-3 * width).any()
    low, high = float(np.minimum(first, last).mean()), float(np.maximum(first, last).mean())
    for black, white in ends:
        room = CLOSE * (white - black)
        if abs(low - black) <= room and abs(high - white) <= room and not saturated:
            return 0.0
    mean = (-first / np.where(last == first, np.inf, last - first) - USUAL_MEAN[0]) / USUAL_MEAN[1]
    spread = np.log(width / USUAL_WIDTH[0]) / USUAL_WIDTH[1]
    return float(np.mean(mean**2 + spread**2)) + SATURATED * bool(saturated)


def _is_swapped(colours: NDArray[np.float64]) -> bool:
    """Whether red becomes blue, from ``(colour, number)`` less the numbers of black."""
    if colours.shape != (3, 3):
        return False
    turned = np.abs(colours[:, ::-1])
    return bool((turned.diagonal() > 0).all() and turned.sum() == turned.diagonal().sum())


def _formula(greys: NDArray[np.float64], swapped: bool) -> str:
    """The formula of a stem, in words."""
    slope, black = (greys[-1] - greys[0]) / 255, greys[0]
    straight = black + slope * LEVELS[:, None]
    room = 1e-3 * np.abs(greys[-1] - greys[0]).max()
    if np.abs(straight - greys).max() > room:
        return f"pixels become {greys.min():.3g}..{greys.max():.3g}"
    order = "BGR" if swapped else "RGB"
    if np.allclose(slope, slope[0], rtol=1e-4):
        mean = _once(-black)
        return Preprocessing("", float(f"{1 / slope[0]:.5g}"), mean, order=order).describe()
    return Preprocessing("", 1.0, _once(-black / slope), _once(1 / slope), order).describe()


def _once(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Rounded numbers, one if all are equal, and at most the first four."""
    rounded = [float(f"{value:.4g}") for value in values]
    return tuple(rounded[:1] if len(set(rounded)) == 1 else rounded[:4])


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "its own code"
    return few([f"'{name}'" for name in names])
