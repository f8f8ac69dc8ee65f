"""Kernels made by hand, with every case that can happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from described import model_info
from layersight.data.model import InputInfo, LayerInfo
from layersight.data.preprocessing import Preprocessing
from layersight.nouns.kernels.compute import factorise
from layersight.nouns.kernels.result import Kernels, LayerKernels

HOSTILE = "conv</script><b>&\u202e"


def layer(
    shape: tuple[int, int, int, int],
    name: str = "conv",
    *,
    zero: Sequence[int] = (),
    wrong: Sequence[int] = (),
    filters: tuple[int, ...] | None = None,
    kind: str = "Conv2D",
) -> LayerKernels:
    """Kernels of ``(height, width, input, filter)``; no two of them are alike.

    Filter 0 holds 1 at its first position, the largest weight of the layer; the weight of the
    last input of the last filter is exactly 0 at its last position. The filters ``zero`` are all
    zeros, those of ``wrong`` have one weight that is no number.
    """
    values = np.random.default_rng(7).uniform(-0.9, 0.9, shape).astype(np.float32)
    values[0, 0, 0, 0] = 1
    values[-1, -1, -1, -1] = 0
    values[..., list(zero)] = 0
    for index in wrong:
        values[0, 0, 0, index] = np.nan
    factors, shares = factorise(values)
    info = LayerInfo(name, kind, (None, 9, 9, shape[3]), int(values.size))
    numbers = tuple(range(shape[3])) if filters is None else filters
    return LayerKernels(info, values, numbers, factors, shares, ~values.any((0, 1, 2)))


def weights(
    *layers: LayerKernels, preprocessing: Preprocessing | None = None, **known: Any
) -> Kernels:
    """Kernels of these layers."""
    info: dict[str, Any] = {
        "inputs": (InputInfo("picture", (None, 9, 9, 3), preprocessing=preprocessing),),
        "layers": tuple(entry.layer for entry in layers),
    }
    return Kernels(model_info(**{**info, **known}), layers, ("a note",))


def everything(**known: Any) -> Kernels:
    """A layer of every kind."""
    return weights(
        layer((3, 3, 3, 10), "colour", zero=(2,), wrong=(5,)),
        layer((3, 3, 1, 9), "body/depthwise", zero=(1,), wrong=(4,), kind="DepthwiseConv2D"),
        layer((3, 3, 20, 6), "many", zero=(3,), wrong=(4,)),
        layer((1, 1, 30, 5), "mix", zero=(0,), wrong=(2,)),
        **known,
    )
