"""The kernels of a file of weights alone, as it stores them: no network is guessed.

The rule of this module: what the file does not say is not made up; an assumption is in a note.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from layersight.data.arrays import Array, FloatArray
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.saved import SavedNetwork
from layersight.errors import ModelFileError, SelectionError
from layersight.loading.bounded import file_digest
from layersight.loading.networks import read_weights
from layersight.model import HasKernels

# The largest side that is taken for that of a kernel where the order of axes is in doubt.
WIDEST = 15

# Parts of a path in a store that name no layer.
CONTAINERS = ("layers", "vars", "_layer_checkpoint_dependencies")


class StoredWeights(HasKernels):
    """The kernels of a file without the network that they belong to.

    :func:`layersight.kernels` takes it in place of a model.

    Args:
        info: What is known: the file, and a layer for each kernel of two dimensions.
        held: ``(height, width, input, filter)`` float32, by the name of the layer.
    """

    def __init__(self, info: ModelInfo, held: Mapping[str, FloatArray]) -> None:
        self._info = info
        self.held = held

    @property
    def info(self) -> ModelInfo:
        """What is known: the file, and a layer for each kernel of two dimensions."""
        return self._info

    def kernel(self, layer: str) -> FloatArray | None:
        """The kernels of a layer, ``(height, width, input, filter)`` float32."""
        if layer not in self.held:
            raise SelectionError(f"no kernel '{layer}': expected one of {', '.join(self.held)}")
        return self.held[layer]


def load_weights(path: str | os.PathLike[str]) -> StoredWeights:
    """Reads the kernels of a file of weights, of any version of Keras, without a network.

    Args:
        path: A file of ``model.save_weights``; a whole model in HDF5 or ``.keras`` serves too.

    Returns:
        Every array of four axes, as kernels of convolutions.

    Raises:
        ModelFileError: The file is missing or damaged, or holds no such array.
        UnsafeModelError: It refers to something outside itself or is far too large.

    Example:
        >>> load_weights("nothing.weights.h5")
        Traceback (most recent call last):
        ...
        layersight.errors.ModelFileError: no file of weights nothing.weights.h5
    """
    path = Path(path)
    network = read_weights(path, {})
    arrays = dict(_named(network))
    if not arrays:
        raise ModelFileError(f"{path} holds no kernels of two dimensions")
    # Whether all look like ``(filter, input, height, width)``, and some like no other order.
    shapes = [array.shape for array in arrays.values()]
    theano = all(shape[2] == shape[3] <= WIDEST for shape in shapes) and any(
        max(shape[:2]) > WIDEST for shape in shapes
    )
    held = {name: _as_kernel(name, array, theano) for name, array in arrays.items()}
    layers = tuple(
        LayerInfo(
            name,
            "kernel",
            (None, None, None, kernel.shape[-1]),
            parameters=kernel.size,
            kernel=(kernel.shape[0], kernel.shape[1]),
            role="convolution",
        )
        for name, kernel in held.items()
    )
    order = "(filter, input, height, width)" if theano else "(height, width, input, filter)"
    notes: tuple[str, ...] = (
        "weights without a network: kernels in the order of the file, whose axes were taken as "
        f"{order}",
    )
    if network.backend == "theano":
        notes += ("Theano turns kernels by 180 degrees where it convolves; these are as stored",)
    version = f"Keras {network.keras_version}" if network.keras_version else "an unknown Keras"
    info = ModelInfo(
        name=path.name,
        source=str(path),
        digest=file_digest(*(network.files or (path,))),
        framework=f"weights as {version} stored them",
        inputs=(),
        outputs=(),
        layers=layers,
        parameters=network.size or 0,
        notes=notes,
    )
    return StoredWeights(info, held)


def _named(network: SavedNetwork) -> Iterator[tuple[str, Array]]:
    if network.weights is not None:
        paths = [
            (_path(part.layer, name), array)
            for part in network.weights
            for name, array in zip(part.names, part.arrays, strict=True)
        ]
    else:
        paths = [
            (tuple(part for part in path.split("/") if part not in CONTAINERS), array)
            for path, array in (network.store or {}).items()
        ]
    paths = [(parts, array) for parts, array in paths if array.ndim == 4 and array.size]
    count = Counter("/".join(parts[:-1]) for parts, _ in paths)
    taken: Counter[str] = Counter()
    for parts, array in paths:
        short, whole = "/".join(parts[:-1]), "/".join(parts)
        depthwise = "depthwise" in whole and "depthwise" not in short
        name = short if short and count[short] == 1 and not depthwise else whole
        taken[name] += 1
        yield (name if taken[name] == 1 else f"{name}@{taken[name] - 1}"), array


def _path(layer: str, name: str) -> tuple[str, ...]:
    """Where a weight is, from the outermost layer on, which its name may repeat."""
    parts = name.split("/")
    return (layer, *(parts[1:] if parts[0] == layer and len(parts) > 1 else parts))


def _as_kernel(name: str, array: Array, theano: bool) -> FloatArray:
    values = np.asarray(array, np.float32)
    if theano:
        return np.ascontiguousarray(values.transpose(2, 3, 1, 0))
    if "depthwise" in name:
        return values.reshape(*values.shape[:2], 1, -1)
    return values
