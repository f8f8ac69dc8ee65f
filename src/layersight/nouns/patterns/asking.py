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
"""So many channels are made where none are named, shared by the layers that were asked for."""
LEAST = 4
"""Of each layer so many of them at least."""


def ask(
    info: ModelInfo, layers: LayerSpecs, channels: ChannelSpec, kind: str, facets: int
) -> tuple[list[Objective], tuple[str, ...]]:
    """The objectives that layers and channels mean, and notes on what was left out."""
    if kind not in KINDS:
        raise UsageError(f"unknown objective '{kind}': expected one of {', '.join(KINDS)}")
    if facets < 1:
        raise UsageError(f"expected at least 1 facet, found {facets}")
    if layers is None and kind != "logit":
        able, _ = select_able(info, None)
        known = [layer.name for layer in able if layer.role == "convolution"]
        named = known or [layer.name for layer in able if layer.channels]
        raise UsageError(
            f"name the layers to see the patterns of, such as --layers {named[len(named) // 2]}: "
            f"the model has {few(named)}"
            if named
            else "expected a model with a layer that has channels, found none"
        )
    specs, own = split_channels(info.layers, info.outputs if layers is None else layers)
    chosen, blocked = select_able(info, specs)
    with_channels = [layer for layer in chosen if layer.channels]
    if not with_channels:
        raise SelectionError(
            f"layer '{chosen[0].name}' has no channels to maximise: choose a layer with maps"
        )
    counts = {layer.name: layer.channels or 0 for layer in with_channels}
    numbers = choose_channels(counts, channels, own)
    more = None
    if channels is None:
        numbers, more = _first(numbers, own)
    where = "centre" if kind == "neuron" else "mean"
    found = [
        Objective((Term(layer.name, channel, where=where, before=kind == "logit"),), facet)
        for layer in with_channels
        for channel in numbers[layer.name]
        for facet in range(facets)
    ]
    bare = [layer.name for layer in chosen if not layer.channels]
    without = f"without channels, so not shown: {few(bare)}" if bare else None
    return found, tuple(note for note in (blocked, without, lacking_note(numbers), more) if note)


def _first(
    numbers: dict[str, tuple[int, ...]], own: Mapping[str, ChannelSpec]
) -> tuple[dict[str, tuple[int, ...]], str | None]:
    """The first channels of layers for which none were named, and what all would cost."""
    most = max(LEAST, FIRST // max(1, len(numbers) - len(own)))
    kept = {name: each if name in own else each[:most] for name, each in numbers.items()}
    made, there = (sum(map(len, each.values())) for each in (kept, numbers))
    if made == there:
        return numbers, None
    which = f"the first {most} channels"
    if len(numbers) > 1:
        which += " of each layer"
    return kept, (
        f"{which} are shown, {made} of {there}: for all, which take about {there / made:.0f} times "
        "as long, say --channels all, or name some, as --channels 0:32"
    )


def check(info: ModelInfo, objectives: Sequence[Objective]) -> None:
    """Refuses objectives that name what is not there."""
    known = {layer.name: layer for layer in info.layers}
    for objective in objectives:
        if not objective.terms:
            raise UsageError("expected an objective of at least one term, found none")
        for term in objective.terms:
            if term.layer not in known:
                select_layers(info.layers, term.layer)
                raise SelectionError(f"'{term.layer}' stands for several layers: name one")
            count = known[term.layer].channels or 0
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
    """What has to be measured for an objective; those that are optimised together have the same."""
    found = (Probe(term.layer, term.where, term.before) for term in objective.terms)
    return tuple(dict.fromkeys(found))


def weights_of(
    objective: Objective, probes: Sequence[Probe], widths: Sequence[int]
) -> list[FloatArray]:
    """For each probe the weight of each channel of its layer.

    A direction counts by its own length: its weights are divided by their norm.
    """
    found = [np.zeros(width, np.float32) for width in widths]
    for term in objective.terms:
        place = list(probes).index(Probe(term.layer, term.where, term.before))
        if term.channel is not None:
            found[place][term.channel] += term.weight
        else:
            vector = np.asarray(term.direction, np.float32)
            norm = float(np.linalg.norm(vector))
            found[place] += term.weight * vector / (norm or 1.0)
    return found
