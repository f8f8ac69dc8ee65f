"""The layers whose maps a heatmap is made of.

The rule of this module: a choice comes with its reason; a layer that cannot be used is refused with
the name of what would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from layersight.data.model import LayerInfo, ModelInfo, Role
from layersight.data.prediction import MOVING
from layersight.errors import ModelInputError, SelectionError
from layersight.nouns.heatmaps.classes import spatial_shape
from layersight.nouns.heatmaps.methods.method import SEVERAL
from layersight.select import LayerSpec, select_layers

MOST_STAGES = 2
"""How many resolutions, the coarsest, a method that combines layers gets unless layers are named.

Measured on MobileNet over 25 photographs: products of two are better than chance by deletion in
76 % of them, of three in 60 %, of four in 48 %. Fine layers tell edges, whatever was decided."""

AXES = {1: "positions", 2: "rows and columns", 3: "frames or slices, rows and columns"}
"""What maps are of, by their number of axes."""

_BARE: tuple[Role, ...] = (*MOVING, "pooling", "resize", "preprocessing")
_BENDING: tuple[Role, ...] = (*MOVING, "activation", "normalisation")

DependsOnInput = Callable[[LayerInfo], bool]
"""Whether a layer depends on the input that is explained."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Layers in the order in which they run, and why these: ``None`` if they were asked for."""

    layers: tuple[LayerInfo, ...]
    why: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    @property
    def note(self) -> str | None:
        if self.why is None:
            return None
        listed = ", ".join(f"{layer.name} ({_size(layer)})" for layer in self.layers)
        return f"layer{'s' if len(self.layers) > 1 else ''} {listed}: {self.why}"


def choose_layers(
    info: ModelInfo,
    end: LayerInfo,
    kind: str,
    asked: LayerSpec | Iterable[LayerSpec] | None = None,
    *,
    axes: int = 2,
    depends: DependsOnInput = lambda layer: True,
) -> Choice:
    """The layers for a method that takes some, by name or where none was asked for.

    One: the last with maps before the layer that the target is read off. Several: the last of
    each size of maps that is smaller than the input, of the :data:`MOST_STAGES` coarsest.
    ``axes`` are those of positions of what is explained.
    """
    if asked is not None:
        return find_layers(info, end, asked, axes=axes, depends=depends)
    able = _able(info, end, axes)
    if kind == SEVERAL:
        sizes = {sides for entry in info.inputs if len(sides := entry.sides) == axes}
        last = {spatial_shape(layer): layer for layer in able if depends(layer)}
        stages = [layer for layer in last.values() if not _as_large(layer, able, sizes)]
        order = [layer for layer in able if layer in stages]
        if order:
            return Choice(
                tuple(order[-MOST_STAGES:]),
                "the last layer with maps of each of the coarsest sizes",
            )
    chosen = next((layer for layer in reversed(able) if depends(layer)), None)
    if chosen is None:
        raise ModelInputError(_no_maps(info, end, axes))
    return Choice((chosen,), "the last layer with maps before the score")


def find_layers(
    info: ModelInfo,
    end: LayerInfo,
    asked: LayerSpec | Iterable[LayerSpec],
    *,
    axes: int = 2,
    depends: DependsOnInput = lambda layer: True,
) -> Choice:
    """The layers that were asked for, as :func:`layersight.select.select_layers` takes them.

    The path of a nested model, or the name of a shared layer, stands for the last layer with
    maps in it.
    """
    several = [asked] if isinstance(asked, str | int | slice | np.integer) else list(asked)
    if not several:
        raise SelectionError("expected at least one layer, found none. Leave it out for the last")
    names = {layer.name for spec in several for layer in _meant(info, spec, axes)}
    found = tuple(layer for layer in info.layers if layer.name in names)
    path = {layer.name for layer in _path(info, end)}
    for layer in found:
        wrong = None
        if not has_spatial_maps(layer, axes):
            wrong = (
                f"layer '{layer.name}' gives {_size(layer)}, which is no map: expected a layer "
                f"with {AXES[axes]}"
            )
        elif layer.name not in path:
            why = "is the target's own" if layer.name == end.name else "is not on the way to it"
            wrong = f"what is explained, '{end.name}', does not depend on layer '{layer.name}': it "
            wrong += why
        elif not depends(layer):
            wrong = f"layer '{layer.name}' does not depend on the input that is explained"
        if wrong:
            raise SelectionError(wrong + _instead(info, end, depends, axes))
    return Choice(found)


def has_spatial_maps(layer: LayerInfo, axes: int = 2) -> bool:
    """Whether a layer has maps of more than one position, with so many axes."""
    sides = spatial_shape(layer)
    return (
        layer.output_shape is not None
        and layer.axes is None
        and len(sides) == axes
        and all(side is None or side > 0 for side in sides)
        and math.prod(side or 2 for side in sides) > 1
    )


def _meant(info: ModelInfo, spec: LayerSpec, axes: int) -> Sequence[LayerInfo]:
    found = select_layers(info.layers, spec)
    one_name = isinstance(spec, str) and not set(spec) & set("*?[:,")
    if len(found) == 1 or not one_name:
        return found
    return [layer for layer in found if has_spatial_maps(layer, axes)][-1:] or found[-1:]


def _path(info: ModelInfo, end: LayerInfo) -> list[LayerInfo]:
    """The layers that a target depends on, in the order in which they run, without its own.

    Layers that only bend or reshape the target's numbers count as its own. What a layer with
    layers inside, or a model without a graph, has inside counts by the order in which it runs.
    """
    by_name = {layer.name: layer for layer in info.layers}
    order = {layer.name: place for place, layer in enumerate(info.layers)}
    own = {end.name}
    first = end
    while first.role in _BENDING and len(first.inputs) == 1 and first.inputs[0] in by_name:
        first = by_name[first.inputs[0]]
        own.add(first.name)
    inner = [layer.name for layer in info.layers if not layer.inputs]
    found: set[str] = set()
    waiting = [first.name]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        layer = by_name[name]
        waiting += [given for given in layer.inputs if given in by_name]
        bare = name.partition("[")[0]
        waiting += [
            other
            for other in inner
            if order[other] < order[name] and (not layer.inputs or other.startswith(f"{bare}/"))
        ]
        if not layer.inputs:
            around = (name[:place] for place, letter in enumerate(name) if letter == "/")
            outer = (by_name[part] for part in around if part in by_name)
            waiting += [given for one in outer for given in one.inputs if given in by_name]
    return [layer for layer in info.layers if layer.name in found - own]


def _able(info: ModelInfo, end: LayerInfo, axes: int) -> list[LayerInfo]:
    """Layers with maps that do more than move or pool values, from the first with kernels on."""
    layers = [layer for layer in _path(info, end) if has_spatial_maps(layer, axes)]
    begin = next((n for n, layer in enumerate(layers) if _has_kernels(layer)), len(layers))
    return [layer for layer in layers[begin:] if layer.role not in _BARE]


def _has_kernels(layer: LayerInfo) -> bool:
    return layer.parameters > 0 and layer.role not in (*_BARE, "activation", "normalisation")


def _as_large(
    layer: LayerInfo, layers: Sequence[LayerInfo], sizes: set[tuple[int | None, ...]]
) -> bool:
    """Whether maps are as large as the input, or the largest where that takes any size."""
    known = {size for size in sizes if None not in size}
    if known:
        return spatial_shape(layer) in known
    cells = [math.prod(side or 0 for side in spatial_shape(each)) for each in (layer, *layers)]
    return cells[0] >= max(cells)


def _instead(info: ModelInfo, end: LayerInfo, depends: DependsOnInput, axes: int) -> str:
    able = [layer for layer in _able(info, end, axes) if depends(layer)]
    if not able:
        return ". No layer would do: choose a method that needs none, such as gradient."
    listed = ", ".join(layer.name for layer in able[-1:-4:-1])
    return f". These would do: {listed}{' ...' if able[3:] else ''}"


def _no_maps(info: ModelInfo, end: LayerInfo, axes: int) -> str:
    computing = [layer for layer in info.layers if layer.has_maps and _has_kernels(layer)]
    other = [layer for layer in computing if len(layer.output_shape or ()) != axes + 2]
    found = "none is on the way" if computing else "the model has no convolutions"
    if other:
        found = f"the maps of '{other[-1].name}' are {_size(other[-1])}"
    return (
        f"expected a layer with maps of {AXES[axes]} before '{end.name}', but {found}. "
        "Choose a method that needs no layer, such as gradient."
    )


def _size(layer: LayerInfo) -> str:
    sides = spatial_shape(layer)
    if not sides:
        return f"{layer.channels} numbers"
    return " x ".join("any" if side is None else str(side) for side in sides)
