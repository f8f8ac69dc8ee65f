"""The kernels of a file of weights alone, as it stores them, without guessing a network.

The rule of this module: what is not in the file is not made up; every assumption is in a note.
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

# The largest side of a kernel where the order of axes is in doubt.
WIDEST = 15

# Parts of a path in a store that name no layer.
CONTAINERS = ("layers", "vars", "_layer_checkpoint_dependencies")


class StoredWeights(HasKernels):
    """The kernels of a file without the network that they belong to.

    :func:`layersight.kernels` takes it in place of a model.

    Args:
        info: The file, and a layer for each kernel of two dimensions.
        held: ``(height, width, input, filter)`` float32, by the name of the layer.
    """

    def __init__(self, info: ModelInfo, held: Mapping[str, FloatArray]) -> None:
        self._info = info
        self.held = held

    @property
    def info(self) -> ModelInfo:
        """The file, and a layer for each kernel of two dimensions."""
        return self._info

    def kernel(self, layer: str) -> FloatArray | None:
        """The kernels of a layer, ``(height, width, input, filter)`` float32."""
        if layer not in self.held:
            raise SelectionError(f"no kernel '{layer}': expected one of {', '.join(self.held)}")
        return self.held[layer]


def load_weights(path: str | os.PathLike[str]) -> StoredWeights:
    """Reads the kernels of a file of weights, of any version of Keras, without a network.

    Args:
        path: A file of ``model.save_weights``, or a whole model in HDF5 or ``.keras``.

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
    # Whether all can be ``(filter, input, height, width)``, and some can be nothing else.
    shapes = [array.shape for array in arrays.values()]
    theano = all(shape[2] == shape[3] <= WIDEST for shape in shapes) and any(
        max(shape[:2]) > WIDEST for shape in shapes
    )
    kernels = {name: _as_kernel(name, array, theano) for name, array in arrays.items()}
    layers = tuple(
        LayerInfo(
            name,
            "kernel",
            (None, None, None, kernel.shape[-1]),
            parameters=kernel.size,
            kernel=(kernel.shape[0], kernel.shape[1]),
            role="convolution",
        )
        for name, kernel in kernels.items()
    )
    order = "(filter, input, height, width)" if theano else "(height, width, input, filter)"
    notes = [
        "weights without a network: kernels in the order of the file, whose axes were taken as "
        f"{order}"
    ]
    if network.backend == "theano":
        notes.append("Theano turns kernels by 180 degrees where it convolves; these are as stored")
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
        notes=tuple(notes),
    )
    return StoredWeights(info, kernels)


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
    used: Counter[str] = Counter()
    for parts, array in paths:
        layer, full = "/".join(parts[:-1]), "/".join(parts)
        depthwise = "depthwise" in full and "depthwise" not in layer
        name = layer if layer and count[layer] == 1 and not depthwise else full
        used[name] += 1
        yield (name if used[name] == 1 else f"{name}@{used[name] - 1}"), array


def _path(layer: str, name: str) -> tuple[str, ...]:
    """The path of a weight from the outermost layer on, which its name may repeat."""
    parts = name.split("/")
    return (layer, *(parts[1:] if parts[0] == layer and len(parts) > 1 else parts))


def _as_kernel(name: str, array: Array, theano: bool) -> FloatArray:
    values = np.asarray(array, np.float32)
    if theano:
        return np.ascontiguousarray(values.transpose(2, 3, 1, 0))
    if "depthwise" in name:
        return values.reshape(*values.shape[:2], 1, -1)
    return values
