"""What is checked before a pass: that it can be run, fits the input, and takes no more than it may.

The rule of this module: of a layer that is known to make nothing much larger than its input, its
output and its weights, these are counted; every other one is traced without values, and the largest
tensor that it would make is counted. So a bound holds for layers that are not listed here, too.
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
from layersight.frameworks.graph.view import View, largest_of, ways_out
from layersight.frameworks.keras.backends import Measured, measure
from layersight.frameworks.keras.fitting import sizes_that_fit
from layersight.frameworks.keras.kernels import HELD, kernel_of
from layersight.frameworks.keras.passing import filled
from layersight.frameworks.keras.refused import Refused
from layersight.frameworks.keras.sizes import count_computed
from layersight.frameworks.keras.types import Structure, Tensor
from layersight.limits import DEFAULT, MORE, Limits, in_words
from layersight.select import blocked_error


def other_inputs(names: Sequence[str]) -> str:
    """What to do where a number does not depend on an input.

    >>> other_inputs(["left", "right"])
    'choose one that it depends on, left or right'
    """
    if not names:
        return "it depends on no input, so choose another layer"
    return f"choose one that it depends on, {' or '.join(names)}"


def check_steps(view: View, indices: set[int], *, outputs: bool = False) -> str | None:
    """Refuses a pass to steps that cannot be run, or that do not take what they would be given.

    Gives why the outputs of the model cannot be given, ``None`` if they can or need not.
    """
    for handle in view.handles.values():
        if handle.index in indices and (stop := view.stops.get(handle.index)):
            raise blocked_error(
                stop.source, [one.info for one in view.handles.values()], handle.info
            )
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
    """Where the computation of a network stops and what can be done; ``None`` if it does not."""
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
        if isinstance(handle.layer, Refused) and type(handle.layer).__name__ not in HELD
        for array in handle.layer.held.values()
    )
    if any(array.ndim == 4 for array in unknown):
        return "layersight kernels --stored shows all kernels that the file holds; "
    if any(kernel_of(handle.layer) is not None for handle in view.handles.values()):
        return "layersight kernels shows all its kernels; "
    return ""


def _unfit(view: View, indices: set[int]) -> LayersightError | None:
    """Why a pass to some steps does not fit the input, ``None`` if it does."""
    needed = sorted(view.program.needed(indices)) if view.unfit else ()
    for index in needed:
        if index in view.unfit:
            reason = view.unfit[index]
            if not isinstance(reason, ModelInputError):
                return reason
            fitting = sizes_that_fit(view.program, view.taken, needed)
            return reason if fitting is None else ModelInputError(fitting)
    return None


def held_values(view: View, indices: Sequence[int]) -> int:
    """How many values a pass to some steps gives for one image, all of them together."""
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
# Layers and operations of Keras that are not traced. What they make is at most a few times what
# they take and give: this is for the time that tracing takes.
PLAIN = frozenset(
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

MAX_REACH = 64  # up to this a window adds little to a map, in pixels

# How many products and sums a step may take for one image, beside what its weights pay for. The
# most costly layer of VGG16 takes 1.8e9.
MAX_WORK = 5 * 10**10

POOLED = 10  # how many products a value under a window of pooling counts for, which is slower

# How many a weight of the file pays for: each is used once at each position of a map.
WORK_PER_WEIGHT = 10**4

WORK_PER_PIXEL = 10**6  # how many a pixel pays for where the user chose the size of the image

# How many time steps a recurrent layer may run: beyond, a pass takes minutes.
MAX_TIME_STEPS = 100_000

# How many bytes of maps a weight of the file pays for in a backward pass: eight values.
BACK_PER_WEIGHT = 32

Known = dict[int, tuple[Shape, str]]  # for each value its shape for one image, and its type


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

    It holds what is asked for and, one step at a time, what a step takes, gives and makes; on a
    backward pass it holds what every step gives. The weights that the model has pay for memory and
    time of their own, so that a network that is large because it is large runs. ``more`` are the
    indices of steps that run although they are not asked for; a backward pass ends at the layers
    ``since``, or at the inputs.
    """
    program = view.program
    asked = [view.handles[name] for name in layers]
    indices = tuple(sorted(program.needed({*(handle.index for handle in asked), *more})))
    for index in indices:
        _check_time(view, index, limits, weights, any_size=any_size)
    if indices not in view.held:
        view.held[indices] = follow_buffers(program, indices, view.taken)
    held = view.held[indices]
    for index in indices:
        if held[index] > limits.memory:
            raise ModelInputError(
                f"{_where(program.steps[index])} takes {in_words(held[index])} for one image, more "
                f"than {in_words(limits.memory)}: {ways_out(view, index, MORE, any_size=any_size)}"
            )
    if back:
        follows = indices
        if start := {view.handles[name].index for name in since}:
            values = [value for index in start for value in program.steps[index].outputs]
            follows = (*start, *program.dependents(values, indices))
        steps = [program.steps[index] for index in {*follows}]
        total = sum(sum(map(count_bytes, step.shapes, _types_of(step))) for step in steps)
        if total > limits.memory + BACK_PER_WEIGHT * weights:
            raise ModelInputError(
                f"the backward pass through the network holds {in_words(total)} for one image, "
                f"more than {in_words(limits.memory + BACK_PER_WEIGHT * weights)}: "
                + ("give a smaller --size (size=) or " if any_size else "")
                + MORE
            )
        return
    total = sum(count_bytes(handle.info.output_shape) for handle in asked)
    total += max(held.values(), default=0)
    if total > limits.memory:
        raise ModelInputError(
            f"the layers asked for would take {in_words(total)} for one image"
            f"{largest_of(view, layers)}, more than the "
            f"{in_words(limits.memory)} that a file may ask for: "
            + ways_out(view, _too_wide(view, layers, held, limits), MORE, any_size=any_size)
        )


def _too_wide(
    view: View, layers: Sequence[str], held: Mapping[int, int], limits: Limits
) -> int | None:
    """The index of a step that takes too much beside the smallest layer alone, if there is one."""
    index = max(held, key=held.__getitem__)
    least = min(count_bytes(view.handles[name].info.output_shape) for name in layers)
    return index if held[index] + least > limits.memory else None


def follow_buffers(
    program: Program, indices: Sequence[int], inputs: Mapping[int, tuple[Shape, str]]
) -> dict[int, int]:
    """The bytes that each step holds while it runs: what it takes, gives and makes inside."""
    known: Known = {value: (_for_one(shape), dtype) for value, (shape, dtype) in inputs.items()}
    held: dict[int, int] = {}
    for index in indices:
        step = program.steps[index]
        taken = [known.get(value) for _, value in step.inputs]
        given = list(zip(map(_for_one, step.shapes), _types_of(step), strict=False))
        inside = count_computed(step.operation) * 4
        certain = all(shape is not None and None not in shape[0] for shape in (*taken, *given))
        if not certain or not _is_plain(step, given):
            found = _measured(step, taken)
            if found is not None:
                inside = max(inside, found.largest)
                given = list(found.given)
        known.update(zip(step.outputs, given, strict=False))
        own = sum(count_bytes(*shape) for shape in given)
        before = sum(count_bytes(*shape) for shape in taken if shape is not None)
        held[index] = own + before + max(0, inside - max(own, before))
    return held


def _is_plain(step: Step, given: Sequence[tuple[Shape, str]]) -> bool:
    """Whether a step need not be traced: a window may reach no further than its maps, or far less.

    Where a window reaches beyond a map, some backends make the border that it covers.
    """
    operation = step.operation
    if type(operation).__name__ not in PLAIN:
        return False
    reach = max(
        (
            size * max(_sizes(operation, "dilation_rate"))
            for name in ("kernel_size", "pool_size")
            for size in _sizes(operation, name)
        ),
        default=1,
    )
    sides = [min((size or 1 for size in shape[1:-1]), default=1) for shape, _ in given]
    return reach <= MAX_REACH or all(reach <= side for side in sides)


def _sizes(operation: keras.Operation, name: str) -> list[int]:
    """A setting of an operation that is an integer or several."""
    value = getattr(operation, name, 1)
    found = list(value) if isinstance(value, list | tuple) else [value]
    return [size for size in found if isinstance(size, int)] or [1]


def _where(step: Step) -> str:
    """A step in words."""
    return f"layer '{step.key[-1][0]}'" if step.key else "the model"


def _check_time(view: View, index: int, limits: Limits, weights: int, *, any_size: bool) -> None:
    """Refuses a step that takes more time than its file may; before it is traced, too.

    Whoever allows more memory allows as many times more work.
    """
    step = view.program.steps[index]
    where = _where(step)
    ways = ways_out(view, index, MORE, any_size=any_size)
    share = limits.memory / DEFAULT
    pixels = sum(math.prod(size or 1 for size in shape[1:]) for shape, _ in view.taken.values())
    allowed = MAX_WORK * share + WORK_PER_WEIGHT * weights + WORK_PER_PIXEL * pixels * any_size
    if (work := count_work(step)) > allowed:
        raise ModelInputError(
            f"{where} takes {work:.1e} products and sums for one image, more than the "
            f"{allowed:.1e} allowed for a network of so few weights: {ways}"
        )
    count = 0
    if isinstance(step.operation, keras.layers.RNN | keras.layers.Bidirectional):
        tensors = [t for t in getattr(step.node, "input_tensors", ()) if len(t.shape) > 2]
        count = max((int(tensor.shape[1] or 0) for tensor in tensors), default=0)
    if count > MAX_TIME_STEPS * share:
        raise ModelInputError(
            f"{where} is recurrent and runs {count} time steps for one image, more than the "
            f"{MAX_TIME_STEPS * share:.0f} allowed: {ways}"
        )


def count_work(step: Step) -> int:
    """About how many products and sums a step takes for one image.

    Each weight is used at most once at each position of the output; each value of a pooled map
    comes from a window, which takes longer.
    """
    operation = step.operation
    values = max((math.prod(size or 1 for size in shape[1:]) for shape in step.shapes), default=0)
    window = math.prod(_sizes(operation, "pool_size"))
    covered = POOLED * window if window > 1 else 1
    if isinstance(operation, keras.layers.Layer) and len(operation.weights):
        weights = max(math.prod(weight.shape) for weight in operation.weights)
        channels = max(1, int(getattr(operation, "filters", 0) or 0))
        covered = max(covered, weights // channels) if hasattr(operation, "kernel_size") else 1
    return values * covered


def _for_one(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """A shape for one image."""
    return (1, *shape[1:]) if len(shape) and shape[0] is None else tuple(shape)


def _types_of(step: Step) -> list[str]:
    tensors = getattr(step.node, "outputs", ())
    return [str(tensor.dtype) for tensor in tensors] or ["float32"] * len(step.outputs)


def _measured(step: Step, taken: Sequence[tuple[Shape, str] | None]) -> Measured | None:
    """What a trace of a step finds, ``None`` where it cannot be traced."""
    shapes = [shape for shape in taken if shape is not None]
    if not isinstance(step.operation, keras.Operation) or step.node is None:
        return None
    if len(shapes) < len(taken) or any(None in shape for shape, _ in shapes):
        return None

    def compute(*tensors: Tensor) -> Structure:
        given = dict(zip((identity for identity, _ in step.inputs), tensors, strict=True))
        args, kwargs = filled(step, given)
        return step.operation(*args, **kwargs)

    try:
        return measure(compute, shapes)
    except Exception:  # what it does depends on values; then what it gives is all that is known
        _log.debug("%s cannot be traced", _where(step), exc_info=True)
        return None
