"""Layers of add-on libraries with weights that Keras lacks, for all backends.

The rule of this module: weights have the shapes and the order of the library, and a layer computes
the same as that of the library, at inference. The sources are listed in
:mod:`layersight.loading.rewrites.libraries`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from layersight.data.model import Shape
from layersight.frameworks.keras.gone import RestoredLayer
from layersight.frameworks.keras.types import Tensor


class _Normalization(RestoredLayer):
    """A normalisation with an optional scale ``gamma`` and shift ``beta``."""

    def __init__(
        self, epsilon: float = 1e-3, center: bool = True, scale: bool = True, **settings: object
    ) -> None:
        super().__init__(**settings)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale

    def _add_weights(self, shape: Sequence[int | None]) -> None:
        self.gamma = self._weight("gamma", shape) if self.scale else None
        self.beta = self._weight("beta", shape) if self.center else None
        self.built = True

    def _scaled(self, normalised: Tensor, shape: Sequence[int]) -> Tensor:
        """Scales and shifts normalised values by weights in a shape."""
        if self.gamma is not None:
            normalised = normalised * ops.reshape(self.gamma, shape)
        if self.beta is not None:
            normalised = normalised + ops.reshape(self.beta, shape)
        return normalised


class InstanceNormalization(_Normalization):
    """The layer of keras_contrib: ``y = gamma (x - mean) / (deviation + epsilon) + beta``.

    It is not that of tensorflow_addons, which divides by ``sqrt(variance + epsilon)``. Without an
    ``axis`` of channels all values of an image are normalised together.
    """

    def __init__(self, axis: int | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        if axis == 0:
            raise ValueError("expected an axis other than that of the batch, found 0")
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        self._add_weights((1 if self.axis is None else input_shape[self.axis],))

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        channels = None if self.axis is None else self.axis % rank
        axes = [axis for axis in range(1, rank) if axis != channels]
        mean = ops.mean(inputs, axis=axes, keepdims=True)
        outputs = (inputs - mean) / (ops.std(inputs, axis=axes, keepdims=True) + self.epsilon)
        return self._scaled(outputs, [-1 if axis == channels else 1 for axis in range(rank)])


class GroupNormalization(_Normalization):
    """The layer of keras_contrib: each part of an image is normalised by itself.

    With channels last the parts are not groups of channels: the library reshapes ``(h, w, c)`` to
    ``(groups, h, w, c / groups)`` without transposing, so that a part is a band of rows.
    """

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-5, **settings: Any
    ) -> None:
        super().__init__(epsilon, **settings)
        self.groups = groups
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        count, last = input_shape[self.axis], len(input_shape) - 1
        if self.axis not in (1, -1, last) or (count or 0) % self.groups:
            raise ValueError(
                f"expected channels on axis 1 or {last}, a multiple of {self.groups}, found "
                f"{count} on axis {self.axis}"
            )
        self._add_weights((count,))

    def call(self, inputs: Tensor) -> Tensor:
        shape, rank = ops.shape(inputs), len(inputs.shape)
        part = int(inputs.shape[self.axis]) // self.groups
        sizes = list(shape[1:])
        sizes[0 if self.axis == 1 else -1] = part
        parts = ops.reshape(inputs, (-1, self.groups, *sizes))
        axes = tuple(range(2, rank + 1))
        mean = ops.mean(parts, axis=axes, keepdims=True)
        outputs = (parts - mean) / ops.sqrt(ops.var(parts, axis=axes, keepdims=True) + self.epsilon)
        wide = [1, self.groups, *(1,) * (rank - 1)]
        wide[2 if self.axis == 1 else -1] = part
        return ops.reshape(self._scaled(outputs, wide), (-1, *shape[1:]))


class FilterResponseNormalization(RestoredLayer):
    """The layer of tensorflow_addons: ``y = gamma x / sqrt(mean(x^2) + |epsilon|) + beta``.

    Singh and Krishnan, "Filter Response Normalization Layer", CVPR 2020. The mean is over rows
    and columns.
    """

    def __init__(
        self,
        epsilon: float = 1e-6,
        axis: Sequence[int] = (1, 2),
        learned_epsilon: bool = False,
        learned_epsilon_constraint: object = None,
        **settings: object,
    ) -> None:
        super().__init__(**settings)
        if list(axis) != [1, 2]:
            raise ValueError(f"expected the axes 1 and 2, found {axis}")
        self.epsilon = float(epsilon)
        self.learned = learned_epsilon

    def build(self, input_shape: Shape) -> None:
        shape = (1, 1, 1, input_shape[-1])
        self.learned_epsilon = self._weight("learned_epsilon", (1,)) if self.learned else None
        self.gamma = self._weight("gamma", shape)
        self.beta = self._weight("beta", shape)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        epsilon = abs(self.epsilon)
        if self.learned_epsilon is not None:
            epsilon = epsilon + ops.absolute(self.learned_epsilon)
        power = ops.mean(ops.square(inputs), axis=(1, 2), keepdims=True)
        return self.gamma * inputs * ops.rsqrt(power + epsilon) + self.beta


class TLU(RestoredLayer):
    """The thresholded linear unit of tensorflow_addons: ``y = max(x, alpha x + tau)``.

    Without ``affine`` the ``alpha`` is 0.
    """

    def __init__(self, affine: bool = False, **settings: object) -> None:
        super().__init__(**settings)
        self.affine = affine

    def build(self, input_shape: Shape) -> None:
        self.tau = self._weight("tau", input_shape[1:])
        self.alpha = self._weight("alpha", input_shape[1:]) if self.affine else None
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        other = self.tau if self.alpha is None else self.alpha * inputs + self.tau
        return ops.maximum(inputs, other)


class Snake(RestoredLayer):
    """The layer of tensorflow_addons: ``y = x + (1 - cos(2 f x)) / (2 f)``."""

    def build(self, input_shape: Shape) -> None:
        self.frequency = self._weight("frequency", ())
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        twice = 2 * self.frequency
        return inputs + (1 - ops.cos(twice * inputs)) / twice


class _Shared(RestoredLayer):
    """A layer with weights for each value of an image, which may be shared along axes."""

    names: tuple[str, ...] = ()  # of the weights, in the library's order

    def __init__(self, shared_axes: int | Sequence[int] | None = None, **settings: object) -> None:
        super().__init__(**settings)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes or []

    def build(self, input_shape: Shape) -> None:
        shape = [
            1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape) if axis
        ]
        for name in self.names:
            setattr(self, name, self._weight(name, shape))
        self.built = True


class PELU(_Shared):
    """The layer of keras_contrib: ``alpha x / beta``, below zero ``alpha (exp(x / beta) - 1)``.

    Trottier, Giguère and Chaib-draa, "Parametric Exponential Linear Unit", 2016.
    """

    names = ("alpha", "beta")

    def call(self, inputs: Tensor) -> Tensor:
        low = self.alpha * ops.expm1(ops.minimum(inputs, 0.0) / self.beta)
        return ops.relu(inputs) * self.alpha / self.beta + low


class SReLU(_Shared):
    """The layer of keras_contrib: a line in the middle, other slopes beyond two thresholds.

    With ``r = t_left + |t_right|``: ``x`` from ``t_left`` to ``r``, below
    ``t_left + a_left (x - t_left)``, above ``r + a_right (x - r)``. Jin et al., "Deep Learning with
    S-shaped Rectified Linear Activation Units", 2015.
    """

    names = ("t_left", "a_left", "t_right", "a_right")

    def call(self, inputs: Tensor) -> Tensor:
        left = self.t_left
        right = left + ops.absolute(self.t_right)
        middle = ops.minimum(ops.maximum(inputs, left), right)
        below = self.a_left * ops.minimum(inputs - left, 0.0)
        return middle + below + self.a_right * ops.relu(inputs - right)


# These layers by their names after rewriting.
LIBRARIES: dict[str, type[RestoredLayer]] = {
    **{
        f"keras_contrib>{cls.__name__}": cls
        for cls in (InstanceNormalization, GroupNormalization, PELU, SReLU)
    },
    **{f"Addons>{cls.__name__}": cls for cls in (FilterResponseNormalization, TLU, Snake)},
}


@keras.saving.register_keras_serializable(package="layersight")
def addons_gelu(x: Tensor) -> Tensor:
    """``gelu`` of tensorflow_addons, by ``tanh`` where that of Keras takes the error function."""
    return ops.gelu(x, approximate=True)


@keras.saving.register_keras_serializable(package="layersight")
def addons_lisht(x: Tensor) -> Tensor:
    """``x tanh(x)``."""
    return x * ops.tanh(x)


@keras.saving.register_keras_serializable(package="layersight")
def addons_rrelu(x: Tensor) -> Tensor:
    """``rrelu`` when not training: below zero the mean slope of its default range, 1/8 to 1/3."""
    return ops.leaky_relu(x, negative_slope=(1 / 8 + 1 / 3) / 2)


@keras.saving.register_keras_serializable(package="layersight")
def addons_snake(x: Tensor) -> Tensor:
    """``x + (1 - cos(2 x)) / 2``."""
    return x + (1 - ops.cos(2 * x)) / 2


@keras.saving.register_keras_serializable(package="layersight")
def addons_sparsemax(x: Tensor) -> Tensor:
    """The point of the simplex nearest to ``x``, over the last axis.

    Martins and Astudillo, "From Softmax to Sparsemax", 2016. The results of the function of that
    name in Keras 3.15 do not add up to one.
    """
    ordered = ops.flip(ops.sort(x, axis=-1), axis=-1)
    ranks = ops.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    support = ops.cast(1 + ranks * ordered > ops.cumsum(ordered, axis=-1), x.dtype)
    total = ops.sum(support * ordered, axis=-1, keepdims=True)
    return ops.relu(x - (total - 1) / ops.sum(support, axis=-1, keepdims=True))


# Activations of tensorflow_addons that Keras lacks, by their names after rewriting.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    function.__name__: function
    for function in (addons_gelu, addons_lisht, addons_rrelu, addons_snake, addons_sparsemax)
}
