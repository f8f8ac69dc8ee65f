"""The learned weights of the filters themselves.

The rule of this module: the weights are shown as they are, with a decomposition beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.errors import SelectionError, few
from layersight.loading import open_for
from layersight.model import HasKernels
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.select import (
    ChannelSpec,
    LayerSpecs,
    choose_channels,
    lacking_note,
    select_layers,
    split_channels,
)

FACTORS = 3  # spatial patterns of a kernel


def kernels(model: Any, layers: LayerSpecs = None, channels: ChannelSpec = None) -> Kernels:
    """The kernels of convolutions, and the spatial patterns that they consist of.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``; or from :func:`layersight.load_weights`, for a
            file of weights whose network is not known.
        layers: Which layers; see :func:`layersight.select.select_layers`. ``None`` is every
            convolution. ``"conv2d:0,4"`` and ``{"conv2d": [0, 4]}`` are layers
            with filters of their own.
        channels: Which filters, ``"0,3,5-9"`` or ``"0:16"``; ``None`` is all.

    Returns:
        The kernels, in the order in which the layers run.

    Raises:
        SelectionError: There is no such layer or filter, or a layer that was chosen alone
            has no kernels.
    """
    opened = open_for(model, HasKernels, "kernels", "look at its activations instead")
    specs, by_layer = split_channels(opened.info.layers, layers)
    chosen = select_layers(opened.info.layers, specs)
    weights = [(layer, opened.kernel(layer.name)) for layer in chosen]
    with_kernels = {layer: kernel for layer, kernel in weights if kernel is not None}
    if not with_kernels and layers is None:
        stored = any(layer.blocked is not None and layer.parameters for layer in chosen)
        raise SelectionError(
            f"{opened.info.source}: no layer has kernels that are known as such"
            + (": layersight kernels --stored shows those that the file holds" if stored else "")
        )
    if not with_kernels:
        raise SelectionError(
            f"layer '{chosen[0].name}' ({chosen[0].type}) has no kernels: choose a convolution"
        )
    counts = {layer.name: kernel.shape[-1] for layer, kernel in with_kernels.items()}
    numbers = choose_channels(counts, channels, by_layer)
    without = [layer.name for layer, kernel in weights if kernel is None and layers is not None]
    notes = (
        *opened.info.notes,
        *([f"without kernels, so not shown: {few(without)}"] if without else []),
        *filter(None, [lacking_note(numbers)]),
    )
    shown = []
    for layer, kernel in with_kernels.items():
        if filters := numbers[layer.name]:
            values = np.ascontiguousarray(kernel[..., list(filters)])
            zero = np.asarray(~values.any(tuple(range(values.ndim - 1))))
            shown.append(LayerKernels(layer, values, filters, *factorise(values), zero))
    return Kernels(opened.info, tuple(shown), notes)


def factorise(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The spatial patterns that kernels decompose into, and the share of each.

    From ``(*positions, input, filter)`` to ``(filter, factor, *positions)`` and ``(filter,
    factor)``. A pattern has the sign of the input that it is weighted by most. A weight that is not
    finite counts as 0.
    """
    *positions, inputs, filters = values.shape
    matrices = values.reshape(-1, inputs, filters).transpose(2, 0, 1)
    clean = np.nan_to_num(matrices.astype(np.float64), posinf=0, neginf=0)
    left, sizes, right = np.linalg.svd(clean, full_matrices=False)
    count = min(FACTORS, sizes.shape[1])
    squares = sizes**2
    total = squares.sum(1, keepdims=True)
    shares = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    strongest = np.abs(right).argmax(2)
    sign = np.sign(np.take_along_axis(right, strongest[..., None], 2)[..., 0])
    sign[sign == 0] = 1
    patterns = left.transpose(0, 2, 1) * sign[..., None]
    factors = patterns[:, :count].reshape(filters, count, *positions)
    return factors.astype(np.float32), shares[:, :count].astype(np.float32)
