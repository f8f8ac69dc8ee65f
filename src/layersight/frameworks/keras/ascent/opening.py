"""From an ascent as data to an optimisation that can be stepped, for a Keras model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import keras
from keras import ops

from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import InputInfo
from layersight.errors import ModelInputError
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import own_order
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.ascent.leak import leaking, rectifies
from layersight.frameworks.keras.ascent.precision import mixed_precision
from layersight.frameworks.keras.ascent.session import KerasOptimisation
from layersight.frameworks.keras.axes import tensor_channels_last
from layersight.frameworks.keras.checking import check_steps, other_inputs
from layersight.frameworks.keras.passing import Passing
from layersight.frameworks.keras.types import Tensor


def begin_ascent(
    ascent: Ascent,
    view: View,
    sights: Sequence[LayerHandle],
    passing: Callable[..., Passing],
    inputs: Sequence[InputInfo],
    variables: Sequence[keras.Variable],
) -> Optimisation:
    """Begins an optimisation.

    ``passing`` makes a pass to the layers ``wanted`` and, by the name of ``before``, to what is
    before their activation functions; ``sights`` are the layers of the probes.

    Raises:
        ModelInputError: A layer does not depend on the input, or does not fit its size.
        UnsafeModelError: A layer on the way cannot be run.
    """
    places = {sight.index for sight in sights}
    check_steps(view, places)
    _check_depends(ascent, view, sights, inputs)
    near = view.program.needed(places, lambda step: not ascent.deep and rectifies(step.operation))
    steps = [view.program.steps[place] for place in sorted(near)]
    first = [any(view.formats[value] == FIRST for value in step.outputs) for step in steps]
    needed = {step.operation: 1 if one else -1 for step, one in zip(steps, first, strict=True)}

    pairs = list(zip(ascent.probes, sights, strict=True))
    compute = passing(
        tuple(dict.fromkeys(sight for probe, sight in pairs if not probe.before)),
        before=tuple(dict.fromkeys(sight for probe, sight in pairs if probe.before)),
    )

    def network(seen: Tensor) -> list[Tensor]:
        tensors = []
        for entry in inputs:
            tensor = seen
            if entry.name != ascent.input:
                constant = ops.convert_to_tensor(ascent.constants[entry.name])
                tensor = ops.repeat(constant, int(seen.shape[0]), axis=0)
            tensors.append(own_order(tensor, entry, ops.moveaxis, ops.reshape))
        found = compute(tensors)
        return [
            tensor_channels_last(
                found[f"{'before' if probe.before else 'layer'}:{sight.info.name}"],
                sight.info.data_format,
            )
            for sight, probe in zip(sights, ascent.probes, strict=True)
        ]

    widths = [int(sight.info.channels or 0) for sight in sights]

    reached = [view.program.steps[place].operation for place in view.program.needed(places)]

    def patched_network(seen: Tensor, leak: Tensor | None, mixed: bool) -> list[Tensor]:
        with contextlib.ExitStack() as stack:
            if leak is not None:
                stack.enter_context(leaking(needed, leak))
            if mixed:
                stack.enter_context(mixed_precision(reached))
            return network(seen)

    return KerasOptimisation(ascent, patched_network, widths, variables)


def _check_depends(
    ascent: Ascent, view: View, sights: Sequence[LayerHandle], inputs: Sequence[InputInfo]
) -> None:
    """Refuses a layer that no change of the input can reach."""
    number = [entry.name for entry in inputs].index(ascent.input)
    value = view.program.inputs[number]
    for sight in sights:
        steps = (view.program.steps[place] for place in view.program.needed({sight.index}))
        taken = {number for step in steps for _, number in step.inputs}
        if value not in taken:
            known = zip(inputs, view.program.inputs, strict=True)
            others = other_inputs([entry.name for entry, number in known if number in taken])
            raise ModelInputError(
                f"layer '{sight.info.name}' does not depend on the input '{ascent.input}': {others}"
            )
