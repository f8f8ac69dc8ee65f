"""Running the steps of a model that are needed, and no others.

The rule of this module: the output of a layer can be read, and replaced, at the requested call;
nothing of the model has changed once the pass is over.
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
from layersight.frameworks.keras.shaping import get_item
from layersight.frameworks.keras.types import Arguments, Function, Hook, Settings, Structure, Tensor

Chain = list[tuple[int, keras.Operation]]  # indices of steps, with their operations

Call = tuple[Arguments, Settings]

# Layers and operations that keep all values.
RESHAPING = ("Reshape", "Flatten", "Permute", "Identity", "Squeeze", "ExpandDims", "Dropout")


class _Enough(BaseException):
    """Ends a pass inside a layer once everything requested is there.

    Not an ``Exception``, so that no layer takes it for a failure.
    """


def unchanged(_: LayerHandle, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, eq=False, slots=True)
class Passing:
    """A pass through a model: a function from its inputs to the requested tensors by name."""

    view: View  # the model for the shapes of its inputs
    name: str  # the model's name, for outputs of a model without a graph
    # Brings a list of inputs into the structure that such a model takes.
    pack: Callable[[list[Tensor]], Structure]
    # Turns an error in a layer, named in words, into one of layersight.
    explained: Callable[[str], AbstractContextManager[None]]
    wanted: tuple[LayerHandle, ...]  # the layers whose outputs are wanted: ``layer:NAME``
    # Those whose values before the activation function are wanted: ``before:NAME``.
    before: tuple[LayerHandle, ...] = ()
    outputs: bool = False  # whether the model's own outputs are wanted: ``output:NAME``
    # The layer from which on there are several versions of the single image, made by the hook.
    branch: LayerHandle | None = None
    _order: list[int] = field(init=False, default_factory=list)
    # The values that are not needed after each step.
    _done: dict[int, list[int]] = field(init=False, default_factory=dict)
    # The step that computes each value before an activation, and those that reshape it.
    _chains: dict[int, Chain] = field(init=False, default_factory=dict)
    # The steps that run on several versions of the image.
    _repeated: set[int] = field(init=False, default_factory=set)
    # The values of which there are several versions.
    _several: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        indices = {handle.index for handle in (*self.wanted, *self.before)}
        if self.branch is not None:
            indices.add(self.branch.index)
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
            self._chains[number] = self._chain(handle, producers)
        if self.branch is not None:
            start, outputs = self.branch.index, program.steps[self.branch.index].outputs
            # For a call inside a step, the whole step runs on several versions.
            self._several.update(outputs if self.branch.inner else [outputs[self.branch.output]])
            self._repeated.update({start} if self.branch.inner else ())
            self._repeated.update(program.dependents(self._several, self._order))
            for index in self._repeated:
                self._several.update(program.steps[index].outputs)

    def __call__(
        self, tensors: Sequence[Tensor], hook: Hook = unchanged, versions: int = 1
    ) -> dict[str, Tensor]:
        """Runs the steps.

        ``tensors`` are in the model's own order and axes; ``hook`` gets the output of each wanted
        layer, in the order in which they run; ``versions`` is their number after ``branch``.
        """
        program = self.view.program
        values = dict(zip(program.inputs, tensors, strict=True))
        shadows: dict[tuple[int, int], Tensor] = {}
        results: dict[str, Tensor] = {}
        for index in self._order:
            step = program.steps[index]
            inputs = values
            if index in self._repeated:
                numbers = values if step.node is None else {value for _, value in step.inputs}
                inputs = {
                    value: values[value]
                    if value in self._several
                    else keras.ops.repeat(values[value], versions, axis=0)
                    for value in numbers
                }
            wanted = [handle for handle in self.wanted if handle.index == index]
            inner = [handle for handle in self.before if handle.inner and handle.index == index]
            with contextlib.ExitStack() as stack:
                captured = {
                    number: stack.enter_context(_capturing(chain[0][1]))
                    for number, chain in self._chains.items()
                    if chain and chain[0][0] == index
                }
                rest = index != self._order[-1] or self.outputs
                outputs = self._run(step, inputs, wanted, inner, results, hook, rest=rest)
            for number, seen in captured.items():
                for output, value in enumerate(step.outputs):
                    shadows[number, value] = _before(seen, outputs[output])
            self._follow_shadows(index, step, values, shadows, results)
            values.update(zip(step.outputs, outputs, strict=False))
            for value in self._done[index]:
                values.pop(value, None)
            if step.node is None and self.outputs:
                for number, tensor in enumerate(outputs):
                    suffix = f"[{number}]" if len(outputs) > 1 else ""
                    results[f"output:{self.name}{suffix}"] = tensor
        if self.outputs:
            for name, value in zip(program.output_names, program.outputs, strict=True):
                results[f"output:{name}"] = values[value]
        return {name: _to_float32(tensor) for name, tensor in results.items()}

    def _chain(self, handle: LayerHandle, producers: Mapping[int, int]) -> Chain:
        """The step that computes the value before an activation, and those that reshape it.

        Empty for a call inside a step, where the value is captured.
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
        results: dict[str, Tensor],
    ) -> None:
        """Reshapes a value before its activation as that after it is."""
        for number, chain in self._chains.items():
            if index in [other for other, _ in chain[1:]]:
                inputs = {
                    tensor: shadows[number, value] if (number, value) in shadows else values[value]
                    for tensor, value in step.inputs
                }
                tensors = keras.tree.flatten(call(step, inputs))
                shadows |= {
                    (number, value): tensor
                    for value, tensor in zip(step.outputs, tensors, strict=True)
                }
            if chain and index == chain[-1][0]:
                handle = self.before[number]
                name = f"before:{handle.info.name}"
                results[name] = shadows[number, step.outputs[handle.output]]

    def _run(
        self,
        step: Step,
        values: Mapping[int, Tensor],
        wanted: Sequence[LayerHandle],
        before: Sequence[LayerHandle],
        results: dict[str, Tensor],
        hook: Hook,
        *,
        rest: bool,
    ) -> list[Tensor]:
        """Runs a step and collects what is wanted of it and inside it."""
        if step.node is None:
            program = self.view.program
            inputs = [values[number] for number in program.inputs if number in values]
            args, kwargs = _not_training(step, (self.pack(inputs),), {})
        else:
            args, kwargs = call_arguments(
                step, {tensor: values[value] for tensor, value in step.inputs}
            )
        inner = {(handle.key, handle.output): handle for handle in wanted if handle.inner}
        complete = rest or any(not handle.inner for handle in wanted)
        with self.explained(f"layer '{step.key[-1][0]}'" if step.key else "the model"):
            if not inner and not before:
                outputs = list(keras.tree.flatten(operation_of(step)(*args, **kwargs)))
            else:
                outputs = _run_watched(
                    step, args, kwargs, inner, before, results, hook, complete=complete
                )
        for handle in wanted:
            if not handle.inner:
                outputs[handle.output] = hook(handle, outputs[handle.output])
                results[f"layer:{handle.info.name}"] = outputs[handle.output]
        return outputs


def operation_of(step: Step) -> Function:
    """The operation of a step, or one that computes the same on every backend.

    PyTorch refuses slices that go backwards, which reverse the order of colours.
    """
    if type(step.operation).__name__ == "GetItem":
        return get_item
    operation: Function = step.operation
    return operation


def call_arguments(step: Step, tensors: Mapping[int, Tensor]) -> Call:
    """The arguments of a step of a graph, at inference.

    ``tensors`` are by the identities of the symbolic tensors of its node.
    """
    return _not_training(step, *step.node.arguments.fill_in(tensors))


def call(step: Step, tensors: Mapping[int, Tensor]) -> Structure:
    """Runs a step of a graph at inference, with tensors as in :func:`call_arguments`."""
    args, kwargs = call_arguments(step, tensors)
    return operation_of(step)(*args, **kwargs)


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
    results: dict[str, Tensor],
    hook: Hook,
    *,
    complete: bool,
) -> list[Tensor]:
    """Runs a step and collects calls inside it; stops after these unless all of it is needed."""
    missing = {f"layer:{handle.info.name}" for handle in inner.values()}
    missing |= {f"before:{handle.info.name}" for handle in before}
    captured: dict[int, list[Tensor]] = {}

    def report(key: Key, layer: keras.Layer, outputs: Structure) -> Structure:
        tensors = list(keras.tree.flatten(outputs))
        for output, tensor in enumerate(tensors):
            for handle in before:
                if (handle.key, handle.output) == (key, output):
                    value = _before(captured[id(handle.layer)], tensor)
                    results[f"before:{handle.info.name}"] = value
                    missing.discard(f"before:{handle.info.name}")
            if (key, output) in inner:
                handle = inner[key, output]
                tensors[output] = hook(handle, tensor)
                results[f"layer:{handle.info.name}"] = tensors[output]
                missing.discard(f"layer:{handle.info.name}")
        if not missing and not complete:
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
    function = getattr(operation, "activation", None)
    return (
        type(operation).__name__ == "Activation" and getattr(function, "__name__", None) == "linear"
    )


@contextlib.contextmanager
def _capturing(layer: keras.Layer) -> Iterator[list[Tensor]]:
    """Records the arguments of the activation function of a layer in the block.

    Yields:
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


def _before(seen: Sequence[Tensor], output: Tensor) -> Tensor:
    """The last argument of an activation function, if it has the shape of the output."""
    return seen[-1] if seen and tuple(seen[-1].shape) == tuple(output.shape) else output


def _to_float32(tensor: Tensor) -> Tensor:
    """Half precision as float32, since NumPy does not have all kinds of it."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return keras.ops.cast(tensor, "float32") if dtype in {"bfloat16", "float16"} else tensor
