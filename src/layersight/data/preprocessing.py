"""The scaling of pixels for a network, as data.

The rule of this module: a preprocessing is plain values, never a function, so that it can be
printed, stored in a manifest and compared.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.errors import UsageError, near

# The kinds of evidence for a preprocessing, strongest first: the user, or an array of numbers; the
# model's own arithmetic on its input; the statistics of its batch normalisation; the name of a
# known architecture; nothing.
EVIDENCE = ("asked", "model", "statistics", "name", "guess")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """``(pixels[..., order] / divide - mean) / std``, channel by channel, in float32.

    Attributes:
        name: Its short name for ``--scale``.
        divide: What pixels in 0..255 are divided by.
        mean: Subtracted afterwards; one number, or one for each channel in ``order``.
        std: Divided by at last; one number, or one for each channel in ``order``.
        order: ``"RGB"`` or ``"BGR"``: the order in which the network takes the channels.
        reason: Why it was chosen, in words for the reader.
        evidence: The kind of evidence for it, one of ``EVIDENCE``.

    Example:
        >>> SCALES["-1..1"].apply(np.array([[[0, 127.5, 255]]])).tolist()
        [[[-1.0, 0.0, 1.0]]]
        >>> SCALES["-1..1"].describe()
        'pixels / 127.5 - 1'
    """

    name: str
    divide: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    order: str = "RGB"
    reason: str = "the default"
    evidence: str = "asked"

    def because(self, reason: str, evidence: str = "asked") -> Preprocessing:
        """The same preprocessing, chosen for another reason."""
        return dataclasses.replace(self, reason=reason, evidence=evidence)

    @property
    def is_settled(self) -> bool:
        """Whether no later evidence can be stronger."""
        return self.evidence in ("asked", "model")

    def swapped(self) -> Preprocessing:
        """The same for a network that takes the colours in the other order."""
        order = "RGB" if self.order == "BGR" else "BGR"
        mean, std = self.mean[::-1], self.std[::-1]
        return dataclasses.replace(self, mean=mean, std=std, order=order)

    def apply(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """The float32 input of the network for RGB pixels ``(..., channel)`` in 0..255."""
        values = np.asarray(pixels, np.float32)
        channels = values.shape[-1]
        if self.order == "BGR" and channels == 3:
            values = values[..., ::-1]
        if self.divide != 1:
            values = values / np.float32(self.divide)
        mean, std = self._fit(self.mean, channels), self._fit(self.std, channels)
        if np.any(mean):
            values = values - mean
        if np.any(std != 1):
            values = values / std
        return np.ascontiguousarray(values, np.float32)

    def describe(self) -> str:
        """The formula in words, for captions."""
        text = "pixels" if self.divide == 1 else f"pixels / {self.divide:g}"
        if self.order == "BGR":
            text = text.replace("pixels", "BGR pixels")
        if any(self.mean):
            text += self._subtracted()
        if any(value != 1 for value in self.std):
            text = f"({text}) / {self._listed(self.std)}"
        return "pixels 0..255 as they are" if text == "pixels" else text

    def to_json(self) -> dict[str, object]:
        """The preprocessing as JSON-ready data."""
        return {
            "name": self.name,
            "formula": self.describe(),
            "divide": self.divide,
            "mean": list(self.mean),
            "std": list(self.std),
            "order": self.order,
            "reason": self.reason,
            "evidence": self.evidence,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing that :meth:`to_json` was called on."""
        names = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in saved.items() if name in names}
        return cls(**{**values, "mean": tuple(saved["mean"]), "std": tuple(saved["std"])})

    def _subtracted(self) -> str:
        if len(set(self.mean)) == 1 and self.mean[0] < 0:
            return f" + {-self.mean[0]:g}"
        return " - " + self._listed(self.mean)

    @staticmethod
    def _fit(values: tuple[float, ...], channels: int) -> NDArray[np.float32]:
        if len(values) == channels:
            return np.array(values, np.float32)
        return np.full(1, np.mean(values), np.float32)

    @staticmethod
    def _listed(values: tuple[float, ...]) -> str:
        if len(set(values)) == 1:
            return f"{values[0]:g}"
        return "(" + ", ".join(f"{value:g}" for value in values) + ")"


# The preprocessings that --scale accepts, by name.
SCALES: dict[str, Preprocessing] = {
    scale.name: scale
    for scale in (
        Preprocessing("0..1", divide=255.0),
        Preprocessing("-1..1", divide=127.5, mean=(1.0,)),
        # The means of ImageNet in BGR, as the Caffe models of 2014 and keras.applications
        # (imagenet_utils, mode "caffe") use them.
        Preprocessing("caffe", mean=(103.939, 116.779, 123.68), order="BGR"),
        # Mean and standard deviation of ImageNet in RGB, as in torchvision and
        # keras.applications (imagenet_utils, mode "torch").
        Preprocessing("torch", divide=255.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        Preprocessing("none"),
    )
}


# What --scale accepts, in words.
KNOWN = f"one of {', '.join(SCALES)}, each also with ,bgr; or mean=...,std=... as numbers"


def find_scale(text: str | Preprocessing) -> Preprocessing:
    """The preprocessing that a text names.

    Args:
        text: A name of ``SCALES``; ``mean=...`` and ``std=...``, each with one number or one
            for each channel; ``bgr`` after one of these, or alone for unscaled pixels, for a
            network that takes blue first; separated by commas. Mean and standard deviation are
            those of pixels / 255 if none of the numbers exceeds 1 or ``0..1`` comes before them,
            else of pixels, in the order in which the network takes the channels.

    Example:
        >>> find_scale("0..1").divide
        255.0
        >>> find_scale("0..1,bgr").describe()
        'BGR pixels / 255'
        >>> find_scale("mean=0.5,std=0.25").describe()
        '(pixels / 255 - 0.5) / 0.25'
        >>> find_scale("mean=104,117,123,bgr").describe()
        'BGR pixels - (104, 117, 123)'
    """
    if isinstance(text, Preprocessing):
        return text
    if not isinstance(text, str):
        raise UsageError(f"expected scale as text or a Preprocessing, found {text!r:.60}")
    if text in SCALES:
        return SCALES[text]
    base, order, numbers = _parse(text)
    if not numbers:
        scale = SCALES[base or "none"]
        scale = scale if order in (None, scale.order) else scale.swapped()
        return dataclasses.replace(scale, name=text)
    mean, std = tuple(numbers.get("mean", (0.0,))), tuple(numbers.get("std", (1.0,)))
    small = max(map(abs, (*numbers.get("mean", ()), *numbers.get("std", ())))) <= 1
    if base not in (None, "0..1", "none"):
        raise UsageError(
            f"expected mean and std alone, or after 0..1 or none, found them after {base} in the "
            f"scale '{text}'"
        )
    divide = 255.0 if base == "0..1" or (base is None and small) else 1.0
    return Preprocessing(text, divide, mean, std, order or "RGB")


def _parse(text: str) -> tuple[str | None, str | None, dict[str, list[float]]]:
    """The name, the order of colours, and the numbers in a text."""
    base = order = key = None
    numbers: dict[str, list[float]] = {}
    for part in (part.strip() for part in text.split(",")):
        name, equals, value = part.partition("=")
        if equals and name in ("mean", "std") and name not in numbers:
            key, part = name, value
            numbers[key] = []
        elif part in SCALES and base is None and key is None:
            base = part
            continue
        elif part.upper() in ("RGB", "BGR") and order is None:
            order, key = part.upper(), None
            continue
        elif key is None:
            raise UsageError(
                f"unknown scale '{text}': expected {KNOWN}.{near(part, [*SCALES, 'bgr'])}"
            )
        numbers[key].append(_number(part, key, text))
    for key, values in numbers.items():
        if len(values) not in (1, 2, 3, 4):
            raise UsageError(
                f"expected one number for {key}, or one for each channel, found {len(values)} in "
                f"the scale '{text}'"
            )
    return base, order, numbers


def _number(value: str, key: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (key == "std" and number <= 0):
        wanted = "numbers above 0" if key == "std" else "numbers"
        raise UsageError(
            f"expected {wanted} for {key}, found '{value}' in the scale '{text}': write it as "
            "mean=0.485,0.456,0.406,std=0.229,0.224,0.225"
        )
    return number
