"""An ascent as data becomes an optimisation, whose state is on the backend's own device.

In mixed precision layers compute in bfloat16 while a step runs, by Keras's own policies. It has the
range of float32, so that no gradient has to be scaled; weights, canvas, objective and update stay
in float32, and what a pattern reached is measured in float32 too.
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
from layersight.frameworks.graph.inputs import own_order
from layersight.frameworks.graph.patches import Slot, patched, unpatched
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.ascent.objective import (
    active_shares,
    bound,
    draw,
    gradient_length,
    measure,
    names,
    network_input,
    objective,
    updated,
)
from layersight.frameworks.keras.backends import (
    Arrays,
    Differentiate,
    Runner,
    State,
    Stepper,
    Tensors,
    as_float32,
    fused,
    is_near,
    make_runner,
    make_stepper,
    place,
    to_numpy,
)
from layersight.frameworks.keras.checking import check_steps, other_inputs
from layersight.frameworks.keras.geometry import tensor_channels_last
from layersight.frameworks.keras.passing import Passing
from layersight.frameworks.keras.rectifiers import leaking, rectifies
from layersight.frameworks.keras.types import Structure, Tensor

POLICY = "mixed_bfloat16"  # of Keras: computes in bfloat16, with variables in float32

# Where a layer of Keras keeps its policy; setting the public property may quantise it.
ATTRIBUTE = "_dtype_policy"


class PolicyByThread(keras.DTypePolicy):
    """A policy that is for each thread the one that its slot holds for it."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def __getattribute__(self, name: str) -> object:
        # Everything but the slot itself is looked up in the policy of this thread.
        slot = object.__getattribute__(self, "_slot")
        return slot if name == "_slot" else getattr(slot.current(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self._slot.current() == other)

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def mixed_precision(operations: Iterable[keras.Operation]) -> Iterator[None]:
    """Lends layers a policy of mixed precision, for this thread, while the block lasts.

    A layer that has another policy than plain float32 keeps its own.
    """
    layers = [operation for operation in operations if isinstance(operation, keras.Layer)]
    every = {id(inner): inner for layer in layers for inner in layer._flatten_layers()}
    plain = []
    for layer in every.values():
        policy = unpatched(layer, ATTRIBUTE)
        if type(policy) is keras.DTypePolicy and policy.name == "float32":
            plain.append(layer)
    mixed = keras.DTypePolicy(POLICY)
    with patched([(layer, ATTRIBUTE, lambda _: mixed) for layer in plain], PolicyByThread):
        yield


# From what the network sees, channels last, to the outputs of the probes' layers. The second
# argument is how much of the gradient leaks for each image, ``None`` for nothing; the third whether
# it computes in mixed precision.
Network = Callable[[Tensor, Tensor | None, bool], Sequence[Tensor]]

NUDGE = "nudge"  # a parameter that stays zero: its gradient is that of the canvas

PARAMETERS = {PIXELS: ("pixels",), FOURIER: ("real", "imaginary"), PHASE: ("phase",)}

# From how many pixels of a canvas on it pays to compile what is done with it by itself.
LARGE = 96 * 96


class KerasOptimisation:
    """The contract of :class:`layersight.data.ascent.Optimisation`, kept by a Keras model.

    ``network`` runs the model up to the probes' layers, which have ``widths`` channels; what is
    ``locked`` keeps it to this thread.
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
        self._state: State = {
            name: ops.convert_to_tensor(array) for name, array in self._zeros().items()
        }
        self._weights = [np.zeros((ascent.batch, width), np.float32) for width in widths]
        self._begun: dict[int, Mapping[str, FloatArray]] = {}
        self._variables = variables
        self._steppers: dict[tuple[bool, bool], Stepper] = {}
        self._measurers: list[Runner] = []
        # Compiling takes a second or two, whatever the size; it pays where a step takes long.
        large = ascent.size[0] * ascent.size[1] >= LARGE
        compiled = fused if large else lambda function: function
        self._draw = compiled(lambda given, _: draw(ascent, given))
        self._show = compiled(self._shown)
        self._place = {
            near: compiled(lambda given, _, near=near: place(given[0], ascent.size, near=near))
            for near in (True, False)
        }
        self._update = compiled(self._updated)

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        self._begun[slot] = parameters
        for own, given in zip(self._weights, weights, strict=True):
            own[slot] = given

    def _start(self) -> None:
        # All starts that wait go into the state at once, since every change copies all of it.
        if not self._begun:
            return
        for name in self._state:
            array = to_numpy(self._state[name]).copy()
            for slot, parameters in self._begun.items():
                array[slot] = parameters.get(name, 0)
            self._state[name] = ops.convert_to_tensor(array)
        self._begun.clear()

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        self._start()
        leaks, near = bool(leaking.any()), placements is not None and is_near(placements)
        if (leaks, near) not in self._steppers:
            step = functools.partial(self._step, leaks=leaks, near=near)
            self._steppers[leaks, near] = make_stepper(step, self._variables)
        extra: Arrays = {"leaking": as_float32(leaking), "rates": as_float32(rates)}
        given = [as_float32(array) for array in self._weights]
        if placements is not None:
            extra["placements"] = as_float32(placements)
        with self._locked():
            self._state, found = self._steppers[leaks, near](self._state, given, extra)
        return StepResult(as_float32(found["values"]), as_float32(found["gradients"]))

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        return self._found(canvas, placement, "mean")

    def active(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        return self._found(canvas, placement, "active")

    def _found(
        self, canvas: FloatArray, placement: FloatArray, what: str
    ) -> tuple[FloatArray, ...]:
        if not self._measurers:
            self._measurers.append(make_runner(self._measure, self._variables, often=True))
        with self._locked():
            found = self._measurers[0]([as_float32(canvas), as_float32(placement)[None]])
        return tuple(as_float32(found[f"{what}:{n}"]) for n in range(len(self._ascent.probes)))

    def _measure(self, given: Sequence[Tensor]) -> Tensors:
        canvas, placements = given
        planes = ops.transpose(canvas, (0, 3, 1, 2))
        placed = place(placements, self._ascent.size, near=False)
        outputs = self._network(network_input(self._ascent, planes, placed), None, False)
        pairs = enumerate(zip(self._ascent.probes, outputs, strict=True))
        found = {f"mean:{n}": measure(probe, output) for n, (probe, output) in pairs}
        return found | {f"active:{n}": active_shares(output) for n, output in enumerate(outputs)}

    def canvas(self) -> FloatArray:
        self._start()
        if self._ascent.parameters == PIXELS:
            return as_float32(to_numpy(self._state["pixels"]))
        drawn = self._draw([self._state[name] for name in self._names], [])
        planes = to_numpy(bound(self._ascent, drawn))
        return as_float32(np.ascontiguousarray(np.moveaxis(planes, 1, -1)))

    def attention(self) -> FloatArray:
        self._start()
        if "attention" not in self._state:
            return np.zeros((self._ascent.batch, *self._ascent.size), np.float32)
        return as_float32(to_numpy(self._state["attention"]))

    def _zeros(self) -> dict[str, FloatArray]:
        """A state of zeros of every slot."""
        ascent = self._ascent
        height, width = ascent.size
        shape: tuple[int, ...] = (ascent.channels, height, width // 2 + 1)
        if ascent.parameters == PIXELS:
            shape = (height, width, ascent.channels)
        own = [*self._names, *names(dict.fromkeys(self._names), ascent.update)]
        found = {name: np.zeros((ascent.batch, *shape), np.float32) for name in own}
        found["age"] = np.zeros(ascent.batch, np.float32)
        if ascent.parameters == PHASE:
            found["attention"] = np.zeros((ascent.batch, height, width), np.float32)
        return found

    def _step(
        self,
        state: State,
        weights: Sequence[Tensor],
        extra: Tensors,
        differentiate: Differentiate,
        *,
        leaks: bool,
        near: bool,
    ) -> tuple[State, Tensors]:
        """One step as a function of tensors."""
        ascent = self._ascent
        parameters = {name: state[name] for name in self._names}
        if "attention" in state:
            shape = (ascent.batch, ascent.channels, *ascent.size)
            parameters[NUDGE] = ops.zeros(shape)
        placed = []
        if "placements" in extra:
            placed.append(self._place[near]([extra["placements"]], []))

        def value_of(parameters: Tensors) -> tuple[Tensor, Tensor]:
            canvas: Tensor | None
            if ascent.parameters == PIXELS and not ascent.placed:
                canvas = seen = parameters["pixels"]
            else:
                drawn = self._draw([parameters[name] for name in self._names], [])
                given = [drawn, *([parameters[NUDGE]] if NUDGE in parameters else [])]
                seen = self._show(given, placed)
                canvas = bound(ascent, drawn) if ascent.penalised else None
            leak = extra["leaking"] if leaks else None
            if leak is not None and ascent.views > 1:
                leak = ops.repeat(leak, ascent.views, axis=0)
            outputs = self._network(seen, leak, ascent.mixed)
            values, total = objective(ascent, outputs, weights, canvas)
            return total, values

        values, gradients = differentiate(value_of, parameters)
        stepped = (state, gradients, ascent.rate * extra["rates"])
        after, gradients = self._update(stepped, [])
        return after, {"values": values, "gradients": gradients}

    def _shown(self, given: Sequence[Tensor], fixed: Sequence[Structure]) -> Tensor:
        """What the network sees of what is drawn, and of what is added to the canvas."""
        canvas = bound(self._ascent, given[0])
        for more in given[1:]:
            canvas = canvas + more
        return network_input(self._ascent, canvas, fixed[0] if fixed else None)

    def _updated(self, given: tuple[State, Tensors, Tensor], _: object) -> tuple[State, Tensor]:
        """The state after a step, and the length of each gradient."""
        state, gradients, rates = given
        nudge = gradients.get(NUDGE)
        own = {name: gradients[name] for name in self._names}
        after = updated(self._ascent.update, rates, state, own)
        if nudge is not None:
            after["attention"] = state["attention"] + ops.sum(ops.abs(nudge), 1)
        return after, gradient_length(own)


def begin_ascent(
    ascent: Ascent,
    view: View,
    sights: Sequence[LayerHandle],
    passing: Callable[..., Passing],
    inputs: Sequence[InputInfo],
    variables: Sequence[keras.Variable],
    locked: Callable[[], AbstractContextManager[None]],
) -> Optimisation:
    """Begins an optimisation.

    ``passing`` makes a pass to the layers ``wanted`` and, by the name of ``before``, to what is
    before their activation functions; ``sights`` are the layers of the probes.
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

    reached = [view.program.steps[place].operation for place in view.program.needed(places)]

    def network(seen: Tensor, leak: Tensor | None, mixed: bool) -> list[Tensor]:
        tensors = []
        for entry in inputs:
            tensor = seen
            if entry.name != ascent.input:
                constant = ops.convert_to_tensor(ascent.constants[entry.name])
                tensor = ops.repeat(constant, int(seen.shape[0]), axis=0)
            tensors.append(own_order(tensor, entry, ops.moveaxis, ops.reshape))
        with contextlib.ExitStack() as stack:
            if leak is not None:
                stack.enter_context(leaking(needed, leak))
            if mixed:
                stack.enter_context(mixed_precision(reached))
            found = compute(tensors)
        return [
            tensor_channels_last(
                found[f"{'before' if probe.before else 'layer'}:{sight.info.name}"],
                sight.info.data_format,
            )
            for probe, sight in pairs
        ]

    widths = [int(sight.info.channels or 0) for sight in sights]
    return KerasOptimisation(ascent, network, widths, variables, locked)


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
