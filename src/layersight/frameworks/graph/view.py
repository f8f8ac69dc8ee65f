"""What can be seen of a network for given input shapes: its program, its layers, where it stops.

Also whether there is memory for what is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layersight.data.model import LayerInfo, Shape
from layersight.errors import LayersightError, ModelInputError
from layersight.frameworks.graph.program import Key, Program, Step
from layersight.frameworks.graph.sizes import count_bytes
from layersight.limits import free_memory, in_words


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and why the computation of a file's network stops."""

    source: str  # the file
    layer: str  # the name of the layer that cannot be computed
    reason: str  # why, as it follows on "which"
    code: bool = False  # whether ``trust`` would let its code run

    def describe(self, layer: str) -> str:
        """Why a layer cannot be computed, as a sentence without a full stop."""
        if layer.rpartition("/")[2].partition("@")[0] == self.layer:
            return f"layer '{layer}' {self.reason}"
        return f"layer '{layer}' depends on layer '{self.layer}', which {self.reason}"

    def instead(self) -> str:
        """What else can be done about it."""
        trusted = "--trust runs the code of a file that is your own; " if self.code else ""
        return f"{trusted}from Python, pass the live model to layersight.load_model"

    def explain(self, layer: str) -> str:
        """Why a layer cannot be computed, and what else can be done."""
        return f"{self.describe(layer)}. What else can be done: {self.instead()}"


def find_stops(program: Program, stop_of: Callable[[Step], Stop | None]) -> dict[int, Stop]:
    """For each step that cannot be run where and why the computation stops before or at it."""
    producers = program.producers()
    found: dict[int, Stop] = {}
    for index, step in enumerate(program.steps):
        givers = [producers.get(value) for _, value in step.inputs]
        before = (found[giver] for giver in givers if giver in found)
        stop = stop_of(step) or next(before, None)
        if stop is not None:
            found[index] = stop
    return found


@dataclass(frozen=True, eq=False, slots=True)
class LayerHandle:
    """One layer that can be asked for."""

    info: LayerInfo  # what is known of it
    index: int  # the index of its step
    key: Key  # where the call stands, for calls inside a step
    inner: bool  # whether it is such a call
    output: int  # which of several tensors that the call gives
    layer: Any  # the layer or operation itself


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A model for given input shapes."""

    program: Program  # its steps
    handles: Mapping[str, LayerHandle]  # its layers by name, in the order in which they run
    formats: Mapping[int, str]  # the order of axes of each value of the program
    # The indices of the steps that do not take what they would be given, and why.
    unfit: Mapping[int, LayersightError]
    # For each output of the model the name of the layer that gives it, ``None`` where it is
    # computed outside of any.
    ends: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()  # what a reader should know of how layers are called
    # The indices of the steps that cannot be run, and where the computation stops.
    stops: Mapping[int, Stop] = field(default_factory=dict)
    # The shape and the type of each value that the model takes.
    taken: Mapping[int, tuple[Shape, str]] = field(default_factory=dict)
    # What each step of a pass holds, once that is known, by the indices of its steps.
    held: dict[tuple[int, ...], Mapping[int, int]] = field(default_factory=dict)


def ends_of(
    program: Program, handles: Mapping[str, LayerHandle], last: Sequence[tuple[Key, int] | None]
) -> tuple[str | None, ...]:
    """The layer of each output; of a model without a graph the call that gives it."""
    inner = {(handle.key, handle.output): name for name, handle in handles.items() if handle.inner}
    if not program.outputs:
        return tuple(None if call is None else inner.get(call) for call in last)
    given = {
        program.steps[handle.index].outputs[handle.output]: name
        for name, handle in handles.items()
        if not handle.inner
    }
    return tuple(given.get(value) for value in program.outputs)


def givers_of(program: Program, names: Mapping[Key, str]) -> dict[int, str]:
    """For each value the name of the layer, or of the input, that gives it."""
    givers = dict.fromkeys(program.inputs, "input")
    for step in program.steps:
        for output, value in enumerate(step.outputs):
            suffix = f"[{output}]" if len(step.outputs) > 1 else ""
            givers[value] = names.get(step.key, "") + suffix
    return givers


SMALL = 1 << 27  # up to how many bytes it is not looked whether there is memory for them


def check_room(view: View, layers: Sequence[str], images: int, *, any_size: bool) -> None:
    """Refuses a pass whose maps do not fit into the memory that is free, whoever made the model."""
    total = images * sum(count_bytes(view.handles[name].info.output_shape) for name in layers)
    if total <= SMALL or (free := free_memory()) is None or total <= free:
        return
    what = "one image" if images == 1 else f"{images} images at once"
    more = ["give fewer images"] if images > 1 else []
    raise ModelInputError(
        f"the layers asked for would give {in_words(total)} for {what}{largest_of(view, layers)}, "
        f"more than the {in_words(free)} of memory that are free: "
        + ways_out(view, None, *more, any_size=any_size)
    )


def largest_of(view: View, layers: Sequence[str]) -> str:
    """Which of several layers gives the most, in words; nothing for a single one."""
    if len(layers) < 2:
        return ""
    shapes = {name: view.handles[name].info.output_shape for name in layers}
    largest = max(layers, key=lambda name: count_bytes(shapes[name]))
    return f", the largest of them '{largest}' of shape {shapes[largest]}"


def ways_out(view: View, index: int | None, *more: str, any_size: bool) -> str:
    """What else can be asked for.

    ``index`` is that of a step that is too much by itself.
    """
    names = [name for name, handle in view.handles.items() if handle.index == index]
    ways = ["choose fewer layers with -l (layers=)"]
    if names:
        first = next(iter(view.handles)) in names
        ways = [] if first else [f"choose layers before '{names[0]}' with -l (layers=)"]
    if any_size:
        ways.append("give a smaller --size (size=)")
    return " or ".join([*ways, *more])
