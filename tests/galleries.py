"""Patterns made by hand, with every case that can happen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from described import model_info
from layersight.data.model import InputInfo, LayerInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import Objective, Patterns, Term

HOSTILE = "conv</script><b>&\u202e"


def waves(count: int, height: int, width: int, bands: int = 3) -> np.ndarray:
    """Coloured waves, ``(pattern, height, width, band)`` uint8; no two patterns are alike."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    pixels = np.zeros((count, height, width, bands), np.uint8)
    for index in range(count):
        for band in range(bands):
            angle, speed = index * 0.7 + band * 0.2, 9 + 3 * index
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * speed + band)
            pixels[index, ..., band] = np.rint(127.5 + 120 * wave)
    return pixels


def gallery(
    layers: Mapping[str, int] | None = None,
    *,
    size: tuple[int, int] = (12, 12),
    bands: int = 3,
    facets: int = 1,
    dead: Sequence[int] = (1,),
    converged: Sequence[int] = (0,),
    natural: bool = False,
    masks: bool = False,
    frames: int = 0,
    scale: Preprocessing = SCALES["0..1"],
    labels: tuple[str, ...] | None = None,
    coverage: np.ndarray | None = None,
    **known: Any,
) -> Patterns:
    """Patterns of a number of channels of each layer.

    ``dead`` and ``converged`` say which patterns are; ``bands`` are channels of the canvas,
    ``known`` facts of the model.
    """
    layers = {"conv": 5} if layers is None else layers
    objectives = tuple(
        Objective((Term(name, channel),), facet)
        for name, count in layers.items()
        for channel in range(count)
        for facet in range(facets)
    )
    count, (height, width) = len(objectives), size
    pixels = waves(count, height, width, bands)
    gone = np.isin(np.arange(count), dead)
    pixels[gone] = 128
    images = pixels[..., :3] if bands >= 3 else np.repeat(pixels[..., :1], 3, -1)
    activation = np.where(gone, 0, 3.25 + 2.5 * np.arange(count)).astype(np.float32)
    steps = np.where(gone, 3, 6 + np.arange(count) % 2)
    history = np.full((count, 7), np.nan, np.float32)
    for row, last, reached in zip(history, steps, activation, strict=True):
        row[:last] = np.linspace(0, reached, last)
    marks = np.stack([activation * 0.25, activation * 0.5, np.full(count, 7.0)], -1)
    options = PatternOptions(steps=7, size=size, facets=facets, jitter=2.0)
    info = {
        "inputs": (InputInfo("picture", (None, height, width, bands)),),
        "outputs": (list(layers)[-1],),
        "layers": tuple(
            LayerInfo(name, "Conv2D", (None, height, width, 2 * n), 9, receptive_field=(3, 3))
            for name, n in layers.items()
        ),
        "labels": labels,
    }
    mask = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (count, height, width))
    share = np.linspace(0, 1, frames).reshape(-1, 1, 1, 1, 1) if frames else None
    return Patterns(
        model=model_info(**{**info, **known}),
        options=options,
        preprocessing=scale,
        objectives=objectives,
        images=np.ascontiguousarray(images),
        values=scale.apply(pixels),
        activation=activation,
        start_activation=(activation * 0.125).astype(np.float32),
        robustness=np.where(gone, np.nan, 0.75).astype(np.float32),
        dead=gone,
        converged=np.isin(np.arange(count), converged) & ~gone,
        steps=steps.astype(np.int64),
        history=history,
        natural=marks.astype(np.float32) if natural else None,
        percentile=np.where(activation < 7, 62.5, 100).astype(np.float32) if natural else None,
        transparency=np.array(mask) if masks else None,
        natural_count=8 if natural else 0,
        frames=None if share is None else (128 + share * (images - 128.0)).astype(np.uint8),
        frame_steps=tuple(int(step) for step in np.linspace(0, 7, frames)),
        notes=("a note",),
        coverage=coverage,
    )


def mixed() -> Patterns:
    """A sum, a direction, a neuron and a logit, of one layer."""
    terms = (
        (Term("conv", 0), Term("conv", 2, weight=-0.5)),
        (Term("conv", direction=(1.0, 0.0)),),
        (Term("conv", 3, where="centre"),),
        (Term("conv", 1, before=True),),
    )
    made = gallery({"conv": 4}, dead=(), labels=("ant", "bee", "cat", "dog", *"efgh"))
    return dataclasses.replace(made, objectives=tuple(Objective(entry) for entry in terms))
