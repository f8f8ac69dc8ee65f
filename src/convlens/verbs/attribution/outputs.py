"""The layers that are a model's outputs, and what kind of numbers they give."""

from __future__ import annotations

import re

from convlens.errors import ModelInputError, SelectionError
from convlens.results import LayerInfo, ModelInfo

PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid")
"""Activation functions whose values lie from 0 to 1."""

_CALL = re.compile(r"@\d+(?=/|$)")


def output_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """For each output of a model the layer that gives it, in the order of ``info.outputs``.

    An output that is a nested model is given by the last layer below its path; the only one of
    a model without a graph by its last layer.

    Raises:
        ModelInputError: There is none.
    """
    return tuple(_output_layer(info, name) for name in info.outputs)


def _output_layer(info: ModelInfo, name: str) -> LayerInfo:
    found = [layer for layer in info.layers if layer.name == name]
    if not found:
        bare = [(_CALL.sub("", layer.name), layer) for layer in info.layers]
        found = [layer for path, layer in bare if path == name]
        found = found or [layer for path, layer in bare if path.startswith(f"{name}/")]
        found = found or list(info.layers)
    if not found:
        raise ModelInputError(f"the model has no layer that gives its output '{name}'")
    return found[-1]


def default_output(info: ModelInfo) -> tuple[LayerInfo, str | None]:
    """The output that a class without the name of its output is of, and a note if there are more.

    Raises:
        SelectionError: There are several, and none or more than one of them is a vector.
    """
    layers = tuple(dict.fromkeys(output_layers(info)))
    if len(layers) == 1:
        return layers[0], None
    vectors = [layer for layer in layers if is_vector(layer)]
    listed = ", ".join(layer.name for layer in layers)
    if not vectors:
        raise SelectionError(
            f"the model has {len(layers)} outputs ({listed}), none of them a vector of classes: "
            f"say of which, for example {layers[0].name}:0"
        )
    others = ", ".join(layer.name for layer in layers if layer is not vectors[0])
    return vectors[0], (
        f"of the {len(layers)} outputs '{vectors[0].name}' is explained; for another say which, "
        f"as OUTPUT:CLASS ({others})"
    )


def is_vector(layer: LayerInfo) -> bool:
    """Whether a layer gives one number for each class and no more."""
    return layer.output_shape is not None and len(layer.output_shape) == 2


def is_output(info: ModelInfo, layer: LayerInfo) -> bool:
    """Whether a layer gives an output of the model."""
    return any(entry.name == layer.name for entry in output_layers(info))


def gives_probability(layer: LayerInfo) -> bool:
    """Whether what a layer gives lies from 0 to 1 by its activation function."""
    return layer.activation in PROBABILITIES or layer.type.casefold() in PROBABILITIES


def positions(layer: LayerInfo) -> tuple[int | None, ...]:
    """How many positions a layer's output has along each of its spatial axes.

    >>> positions(LayerInfo("conv", "Conv2D", (None, 8, 7, 6), data_format="channels_first"))
    (7, 6)
    """
    shape = layer.output_shape or ()
    return shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
