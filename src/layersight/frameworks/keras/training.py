"""Layers that a network calls with ``training=True``, as in pix2pix or Monte-Carlo dropout.

The rule of this module: such a batch normalisation normalises each image by the statistics of that
image, as Keras does for a batch of one, and changes no weight; random layers are off, so that the
same image gives the same numbers; and a note says what was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
from keras import ops

from layersight.frameworks.keras.types import Tensor

# Prefixes and suffixes of the names of random layers.
RANDOM = ("Dropout", "Dropout1D", "Dropout2D", "Dropout3D", "Noise", "Random", "Cut", "Mix")


class BatchStatistics(keras.layers.BatchNormalization):
    """A batch normalisation that was called with ``training=True``.

    It shares all settings and variables with the layer that it stands for, and never changes the
    moving statistics. See :func:`as_called`.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Normalises each image by its own mean and variance over all positions."""
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        values = ops.cast(inputs, dtype)
        axis = self.axis % len(values.shape)
        axes = [n for n in range(1, len(values.shape)) if n != axis]
        mean, variance = _moments(values, axes, mask)
        scale = ops.rsqrt(variance + self.epsilon)
        shape = [1] * len(values.shape)
        shape[axis] = values.shape[axis]
        if self.scale:
            scale = scale * ops.reshape(ops.cast(self.gamma, dtype), shape)
        outputs = (values - mean) * scale
        if self.center:
            outputs = outputs + ops.reshape(ops.cast(self.beta, dtype), shape)
        return ops.cast(outputs, self.compute_dtype)


def _moments(values: Tensor, axes: list[int], mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and variance of each image over some axes; with a mask, of the positions in it."""
    if not axes:  # a single position
        return values, ops.zeros_like(values)
    if mask is None:
        mean = ops.mean(values, axes, keepdims=True)
        return mean, ops.mean(ops.square(values - mean), axes, keepdims=True)
    weights = ops.broadcast_to(ops.expand_dims(ops.cast(mask, values.dtype), -1), values.shape)
    total = ops.sum(weights, axes, keepdims=True) + keras.backend.epsilon()
    mean = ops.sum(values * weights, axes, keepdims=True) / total
    return mean, ops.sum(ops.square(values - mean) * weights, axes, keepdims=True) / total


def as_called(operation: keras.Operation, *, training: bool) -> keras.Operation:
    """What computes a call of a layer: the layer itself, or one that shares its state."""
    normalises = type(operation) is keras.layers.BatchNormalization and operation.trainable
    if not training or not normalises or getattr(operation, "renorm", False):
        return operation
    layer = object.__new__(BatchStatistics)
    object.__setattr__(layer, "__dict__", operation.__dict__)
    return layer


def type_name(layer: keras.Operation) -> str:
    """The name of a layer's class, as its author knows it."""
    return "BatchNormalization" if isinstance(layer, BatchStatistics) else type(layer).__name__


def notes_of(called: Iterable[tuple[str, keras.Operation]]) -> tuple[str, ...]:
    """Notes on layers that are called with ``training=True``, from their names and themselves."""
    per_image: list[str] = []
    off: list[str] = []
    stored: list[str] = []
    for name, layer in called:
        if isinstance(layer, BatchStatistics):
            per_image.append(name)
        elif _is_random(layer):
            off.append(name)
        elif any(
            isinstance(inner, keras.layers.BatchNormalization) and inner.trainable
            for inner in _inside(layer)
        ):
            stored.append(name)
    notes = {
        "batch normalisation called with training=True, so each image is normalised by its own "
        "statistics, as in a batch of one": per_image,
        "random in the author's network at prediction too (training=True); off here, so that an "
        "image always gives the same numbers": off,
        "called with training=True by the author; run here with the stored statistics of batch "
        "normalisation": stored,
    }
    return tuple(f"{listed(names)}: {note}" for note, names in notes.items() if names)


def _inside(layer: keras.Operation) -> Sequence[keras.Layer]:
    if not isinstance(layer, keras.Layer):
        return ()
    return [inner for inner in layer._flatten_layers() if inner is not layer] or [layer]


def _is_random(layer: keras.Operation) -> bool:
    """Whether a layer, or one inside it, is random in training."""
    for inner in (layer, *_inside(layer)):
        if any(getattr(inner, key, 0) for key in ("dropout", "recurrent_dropout")):
            return True
        name = type(inner).__name__
        named = name.endswith(RANDOM) or name.startswith(RANDOM)
        rates = [getattr(inner, key) for key in ("rate", "stddev") if hasattr(inner, key)]
        if named and (any(rates) or not rates):
            return True
    return False


def differs_in_training(layer: keras.Operation) -> bool:
    return bool(notes_of([("", layer)]))


def listed(names: Sequence[str]) -> str:
    """The first four names, and how many more there are."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
