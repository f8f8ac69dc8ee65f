"""Layers of add-on libraries that have weights and no equal in Keras, on any backend.

The rule of this module: weights have the shapes and the order in which the library makes them,
and a layer computes what the library's computes when it is not training. The sources stand in
:mod:`layersight.loading.rewrites.libraries`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def add_scale_and_shift(layer: Any, count: int) -> None:
    """Makes the weights by which a normalisation layer scales and shifts, as far as it does."""
    layer.gamma = layer.beta = None
    if layer.scale:
        layer.gamma = layer.add_weight(
            shape=(count,), initializer=layer.gamma_initializer, name="gamma"
        )
    if layer.center:
        layer.beta = layer.add_weight(
            shape=(count,), initializer=layer.beta_initializer, name="beta"
        )


class InstanceNormalization(keras.layers.Layer):
    """The layer of keras_contrib: ``y = gamma (x - mean) / (deviation + epsilon) + beta``.

    It is not that of tensorflow_addons, which divides by ``sqrt(variance + epsilon)``.

    Args:
        axis: The axis that is normalised place by place, that of the channels; ``None`` for all
            values of an image together.
        epsilon: Added to the deviation.
        center: Whether there is a ``beta``.
        scale: Whether there is a ``gamma``.
        gamma_initializer: What ``gamma`` is before it is set.
        beta_initializer: The same of ``beta``.
        **settings: Of every layer.
    """

    def __init__(
        self,
        axis: int | None = None,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        gamma_initializer: Any = "ones",
        beta_initializer: Any = "zeros",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if axis == 0:
            raise ValueError("expected an axis other than that of the batch, found 0")
        self.axis = axis
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_initializer = keras.initializers.get(beta_initializer)

    def build(self, input_shape: Any) -> None:
        """Makes the weights: one for each channel, or one in all."""
        count = 1 if self.axis is None else input_shape[self.axis]
        add_scale_and_shift(self, count)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Normalises each image by itself."""
        rank = len(inputs.shape)
        kept = None if self.axis is None else self.axis % rank
        axes = [axis for axis in range(1, rank) if axis != kept]
        mean = ops.mean(inputs, axis=axes, keepdims=True)
        outputs = (inputs - mean) / (ops.std(inputs, axis=axes, keepdims=True) + self.epsilon)
        shape = [-1 if axis == kept else 1 for axis in range(rank)]
        if self.gamma is not None:
            outputs = outputs * ops.reshape(self.gamma, shape)
        if self.beta is not None:
            outputs = outputs + ops.reshape(self.beta, shape)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class GroupNormalization(keras.layers.Layer):
    """The layer of keras_contrib: each of some parts of an image is normalised by itself.

    With channels last its parts are no groups of channels: the library reshapes ``(h, w, c)`` to
    ``(groups, h, w, c / groups)`` without turning axes, so that a part is a band of rows.

    Args:
        groups: How many parts.
        axis: The axis of the channels, the first or the last one of an image.
        epsilon: Added to the variance.
        center: Whether there is a ``beta``.
        scale: Whether there is a ``gamma``.
        gamma_initializer: What ``gamma`` is before it is set.
        beta_initializer: The same of ``beta``.
        **settings: Of every layer.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        gamma_initializer: Any = "ones",
        beta_initializer: Any = "zeros",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.groups = groups
        self.axis = axis
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_initializer = keras.initializers.get(beta_initializer)

    def build(self, input_shape: Any) -> None:
        """Makes the weights, one for each channel."""
        count, last = input_shape[self.axis], len(input_shape) - 1
        if self.axis not in (1, -1, last) or count % self.groups:
            raise ValueError(
                f"expected channels on axis 1 or {last}, a multiple of {self.groups}, found "
                f"{count} on axis {self.axis}"
            )
        add_scale_and_shift(self, count)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Normalises each part, and gives all back in the shape of the input."""
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
        if self.gamma is not None:
            outputs = outputs * ops.reshape(self.gamma, wide)
        if self.beta is not None:
            outputs = outputs + ops.reshape(self.beta, wide)
        return ops.reshape(outputs, (-1, *shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class FilterResponseNormalization(keras.layers.Layer):
    """The layer of tensorflow_addons: ``y = gamma x / sqrt(mean(x^2) + |epsilon|) + beta``.

    Singh and Krishnan, "Filter Response Normalization Layer", CVPR 2020. The mean is over rows
    and columns.

    Args:
        epsilon: Added to the mean.
        axis: Those of rows and columns, ``[1, 2]``.
        learned_epsilon: Whether a further one was learned.
        gamma_initializer: What ``gamma`` is before it is set.
        beta_initializer: The same of ``beta``.
        learned_epsilon_constraint: Of no matter here.
        **settings: Of every layer.
    """

    def __init__(
        self,
        epsilon: float = 1e-6,
        axis: Any = (1, 2),
        learned_epsilon: bool = False,
        gamma_initializer: Any = "ones",
        beta_initializer: Any = "zeros",
        learned_epsilon_constraint: Any = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if list(axis) != [1, 2]:
            raise ValueError(f"expected the axes 1 and 2, found {axis}")
        self.epsilon = float(epsilon)
        self.learned = learned_epsilon
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_initializer = keras.initializers.get(beta_initializer)

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        shape = (1, 1, 1, input_shape[-1])
        self.learned_epsilon = None
        if self.learned:
            self.learned_epsilon = self.add_weight(
                shape=(1,), initializer="zeros", name="learned_epsilon"
            )
        self.gamma = self.add_weight(shape=shape, initializer=self.gamma_initializer, name="gamma")
        self.beta = self.add_weight(shape=shape, initializer=self.beta_initializer, name="beta")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Divides each map by its root mean square."""
        epsilon = abs(self.epsilon)
        if self.learned_epsilon is not None:
            epsilon = epsilon + ops.absolute(self.learned_epsilon)
        power = ops.mean(ops.square(inputs), axis=(1, 2), keepdims=True)
        return self.gamma * inputs * ops.rsqrt(power + epsilon) + self.beta

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class TLU(keras.layers.Layer):
    """The thresholded linear unit of tensorflow_addons: ``y = max(x, alpha x + tau)``.

    Args:
        affine: Whether there is an ``alpha``; it is 0 otherwise.
        tau_initializer: What ``tau`` is before it is set.
        alpha_initializer: The same of ``alpha``.
        **settings: Of every layer.
    """

    def __init__(
        self,
        affine: bool = False,
        tau_initializer: Any = "zeros",
        alpha_initializer: Any = "zeros",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.affine = affine
        self.tau_initializer = keras.initializers.get(tau_initializer)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)

    def build(self, input_shape: Any) -> None:
        """Makes the weights: one for each value of an image."""
        shape = tuple(input_shape[1:])
        self.tau = self.add_weight(shape=shape, initializer=self.tau_initializer, name="tau")
        self.alpha = None
        if self.affine:
            self.alpha = self.add_weight(
                shape=shape, initializer=self.alpha_initializer, name="alpha"
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The greater of both."""
        other = self.tau if self.alpha is None else self.alpha * inputs + self.tau
        return ops.maximum(inputs, other)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class Snake(keras.layers.Layer):
    """The layer of tensorflow_addons: ``y = x + (1 - cos(2 f x)) / (2 f)``.

    Args:
        frequency_initializer: What ``f`` is before it is set.
        **settings: Of every layer.
    """

    def __init__(self, frequency_initializer: Any = "ones", **settings: Any) -> None:
        super().__init__(**settings)
        self.frequency_initializer = keras.initializers.get(frequency_initializer)

    def build(self, input_shape: Any) -> None:
        """Makes the weight, a number."""
        self.frequency = self.add_weight(
            shape=(), initializer=self.frequency_initializer, name="frequency"
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Adds the wave."""
        twice = 2 * self.frequency
        return inputs + (1 - ops.cos(twice * inputs)) / twice

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class _Shared(keras.layers.Layer):
    """A layer with weights for each value of an image, or shared along axes.

    Args:
        shared_axes: The axes along which all values have the same weights.
        **settings: Of every layer, and initialisers by the names of the weights.
    """

    names: tuple[str, ...] = ()

    def __init__(self, shared_axes: Any = None, **settings: Any) -> None:
        starts = {name: settings.pop(f"{name}_initializer", "zeros") for name in self.names}
        super().__init__(**settings)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes or []
        self.starts = {n: keras.initializers.get(start) for n, start in starts.items()}

    def build(self, input_shape: Any) -> None:
        """Makes the weights in the library's order."""
        shape = [
            1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape) if axis
        ]
        for name in self.names:
            made = self.add_weight(shape=tuple(shape), initializer=self.starts[name], name=name)
            setattr(self, name, made)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the input."""
        return tuple(input_shape)


class PELU(_Shared):
    """The layer of keras_contrib: ``alpha x / beta``, below zero ``alpha (exp(x / beta) - 1)``.

    Trottier, Giguère and Chaib-draa, "Parametric Exponential Linear Unit", 2016.
    """

    names = ("alpha", "beta")

    def __init__(
        self,
        shared_axes: Any = None,
        alpha_initializer: Any = "ones",
        beta_initializer: Any = "ones",
        **settings: Any,
    ) -> None:
        super().__init__(
            shared_axes,
            alpha_initializer=alpha_initializer,
            beta_initializer=beta_initializer,
            **settings,
        )

    def call(self, inputs: Any) -> Any:
        """Both sides."""
        low = self.alpha * ops.expm1(ops.minimum(inputs, 0.0) / self.beta)
        return ops.relu(inputs) * self.alpha / self.beta + low


class SReLU(_Shared):
    """The layer of keras_contrib: a line in the middle, other slopes beyond two thresholds.

    With ``r = t_left + |t_right|``: ``x`` from ``t_left`` to ``r``, below
    ``t_left + a_left (x - t_left)``, above ``r + a_right (x - r)``. Jin et al., "Deep Learning with
    S-shaped Rectified Linear Activation Units", 2015.
    """

    names = ("t_left", "a_left", "t_right", "a_right")

    def __init__(
        self,
        shared_axes: Any = None,
        t_left_initializer: Any = "zeros",
        a_left_initializer: Any = "zeros",
        t_right_initializer: Any = "ones",
        a_right_initializer: Any = "ones",
        **settings: Any,
    ) -> None:
        super().__init__(
            shared_axes,
            t_left_initializer=t_left_initializer,
            a_left_initializer=a_left_initializer,
            t_right_initializer=t_right_initializer,
            a_right_initializer=a_right_initializer,
            **settings,
        )

    def call(self, inputs: Any) -> Any:
        """The three parts."""
        left = self.t_left
        right = left + ops.absolute(self.t_right)
        middle = ops.minimum(ops.maximum(inputs, left), right)
        below = self.a_left * ops.minimum(inputs - left, 0.0)
        return middle + below + self.a_right * ops.relu(inputs - right)


LIBRARIES: dict[str, type[Any]] = {
    **{
        f"keras_contrib>{cls.__name__}": cls
        for cls in (InstanceNormalization, GroupNormalization, PELU, SReLU)
    },
    **{f"Addons>{cls.__name__}": cls for cls in (FilterResponseNormalization, TLU, Snake)},
}
"""These layers by the names that the rewrites give them."""


@keras.saving.register_keras_serializable(package="layersight")
def addons_gelu(x: Any) -> Any:
    """``gelu`` of tensorflow_addons, by ``tanh`` where that of Keras takes the error function."""
    return ops.gelu(x, approximate=True)


@keras.saving.register_keras_serializable(package="layersight")
def addons_lisht(x: Any) -> Any:
    """``x tanh(x)``."""
    return x * ops.tanh(x)


@keras.saving.register_keras_serializable(package="layersight")
def addons_rrelu(x: Any) -> Any:
    """``rrelu`` when not training: below zero the mean slope of its default range, 1/8 to 1/3."""
    return ops.leaky_relu(x, negative_slope=(1 / 8 + 1 / 3) / 2)


@keras.saving.register_keras_serializable(package="layersight")
def addons_snake(x: Any) -> Any:
    """``x + (1 - cos(2 x)) / 2``."""
    return x + (1 - ops.cos(2 * x)) / 2


@keras.saving.register_keras_serializable(package="layersight")
def addons_sparsemax(x: Any) -> Any:
    """The point of the simplex nearest to ``x``, over the last axis.

    Martins and Astudillo, "From Softmax to Sparsemax", 2016. Keras 3.15 has a function of that
    name whose results do not add up to one.
    """
    ordered = ops.flip(ops.sort(x, axis=-1), axis=-1)
    places = ops.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    kept = ops.cast(1 + places * ordered > ops.cumsum(ordered, axis=-1), x.dtype)
    total = ops.sum(kept * ordered, axis=-1, keepdims=True)
    return ops.relu(x - (total - 1) / ops.sum(kept, axis=-1, keepdims=True))


ACTIVATIONS: dict[str, Any] = {
    function.__name__: function
    for function in (addons_gelu, addons_lisht, addons_rrelu, addons_snake, addons_sparsemax)
}
"""Activations of tensorflow_addons that Keras has not, by the names the rewrites give them."""
