"""The layers that are a model's outputs, and what kind of numbers they give."""

from __future__ import annotations

from collections.abc import Iterable

from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import ends_of
from layersight.errors import ModelInputError, SelectionError
from layersight.select import blocked_error


def output_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """For each output of a model the layer that gives it, in the order of ``info.outputs``.

    An output that is computed outside of any layer, as the author of a subclassed model may, is
    stood for by the last layer of all; :func:`default_output` says so.

    Raises:
        ModelInputError: The model has no layer at all.
    """
    by_name = {layer.name: layer for layer in info.layers}
    if not by_name:
        raise ModelInputError("expected a model with layers, found none that a number is read off")
    last = info.layers[-1]
    return tuple(last if name is None else by_name[name] for name in ends_of(info)) or (last,)


def check_explained(info: ModelInfo, names: Iterable[str] | None) -> None:
    """Refuses to explain layers that cannot be computed.

    Args:
        info: The model.
        names: The layers that targets are read off; ``None`` for the model's outputs.

    Raises:
        UnsafeModelError: One cannot be computed; the message names one that can.
    """
    explained = set(names or ())
    layers = [one for one in info.layers if one.name in explained]
    for layer in output_layers(info) if names is None else layers:
        if layer.blocked is not None:
            able = [one.name for one in info.layers if one.blocked is None and one.channels]
            instead = (
                f"--target {able[-1]}:0 --method gradient explains a channel of a layer before it"
            )
            raise blocked_error(info.source, info.layers, layer, instead if able else None)


def default_output(info: ModelInfo) -> tuple[LayerInfo, str | None]:
    """The output that a class without the name of its output is of, and what to say of it.

    Raises:
        SelectionError: There are several, and none or more than one of them is a vector.
    """
    layers = tuple(dict.fromkeys(output_layers(info)))
    if len(layers) == 1:
        outside = (
            f"the model's output is computed outside of any layer: explained is what '"
            f"{layers[0].name}' gives, the last layer before it"
        )
        return layers[0], outside if None in ends_of(info) else None
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


def positions(layer: LayerInfo) -> tuple[int | None, ...]:
    """How many positions a layer's output has along each of its spatial axes.

    >>> positions(LayerInfo("conv", "Conv2D", (None, 8, 7, 6), data_format="channels_first"))
    (7, 6)
    """
    return (layer.example_shape or ())[:-1]
