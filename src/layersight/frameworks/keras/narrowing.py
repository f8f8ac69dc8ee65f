"""A few channels of layers, for which the last steps of a pass compute nothing else.

What a channel of a convolution gives rests on its own part of the kernel alone. So a pass to some
of its channels may leave out the others, through what treats every channel by itself: biases,
normalisation, activation functions, pooling, sums of branches and their concatenation.

The rule of this module: where it is not certain what a layer does to a channel, the layer is
computed as it is, and the channels are taken of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from layersight.frameworks.graph.geometry import LAST
from layersight.frameworks.graph.program import Step
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.axes import tensor_channels_last
from layersight.frameworks.keras.passing import Passing, filled

MIXING = (keras.layers.Conv2D, keras.layers.Dense)
"""Layers of which each channel has a part of the kernel, and takes all channels before it."""

EACH = (
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Subtract,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.Cropping2D,
    keras.layers.UpSampling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
)
"""Layers that do to each channel what they do to every other."""

FUNCTIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("sigmoid", "hard_sigmoid", "hard_silu", "tanh", "softplus", "softsign", "exponential"),
)
"""Activation functions of one number alone, by their names in ``keras.activations``."""


class Narrowing:
    """A pass to a few channels of layers.

    Args:
        view: The model for the shapes of its inputs.
        sights: The layers.
        pass_to: Makes a pass to the layers that are computed as they are.
    """

    def __init__(
        self,
        view: View,
        sights: Sequence[LayerHandle],
        pass_to: Callable[[tuple[LayerHandle, ...]], Passing],
    ) -> None:
        self._view = view
        self._ends = [view.program.steps[sight.index].outputs[sight.output] for sight in sights]
        self._producers = view.program.producers()
        self._steps, whole = self._find_steps()
        self._values = {
            sight.info.name: value
            for sight in view.handles.values()
            if not sight.inner
            and (value := view.program.steps[sight.index].outputs[sight.output]) in whole
        }
        self._passing = pass_to(tuple(view.handles[name] for name in self._values))

    @property
    def pays(self) -> bool:
        """Whether a convolution has less to do."""
        steps = self._view.program.steps
        return any(type(steps[place].operation) in MIXING for place in self._steps)

    def __call__(self, tensors: Sequence[Any], channels: Sequence[Any]) -> list[Any]:
        """Runs the pass.

        Args:
            tensors: The inputs in the model's own order and axes.
            channels: For each layer the numbers of some channels, ``(count,)``.

        Returns:
            For each layer ``(image, ..., count)``.
        """
        whole = dict(zip(self._view.program.inputs, tensors, strict=True))

        def keep(sight: LayerHandle, tensor: Any) -> Any:
            whole[self._values[sight.info.name]] = tensor
            return tensor

        self._passing(tensors, keep)
        pairs = zip(self._ends, channels, strict=True)
        found = [self._narrow(value, numbers, whole, {}) for value, numbers in pairs]
        return [ops.cast(tensor, "float32") for tensor in found]

    def _find_steps(self) -> tuple[set[int], set[int]]:
        """The steps that are computed for some channels alone, and the values that are not.

        What has to be computed as it is rests on none of these steps: they would run twice.
        """
        barred: set[int] = set()
        while True:
            steps, whole = self._walk(barred)
            places = {self._producers[value] for value in whole if value in self._producers}
            twice = steps & self._view.program.needed(places)
            if not twice:
                return steps, whole
            barred |= twice

    def _walk(self, barred: set[int]) -> tuple[set[int], set[int]]:
        """Back from the layers asked for, as far as there is something to leave out."""
        steps: set[int] = set()
        whole: set[int] = set()
        waiting = list(self._ends)
        while waiting:
            value = waiting.pop()
            place = self._producers.get(value)
            if place is None or place in barred or not self._is_narrow(place):
                whole.add(value)
            elif place not in steps:
                steps.add(place)
                step = self._view.program.steps[place]
                taken = [given for _, given in step.inputs]
                if type(step.operation) in MIXING:
                    whole.update(taken)
                else:
                    waiting += taken
        return steps, whole

    def _is_narrow(self, place: int) -> bool:
        step = self._view.program.steps[place]
        values = [*step.outputs, *(value for _, value in step.inputs)]
        if len(step.outputs) != 1 or any(self._view.formats[value] != LAST for value in values):
            return False
        return is_narrow(step)

    def _narrow(
        self, value: int, numbers: Any, whole: Mapping[int, Any], known: dict[int, Any]
    ) -> Any:
        """Some channels of a value."""
        place = self._producers.get(value)
        if place is None or place not in self._steps:
            tensor = tensor_channels_last(whole[value], self._view.formats[value])
            return ops.take(tensor, numbers, axis=-1)
        if value not in known:
            step = self._view.program.steps[place]
            with self._passing.explained(f"layer '{step.key[-1][0]}'"):
                known[value] = self._compute(step, numbers, whole, known)
        return known[value]

    def _compute(
        self, step: Step, numbers: Any, whole: Mapping[int, Any], known: dict[int, Any]
    ) -> Any:
        layer, taken = step.operation, [value for _, value in step.inputs]
        if type(layer) in MIXING:
            return _filtered(layer, whole[taken[0]], numbers)
        if type(layer) is keras.layers.Concatenate:
            return self._joined(step, numbers, whole, known)
        given = [self._narrow(value, numbers, whole, known) for value in taken]
        if type(layer) is keras.layers.BatchNormalization:
            return _normalised(layer, given[0], numbers)
        pairs = zip((tensor for tensor, _ in step.inputs), given, strict=True)
        args, kwargs = filled(step, dict(pairs))
        return layer(*args, **kwargs)

    def _joined(
        self, step: Step, numbers: Any, whole: Mapping[int, Any], known: dict[int, Any]
    ) -> Any:
        """Some channels of a concatenation: of every branch those that would be its own."""
        first, found = 0, None
        for tensor, value in step.inputs:
            count = _width(step, tensor)
            own = ops.clip(numbers - first, 0, count - 1)
            branch = self._narrow(value, own, whole, {})
            found = branch if found is None else ops.where(numbers >= first, branch, found)
            first += count
        return found


def is_narrow(step: Step) -> bool:
    """Whether some channels of a step can be had without the others."""
    layer = step.operation
    kind = type(layer)
    if kind in MIXING:
        plain = getattr(layer, "groups", 1) == 1 and not _is_changed(layer)
        return plain and _is_of_one_number(layer.activation)
    shapes = [tuple(tensor.shape) for tensor in step.node.input_tensors]
    rank = len(step.shapes[0])
    if kind is keras.layers.Concatenate:
        return _axis(layer.axis, rank) == rank - 1 and all(shape[-1] for shape in shapes)
    if any(shape[-1] != step.shapes[0][-1] for shape in shapes):
        return False  # one that is spread over the channels of another
    if kind is keras.layers.BatchNormalization:
        return _axis(layer.axis, rank) == rank - 1
    if kind is keras.layers.Activation:
        return _is_of_one_number(layer.activation)
    return kind in EACH and len({len(shape) for shape in shapes}) == 1


def _is_changed(layer: Any) -> bool:
    """Whether a kernel is more than what is stored as it."""
    return bool(getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None))


def _is_of_one_number(function: Any) -> bool:
    return function is None or getattr(function, "__name__", None) in FUNCTIONS


def _axis(axis: Any, rank: int) -> int:
    number = axis[0] if isinstance(axis, list | tuple) else axis
    return int(number) % rank


def _width(step: Step, tensor: int) -> int:
    """How many channels a tensor that a step takes has."""
    (found,) = {int(t.shape[-1]) for t in step.node.input_tensors if id(t) == tensor}
    return found


def _filtered(layer: Any, tensor: Any, numbers: Any) -> Any:
    """Some channels of a convolution or a dense layer, as its ``call`` computes them."""
    dtype = layer.compute_dtype
    tensor = ops.cast(tensor, dtype)
    kernel = ops.cast(ops.take(layer.kernel, numbers, axis=-1), dtype)
    if isinstance(layer, keras.layers.Dense):
        found = ops.matmul(tensor, kernel)
    else:
        found = layer.convolution_op(tensor, kernel)
    if layer.bias is not None:
        bias = ops.cast(ops.take(layer.bias, numbers, axis=0), dtype)
        found = ops.add(found, ops.reshape(bias, (1,) * (len(found.shape) - 1) + (-1,)))
    return found if layer.activation is None else layer.activation(found)


def _normalised(layer: Any, tensor: Any, numbers: Any) -> Any:
    """Some channels of a batch normalisation by its moving statistics."""
    wide = keras.backend.result_type(tensor.dtype, "float32")

    def own(weight: Any) -> Any:
        return None if weight is None else ops.cast(ops.take(weight, numbers, axis=0), wide)

    found = ops.batch_normalization(
        ops.cast(tensor, wide),
        own(layer.moving_mean),
        own(layer.moving_variance),
        axis=-1,
        offset=own(layer.beta) if layer.center else None,
        scale=own(layer.gamma) if layer.scale else None,
        epsilon=layer.epsilon,
    )
    return ops.cast(found, layer.compute_dtype)
