"""What the numbers of a model's outputs mean, from the last activation function and the shape.

The rule of this module: what is not a class is not called one. Every name of an output, a unit of
it or a score comes from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from layersight.data.model import LayerInfo, ModelInfo, Role
from layersight.data.prediction import (
    CLASSES,
    LABELS,
    MAP,
    PICTURE,
    PROBABILITY,
    SEQUENCE,
    VALUE,
    VALUES,
)

# Activation functions whose values lie from 0 to 1.
PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid")

# Roles of layers behind which a number is still the same number.
MOVING: tuple[Role, ...] = ("reshape", "identity")

OUTPUT = "output"  # what the only unit of an output is called where its classes have no names

_PLAIN = re.compile(r"(outputs?|predictions?|probs|top|head|out|fc|logits)(_?\d+)?", re.IGNORECASE)


def ends_of(info: ModelInfo) -> tuple[str | None, ...]:
    """For each output the name of its layer, ``None`` where there is none."""
    known = {layer.name for layer in info.layers}
    names = info.output_layers or info.outputs
    return tuple(name if name in known else None for name in names)


def last_activation(info: ModelInfo, layer: LayerInfo) -> str | None:
    """The activation function behind the output of a layer, ``None`` without one.

    Of layers that only move numbers about, and of means of alike branches, that of the layer
    before them.
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
    """Whether the output of a layer lies from 0 to 1 by its activation function."""
    return last_activation(info, layer) in PROBABILITIES


def kind_of(info: ModelInfo, layer: LayerInfo) -> str:
    """What the numbers of an output mean: one of :mod:`layersight.data.prediction`.

    Args:
        info: The model; class names that fit in number make a vector one of classes.
        layer: The layer that gives the output.
    """
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
    """The kind of each output, by its name in ``info.outputs``; of unknown layers none."""
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
    """Whether a layer by name is an output of values, which are raised and lowered."""
    layer = next((entry for entry in info.layers if entry.name == name), None)
    if layer is None or name not in ends_of(info):
        return False
    return kind_of(info, layer) in (VALUE, VALUES, PICTURE, SEQUENCE)


def quantity(info: ModelInfo, name: str, unit: int) -> str:
    """The name of an output of values, which is raised or lowered, as its author called it.

    Args:
        info: The model.
        name: The layer that gives the output.
        unit: Which of its numbers.
    """
    layer = next(entry for entry in info.layers if entry.name == name)
    own = name.rpartition("/")[2]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", layer.type).casefold()
    plain = _PLAIN.fullmatch(own) or re.fullmatch(rf"{snake}(_\d+)?", own.casefold())
    several = len(info.outputs) > 1
    if info.labels is not None and len(info.labels) == layer.channels == 1:
        return info.labels[0]
    if layer.channels == 1:
        return own if several or not plain else "the output"
    called = unit_name(info, layer, unit) or f"class {unit}"
    return f"{own}, {called}" if several or not plain else called
