"""A network laid out for given input shapes: its program, its layers, and where it stops.

Also whether there is memory for a pass.
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
    """The layer at which the computation of a file's network stops, and why."""

    source: str  # the file
    layer: str  # the name of the layer that cannot be computed
    reason: str  # a clause that follows "which"
    code: bool = False  # whether ``trust`` would run its code

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
    """The stop of each step that cannot be run: its own, or that of a step that it depends on."""
    stopped: dict[int, Stop] = {}  # by value
    stops: dict[int, Stop] = {}
    for index, step in enumerate(program.steps):
        before = (stopped[value] for _, value in step.inputs if value in stopped)
        stop = stop_of(step) or next(before, None)
        if stop is not None:
            stops[index] = stop
            stopped |= dict.fromkeys(step.outputs, stop)
    return stops


@dataclass(frozen=True, eq=False, slots=True)
class LayerHandle:
    """An output of a layer that can be requested."""

    info: LayerInfo
    index: int  # the index of its step
    key: Key  # the path of the call
    inner: bool  # whether this is a call inside a step
    output: int  # the index of the tensor among the outputs of the call
    layer: Any  # the layer or operation itself


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A model for given input shapes."""

    program: Program
    handles: Mapping[str, LayerHandle]  # by name, in the order in which they run
    formats: Mapping[int, str]  # the order of axes of each value of the program
    unfit: Mapping[int, LayersightError]  # why steps do not take the shapes before them, by index
    # The layer of each output of the model; ``None`` where it is computed outside of any.
    ends: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()  # what a reader should know of how layers are called
    stops: Mapping[int, Stop] = field(default_factory=dict)  # of steps that cannot be run, by index
    # The shape and the type of each value that the model takes.
    inputs: Mapping[int, tuple[Shape, str]] = field(default_factory=dict)
    # A cache: the bytes that each step of a pass needs, by the indices of the steps of the pass.
    bytes_needed: dict[tuple[int, ...], Mapping[int, int]] = field(default_factory=dict)


def ends_of(
    program: Program, handles: Mapping[str, LayerHandle], last: Sequence[tuple[Key, int] | None]
) -> tuple[str | None, ...]:
    """The layer of each output; for a model without a graph the call that gives it."""
    inner = {(handle.key, handle.output): name for name, handle in handles.items() if handle.inner}
    if not program.outputs:
        return tuple(None if call is None else inner.get(call) for call in last)
    names = {
        program.steps[handle.index].outputs[handle.output]: name
        for name, handle in handles.items()
        if not handle.inner
    }
    return tuple(names.get(value) for value in program.outputs)


def producers_of(program: Program, names: Mapping[Key, str]) -> dict[int, str]:
    """The name of the layer that computes each value; ``"input"`` for an input."""
    producers = dict.fromkeys(program.inputs, "input")
    for step in program.steps:
        for output, value in enumerate(step.outputs):
            suffix = f"[{output}]" if len(step.outputs) > 1 else ""
            producers[value] = names.get(step.key, "") + suffix
    return producers


SMALL = 1 << 27  # bytes up to which the free memory is not checked


def check_room(view: View, layers: Sequence[str], images: int, *, any_size: bool) -> None:
    """Refuses a pass whose maps do not fit into free memory, whoever made the model."""
    total = images * sum(count_bytes(view.handles[name].info.output_shape) for name in layers)
    if total <= SMALL or (free := free_memory()) is None or total <= free:
        return
    what = "one image" if images == 1 else f"{images} images at once"
    more = ["give fewer images"] if images > 1 else []
    raise ModelInputError(
        f"the requested layers would give {in_words(total)} for {what}{largest_of(view, layers)}, "
        f"more than the {in_words(free)} of memory that are free: "
        + alternatives(view, None, *more, any_size=any_size)
    )


def largest_of(view: View, layers: Sequence[str]) -> str:
    """The layer with the largest output, in words; nothing for a single layer."""
    if len(layers) < 2:
        return ""
    shapes = {name: view.handles[name].info.output_shape for name in layers}
    largest = max(layers, key=lambda name: count_bytes(shapes[name]))
    return f", the largest of them '{largest}' of shape {shapes[largest]}"


def alternatives(view: View, index: int | None, *more: str, any_size: bool) -> str:
    """What can be requested instead; ``index`` is that of a step that is too large by itself."""
    names = [name for name, handle in view.handles.items() if handle.index == index]
    options = ["choose fewer layers with -l (layers=)"]
    if names:
        first = next(iter(view.handles)) in names
        options = [] if first else [f"choose layers before '{names[0]}' with -l (layers=)"]
    if any_size:
        options.append("give a smaller --size (size=)")
    return " or ".join([*options, *more])
