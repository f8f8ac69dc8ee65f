"""Checks before a pass: that it can be run, that the input fits, and that it is not too large.

The rule of this module: for a layer that is known to make nothing much larger than its input, its
output and its weights, these are counted; every other layer is traced without values, and its
largest tensor is counted. So the bound also holds for layers that are not listed here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

import keras

from layersight.data.model import Shape
from layersight.errors import LayersightError, ModelInputError
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.graph.sizes import count_bytes, count_values
from layersight.frameworks.graph.view import View, alternatives, largest_of
from layersight.frameworks.keras.backends import measure
from layersight.frameworks.keras.fitting import sizes_that_fit
from layersight.frameworks.keras.kernels import AXES, kernel_of
from layersight.frameworks.keras.passing import call
from layersight.frameworks.keras.refused import Refused
from layersight.frameworks.keras.sizes import count_computed
from layersight.frameworks.keras.types import Measured, Structure, Tensor
from layersight.limits import DEFAULT, MORE, Limits, in_words
from layersight.select import blocked_error


def other_inputs(names: Sequence[str]) -> str:
    """Advice where a number does not depend on an input.

    >>> other_inputs(["left", "right"])
    'choose one that it depends on, left or right'
    """
    if not names:
        return "it depends on no input, so choose another layer"
    return f"choose one that it depends on, {' or '.join(names)}"


def check_steps(view: View, indices: set[int], *, outputs: bool = False) -> str | None:
    """Refuses a pass to steps that cannot be run, or that the input does not fit.

    Gives the reason why the outputs of the model cannot be computed; ``None`` if they can or need
    not.
    """
    for handle in view.handles.values():
        if handle.index in indices and (stop := view.stops.get(handle.index)):
            layers = [other.info for other in view.handles.values()]
            raise blocked_error(stop.source, layers, handle.info)
    if (reason := _unfit(view, indices)) is not None:
        raise reason
    if not outputs:
        return None
    producers = view.program.producers()
    ends = {producers[value] for value in view.program.outputs if value in producers}
    if any(index in view.stops for index in ends):
        return stop_note(view)
    reason = _unfit(view, ends)
    if reason is not None and not indices:
        raise reason
    return None if reason is None else str(reason)


def stop_note(view: View) -> str | None:
    """Where the computation of a network stops, and what can be done; ``None`` if it does not."""
    blocked = [handle for handle in view.handles.values() if handle.index in view.stops]
    if not blocked:
        return None
    stops = list(dict.fromkeys(view.stops[handle.index] for handle in blocked))
    first, others = stops[0], [f"'{stop.layer}'" for stop in stops[1:]]
    more = f" (likewise {', '.join(others[:3])}{' ...' if others[3:] else ''})" if others else ""
    behind = len(blocked) - len(stops)
    names = "it" if not others else "they"
    if behind == 0:
        what = f"{names} cannot be computed"
    else:
        layers = "layer" if behind == 1 else f"{behind} layers"
        depend = f"the {layers} that depend{'s' if behind == 1 else ''} on {names}"
        what = f"neither {names} nor {depend} can be computed"
    return (
        f"{first.describe(first.layer)}{more}, so {what}. What else can be done: "
        f"{_kernels_shown(view)}{first.instead()}"
    )


def _kernels_shown(view: View) -> str:
    """The command that shows the kernels of a network that cannot be computed, if it has any."""
    unknown = (
        array
        for handle in view.handles.values()
        if isinstance(handle.layer, Refused) and type(handle.layer).__name__ not in AXES
        for array in handle.layer.arrays.values()
    )
    if any(array.ndim == 4 for array in unknown):
        return "layersight kernels --stored shows all kernels that the file holds; "
    if any(kernel_of(handle.layer) is not None for handle in view.handles.values()):
        return "layersight kernels shows all its kernels; "
    return ""


def _unfit(view: View, indices: set[int]) -> LayersightError | None:
    """Why the input does not fit a pass to some steps; ``None`` if it does."""
    needed = sorted(view.program.needed(indices)) if view.unfit else ()
    for index in needed:
        if index in view.unfit:
            reason = view.unfit[index]
            if not isinstance(reason, ModelInputError):
                return reason
            sizes = sizes_that_fit(view.program, view.inputs, needed)
            return reason if sizes is None else ModelInputError(sizes)
    return None


def count_activations(view: View, indices: Sequence[int]) -> int:
    """The number of values that all steps of a pass give for one image."""
    return sum(
        count_values(shape)
        for index in view.program.needed(set(indices))
        for shape in view.program.steps[index].shapes
    )


_log = logging.getLogger("layersight")

_ALONG_AXES = (
    *("Conv", "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"),
    *("ZeroPadding", "Cropping", "UpSampling", "SpatialDropout"),
)
# Layers and operations of Keras that are not traced, to save time. What they make is at most a few
# times their inputs and outputs.
UNTRACED = frozenset(
    {
        *(f"{name}{axes}D" for name in _ALONG_AXES for axes in (1, 2, 3)),
        *("InputLayer", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Dense"),
        *("Conv2DTranspose", "BatchNormalization", "LayerNormalization", "GroupNormalization"),
        *("Dropout", "Flatten", "Reshape", "Permute", "Concatenate", "Rescaling", "Normalization"),
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Transpose", "Clip"),
        *("Relu", "Relu6", "Sigmoid", "Tanh", "TrueDivide", "Power", "Sqrt"),
    }
)

MAX_REACH = 64  # the size of a window, in pixels, up to which its border adds little to a map

# How many products and sums a step may take for one image, in addition to what its weights allow.
# The most costly layer of VGG16 takes 1.8e9.
MAX_WORK = 5 * 10**10

POOLED = 10  # how many products a value in a window of pooling counts for, which is slower

# How many a weight of the file allows: each is used once at each position of a map.
WORK_PER_WEIGHT = 10**4

WORK_PER_PIXEL = 10**6  # how many a pixel allows where the user chose the size of the image

# How many time steps a recurrent layer may run; more take minutes.
MAX_TIME_STEPS = 100_000

# How many bytes of maps a weight of the file allows in a backward pass: eight values.
BACK_PER_WEIGHT = 32

Known = dict[int, tuple[Shape, str]]  # the shape of each value for one image, and its type


def check_pass(
    view: View,
    layers: Sequence[str],
    limits: Limits,
    weights: int,
    *,
    any_size: bool = False,
    more: Sequence[int] = (),
    back: bool = False,
    since: Sequence[str] = (),
) -> None:
    """Refuses a pass that would take more memory or time for an image than its file may.

    A pass needs memory for all requested outputs and, one step at a time, for the inputs, outputs
    and intermediate tensors of a step; a backward pass for the outputs of all steps. The weights of
    the model allow further memory and time, so that networks with many weights run. ``more`` are
    the indices of steps that run although they are not requested; a backward pass ends at the
    layers ``since``, or at the inputs.
    """
    program = view.program
    handles = [view.handles[name] for name in layers]
    indices = tuple(sorted(program.needed({*(handle.index for handle in handles), *more})))
    for index in indices:
        _check_time(view, index, limits, weights, any_size=any_size)
    if indices not in view.bytes_needed:
        view.bytes_needed[indices] = follow_buffers(program, indices, view.inputs)
    needed = view.bytes_needed[indices]
    for index in indices:
        if needed[index] > limits.memory:
            raise ModelInputError(
                f"{_where(program.steps[index])} takes {in_words(needed[index])} for one image, "
                f"more than {in_words(limits.memory)}: "
                + alternatives(view, index, MORE, any_size=any_size)
            )
    if back:
        backward = indices
        if start := {view.handles[name].index for name in since}:
            values = [value for index in start for value in program.steps[index].outputs]
            backward = (*start, *program.dependents(values, indices))
        steps = [program.steps[index] for index in {*backward}]
        total = sum(sum(map(count_bytes, step.shapes, _types_of(step))) for step in steps)
        if total > limits.memory + BACK_PER_WEIGHT * weights:
            raise ModelInputError(
                f"the backward pass through the network holds {in_words(total)} for one image, "
                f"more than {in_words(limits.memory + BACK_PER_WEIGHT * weights)}: "
                + ("give a smaller --size (size=) or " if any_size else "")
                + MORE
            )
        return
    total = sum(count_bytes(handle.info.output_shape) for handle in handles)
    total += max(needed.values(), default=0)
    if total > limits.memory:
        raise ModelInputError(
            f"the requested layers would take {in_words(total)} for one image"
            f"{largest_of(view, layers)}, more than the "
            f"{in_words(limits.memory)} that a file may ask for: "
            + alternatives(view, _too_large(view, layers, needed, limits), MORE, any_size=any_size)
        )


def _too_large(
    view: View, layers: Sequence[str], needed: Mapping[int, int], limits: Limits
) -> int | None:
    """The index of a step that is too large even with the smallest layer alone, if there is one."""
    index = max(needed, key=needed.__getitem__)
    least = min(count_bytes(view.handles[name].info.output_shape) for name in layers)
    return index if needed[index] + least > limits.memory else None


def follow_buffers(
    program: Program, indices: Sequence[int], inputs: Mapping[int, tuple[Shape, str]]
) -> dict[int, int]:
    """The bytes that each step needs: its inputs, its outputs and what it makes inside."""
    known: Known = {value: (_for_one(shape), dtype) for value, (shape, dtype) in inputs.items()}
    needed: dict[int, int] = {}
    for index in indices:
        step = program.steps[index]
        before = [known.get(value) for _, value in step.inputs]
        after = list(zip(map(_for_one, step.shapes), _types_of(step), strict=False))
        inside = count_computed(step.operation) * 4
        certain = all(shape is not None and None not in shape[0] for shape in (*before, *after))
        if not certain or not _is_untraced(step, after):
            measured = _measured(step, before)
            if measured is not None:
                inside = max(inside, measured.largest)
                after = list(measured.outputs)
        known.update(zip(step.outputs, after, strict=False))
        output_bytes = sum(count_bytes(*shape) for shape in after)
        input_bytes = sum(count_bytes(*shape) for shape in before if shape is not None)
        needed[index] = output_bytes + input_bytes + max(0, inside - max(output_bytes, input_bytes))
    return needed


def _is_untraced(step: Step, outputs: Sequence[tuple[Shape, str]]) -> bool:
    """Whether a step need not be traced; a window must be small, or no larger than its maps.

    Where a window is larger than a map, some backends make the border that it covers.
    """
    operation = step.operation
    if type(operation).__name__ not in UNTRACED:
        return False
    reach = max(
        (
            size * max(_sizes(operation, "dilation_rate"))
            for name in ("kernel_size", "pool_size")
            for size in _sizes(operation, name)
        ),
        default=1,
    )
    sides = [min((size or 1 for size in shape[1:-1]), default=1) for shape, _ in outputs]
    return reach <= MAX_REACH or all(reach <= side for side in sides)


def _sizes(operation: keras.Operation, name: str) -> list[int]:
    """A setting of an operation that is an integer or several."""
    value = getattr(operation, name, 1)
    sizes = value if isinstance(value, list | tuple) else [value]
    return [size for size in sizes if isinstance(size, int)] or [1]


def _where(step: Step) -> str:
    return f"layer '{step.key[-1][0]}'" if step.key else "the model"


def _check_time(view: View, index: int, limits: Limits, weights: int, *, any_size: bool) -> None:
    """Refuses a step that takes more time than its file may, before it is traced.

    The work that is allowed grows with the memory that is.
    """
    step = view.program.steps[index]
    where = _where(step)
    advice = alternatives(view, index, MORE, any_size=any_size)
    share = limits.memory / DEFAULT
    pixels = sum(math.prod(size or 1 for size in shape[1:]) for shape, _ in view.inputs.values())
    allowed = MAX_WORK * share + WORK_PER_WEIGHT * weights + WORK_PER_PIXEL * pixels * any_size
    if (work := count_work(step)) > allowed:
        raise ModelInputError(
            f"{where} takes {work:.1e} products and sums for one image, more than the "
            f"{allowed:.1e} allowed for a network of so few weights: {advice}"
        )
    count = 0
    if isinstance(step.operation, keras.layers.RNN | keras.layers.Bidirectional):
        tensors = [t for t in getattr(step.node, "input_tensors", ()) if len(t.shape) > 2]
        count = max((int(tensor.shape[1] or 0) for tensor in tensors), default=0)
    if count > MAX_TIME_STEPS * share:
        raise ModelInputError(
            f"{where} is recurrent and runs {count} time steps for one image, more than the "
            f"{MAX_TIME_STEPS * share:.0f} allowed: {advice}"
        )


def count_work(step: Step) -> int:
    """The approximate number of products and sums of a step for one image.

    Each weight is used at most once at each position of the output; each value of a pooled map
    comes from a window, which takes longer.
    """
    operation = step.operation
    values = max((math.prod(size or 1 for size in shape[1:]) for shape in step.shapes), default=0)
    window = math.prod(_sizes(operation, "pool_size"))
    each = POOLED * window if window > 1 else 1  # for one value
    if isinstance(operation, keras.layers.Layer) and len(operation.weights):
        weights = max(math.prod(weight.shape) for weight in operation.weights)
        channels = max(1, int(getattr(operation, "filters", 0) or 0))
        each = max(each, weights // channels) if hasattr(operation, "kernel_size") else 1
    return values * each


def _for_one(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    return (1, *shape[1:]) if len(shape) and shape[0] is None else tuple(shape)


def _types_of(step: Step) -> list[str]:
    tensors = getattr(step.node, "outputs", ())
    return [str(tensor.dtype) for tensor in tensors] or ["float32"] * len(step.outputs)


def _measured(step: Step, inputs: Sequence[tuple[Shape, str] | None]) -> Measured | None:
    """The sizes of the tensors of a step; ``None`` where it cannot be traced."""
    shapes = [shape for shape in inputs if shape is not None]
    if not isinstance(step.operation, keras.Operation) or step.node is None:
        return None
    if len(shapes) < len(inputs) or any(None in shape for shape, _ in shapes):
        return None

    def compute(*tensors: Tensor) -> Structure:
        return call(
            step, dict(zip((identity for identity, _ in step.inputs), tensors, strict=True))
        )

    try:
        return measure(compute, shapes)
    except Exception:  # it depends on values; then only the sizes of its outputs are known
        _log.debug("%s cannot be traced", _where(step), exc_info=True)
        return None
