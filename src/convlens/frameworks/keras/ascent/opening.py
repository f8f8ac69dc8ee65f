"""From an ascent as data to one that can be climbed, for a Keras model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras import ops

from convlens.ascent import Ascent
from convlens.errors import ModelInputError
from convlens.frameworks.keras.ascent.leak import leaking, rectifies
from convlens.frameworks.keras.ascent.session import KerasClimb
from convlens.frameworks.keras.geometry import FIRST
from convlens.frameworks.keras.refused import check_runs
from convlens.frameworks.keras.view import Sight, View, check_fits
from convlens.results import InputInfo

ACTIVATIONS = ("Softmax", "Sigmoid", "ReLU", "Relu", "Relu6", "LeakyReLU", "ELU", "PReLU")
"""Layers and operations that are an activation function and nothing else."""


def begin_ascent(
    ascent: Ascent,
    view: View,
    sights: Sequence[Sight],
    compute: Callable[[Sequence[Any]], dict[str, Any]],
    inputs: Sequence[InputInfo],
    variables: Sequence[Any],
) -> KerasClimb:
    """Begins an ascent.

    Args:
        ascent: What to climb.
        view: The model for the shapes of its inputs.
        sights: The layer of each probe.
        compute: Runs the model up to them.
        inputs: The inputs of the model.
        variables: What the model reads.

    Raises:
        ModelInputError: A layer does not rest on the input, or does not fit its size.
        UnsafeModelError: A layer on the way cannot be run.
    """
    places = {sight.place for sight in sights}
    check_runs(view.program, places, outputs=False)
    check_fits(view, places)
    _check_rests(ascent, view, sights, inputs)
    unactivated = [
        sight.layer for sight, probe in zip(sights, ascent.probes, strict=True) if probe.before
    ]
    near = view.program.needed(places, lambda step: not ascent.deep and rectifies(step.operation))
    steps = [view.program.steps[place] for place in sorted(near)]
    first = [any(view.formats[value] == FIRST for value in step.outputs) for step in steps]
    needed = {step.operation: 1 if one else -1 for step, one in zip(steps, first, strict=True)}

    def network(seen: Any) -> list[Any]:
        tensors = []
        for entry in inputs:
            tensor = seen
            if entry.name != ascent.input:
                constant = ops.convert_to_tensor(ascent.constants[entry.name])
                tensor = ops.repeat(constant, int(seen.shape[0]), axis=0)
            if entry.data_format == FIRST and len(tensor.shape) >= 3:
                tensor = ops.moveaxis(tensor, -1, 1)
            tensors.append(tensor)
        with _without_activation(unactivated):
            found = compute(tensors)
        return [_channels_last(found[f"layer:{sight.info.name}"], sight) for sight in sights]

    widths = [int(sight.info.channels or 0) for sight in sights]

    def leaky(seen: Any, leak: Any) -> list[Any]:
        with leaking(needed, leak) if leak is not None else contextlib.nullcontext():
            return network(seen)

    return KerasClimb(ascent, leaky, widths, variables)


def _check_rests(
    ascent: Ascent, view: View, sights: Sequence[Sight], inputs: Sequence[InputInfo]
) -> None:
    """Refuses a layer that no change of the input can reach."""
    number = [entry.name for entry in inputs].index(ascent.input)
    value = view.program.inputs[number]
    for sight in sights:
        steps = (view.program.steps[place] for place in view.program.needed({sight.place}))
        if not any(value == taken for step in steps for _, taken in step.inputs):
            raise ModelInputError(
                f"layer '{sight.info.name}' does not depend on the input '{ascent.input}': choose "
                "another input or layer"
            )


def _channels_last(tensor: Any, sight: Sight) -> Any:
    if sight.info.data_format == FIRST and len(tensor.shape) >= 3:
        return ops.moveaxis(tensor, 1, -1)
    return tensor


@contextlib.contextmanager
def _without_activation(layers: Sequence[Any]) -> Iterator[None]:
    """Lets layers give what they compute before their activation function."""
    borrowed: list[tuple[Any, str, bool, Any]] = []
    try:
        for layer in layers:
            if type(layer).__name__ in ACTIVATIONS:
                name = "call"
            elif hasattr(layer, "activation"):
                name = "activation"
            else:
                continue  # it gives what it computes anyway
            borrowed.append((layer, name, name in layer.__dict__, layer.__dict__.get(name)))
            layer.__dict__[name] = _same
        yield
    finally:
        for layer, name, had_one, value in reversed(borrowed):
            if had_one:
                layer.__dict__[name] = value
            else:
                layer.__dict__.pop(name, None)


def _same(x: Any, *_: Any, **__: Any) -> Any:
    return x
