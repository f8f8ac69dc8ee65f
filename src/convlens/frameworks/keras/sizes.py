"""Bounds on what a configuration may ask for, checked before it is given.

The rule of this module: a network cannot have more weights than its file holds, so each
weight is counted before it is made; and no layer may give more than fits in memory.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from convlens.errors import UnsafeModelError
from convlens.limits import Limits

MAX_VALUES = 1 << 27
"""The most values that one layer may give for one image: 512 MiB as float32."""

SLACK = 1 << 16
"""Weights that a network may have beyond those in its file, such as states of generators."""

_state = threading.local()


@contextlib.contextmanager
def at_most(weights: int | None, source: str, limits: Limits) -> Iterator[None]:
    """Lets the layers built inside make no more weights than a file holds.

    Args:
        weights: How many numbers the file holds; ``None`` for no bound.
        source: The file, for the message.
        limits: How much memory it may ask for.
    """
    before = getattr(_state, "budget", None)
    _state.budget = None if weights is None else [weights + SLACK, source, weights]
    try:
        yield
    finally:
        _state.budget = before


def count_computed(operation: Any) -> int:
    """How many values a layer computes from its settings alone, and holds during a pass.

    Spectrograms do: their kernels and matrices are no weights, so that no file bounds them.
    """
    kind = type(operation).__name__
    if kind == "STFTSpectrogram":
        length = operation.fft_length or operation.frame_length
        return 4 * int(operation.frame_length) * (int(length) // 2 + 1)
    if kind == "MelSpectrogram":
        return 4 * int(operation.num_mel_bins) * (int(operation.fft_length) // 2 + 1)
    return 0


def check_computed(operation: Any, where: str) -> None:
    """Refuses a layer that computes more from its settings alone than fits in memory.

    Raises:
        UnsafeModelError: It does.
    """
    if (count := count_computed(operation)) > MAX_VALUES:
        raise UnsafeModelError(
            f"{where} computes {count} values from its settings: more than {MAX_VALUES}, not opened"
        )


def count_weights(shape: tuple[int, ...]) -> None:
    """Counts a weight that is about to be made.

    Raises:
        UnsafeModelError: The network asks for more than its file holds.
    """
    budget = getattr(_state, "budget", None)
    if budget is None:
        return
    budget[0] -= math.prod(int(size) for size in shape)
    if budget[0] < 0:
        raise UnsafeModelError(
            f"{budget[1]}: the configuration asks for more weights than the file holds "
            f"({budget[2]}; a weight of shape {tuple(shape)} was one too many): not opened"
        )


def count_values(shape: Any) -> int:
    """How many values a tensor has, as far as its shape is known."""
    return math.prod(size or 1 for size in shape if size is None or isinstance(size, int))


def check_output(spec: Any, where: str) -> None:
    """Refuses a layer that gives more than fits in memory.

    Raises:
        UnsafeModelError: It does.
    """
    for tensor in keras.tree.flatten(spec):
        shape = getattr(tensor, "shape", None)
        if shape is not None and count_values(shape) > MAX_VALUES:
            raise UnsafeModelError(
                f"{where} gives an output of shape {tuple(shape)} for one image: more than "
                f"{MAX_VALUES} values, not opened"
            )


@keras.saving.register_keras_serializable(package="convlens")
class Unset(keras.initializers.Initializer):  # type: ignore[misc]
    """Stands where an initialiser was: zeros from NumPy, which cost nothing to make."""

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """Zeros of that shape."""
        count_weights(tuple(shape))
        kind = keras.backend.standardize_dtype(dtype) if dtype else "float32"
        array = np.zeros(tuple(shape), "float32" if kind == "bfloat16" else kind)
        return keras.ops.convert_to_tensor(array, dtype=kind)


UNSET: dict[str, Any] = {
    "module": None,
    "class_name": "Unset",
    "config": {},
    "registered_name": "convlens>Unset",
}
"""The initialiser as a configuration names it."""
