"""From layers and channels to objectives, and from objectives to probes and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Probe
from layersight.data.model import ModelInfo
from layersight.errors import SelectionError, UsageError, few
from layersight.nouns.patterns.request import KINDS
from layersight.nouns.patterns.result import Objective, Term
from layersight.select import (
    ChannelSpec,
    LayerSpecs,
    choose_channels,
    lacking_note,
    parse_channels,
    select_able,
    select_layers,
    split_channels,
)

FIRST = 16
"""How many channels are shown where none are named, shared by the chosen layers."""
LEAST = 4
"""The fewest of each layer."""


def make_objectives(
    info: ModelInfo, layers: LayerSpecs, channels: ChannelSpec, kind: str, facets: int
) -> tuple[list[Objective], tuple[str, ...]]:
    """The objectives of layers and channels, and notes on what was left out."""
    if kind not in KINDS:
        raise UsageError(f"unknown objective '{kind}': expected one of {', '.join(KINDS)}")
    if facets < 1:
        raise UsageError(f"expected at least 1 facet, found {facets}")
    if layers is None and kind != "logit":
        able, _ = select_able(info, None)
        convolutions = [layer.name for layer in able if layer.role == "convolution"]
        names = convolutions or [layer.name for layer in able if layer.channels]
        raise UsageError(
            f"name the layers to see the patterns of, such as --layers {names[len(names) // 2]}: "
            f"the model has {few(names)}"
            if names
            else "expected a model with a layer that has channels, found none"
        )
    specs, by_layer = split_channels(info.layers, info.outputs if layers is None else layers)
    chosen, blocked = select_able(info, specs)
    with_channels = [layer for layer in chosen if layer.channels]
    if not with_channels:
        raise SelectionError(
            f"layer '{chosen[0].name}' has no channels to maximise: choose a layer with maps"
        )
    counts = {layer.name: layer.channels or 0 for layer in with_channels}
    numbers = choose_channels(counts, channels, by_layer)
    more = None
    if channels is None:
        numbers, more = _first(numbers, by_layer)
    where = "centre" if kind == "neuron" else "mean"
    objectives = [
        Objective((Term(layer.name, channel, where=where, before=kind == "logit"),), facet)
        for layer in with_channels
        for channel in numbers[layer.name]
        for facet in range(facets)
    ]
    bare = [layer.name for layer in chosen if not layer.channels]
    without = f"without channels, so not shown: {few(bare)}" if bare else None
    notes = (blocked, without, lacking_note(numbers), more)
    return objectives, tuple(note for note in notes if note)


def _first(
    numbers: dict[str, tuple[int, ...]], by_layer: Mapping[str, ChannelSpec]
) -> tuple[dict[str, tuple[int, ...]], str | None]:
    """The first channels of layers for which none were named, and what all would cost."""
    most = max(LEAST, FIRST // max(1, len(numbers) - len(by_layer)))
    first = {name: every if name in by_layer else every[:most] for name, every in numbers.items()}
    made, total = (sum(map(len, channels.values())) for channels in (first, numbers))
    if made == total:
        return numbers, None
    which = f"the first {most} channels" + (" of each layer" if len(numbers) > 1 else "")
    return first, (
        f"{which} are shown, {made} of {total}: for all, which take about {total / made:.0f} times "
        "as long, say --channels all, or name some, as --channels 0:32"
    )


def check_objectives(info: ModelInfo, objectives: Sequence[Objective]) -> None:
    """Refuses objectives of layers or channels that the model does not have."""
    channels = {layer.name: layer.channels or 0 for layer in info.layers}
    for objective in objectives:
        if not objective.terms:
            raise UsageError("expected an objective of at least one term, found none")
        for term in objective.terms:
            if term.layer not in channels:
                select_layers(info.layers, term.layer)
                raise SelectionError(f"'{term.layer}' stands for several layers: name one")
            count = channels[term.layer]
            if (term.channel is None) == (term.direction is None):
                raise UsageError(f"expected a channel or a direction of '{term.layer}'")
            if term.channel is not None:
                parse_channels(term.channel, count, layer=term.layer)
            elif len(term.direction or ()) != count:
                raise SelectionError(
                    f"expected a direction of {count} numbers for layer '{term.layer}', found "
                    f"{len(term.direction or ())}"
                )
            if term.where not in ("mean", "centre"):
                raise UsageError(f"expected where='mean' or 'centre', found '{term.where}'")


def probes_of(objective: Objective) -> tuple[Probe, ...]:
    """What is measured for an objective; objectives that are optimised together have the same."""
    return tuple(dict.fromkeys(map(_probe, objective.terms)))


def _probe(term: Term) -> Probe:
    return Probe(term.layer, term.where, term.before)


def weights_of(
    objective: Objective, probes: Sequence[Probe], widths: Sequence[int]
) -> list[FloatArray]:
    """For each probe the weight of each channel of its layer.

    The weights of a direction are divided by their norm, so that its length does not count.
    """
    weights = {
        probe: np.zeros(width, np.float32) for probe, width in zip(probes, widths, strict=True)
    }
    for term in objective.terms:
        if term.channel is not None:
            weights[_probe(term)][term.channel] += term.weight
        else:
            vector = np.asarray(term.direction, np.float32)
            norm = float(np.linalg.norm(vector))
            weights[_probe(term)] += term.weight * vector / (norm or 1.0)
    return [*weights.values()]
