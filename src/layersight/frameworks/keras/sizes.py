"""Where Keras makes weights and tensors, so that what a file asks for is counted first.

The ledger itself is :mod:`layersight.frameworks.graph.sizes`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras.src.backend.common.variables import Variable  # what every backend's own derives from

from layersight.frameworks.graph import sizes
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.sizes import Ledger, ledger
from layersight.frameworks.keras.types import Structure, Tensor
from layersight.limits import Limits


@contextlib.contextmanager
def at_most(
    weights: int | None, source: str, limits: Limits, where: Callable[[], str] = str
) -> Iterator[Ledger]:
    """Counts what the layers of Keras built inside ask for, as :func:`.sizes.counting` does."""
    with sizes.counting(weights, source, limits, where) as kept, patched(_WATCHED):
        yield kept


def _counted_variable(original: Callable[..., None]) -> Callable[..., None]:
    def counted(
        self: keras.Variable,
        initializer: object,
        shape: object = None,
        *args: object,
        **more: object,
    ) -> None:
        current = ledger()
        if current is not None:
            asked = shape if callable(initializer) else getattr(initializer, "shape", None)
            if isinstance(asked, list | tuple):
                current.weight(tuple(int(size) for size in asked if size is not None))
        original(self, initializer, shape, *args, **more)

    return counted


def _counted_tensor(original: Callable[..., None]) -> Callable[..., None]:
    def counted(
        self: keras.KerasTensor,
        shape: Sequence[object],
        dtype: object = "float32",
        *args: object,
        **more: object,
    ) -> None:
        current = ledger()
        if current is not None:
            current.tensor(shape, dtype)
        original(self, shape, dtype, *args, **more)

    return counted


# The two constructors by which Keras makes weights, and tensors that stand for others.
_WATCHED: list[Patch] = [
    (Variable, "__init__", _counted_variable),
    (keras.KerasTensor, "__init__", _counted_tensor),
]


def count_computed(operation: keras.Operation) -> int:
    """How many values a layer computes from its settings alone, and holds during a pass.

    Spectrograms do: their kernels and matrices are no weights, so that no file bounds them.
    """
    kind = type(operation).__name__
    if kind == "STFTSpectrogram":
        length = operation.fft_length or operation.frame_length
        return 4 * int(operation.frame_length) * (int(length) // 2 + 1)
    if kind == "MelSpectrogram":
        return 4 * int(operation.num_mel_bins) * (int(operation.fft_length) // 2 + 1)
    if kind == "GaussianBlur":  # an operation; its kernel is made as a whole
        return math.prod(int(size) for size in np.atleast_1d(operation.kernel_size))
    if kind == "ElasticTransform":  # it blurs by a kernel of six deviations
        return int(6 * float(np.max(operation.sigma)) + 1) ** 2
    return 0


def check_output(spec: Structure, where: str) -> None:
    """Refuses a layer that gives more than its file may take, as ``sizes.check_output`` does."""
    tensors = (tensor for tensor in keras.tree.flatten(spec) if hasattr(tensor, "shape"))
    given = [(tensor.shape, getattr(tensor, "dtype", "float32")) for tensor in tensors]
    sizes.check_output(
        [(tuple(shape), dtype) for shape, dtype in given if shape is not None], where
    )


@keras.saving.register_keras_serializable(package="layersight")
class Unset(keras.initializers.Initializer):
    """Stands where an initialiser was: zeros from NumPy, which cost nothing to make."""

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: object) -> Tensor:
        kind: str = keras.backend.standardize_dtype(dtype) if dtype else "float32"
        array = np.zeros(tuple(shape), "float32" if kind == "bfloat16" else kind)
        return keras.ops.convert_to_tensor(array, dtype=kind)


# The initialiser as a configuration names it.
UNSET: dict[str, object] = {
    "module": None,
    "class_name": "Unset",
    "config": {},
    "registered_name": "layersight>Unset",
}
