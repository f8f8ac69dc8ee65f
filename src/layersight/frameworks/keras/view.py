"""A Keras model laid out for given input shapes: its program and its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import keras

from layersight.data.model import LayerInfo, Placement, Shape
from layersight.errors import LayersightError
from layersight.frameworks.graph.geometry import FIRST, NONE, Field
from layersight.frameworks.graph.program import Key, Program, Step, names_of
from layersight.frameworks.graph.view import (
    LayerHandle,
    Stop,
    View,
    ends_of,
    find_stops,
    producers_of,
)
from layersight.frameworks.keras.fitting import spec_of
from layersight.frameworks.keras.geometry import axes_of, follow_fields, follow_formats, spatial
from layersight.frameworks.keras.inside import has_inside, watch
from layersight.frameworks.keras.program import flatten, graph_of
from layersight.frameworks.keras.refused import Refused, stop_of
from layersight.frameworks.keras.roles import activation_of, role_of
from layersight.frameworks.keras.training import notes_of, type_name
from layersight.frameworks.keras.types import Arguments, Settings, Structure, Tensor

STAND_IN = 224  # the size for unknown ones where a trace needs a number


@dataclass(frozen=True, eq=False, slots=True)
class _Call:
    """An output of a call; ``value`` is its number, ``None`` inside a step."""

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

    ``shapes`` are in the model's own order of axes; ``None`` for those it was built with.
    """
    program = flatten(model)
    inside: dict[int, list[_Call]] = {}
    unfit: dict[int, LayersightError] = {}
    last: list[tuple[Key, int] | None] = []
    own_inputs = model.inputs if program.outputs else ()
    sizes = list(shapes) if shapes else [tuple(tensor.shape) for tensor in own_inputs]
    dtypes = [str(tensor.dtype) for tensor in own_inputs] or ["float32"] * len(sizes)
    inputs = dict(zip(program.inputs, zip(sizes, dtypes, strict=True), strict=True))
    known = _trace(program, inputs, inside, unfit, pack, last)
    formats = follow_formats(program)
    fields = follow_fields(program, {value: shape for value, (shape, _) in inputs.items()})
    calls: list[_Call] = []
    for index, step in enumerate(program.steps):
        within = inside.get(index, ())
        calls += within if known else [replace(call, shape=None) for call in within]
        for output, value in enumerate(step.outputs):
            size = step.shapes[output] if output < len(step.shapes) else None
            calls.append(_Call(step.key, step.operation, output, index, size, value))
    names = names_of(list(dict.fromkeys(call.key for call in calls)))
    several = {(call.key, call.value is None) for call in calls if call.output}
    producers = producers_of(program, names)
    stops = find_stops(program, stop_of)
    handles: dict[str, LayerHandle] = {}
    for call in calls:
        inner = call.value is None
        name = names[call.key] + (f"[{call.output}]" if (call.key, inner) in several else "")
        before = () if inner else program.steps[call.index].inputs
        info = _describe(
            name,
            call,
            _inner_format(call) if call.value is None else formats[call.value],
            None if call.value is None else fields.get(call.value),
            tuple(producers[value] for _, value in before),
            stops.get(call.index),
        )
        handles[name] = LayerHandle(info, call.index, call.key, inner, call.output, call.layer)
    trained = [(names[step.key], step.operation) for step in program.steps if step.training]
    ends = ends_of(program, handles, last)
    return View(program, handles, formats, unfit, ends, notes_of(trained), stops, inputs)


def _describe(
    name: str,
    call: _Call,
    data_format: str,
    field: Field | None,
    inputs: tuple[str, ...],
    stop: Stop | None,
) -> LayerInfo:
    layer, shape = call.layer, call.shape
    built = isinstance(layer, keras.Layer) and layer.built
    reach = placement = None
    if field is not None and shape is not None and len(shape) >= 3:
        reach = tuple(round(size) for size in field.size) or (1,) * (len(shape) - 2)
        start, jump = field.start or (0.0,) * len(reach), field.jump or (1.0,) * len(reach)
        placement = Placement(start, jump)
    parameters = int(layer.count_params()) if built else 0
    if isinstance(layer, Refused):
        parameters = sum(int(array.size) for array in layer.arrays.values())
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
        placement=placement,
        inputs=inputs,
        activation=activation_of(layer),
        axes=axes_of(layer, call.output, len(shape or ())),
        blocked=None if stop is None else stop.explain(name),
        role=role_of(layer),
        averages=isinstance(layer, keras.layers.Average),
    )


def _inner_format(call: _Call) -> str:
    """The order of axes of an output of a call inside a step."""
    rank = len(call.shape or ())
    if axes_of(call.layer, call.output, rank) is not None:
        return FIRST if rank == 4 else NONE
    order = getattr(call.layer, "data_format", None)
    return FIRST if order == FIRST and rank >= 3 else "channels_last"


def _trace(
    program: Program,
    inputs: Mapping[int, tuple[Shape, str]],
    inside: dict[int, list[_Call]],
    unfit: dict[int, LayersightError],
    pack: Callable[[list[keras.KerasTensor]], Structure],
    last: list[tuple[Key, int] | None],
) -> bool:
    """Sets the shapes of the steps and finds the calls inside them.

    The outputs of a step that does not fit are unknown, and so is all that depends on them. Gives
    whether the shapes of the calls inside steps are known, and not only their names.
    """
    known = all(None not in shape[1:] for shape, _ in inputs.values())
    specs: dict[int, Tensor] = {
        value: keras.KerasTensor(shape, dtype=dtype) for value, (shape, dtype) in inputs.items()
    }
    for index, step in enumerate(program.steps):
        if step.node is None:
            packed = pack([specs[v] for v in program.inputs])
            inside[index] = _look_inside(index, step, (packed,), {}, last)
            continue
        if any(value not in specs for _, value in step.inputs):
            step.shapes = []
            continue
        tensors = {tensor: specs[value] for tensor, value in step.inputs}
        args, kwargs = step.node.arguments.fill_in(tensors)
        if has_inside(step.operation):
            inside[index] = _look_inside(index, step, args, kwargs)
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
    index: int,
    step: Step,
    args: Arguments,
    kwargs: Settings,
    last: list[tuple[Key, int] | None] | None = None,
) -> list[_Call]:
    """The calls inside a step, found by running it on shapes alone.

    ``last`` gets the call behind each output of the step.
    """
    calls: list[_Call] = []
    tensors: list[Tensor] = []

    def report(key: Key, layer: keras.Layer, outputs: Structure) -> None:
        if graph_of(layer) is not None:
            return  # its output is that of its last layer
        for output, tensor in enumerate(keras.tree.flatten(outputs)):
            if getattr(tensor, "shape", None) is not None:
                shape = tuple(int(size) for size in tensor.shape)
                calls.append(_Call(key, layer, output, index, shape, None))
                tensors.append(tensor)

    def with_sizes(spec: object) -> object:
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
            last.append(next(((c.key, c.output) for c, one in pairs if one is tensor), None))

    args, kwargs = keras.tree.map_structure(with_sizes, (args, kwargs))
    with watch(step.operation, step.key, report, restart, finish):
        keras.Operation.compute_output_spec(step.operation, *args, **kwargs)
    return calls
