"""The predictions of a model for an image, and what the numbers of its outputs mean.

The rule of this module: only a class is called a class. Every name of an output, of its units or
of a score is decided here, from the last activation function and the shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo, ModelInfo, Role


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One number of a model's output: its index, its value, its name if known."""

    index: int
    score: float
    label: str | None = None


# Kinds of outputs: one class of several; several that are independent; one that is or is not.
CLASSES, LABELS, PROBABILITY = "classes", "labels", "probability"
# One number, as of a regression; several, as of landmarks or an embedding.
VALUE, VALUES = "value", "values"
# Classes at each position; a picture, as of an autoencoder or depth; numbers along one axis.
MAP, PICTURE, SEQUENCE = "map", "picture", "sequence"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of a model for one image at one of its outputs.

    Attributes:
        output: The name of the output's layer.
        size: How many numbers the output has.
        top: The greatest numbers of a vector, greatest first; else empty.
        kind: What its numbers mean, one of the kinds above; ``None`` if it is not known.
        shape: The shape of the output for one image.
        low: The least of its numbers; ``None`` if none is finite.
        high: The greatest, likewise.
    """

    output: str
    size: int
    top: tuple[ClassScore, ...]
    kind: str | None = None
    shape: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None

    def name_of(self, top: ClassScore) -> str:
        if top.label is not None:
            return top.label
        if self.size == 1 and self.kind in (PROBABILITY, VALUE):
            return self.kind
        return f"{'output' if self.kind == VALUES else 'class'} {top.index}"

    def describe(self) -> str:
        """The prediction in words.

        >>> Prediction("dense", 2, (ClassScore(1, 0.75, "dog"), ClassScore(0, 0.25))).describe()
        'dog 0.75, class 0 0.25'
        >>> Prediction("angle", 1, (ClassScore(0, -0.47),), VALUE).describe()
        'value -0.47'
        >>> Prediction("rgb", 192, (), PICTURE, (8, 8, 3), 0.0, 0.5).describe()
        'a picture of 8 x 8 x 3 numbers from 0 to 0.5'
        """
        named = ", ".join(f"{self.name_of(top)} {top.score:.3g}" for top in self.top)
        limits = "" if self.low is None else f" from {self.low:.3g} to {self.high:.3g}"
        if self.kind == VALUES and self.top:
            return f"{self.size} values{limits}; the greatest: {named}"
        if named or not self.shape:
            return named
        what = {MAP: "a map", PICTURE: "a picture", SEQUENCE: "a sequence"}
        sides = " x ".join(map(str, self.shape))
        return f"{what.get(self.kind or '', 'an array')} of {sides} numbers{limits}"

    def to_json(self) -> dict[str, Any]:
        """The prediction as JSON-ready data; ``None`` for what is not finite."""
        return {
            "output": self.output,
            "size": self.size,
            "kind": self.kind,
            "shape": list(self.shape),
            "min": self.low,
            "max": self.high,
            "top": [
                {
                    "index": top.index,
                    "label": top.label,
                    "score": top.score if math.isfinite(top.score) else None,
                }
                for top in self.top
            ],
        }


PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid")  # their values lie from 0 to 1
# Roles of layers that only move numbers.
MOVING: tuple[Role, ...] = ("reshape", "identity")

OUTPUT = "output"  # the name of the only unit of an output whose classes have no names

_PLAIN = re.compile(r"(outputs?|predictions?|probs|top|head|out|fc|logits)(_?\d+)?", re.IGNORECASE)


def ends_of(info: ModelInfo) -> tuple[str | None, ...]:
    """For each output the name of its layer, ``None`` for none."""
    layer_names = {layer.name for layer in info.layers}
    names = info.output_layers or info.outputs
    return tuple(name if name in layer_names else None for name in names)


def last_activation(info: ModelInfo, layer: LayerInfo) -> str | None:
    """The activation function of a layer's output, ``None`` without one.

    For layers that only move numbers, and means of equal branches, it is the one before them.
    """
    by_name = {entry.name: entry for entry in info.layers}
    seen = set()
    while layer.name not in seen:
        seen.add(layer.name)
        if layer.activation is not None and layer.activation != "linear":
            return layer.activation
        moves = layer.role in MOVING and len(layer.inputs) == 1
        if not (moves or layer.averages) or any(n not in by_name for n in layer.inputs):
            return None
        before = [by_name[name] for name in layer.inputs]
        if len({(entry.activation, entry.role) for entry in before}) != 1:
            return None
        layer = before[0]
    return None


def gives_probability(info: ModelInfo, layer: LayerInfo) -> bool:
    """Whether the activation function of a layer's output gives 0 to 1."""
    return last_activation(info, layer) in PROBABILITIES


def kind_of(info: ModelInfo, layer: LayerInfo) -> str:
    """What the numbers of an output mean; if there is a class name for each they are classes."""
    shape = layer.output_shape or (None, None)
    activation, count = last_activation(info, layer), layer.channels
    named = info.labels is not None and len(info.labels) == (2 if count == 1 else count)
    if len(shape) > 2:
        if activation == "softmax" or (named and count != 1):
            return MAP
        if len(shape) == 3:
            return SEQUENCE
        masks = activation in PROBABILITIES and count != 3
        return MAP if masks else PICTURE
    if count == 1:
        if activation in PROBABILITIES:
            return PROBABILITY
        return CLASSES if named else VALUE
    if named or activation == "softmax":
        return CLASSES
    return LABELS if activation in PROBABILITIES else VALUES


def kinds_of(info: ModelInfo) -> Mapping[str, str]:
    """The kind of each output of a known layer, by its name in ``info.outputs``."""
    by_name = {layer.name: layer for layer in info.layers}
    pairs = zip(info.outputs, ends_of(info), strict=False)
    return {name: kind_of(info, by_name[end]) for name, end in pairs if end is not None}


def unit_name(info: ModelInfo, layer: LayerInfo, unit: int) -> str | None:
    """The name of a unit of an output that is not a class; ``None`` for a class."""
    kind = kind_of(info, layer)
    if layer.channels == 1 and kind in (VALUE, PROBABILITY, MAP, PICTURE):
        return OUTPUT
    if kind in (PICTURE, SEQUENCE):
        return f"channel {unit}"
    return f"{OUTPUT} {unit}" if kind == VALUES else None


def is_value(info: ModelInfo, name: str) -> bool:
    """Whether a layer is an output of values, which pixels can raise and lower."""
    layer = next((entry for entry in info.layers if entry.name == name), None)
    if layer is None or name not in ends_of(info):
        return False
    return kind_of(info, layer) in (VALUE, VALUES, PICTURE, SEQUENCE)


def quantity(info: ModelInfo, name: str, unit: int) -> str:
    """The author's name of a unit of an output of values."""
    layer = next(entry for entry in info.layers if entry.name == name)
    last_part = name.rpartition("/")[2]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", layer.type).casefold()
    plain = _PLAIN.fullmatch(last_part) or re.fullmatch(rf"{snake}(_\d+)?", last_part.casefold())
    several = len(info.outputs) > 1
    if info.labels is not None and len(info.labels) == layer.channels == 1:
        return info.labels[0]
    if layer.channels == 1:
        return last_part if several or not plain else "the output"
    called = unit_name(info, layer, unit) or f"class {unit}"
    return f"{last_part}, {called}" if several or not plain else called


TOP = 5  # the number of classes that a prediction names


def predict(
    outputs: Mapping[str, FloatArray],
    labels: tuple[str, ...] | None = None,
    kinds: Mapping[str, str] | None = None,
    top: int = TOP,
) -> tuple[tuple[Prediction, ...], ...]:
    """For each image a prediction for each output; only vectors have named classes.

    Args:
        outputs: For each output its values, ``(image, ...)``.
        labels: The names of the classes, used for outputs of as many numbers.
        kinds: What the numbers of each output mean, from :func:`kinds_of`.
        top: The number of named classes.

    Example:
        >>> made = predict({"top": np.array([[0.25, 0.75]], np.float32)}, ("cat", "dog"))
        >>> made[0][0].describe()
        'dog 0.75, cat 0.25'
    """
    if not outputs:
        return ()
    count = len(next(iter(outputs.values())))
    return tuple(
        tuple(
            _prediction(name, array[image], labels, (kinds or {}).get(name), top)
            for name, array in outputs.items()
        )
        for image in range(count)
    )


def _prediction(
    name: str, values: FloatArray, labels: tuple[str, ...] | None, kind: str | None, top: int
) -> Prediction:
    values = np.atleast_1d(values)
    finite = values[np.isfinite(values)]
    limits = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    shape = tuple(int(side) for side in values.shape)
    return Prediction(name, int(values.size), _top(values, labels, kind, top), kind, shape, *limits)


def _top(
    values: FloatArray, labels: tuple[str, ...] | None, kind: str | None, most: int
) -> tuple[ClassScore, ...]:
    if values.ndim != 1:
        return ()
    if len(values) == 1:
        return _one_number(float(values[0]), labels, kind)
    fitting = labels if labels is not None and len(labels) == len(values) else None
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:most]
    return tuple(
        ClassScore(int(index), float(values[index]), fitting[index] if fitting else None)
        for index in order
    )


def _one_number(
    score: float, labels: tuple[str, ...] | None, kind: str | None
) -> tuple[ClassScore, ...]:
    """A single unit: the probability of the second of two classes, if two are named."""
    if labels is None or len(labels) != 2 or not 0 <= score <= 1 or kind not in (None, PROBABILITY):
        named = labels is not None and len(labels) == 1
        label = labels[0] if labels is not None and named else None
        return (ClassScore(0, score, label or (None if kind else "output")),)
    pair = (ClassScore(1, score, labels[1]), ClassScore(0, 1 - score, labels[0]))
    return pair if score >= 0.5 else pair[::-1]
