"""The scale of pixels that the inputs of a model expect, found from the model itself.

The stem of a network is what it computes of an input before its first learned weights. It is found
in the flat list of steps and run on plain pictures (:mod:`layersight.data.stem`). Where it leaves
the scale of pixels open, the name of a known architecture decides, if the first weights are those
of that architecture.

The rule of this module: a stem is run, never guessed from the classes of its layers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from layersight.data.arrays import Array, FloatArray
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.data.stem import Reading, read_stem
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import to_model_axes
from layersight.frameworks.graph.program import Key, Program, Step
from layersight.frameworks.graph.sizes import count_values
from layersight.loading.architectures import (
    Architecture,
    find_by_layers,
    find_by_model_name,
)

_log = logging.getLogger("layersight")

SIDE = 32  # the largest side in pixels of the plain pictures, if the stem takes that size
MOST_VALUES = 2**26  # the most numbers of these pictures that are in memory at a time
MOST_NUMBERS = 64  # the most numbers of a picture that are compared

# The scale for an input of integers.
INTEGERS = SCALES["none"].because("the input takes whole numbers", "model")


class Framework(Protocol):
    """How a framework inspects the steps of a network and runs them."""

    def is_learned(self, step: Step) -> bool:
        """Whether a step has weights other than statistics of a data set."""

    def is_stopped(self, step: Step) -> bool:
        """Whether a step cannot be run."""

    def count_weights(self, step: Step) -> int:
        """The number of values of its weights."""

    def formats(self, program: Program) -> Mapping[int, str]:
        """The order of axes of each value."""

    def inside(self, step: Step) -> tuple[Program, InputInfo] | None:
        """The model with one input that a step wraps, and that input; ``None`` for other steps."""

    def to_tensor(self, pictures: Array, dtype: str) -> Any:
        """Converts pictures to a tensor of the type of an input."""

    def to_array(self, tensor: Any) -> FloatArray:
        """Converts a tensor to an array."""

    def run(self, step: Step, values: Mapping[int, Any]) -> Sequence[Any]:
        """Runs a step at inference; ``values`` are by number."""


def read_program(
    program: Program, name: str, inputs: Sequence[InputInfo], framework: Framework
) -> tuple[Reading, ...]:
    """The scale that each input expects."""
    return tuple(
        _read_input(program, name, inputs, number, framework)
        if entry.accepts_image or entry.possible_picture
        else Reading()
        for number, entry in enumerate(inputs)
    )


def _read_input(
    program: Program, name: str, inputs: Sequence[InputInfo], number: int, framework: Framework
) -> Reading:
    if not inputs[number].accepts_image:
        inputs = [*inputs[:number], inputs[number].as_picture(), *inputs[number + 1 :]]
    entry = inputs[number]
    if takes_integers(entry):
        return Reading(INTEGERS)
    end = _find_end(program, number, framework)
    if end is None:
        return Reading()
    stem = _Stem(program, inputs, number, end, framework)
    reading = read_stem(stem, channels_of(entry)) if stem.computes else Reading()
    if reading.preprocessing is not None:
        return reading
    family = _family(program, name, program.steps[end.index].key)
    if family is None or family.scale == "none":  # these scale by layers, which are missing here
        return reading
    scale = family.preprocessing
    return Reading(scale.swapped() if reading.swapped else scale, reading.swapped)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a stem: the first step after it, and the number of the value it takes."""

    index: int
    value: int


def _find_end(program: Program, number: int, framework: Framework) -> _End | None:
    """The end of the stem of an input: of several, that which most learned weights depend on.

    Whatever is computed from inputs alone belongs to the stem, up to a step that has learned
    weights or that takes another value as well.
    """
    origins = {value: {index} for index, value in enumerate(program.inputs)}
    learned: list[_End] = []
    mixed: list[_End] = []
    for index, step in enumerate(program.steps):
        taken = [value for _, value in step.inputs if value in origins]
        if not taken:
            continue
        has_weights = framework.is_learned(step)
        if has_weights or len(taken) < len(step.inputs) or framework.is_stopped(step):
            here = [_End(index, value) for value in taken if number in origins[value]]
            (learned if has_weights else mixed).extend(here)
        else:
            origins |= dict.fromkeys(step.outputs, set().union(*(origins[v] for v in taken)))
    ends = {end.value: end for end in reversed(learned or mixed)}
    if len(ends) < 2:
        return next(iter(ends.values()), None)
    return max(
        ends.values(), key=lambda end: (_weights_after(program, end.index, framework), -end.index)
    )


def _weights_after(program: Program, start: int, framework: Framework) -> int:
    """The number of weights of the step at ``start`` and of all that depend on it."""
    indices = [start, *program.dependents(program.steps[start].outputs)]
    layers = {id(step.operation): step for step in map(program.steps.__getitem__, indices)}
    return sum(framework.count_weights(step) for step in layers.values())


def _family(program: Program, name: str, key: Key) -> Architecture | None:
    """The known architecture, nested or not, in which a step has the first weights."""
    for depth in range(len(key) - 1, -1, -1):
        prefix = key[:depth]
        model = prefix[-1][0] if prefix else name
        layers = {s.key[depth][0] for s in program.steps if s.key[:depth] == prefix and s.key}
        family = find_by_model_name(model) or find_by_layers(layers)
        if family is not None:
            return family
    return None


def takes_integers(entry: InputInfo) -> bool:
    return entry.dtype.startswith(("int", "uint"))


def channels_of(entry: InputInfo) -> int:
    """The number of channels that can differ in a plain picture for an input."""
    axes = len(entry.example_shape)
    return entry.channels if axes >= 3 and entry.channels in (1, 2, 3, 4) else 1


@dataclass(eq=False)
class _Stem:
    """Runs the steps of a stem.

    Attributes:
        layers: The names of the layers that changed the pictures of the last run.
    """

    program: Program
    inputs: Sequence[InputInfo]
    number: int
    end: _End
    framework: Framework
    layers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._formats = self.framework.formats(self.program)
        index = self.program.producers().get(self.end.value)
        self._indices = [] if index is None else sorted(self.program.needed({index}))
        self._inner = self._inner_stem()

    @property
    def computes(self) -> bool:
        """Whether anything is computed before the first weights."""
        return bool(self._indices) or (self._inner is not None and self._inner.computes)

    def _inner_stem(self) -> _Stem | None:
        """The stem of the model that the step at the end wraps."""
        wrapped = self.framework.inside(self.program.steps[self.end.index])
        if wrapped is None:
            return None
        program, entry = wrapped
        end = _find_end(program, 0, self.framework)
        return None if end is None else _Stem(program, [entry], 0, end, self.framework)

    def __call__(self, colours: FloatArray, *, ramp: bool = False) -> FloatArray:
        """Gives the numbers that reach the first weights; none if the stem cannot be run."""
        steps = [self.program.steps[index] for index in self._indices]
        values = sum(count_values(shape) for step in steps for shape in step.shapes)
        batch = MOST_VALUES // max(1, values)
        if not batch:
            return np.zeros((0, 0), np.float32)
        parts = [colours[n : n + batch] for n in range(0, len(colours), batch)]
        for side in (SIDE, None):
            try:
                numbers = np.concatenate([self._run(part, side, ramp=ramp) for part in parts])
            except Exception:  # foreign code; a smaller picture may have been the reason
                _log.debug("a stem does not run on pictures of %s", side, exc_info=True)
                continue
            if numbers.size:
                break
        else:
            return np.zeros((0, 0), np.float32)
        if self._inner is not None and self._inner.computes:
            numbers = self._inner(numbers, ramp=ramp)
            self.layers = self.layers + self._inner.layers
        return numbers

    def _run(self, colours: FloatArray, side: int | None, *, ramp: bool) -> FloatArray:
        values: dict[int, Any] = {}
        sampled: dict[int, FloatArray] = {}
        for number, (value, entry) in enumerate(zip(self.program.inputs, self.inputs, strict=True)):
            shown = colours if number == self.number else np.zeros((len(colours), 1), np.float32)
            pictures = plain_pictures(entry, shown, side, ramp=ramp and number == self.number)
            values[value] = self.framework.to_tensor(pictures, entry.dtype)
            sampled[value] = sample(pictures, self._formats[value], ramp=ramp)
        self.layers = []
        for index in self._indices:
            step = self.program.steps[index]
            for value, tensor in zip(step.outputs, self.framework.run(step, values), strict=True):
                values[value] = tensor
                array = self.framework.to_array(tensor)
                sampled[value] = sample(array, self._formats[value], ramp=ramp)
            before = [sampled[value] for _, value in step.inputs]
            if any(not _is_unchanged(before, sampled[value]) for value in step.outputs):
                self.layers.append("/".join(name for name, _ in step.key))
        return sampled[self.end.value]


def plain_pictures(
    entry: InputInfo, colours: FloatArray, largest: int | None, *, ramp: bool
) -> Array:
    """Plain pictures for an input, in its own order of axes.

    ``colours`` is ``(picture, channel)``. No side has more than ``largest`` pixels; with ``ramp``
    the pictures rise from black at the left.
    """
    shape = [size or SIDE for size in entry.example_shape]
    shape[-1] = entry.example_shape[-1] or colours.shape[-1]
    if largest is not None and entry.picture is None:
        shape[:-1] = [min(size, largest) for size in shape[:-1]]
    pixels = colours if shape[-1] == colours.shape[-1] else colours[:, :1]
    pixels = pixels.reshape(len(colours), *(1,) * (len(shape) - 1), -1)
    if ramp and len(shape) >= 2:
        pixels = pixels * np.linspace(0, 1, shape[-2], dtype=np.float32)[:, None]
    pictures = np.ascontiguousarray(np.broadcast_to(pixels, (len(colours), *shape)), np.float32)
    return np.ascontiguousarray(to_model_axes(pictures, entry, np.moveaxis, np.reshape))


def sample(array: Array, order: str, *, ramp: bool) -> FloatArray:
    """A few numbers of each picture, ``(picture, number)``: those of a pixel in the middle."""
    if array.ndim < 3:
        flat = array.reshape(len(array), -1)
        start = max(0, flat.shape[1] * (3 if ramp else 2) // 4 - MOST_NUMBERS // 2)
        return np.asarray(flat[:, start - start % 3 :][:, :MOST_NUMBERS], np.float32)
    if order == FIRST:
        array = np.moveaxis(array, 1, -1)
    middle = [size // 2 for size in array.shape[1:-1]]
    if ramp:
        middle[-1] = array.shape[-2] * 3 // 4
    return np.asarray(array[(slice(None), *middle)][:, :MOST_NUMBERS], np.float32)


def _is_unchanged(before: Sequence[FloatArray], after: FloatArray) -> bool:
    """Whether an output of a step equals one of its inputs."""
    return any(
        array.shape == after.shape and np.allclose(array, after, rtol=1e-4, atol=1e-4)
        for array in before
    )
