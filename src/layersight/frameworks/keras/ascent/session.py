"""Carrying out an ascent, with its state on the device of the backend.

In mixed precision, layers compute in bfloat16 during a step, by policies of Keras. It has the range
of float32, so that gradients need no scaling; weights, canvas, objective and update stay in
float32, and so do the measurements of finished patterns.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import keras
import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.data.ascent import FOURIER, PHASE, PIXELS, Ascent, Optimisation, StepResult
from layersight.data.model import InputInfo
from layersight.errors import ModelInputError
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import to_model_axes
from layersight.frameworks.graph.patches import Slot, patched, unpatched
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras import backends, types
from layersight.frameworks.keras.ascent.objective import (
    active_shares,
    bound,
    draw,
    gradient_length,
    measure,
    moment_names,
    network_input,
    objective,
    updated,
)
from layersight.frameworks.keras.backends import as_float32, to_numpy
from layersight.frameworks.keras.checking import check_steps, other_inputs
from layersight.frameworks.keras.geometry import tensor_channels_last
from layersight.frameworks.keras.passing import Passing
from layersight.frameworks.keras.rectifiers import leaking, rectifies
from layersight.frameworks.keras.types import Structure, Tensor, Tensors

POLICY = "mixed_bfloat16"  # of Keras: computes in bfloat16, with variables in float32

# The attribute of a layer that holds its policy; setting the public property may quantise it.
ATTRIBUTE = "_dtype_policy"


class PolicyByThread(keras.DTypePolicy):
    """A policy that stands for the value of a slot for the current thread."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def __getattribute__(self, name: str) -> object:
        # All but the slot itself is looked up in the policy of this thread.
        slot = object.__getattribute__(self, "_slot")
        return slot if name == "_slot" else getattr(slot.current(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self._slot.current() == other)

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def mixed_precision(operations: Iterable[keras.Operation]) -> Iterator[None]:
    """Gives layers a policy of mixed precision, for this thread, for the duration of the block.

    A layer with another policy than plain float32 keeps its own.
    """
    layers = [operation for operation in operations if isinstance(operation, keras.Layer)]
    plain = []
    for layer in {id(one): one for outer in layers for one in outer._flatten_layers()}.values():
        policy = unpatched(layer, ATTRIBUTE)
        if type(policy) is keras.DTypePolicy and policy.name == "float32":
            plain.append(layer)
    mixed = keras.DTypePolicy(POLICY)
    with patched([(layer, ATTRIBUTE, lambda _: mixed) for layer in plain], PolicyByThread):
        yield


# From an input of the network, channels last, to the outputs of the probes' layers. The second
# argument is the share of the gradient that leaks for each image, ``None`` where nothing leaks; the
# third whether it computes in mixed precision.
Network = Callable[[Tensor, Tensor | None, bool], Sequence[Tensor]]

OFFSET = "offset"  # a parameter that stays zero: its gradient is that by the canvas

PARAMETERS = {PIXELS: ("pixels",), FOURIER: ("real", "imaginary"), PHASE: ("phase",)}

# The number of pixels from which it pays to compile the operations on a canvas.
LARGE = 96 * 96


class KerasOptimisation:
    """Implements :class:`layersight.data.ascent.Optimisation` for a Keras model.

    ``network`` runs the model up to the probes' layers, which have ``widths`` channels; ``locked``
    makes a context in which no other thread runs it.
    """

    def __init__(
        self,
        ascent: Ascent,
        network: Network,
        widths: Sequence[int],
        variables: Sequence[keras.Variable],
        locked: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._ascent = ascent
        self._locked = locked
        self._network = network
        self._names = PARAMETERS[ascent.parameters]
        self._state: Tensors = {
            name: ops.convert_to_tensor(array) for name, array in self._zeros().items()
        }
        self._weights = [np.zeros((ascent.batch, width), np.float32) for width in widths]
        self._waiting: dict[int, Mapping[str, FloatArray]] = {}  # the starts of patterns, by slot
        self._variables = variables
        self._steppers: dict[tuple[bool, bool], types.Stepper] = {}
        # Compiling takes a second or two, whatever the size; it pays if a step takes long.
        large = ascent.size[0] * ascent.size[1] >= LARGE
        compiled = backends.fused if large else lambda function: function

        def sampling(near: bool) -> Callable[..., Structure]:
            return compiled(lambda t, _: backends.make_sampling(t[0], ascent.size, near=near))

        self._sampling = {near: sampling(near) for near in (True, False)}
        self._draw = compiled(lambda parameters, _: draw(ascent, parameters))
        self._see = compiled(self._view)
        self._update = compiled(self._next_state)

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        self._waiting[slot] = parameters
        for batch, weight in zip(self._weights, weights, strict=True):
            batch[slot] = weight

    def _start(self) -> None:
        # All waiting starts are put into the state at once, since each change copies all of it.
        if not self._waiting:
            return
        for name in self._state:
            array = to_numpy(self._state[name]).copy()
            for slot, parameters in self._waiting.items():
                array[slot] = parameters.get(name, 0)
            self._state[name] = ops.convert_to_tensor(array)
        self._waiting.clear()

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        self._start()
        leaks, near = bool(leaking.any()), placements is not None and backends.is_near(placements)
        if (leaks, near) not in self._steppers:
            step = functools.partial(self._step, leaks=leaks, near=near)
            self._steppers[leaks, near] = backends.make_stepper(step, self._variables)
        extra: types.Arrays = {"leaking": as_float32(leaking), "rates": as_float32(rates)}
        if placements is not None:
            extra["placements"] = as_float32(placements)
        with self._locked():
            stepper = self._steppers[leaks, near]
            self._state, results = stepper(self._state, self._weights, extra)
        return StepResult(as_float32(results["values"]), as_float32(results["gradients"]))

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        return self._run_measurer(canvas, placement, "mean")

    def active(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        return self._run_measurer(canvas, placement, "active")

    def _run_measurer(
        self, canvas: FloatArray, placement: FloatArray, what: str
    ) -> tuple[FloatArray, ...]:
        with self._locked():
            results = self._measurer([as_float32(canvas), as_float32(placement)[None]])()
        return tuple(as_float32(results[f"{what}:{n}"]) for n in range(len(self._ascent.probes)))

    @functools.cached_property
    def _measurer(self) -> types.Runner:
        return backends.make_runner(self._measure, self._variables, often=True)

    def _measure(self, tensors: Sequence[Tensor]) -> Tensors:
        canvas, placements = tensors
        planes = ops.transpose(canvas, (0, 3, 1, 2))
        sampling = backends.make_sampling(placements, self._ascent.size, near=False)
        outputs = self._network(network_input(self._ascent, planes, sampling), None, False)
        pairs = enumerate(zip(self._ascent.probes, outputs, strict=True))
        means = {f"mean:{n}": measure(probe, output) for n, (probe, output) in pairs}
        return means | {f"active:{n}": active_shares(output) for n, output in enumerate(outputs)}

    def canvas(self) -> FloatArray:
        self._start()
        if self._ascent.parameters == PIXELS:
            return as_float32(to_numpy(self._state["pixels"]))
        planes = self._draw([self._state[name] for name in self._names], [])
        planes = to_numpy(bound(self._ascent, planes))
        return as_float32(np.ascontiguousarray(np.moveaxis(planes, 1, -1)))

    def attention(self) -> FloatArray:
        self._start()
        if "attention" not in self._state:
            return np.zeros((self._ascent.batch, *self._ascent.size), np.float32)
        return as_float32(to_numpy(self._state["attention"]))

    def _zeros(self) -> dict[str, FloatArray]:
        ascent = self._ascent
        height, width = ascent.size
        shape: tuple[int, ...] = (ascent.channels, height, width // 2 + 1)
        if ascent.parameters == PIXELS:
            shape = (height, width, ascent.channels)
        names = [*self._names, *moment_names(self._names, ascent.update)]
        zeros = {name: np.zeros((ascent.batch, *shape), np.float32) for name in names}
        zeros["age"] = np.zeros(ascent.batch, np.float32)
        if ascent.parameters == PHASE:
            zeros["attention"] = np.zeros((ascent.batch, height, width), np.float32)
        return zeros

    def _step(
        self,
        state: Tensors,
        weights: Sequence[Tensor],
        extra: Tensors,
        differentiate: types.Differentiate,
        *,
        leaks: bool,
        near: bool,
    ) -> tuple[Tensors, Tensors]:
        """A step as a function of tensors."""
        ascent = self._ascent
        parameters = {name: state[name] for name in self._names}
        if "attention" in state:
            shape = (ascent.batch, ascent.channels, *ascent.size)
            parameters[OFFSET] = ops.zeros(shape)
        sampling = []
        if "placements" in extra:
            sampling.append(self._sampling[near]([extra["placements"]], []))

        def value_of(parameters: Tensors) -> tuple[Tensor, Tensor]:
            canvas: Tensor | None
            if ascent.parameters == PIXELS and not ascent.has_placements:
                canvas = seen = parameters["pixels"]
            else:
                planes = self._draw([parameters[name] for name in self._names], [])
                offset = [parameters[OFFSET]] if OFFSET in parameters else []
                seen = self._see([planes, *offset], sampling)
                canvas = bound(ascent, planes) if ascent.penalised else None
            leak = extra["leaking"] if leaks else None
            if leak is not None and ascent.views > 1:
                leak = ops.repeat(leak, ascent.views, axis=0)
            outputs = self._network(seen, leak, ascent.mixed)
            values, total = objective(ascent, outputs, weights, canvas)
            return total, values

        values, gradients = differentiate(value_of, parameters)
        after, lengths = self._update((state, gradients, ascent.rate * extra["rates"]), [])
        return after, {"values": values, "gradients": lengths}

    def _view(self, tensors: Sequence[Tensor], sampling: Sequence[Structure]) -> Tensor:
        """The input of the network, of unbounded planes and of what is added to the canvas."""
        planes, *offset = tensors
        canvas = bound(self._ascent, planes)
        if offset:
            canvas = canvas + offset[0]
        return network_input(self._ascent, canvas, sampling[0] if sampling else None)

    def _next_state(
        self, step: tuple[Tensors, Tensors, Tensor], _: object
    ) -> tuple[Tensors, Tensor]:
        """The state after a step, and the length of each gradient."""
        state, gradients, rates = step
        by_parameters = {name: gradients[name] for name in self._names}
        after = updated(self._ascent.update, rates, state, by_parameters)
        if OFFSET in gradients:
            after["attention"] = state["attention"] + ops.sum(ops.abs(gradients[OFFSET]), 1)
        return after, gradient_length(by_parameters)


def begin_ascent(
    ascent: Ascent,
    view: View,
    handles: Sequence[LayerHandle],
    passing: Callable[..., Passing],
    inputs: Sequence[InputInfo],
    variables: Sequence[keras.Variable],
    locked: Callable[[], AbstractContextManager[None]],
) -> Optimisation:
    """Begins an optimisation.

    ``passing`` makes a pass to the layers ``wanted`` and, as ``before``, to the values before
    their activation functions; ``handles`` are those of the layers of the probes.
    """
    program, indices = view.program, {handle.index for handle in handles}
    check_steps(view, indices)
    _check_depends(ascent, view, handles, inputs)
    near = program.needed(indices, lambda step: not ascent.deep and rectifies(step.operation))
    channel_axes = {}
    for step in (program.steps[index] for index in sorted(near)):
        first = any(view.formats[value] == FIRST for value in step.outputs)
        channel_axes[step.operation] = 1 if first else -1

    pairs = list(zip(ascent.probes, handles, strict=True))
    compute = passing(
        tuple(dict.fromkeys(handle for probe, handle in pairs if not probe.before)),
        before=tuple(dict.fromkeys(handle for probe, handle in pairs if probe.before)),
    )

    operations = [program.steps[index].operation for index in program.needed(indices)]

    def network(seen: Tensor, leak: Tensor | None, mixed: bool) -> list[Tensor]:
        tensors = []
        for entry in inputs:
            tensor = seen
            if entry.name != ascent.input:
                constant = ops.convert_to_tensor(ascent.constants[entry.name])
                tensor = ops.repeat(constant, int(seen.shape[0]), axis=0)
            tensors.append(to_model_axes(tensor, entry, ops.moveaxis, ops.reshape))
        with contextlib.ExitStack() as stack:
            if leak is not None:
                stack.enter_context(leaking(channel_axes, leak))
            if mixed:
                stack.enter_context(mixed_precision(operations))
            results = compute(tensors)
        return [
            tensor_channels_last(
                results[f"{'before' if probe.before else 'layer'}:{handle.info.name}"],
                handle.info.data_format,
            )
            for probe, handle in pairs
        ]

    widths = [int(handle.info.channels or 0) for handle in handles]
    return KerasOptimisation(ascent, network, widths, variables, locked)


def _check_depends(
    ascent: Ascent, view: View, handles: Sequence[LayerHandle], inputs: Sequence[InputInfo]
) -> None:
    """Refuses layers that do not depend on the input."""
    names = [entry.name for entry in inputs]
    for handle in handles:
        used = [names[index] for index in view.program.used_inputs({handle.index})]
        if ascent.input not in used:
            raise ModelInputError(
                f"layer '{handle.info.name}' does not depend on the input '{ascent.input}': "
                + other_inputs(used)
            )
