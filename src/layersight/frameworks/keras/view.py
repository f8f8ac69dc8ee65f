"""What can be seen of a Keras model for given input shapes: its program and its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras

from layersight.data.model import LayerInfo, Placement, Shape
from layersight.errors import LayersightError
from layersight.frameworks.graph.geometry import FIRST, NONE, Field
from layersight.frameworks.graph.program import Key, Program, Step, names_of
from layersight.frameworks.graph.view import LayerHandle, Stop, View, ends_of, find_stops, givers_of
from layersight.frameworks.keras.fitting import spec_of
from layersight.frameworks.keras.geometry import axes_of, follow_fields, follow_formats, spatial
from layersight.frameworks.keras.inside import has_inside, watch
from layersight.frameworks.keras.program import flatten, graph_of
from layersight.frameworks.keras.refused import Refused, stop_of
from layersight.frameworks.keras.roles import activation_of, role_of
from layersight.frameworks.keras.training import notes_of, type_name
from layersight.frameworks.keras.types import Arguments, Settings, Structure, Tensor

STAND_IN = 224  # stands for an unknown size where a trace needs a number


@dataclass(frozen=True, eq=False, slots=True)
class _Call:
    """One tensor that a call gives; ``value`` is its number, ``None`` inside a step."""

    key: Key
    layer: keras.Layer
    output: int
    index: int
    shape: Shape | None
    value: int | None


def trace_model(
    model: keras.Model,
    shapes: Sequence[Shape] | None,
    pack: Callable[[list[keras.KerasTensor]], Structure],
) -> View:
    """Finds the layers of a built model.

    ``shapes`` are in the model's own order of axes, ``None`` for those it was built with.
    """
    program = flatten(model)
    inside: dict[int, list[tuple[Key, keras.Layer, int, Shape]]] = {}
    unfit: dict[int, LayersightError] = {}
    last: list[tuple[Key, int] | None] = []
    own_inputs = model.inputs if program.outputs else ()
    given = list(shapes) if shapes else [tuple(tensor.shape) for tensor in own_inputs]
    dtypes = [str(tensor.dtype) for tensor in own_inputs] or ["float32"] * len(given)
    entering = dict(zip(program.inputs, zip(given, dtypes, strict=True), strict=True))
    known = _trace(program, entering, inside, unfit, pack, last)
    formats = follow_formats(program)
    fields = follow_fields(program, {value: shape for value, (shape, _) in entering.items()})
    seen = []
    for index, step in enumerate(program.steps):
        for key, layer, output, shape in inside.get(index, ()):
            seen.append(_Call(key, layer, output, index, shape if known else None, None))
        for output, value in enumerate(step.outputs):
            own = step.shapes[output] if output < len(step.shapes) else None
            seen.append(_Call(step.key, step.operation, output, index, own, value))
    names = names_of(list(dict.fromkeys(call.key for call in seen)))
    several = {(call.key, call.value is None) for call in seen if call.output}
    givers = givers_of(program, names)
    stops = find_stops(program, stop_of)
    handles: dict[str, LayerHandle] = {}
    for call in seen:
        inner = call.value is None
        name = names[call.key] + (f"[{call.output}]" if (call.key, inner) in several else "")
        taken = () if inner else program.steps[call.index].inputs
        info = _describe(
            name,
            call.layer,
            call.shape,
            _inner_format(call) if call.value is None else formats[call.value],
            None if call.value is None else fields.get(call.value),
            tuple(givers[value] for _, value in taken),
            axes_of(call.layer, call.output, len(call.shape or ())),
            stops.get(call.index),
        )
        handles[name] = LayerHandle(info, call.index, call.key, inner, call.output, call.layer)
    called = [(names[step.key], step.operation) for step in program.steps if step.training]
    ends = ends_of(program, handles, last)
    return View(program, handles, formats, unfit, ends, notes_of(called), stops, entering)


def _describe(
    name: str,
    layer: keras.Layer,
    shape: Shape | None,
    data_format: str,
    field: Field | None,
    inputs: tuple[str, ...],
    axes: tuple[str, ...] | None,
    stop: Stop | None,
) -> LayerInfo:
    built = isinstance(layer, keras.Layer) and layer.built
    reach = place = None
    if field is not None and shape is not None and len(shape) >= 3:
        reach = tuple(round(size) for size in field.size) or (1,) * (len(shape) - 2)
        place = Placement(field.start or (0.0,) * len(reach), field.jump or (1.0,) * len(reach))
    parameters = int(layer.count_params()) if built else 0
    if isinstance(layer, Refused):
        parameters = sum(int(array.size) for array in layer.held.values())
    return LayerInfo(
        name=name,
        type=type_name(layer),
        output_shape=None if shape is None or isinstance(layer, Refused) else (None, *shape[1:]),
        parameters=parameters,
        data_format=data_format,
        kernel=spatial(layer, "kernel"),
        strides=spatial(layer, "strides"),
        dilation=spatial(layer, "dilation"),
        receptive_field=reach,
        placement=place,
        inputs=inputs,
        activation=activation_of(layer),
        axes=axes,
        blocked=None if stop is None else stop.explain(name),
        role=role_of(layer),
        averages=isinstance(layer, keras.layers.Average),
    )


def _inner_format(call: _Call) -> str:
    """The order of axes of what a call inside a step gives."""
    rank = len(call.shape or ())
    if axes_of(call.layer, call.output, rank) is not None:
        return FIRST if rank == 4 else NONE
    order = getattr(call.layer, "data_format", None)
    return FIRST if order == FIRST and rank >= 3 else "channels_last"


def _trace(
    program: Program,
    taken: Mapping[int, tuple[Shape, str]],
    inside: dict[int, list[tuple[Key, keras.Layer, int, Shape]]],
    unfit: dict[int, LayersightError],
    pack: Callable[[list[keras.KerasTensor]], Structure],
    last: list[tuple[Key, int] | None],
) -> bool:
    """Brings the steps' shapes up to date and finds the calls inside steps.

    What a step that does not fit would give is unknown, and so is all that depends on it. Gives
    whether the shapes of the calls inside are known, not only their names.
    """
    known = all(None not in shape[1:] for shape, _ in taken.values())
    specs: dict[int, Tensor] = {
        value: keras.KerasTensor(shape, dtype=dtype) for value, (shape, dtype) in taken.items()
    }
    for index, step in enumerate(program.steps):
        if step.node is None:
            packed = pack([specs[v] for v in program.inputs])
            inside[index] = _look_inside(step, (packed,), {}, last)
            continue
        if any(value not in specs for _, value in step.inputs):
            step.shapes = []
            continue
        tensors = {tensor: specs[value] for tensor, value in step.inputs}
        args, kwargs = step.node.arguments.fill_in(tensors)
        if has_inside(step.operation):
            inside[index] = _look_inside(step, args, kwargs)
        same = all(
            tuple(specs[value].shape) == tuple(tensor.shape)
            for (_, value), tensor in zip(step.inputs, step.node.input_tensors, strict=True)
        )
        outputs = step.node.outputs
        if not same:
            try:
                outputs = spec_of(step, args, kwargs)
            except LayersightError as error:
                unfit[index] = error
                step.shapes = []
                continue
        specs.update(zip(step.outputs, outputs, strict=True))
        step.shapes = [tuple(tensor.shape) for tensor in outputs]
    return known


def _look_inside(
    step: Step, args: Arguments, kwargs: Settings, last: list[tuple[Key, int] | None] | None = None
) -> list[tuple[Key, keras.Layer, int, Shape]]:
    """The calls inside a step, found by letting it run on shapes alone.

    ``last`` gets for each tensor that the step gives the call that gave it.
    """
    calls: list[tuple[Key, keras.Layer, int, Shape]] = []
    tensors: list[Tensor] = []

    def report(key: Key, layer: keras.Layer, outputs: Structure) -> None:
        if graph_of(layer) is not None:
            return  # what it gives is what its last layer gives
        for output, tensor in enumerate(keras.tree.flatten(outputs)):
            if getattr(tensor, "shape", None) is not None:
                shape = tuple(int(size) for size in tensor.shape)
                calls.append((key, layer, output, shape))
                tensors.append(tensor)

    def whole(spec: object) -> object:
        if not isinstance(spec, keras.KerasTensor):
            return spec
        shape = (1, *(size or STAND_IN for size in spec.shape[1:]))
        return keras.KerasTensor(shape, dtype=spec.dtype)

    def restart() -> None:
        calls.clear()
        tensors.clear()

    def finish(outputs: Structure) -> None:
        if last is None:
            return
        last.clear()
        for tensor in keras.tree.flatten(outputs):
            pairs = zip(calls, tensors, strict=True)
            last.append(
                next(((key, output) for (key, _, output, _), own in pairs if own is tensor), None)
            )

    args, kwargs = keras.tree.map_structure(whole, (args, kwargs))
    with watch(step.operation, step.key, report, restart, finish):
        keras.Operation.compute_output_spec(step.operation, *args, **kwargs)
    return calls
