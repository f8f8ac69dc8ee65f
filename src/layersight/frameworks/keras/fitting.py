"""The sizes of images that a network takes, found from shapes alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
from keras.src.layers.input_spec import assert_input_compatibility  # not exported

from layersight.data.model import Shape
from layersight.errors import LayersightError, ModelInputError
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.keras.explaining import own_error
from layersight.frameworks.keras.types import Arguments, Settings, tensors_in

LARGEST = 256  # the largest step of sizes that is tried
SMALL = 16  # up to this, every step is tried; above, products of strides and the like
TRIES = 400  # the most sizes that are tried


@dataclass(frozen=True, slots=True)
class Fitting:
    """The sizes that fit, along height and width."""

    steps: tuple[int, int]  # from one size that fits to the next
    offsets: tuple[int, int]  # what a size that fits has in addition to a multiple of its step
    nearest: tuple[int, int]  # the size that fits nearest to that of the image

    def describe(self) -> str:
        """The condition for sides of an image, as a sentence without a full stop.

        >>> Fitting((8, 8), (0, 0), (88, 120)).describe()
        'the sides of an image must be multiples of 8'
        >>> Fitting((16, 1), (12, 0), (188, 200)).describe()
        'the height of an image must be a multiple of 16 plus 12'
        """
        texts = [
            f"{step}{f' plus {offset}' if offset else ''}"
            for step, offset in zip(self.steps, self.offsets, strict=True)
        ]
        if texts[0] == texts[1]:
            return f"the sides of an image must be multiples of {texts[0]}"
        pairs = zip(("height", "width"), self.steps, texts, strict=True)
        return " and ".join(
            f"the {name} of an image must be a multiple of {text}"
            for name, step, text in pairs
            if step > 1
        )


def sizes_that_fit(
    program: Program, inputs: Mapping[int, tuple[Shape, str]], indices: Sequence[int]
) -> str | None:
    """The sizes that a network takes, in words, if those of its inputs do not fit.

    ``None`` if the network is for fixed sizes, or takes all sizes that are large enough.
    """
    free = _free_axes(program)
    if not free:
        return None
    value, axes = next(iter(free.items()))
    size = _sides(inputs[value][0], axes)
    alike = [one for one in free if free[one] == axes and _sides(inputs[one][0], axes) == size]

    def fits(height: int, width: int) -> bool:
        changed = dict(inputs)
        for number in alike:
            shape = list(inputs[number][0])
            shape[axes[0]], shape[axes[1]] = height, width
            changed[number] = tuple(shape), inputs[number][1]
        return _runs(program, changed, indices)

    fitting = find_fitting(fits, size, _factors(program, indices))
    if fitting is None:
        return None
    height, width = fitting.nearest
    return (
        f"{fitting.describe()}: found {size[0]}x{size[1]} (height x width), give --size "
        f"{height}x{width}"
    )


def find_fitting(
    fits: Callable[[int, int], bool], size: tuple[int, int], factors: Sequence[int]
) -> Fitting | None:
    """The sizes that fit, where these are a fixed step apart.

    ``size`` does not fit; ``factors`` are those by which layers divide sizes. ``None`` if no size
    or no such step is found.

    >>> find_fitting(lambda h, w: h % 8 == w % 8 == 0, (90, 120), [2, 2, 2])
    Fitting(steps=(8, 8), offsets=(0, 0), nearest=(88, 120))
    >>> find_fitting(lambda h, w: h > 99, (90, 120), [2]) is None
    True
    """
    left = iter(range(TRIES))

    def try_size(height: int, width: int) -> bool:
        return height > 0 and width > 0 and next(left, None) is not None and fits(height, width)

    steps = _products(factors)
    start = max(size)
    upwards = [-(-start // steps[-1]) * steps[-1], *range(start, start + steps[-1])]
    square = next((side for side in upwards if try_size(side, side)), None)
    if square is None:
        return None

    def step_along(down: int, right: int) -> int:
        """The smallest step along one axis; 0 if there is none."""
        for step in steps:
            sizes = ((square + n * step * down, square + n * step * right) for n in (1, 3))
            if all(try_size(*pair) for pair in sizes):
                return step
        return 0

    vertical, horizontal = step_along(1, 0), step_along(0, 1)
    if not vertical or not horizontal or vertical == horizontal == 1:
        return None
    offsets = square % vertical, square % horizontal
    pairs = itertools.product(
        _near(size[0], vertical, offsets[0]), _near(size[1], horizontal, offsets[1])
    )
    order = sorted(pairs, key=lambda pair: abs(pair[0] - size[0]) + abs(pair[1] - size[1]))
    nearest = next((pair for pair in order if try_size(*pair)), (square, square))
    return Fitting((vertical, horizontal), offsets, nearest)


def _near(side: int, step: int, rest: int) -> Iterator[int]:
    """Sizes that fit along an axis, near one that does not."""
    below = (side - rest) // step
    return (count * step + rest for count in range(below - 1, below + 4))


def _products(factors: Sequence[int]) -> list[int]:
    """All small numbers and the products of any of the factors, in order.

    >>> _products([2, 2, 2, 5])[-4:]
    [15, 16, 20, 40]
    """
    products = {1}
    for factor in factors:
        products |= {number * factor for number in products if number * factor <= LARGEST}
    return sorted(products | set(range(1, SMALL + 1)))


def _factors(program: Program, indices: Sequence[int]) -> list[int]:
    """The factors by which steps divide and multiply sizes."""
    every = []
    for index in indices:
        operation = program.steps[index].operation
        for name in ("strides", "pool_size", "size"):
            value = getattr(operation, name, None)
            numbers = value if isinstance(value, tuple | list) else (value,)
            factors = {n for n in numbers if isinstance(n, int) and 1 < n <= LARGEST}
            every += sorted(factors)
            if factors:
                break
    return every


def _free_axes(program: Program) -> dict[int, tuple[int, int]]:
    """The two axes of inputs that can have any size, by value."""
    free = {}
    for step in program.steps:
        tensors = [] if step.node is None else step.node.input_tensors
        for (_, value), tensor in zip(step.inputs, tensors, strict=False):
            axes = [
                axis
                for axis in (1, 2, 3)
                if axis < len(tensor.shape) and tensor.shape[axis] is None
            ]
            if value in program.inputs and len(tensor.shape) == 4 and len(axes) == 2:
                free[value] = (axes[0], axes[1])
    return free


def _sides(shape: Shape, axes: tuple[int, int]) -> tuple[int, int]:
    return shape[axes[0]] or 1, shape[axes[1]] or 1


def _runs(
    program: Program, inputs: Mapping[int, tuple[Shape, str]], indices: Sequence[int]
) -> bool:
    """Whether shapes fit all steps."""
    specs: dict[int, keras.KerasTensor] = {
        value: keras.KerasTensor(shape, dtype=dtype) for value, (shape, dtype) in inputs.items()
    }
    for index in indices:
        step = program.steps[index]
        if step.node is None:
            continue
        tensors = {tensor: specs[value] for tensor, value in step.inputs}
        args, kwargs = step.node.arguments.fill_in(tensors)
        try:
            outputs = spec_of(step, args, kwargs)
        except LayersightError:
            return False
        if any(size is not None and size < 1 for spec in outputs for size in spec.shape[1:]):
            return False
        specs.update(zip(step.outputs, outputs, strict=True))
    return True


def spec_of(step: Step, args: Arguments, kwargs: Settings) -> list[keras.KerasTensor]:
    """The outputs of a layer for tensors of other shapes than it was built with."""
    try:
        if isinstance(step.operation, keras.Layer):
            # As a call of the layer does.
            name, expected = step.operation.name, step.operation.input_spec
            assert_input_compatibility(expected, args[0] if len(args) == 1 else args, name)
        if isinstance(step.operation, keras.layers.Concatenate):
            # Keras notices that sizes do not match only when it runs.
            shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(args)]
            along = step.operation.axis % len(shapes[0])
            others = [set(sizes) for n, sizes in enumerate(zip(*shapes, strict=True)) if n != along]
            if wrong := [sizes for sizes in others if len(sizes - {None}) > 1]:
                raise ValueError(f"sizes {wrong[0]} do not match")
        return list(keras.tree.flatten(step.operation.compute_output_spec(*args, **kwargs)))
    except (LayersightError, MemoryError):
        raise
    except Exception as error:
        if (ours := own_error(error)) is not None:
            raise ours from error
        built = [tuple(tensor.shape) for tensor in step.node.input_tensors]
        shapes = [tuple(tensor.shape) for tensor in tensors_in((args, kwargs))]
        any_size = any(None in shape[1:] for shape in built)
        smaller = len(shapes) == len(built) and all(map(_is_smaller, shapes, built))
        raise ModelInputError(
            f"layer '{step.operation.name}' does not take an input of shape {_listed(shapes)}: "
            + (
                "the image is too small for it. Give a larger one, or a larger size with --size."
                if any_size or smaller
                else f"it was built for {_listed(built)}. Give the image in the size that the "
                "model was made for."
            )
        ) from error


def _is_smaller(shape: Shape, built: Shape) -> bool:
    """Whether a shape differs from another only by smaller sizes.

    >>> built = (None, 16, 16, 3)
    >>> _is_smaller((None, 8, 8, 3), built), _is_smaller((None, 8, 8, 1), built)
    (True, False)
    """
    if len(shape) != len(built) or len(shape) < 3 or None in (*shape[1:], *built[1:]):
        return False
    less = [(b or 0) - (a or 0) for a, b in zip(shape[1:], built[1:], strict=True)]
    alike = less[-1] == 0 or less[0] == 0  # the channels, last or first
    return alike and min(less) >= 0 and sum(n > 0 for n in less) == len(less) - 1


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(str(shape) for shape in shapes)
