"""Running the steps of a model, and no more of them than asked for.

The rule of this module: what a layer gives may be looked at, and replaced, at the very call
that is asked for; nothing of a model is changed once the pass is over.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import keras

from layersight.frameworks.graph.patches import patched
from layersight.frameworks.graph.program import Key, Step
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.inside import watch
from layersight.frameworks.keras.roles import role_of
from layersight.frameworks.keras.shaping import part_of
from layersight.frameworks.keras.types import Arguments, Function, Settings, Structure, Tensor

# Gets what a layer gives and returns what the pass goes on with.
Hook = Callable[[LayerHandle, Tensor], Tensor]

Chain = list[tuple[int, keras.Operation]]  # some steps by their indices, each with its operation

Call = tuple[Arguments, Settings]

# Layers and operations behind which a value is still the same value.
RESHAPING = ("Reshape", "Flatten", "Permute", "Identity", "Squeeze", "ExpandDims", "Dropout")


class _Enough(BaseException):
    """Ends a pass inside a layer once everything asked for is there.

    Not an ``Exception``, so that nothing on the way takes it for a failure.
    """


def unchanged(_: LayerHandle, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, eq=False, slots=True)
class Passing:
    """What a pass gives."""

    view: View  # the model for the shapes of its inputs
    name: str  # the model's name, for outputs of a model without a graph
    # Brings a list of inputs into the structure that such a model takes.
    pack: Callable[[list[Tensor]], Structure]
    # Turns what goes wrong in a layer, named in words, into an error of layersight.
    explained: Callable[[str], AbstractContextManager[None]]
    wanted: tuple[LayerHandle, ...]  # the layers whose outputs are wanted: ``layer:NAME``
    # Those whose values before their activation function are: ``before:NAME``.
    before: tuple[LayerHandle, ...] = ()
    outputs: bool = False  # whether the model's own outputs are wanted: ``output:NAME``
    # The layer from which on every step has several versions of its only image, which the hook
    # makes; ``None`` for none.
    spread: LayerHandle | None = None
    _order: list[int] = field(init=False, default_factory=list)
    # For each step the values that nothing needs after it.
    _done: dict[int, list[int]] = field(init=False, default_factory=dict)
    # Where each value before an activation arises, and the steps that reshape it.
    _shadowed: dict[int, Chain] = field(init=False, default_factory=dict)
    # The steps that run on several versions of the image, from the spread on.
    _many: set[int] = field(init=False, default_factory=set)
    # The values of which there are several versions.
    _several: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        indices = {handle.index for handle in (*self.wanted, *self.before)}
        if self.spread is not None:
            indices.add(self.spread.index)
        program, producers = self.view.program, self.view.program.producers()
        if self.outputs:
            indices |= {producers[value] for value in program.outputs if value in producers}
            indices |= {0} if not program.outputs else set()
        self._order.extend(sorted(program.needed(indices)))
        last = {value: index for index in self._order for _, value in program.steps[index].inputs}
        self._done.update({index: [] for index in self._order})
        for value, index in last.items():
            if value not in program.outputs:
                self._done[index].append(value)
        for number, handle in enumerate(self.before):
            self._shadowed[number] = self._chain(handle, producers)
        if self.spread is not None:
            start, outputs = self.spread.index, program.steps[self.spread.index].outputs
            # The whole step of a call inside it runs on several.
            self._several.update(outputs if self.spread.inner else [outputs[self.spread.output]])
            self._many.update({start} if self.spread.inner else ())
            self._many.update(program.dependents(self._several, self._order))
            for index in self._many:
                self._several.update(program.steps[index].outputs)

    def __call__(
        self, tensors: Sequence[Tensor], hook: Hook = unchanged, versions: int = 1
    ) -> dict[str, Tensor]:
        """Runs the steps.

        ``tensors`` are in the model's own order and axes; ``hook`` gets what each wanted layer
        gives, in the order in which they run; ``versions`` are those after ``spread``.
        """
        program = self.view.program
        values = dict(zip(program.inputs, tensors, strict=True))
        shadows: dict[tuple[int, int], Tensor] = {}
        found: dict[str, Tensor] = {}
        for index in self._order:
            step = program.steps[index]
            taken = values
            if index in self._many:
                own_values = values if step.node is None else {value for _, value in step.inputs}
                taken = {
                    value: values[value]
                    if value in self._several
                    else keras.ops.repeat(values[value], versions, axis=0)
                    for value in own_values
                }
            own = [handle for handle in self.wanted if handle.index == index]
            inner = [handle for handle in self.before if handle.inner and handle.index == index]
            with contextlib.ExitStack() as stack:
                captured = {
                    number: stack.enter_context(_capturing(chain[0][1]))
                    for number, chain in self._shadowed.items()
                    if chain and chain[0][0] == index
                }
                rest = index != self._order[-1] or self.outputs
                given = self._run(step, taken, own, inner, found, hook, rest=rest)
            for number, seen in captured.items():
                for output, value in enumerate(step.outputs):
                    shadows[number, value] = _before(seen, given[output])
            self._follow_shadows(index, step, values, shadows, found)
            values.update(zip(step.outputs, given, strict=False))
            for value in self._done[index]:
                values.pop(value, None)
            if step.node is None and self.outputs:
                for number, tensor in enumerate(given):
                    suffix = f"[{number}]" if len(given) > 1 else ""
                    found[f"output:{self.name}{suffix}"] = tensor
        if self.outputs:
            for name, value in zip(program.output_names, program.outputs, strict=True):
                found[f"output:{name}"] = values[value]
        return {name: _plain_float(tensor) for name, tensor in found.items()}

    def _chain(self, handle: LayerHandle, producers: Mapping[int, int]) -> Chain:
        """Where the value before a layer's activation arises, and the steps that reshape it.

        For a call inside a step nothing: what it computes is captured there.
        """
        if handle.inner:
            return []
        program = self.view.program
        chain = [(handle.index, program.steps[handle.index].operation)]
        while type(chain[0][1]).__name__ in RESHAPING or _is_linear(chain[0][1]):
            inputs = program.steps[chain[0][0]].inputs
            if len(inputs) != 1 or inputs[0][1] not in producers:
                break
            index = producers[inputs[0][1]]
            operation = program.steps[index].operation
            if _is_linear(chain[0][1]) and not _activates(operation):
                break
            chain.insert(0, (index, operation))
        return chain

    def _follow_shadows(
        self,
        index: int,
        step: Step,
        values: Mapping[int, Tensor],
        shadows: dict[tuple[int, int], Tensor],
        found: dict[str, Tensor],
    ) -> None:
        """Reshapes a value before its activation as the value behind it was."""
        for number, chain in self._shadowed.items():
            if index in [where for where, _ in chain[1:]]:
                given = {
                    tensor: shadows[number, value] if (number, value) in shadows else values[value]
                    for tensor, value in step.inputs
                }
                args, kwargs = filled(step, given)
                made = keras.tree.flatten(operation_of(step)(*args, **kwargs))
                for value, tensor in zip(step.outputs, made, strict=True):
                    shadows[number, value] = tensor
            if chain and index == chain[-1][0]:
                handle = self.before[number]
                name = f"before:{handle.info.name}"
                found[name] = shadows[number, step.outputs[handle.output]]

    def _run(
        self,
        step: Step,
        values: Mapping[int, Tensor],
        wanted: Sequence[LayerHandle],
        before: Sequence[LayerHandle],
        found: dict[str, Tensor],
        hook: Hook,
        *,
        rest: bool,
    ) -> list[Tensor]:
        """Runs one step, collecting what is wanted of it and inside it."""
        if step.node is None:
            program = self.view.program
            inputs = [values[number] for number in program.inputs if number in values]
            args, kwargs = _not_training(step, (self.pack(inputs),), {})
        else:
            args, kwargs = filled(step, {tensor: values[value] for tensor, value in step.inputs})
        inner = {(handle.key, handle.output): handle for handle in wanted if handle.inner}
        whole = rest or any(not handle.inner for handle in wanted)
        with self.explained(f"layer '{step.key[-1][0]}'" if step.key else "the model"):
            if not inner and not before:
                given = list(keras.tree.flatten(operation_of(step)(*args, **kwargs)))
            else:
                given = _run_watched(step, args, kwargs, inner, before, found, hook, whole=whole)
        for handle in wanted:
            if not handle.inner:
                given[handle.output] = hook(handle, given[handle.output])
                found[f"layer:{handle.info.name}"] = given[handle.output]
        return given


def operation_of(step: Step) -> Function:
    """What a step calls: its operation, or what computes the same on every backend.

    Slices that go backwards, by which colours are brought into the other order, are refused by
    PyTorch.
    """
    if type(step.operation).__name__ == "GetItem":
        return part_of
    operation: Function = step.operation
    return operation


def filled(step: Step, given: Mapping[int, Tensor]) -> Call:
    """What a step of a graph is called with, not training.

    ``given`` has what stands for the tensors that its node takes, by their identities.
    """
    return _not_training(step, *step.node.arguments.fill_in(given))


def _not_training(step: Step, args: Arguments, kwargs: Settings) -> Call:
    if getattr(step.operation, "_call_has_training_arg", False):
        kwargs = {**kwargs, "training": False}
    return args, kwargs


def _run_watched(
    step: Step,
    args: Arguments,
    kwargs: Settings,
    inner: Mapping[tuple[Key, int], LayerHandle],
    before: Sequence[LayerHandle],
    found: dict[str, Tensor],
    hook: Hook,
    *,
    whole: bool,
) -> list[Tensor]:
    """Runs a step, taking the calls inside it; stops inside it unless all of it is needed."""
    missing = {f"layer:{handle.info.name}" for handle in inner.values()}
    missing |= {f"before:{handle.info.name}" for handle in before}
    captured: dict[int, list[Tensor]] = {}

    def report(key: Key, layer: keras.Layer, outputs: Structure) -> Structure:
        tensors = list(keras.tree.flatten(outputs))
        for output, tensor in enumerate(tensors):
            for handle in before:
                if (handle.key, handle.output) == (key, output):
                    value = _before(captured[id(handle.layer)], tensor)
                    found[f"before:{handle.info.name}"] = value
                    missing.discard(f"before:{handle.info.name}")
            if (key, output) in inner:
                handle = inner[key, output]
                tensors[output] = hook(handle, tensor)
                found[f"layer:{handle.info.name}"] = tensors[output]
                missing.discard(f"layer:{handle.info.name}")
        if not missing and not whole:
            raise _Enough
        return keras.tree.pack_sequence_as(outputs, tensors)

    with contextlib.ExitStack() as stack:
        for handle in before:
            if id(handle.layer) not in captured:
                captured[id(handle.layer)] = stack.enter_context(_capturing(handle.layer))
        stack.enter_context(watch(step.operation, step.key, report))
        try:
            return list(keras.tree.flatten(operation_of(step)(*args, **kwargs)))
        except _Enough:
            return []


def _activates(operation: keras.Operation) -> bool:
    """Whether an operation ends in an activation function that is not the identity."""
    if type(operation).__name__ in RESHAPING or role_of(operation) == "activation":
        return True
    return getattr(operation, "activation", None) is not None and not _is_linear(operation)


def _is_linear(operation: keras.Operation) -> bool:
    """Whether an operation is an activation layer that does nothing."""
    function = getattr(operation, "activation", None)
    return (
        type(operation).__name__ == "Activation" and getattr(function, "__name__", None) == "linear"
    )


@contextlib.contextmanager
def _capturing(layer: keras.Layer) -> Iterator[list[Tensor]]:
    """Keeps what a layer gives to its activation function, while the block lasts.

    Gives:
        A list, the last call at the end; empty for a layer without such a function.
    """
    seen: list[Tensor] = []
    if role_of(layer) == "activation":
        name = "call"
    elif callable(getattr(layer, "activation", None)):
        name = "activation"
    else:
        yield seen
        return

    def recording(original: Function) -> Function:
        @functools.wraps(original, updated=())
        def record(*args: Tensor, **kwargs: Tensor) -> Tensor:
            seen.append(next(iter((*args, *kwargs.values()))))
            return original(*args, **kwargs)

        return record

    with patched([(layer, name, recording)]):
        yield seen


def _before(seen: Sequence[Tensor], given: Tensor) -> Tensor:
    """What an activation function took last, where that has the form of what came of it."""
    return seen[-1] if seen and tuple(seen[-1].shape) == tuple(given.shape) else given


def _plain_float(tensor: Tensor) -> Tensor:
    """Half precision as float32, since NumPy cannot hold every kind of it."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return keras.ops.cast(tensor, "float32") if dtype in {"bfloat16", "float16"} else tensor
