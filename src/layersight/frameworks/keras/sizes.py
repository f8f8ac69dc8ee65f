"""Counting the weights and tensors that Keras makes for a file, before it makes them.

The ledger itself is in :mod:`layersight.frameworks.graph.sizes`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras.src.backend.common.variables import Variable  # the base of those of all backends

from layersight.frameworks.graph import sizes
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.sizes import Ledger, ledger
from layersight.frameworks.keras.types import Structure, Tensor
from layersight.limits import Limits


@contextlib.contextmanager
def at_most(
    weights: int | None, source: str, limits: Limits, where: Callable[[], str] = str
) -> Iterator[Ledger]:
    """Counts what layers of Keras request that are built in the block; see ``sizes.counting``."""
    with sizes.counting(weights, source, limits, where) as current, patched(_COUNTED):
        yield current


def _counted(count: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A change of a constructor, to one that first counts its arguments in the current ledger."""

    def change(original: Callable[..., None]) -> Callable[..., None]:
        def construct(self: object, *args: object, **kwargs: object) -> None:
            if (current := ledger()) is not None:
                count(current, *args, **kwargs)
            original(self, *args, **kwargs)

        return construct

    return change


def _count_variable(
    current: Ledger, initializer: object, shape: object = None, *_: object, **__: object
) -> None:
    requested = shape if callable(initializer) else getattr(initializer, "shape", None)
    if isinstance(requested, list | tuple):
        current.weight(tuple(int(size) for size in requested if size is not None))


def _count_tensor(
    current: Ledger, shape: Sequence[object], dtype: object = "float32", *_: object, **__: object
) -> None:
    current.tensor(shape, dtype)


# The two constructors by which Keras makes weights and symbolic tensors.
_COUNTED: list[Patch] = [
    (Variable, "__init__", _counted(_count_variable)),
    (keras.KerasTensor, "__init__", _counted(_count_tensor)),
]


def count_computed(operation: keras.Operation) -> int:
    """The number of values that a layer computes from its settings alone for a pass.

    The kernels and matrices of spectrograms are not weights, so that no file bounds them.
    """
    kind = type(operation).__name__
    if kind == "STFTSpectrogram":
        length = operation.fft_length or operation.frame_length
        return 4 * int(operation.frame_length) * (int(length) // 2 + 1)
    if kind == "MelSpectrogram":
        return 4 * int(operation.num_mel_bins) * (int(operation.fft_length) // 2 + 1)
    if kind == "GaussianBlur":  # an operation, with a two-dimensional kernel
        return math.prod(int(size) for size in np.atleast_1d(operation.kernel_size))
    if kind == "ElasticTransform":  # it blurs by a kernel of six standard deviations
        return int(6 * float(np.max(operation.sigma)) + 1) ** 2
    return 0


def check_output(spec: Structure, where: str) -> None:
    """Refuses a layer whose outputs are larger than its file may take; see ``sizes``."""
    tensors = [
        (tuple(tensor.shape), getattr(tensor, "dtype", "float32"))
        for tensor in keras.tree.flatten(spec)
        if getattr(tensor, "shape", None) is not None
    ]
    sizes.check_output(tensors, where)


@keras.saving.register_keras_serializable(package="layersight")
class Unset(keras.initializers.Initializer):
    """Takes the place of any initialiser: zeros from NumPy, which take no time."""

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: object) -> Tensor:
        kind: str = keras.backend.standardize_dtype(dtype) if dtype else "float32"
        array = np.zeros(tuple(shape), "float32" if kind == "bfloat16" else kind)
        return keras.ops.convert_to_tensor(array, dtype=kind)


# This initialiser in a configuration.
UNSET: dict[str, object] = {
    "module": None,
    "class_name": "Unset",
    "config": {},
    "registered_name": "layersight>Unset",
}
