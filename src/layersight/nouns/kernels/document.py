"""Kernels as a document.

The rule of this module: every colour has a scale of weights. A kernel of one input is drawn by the
sign of its weights and one of three in colour, a tile each, all tiles of a layer on one scale, so
that weak filters look weak. One of many inputs is a row: first the few spatial patterns that it
consists of, with their shares, then its slices for the strongest inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.document.blocks import Cover, Document, Grid, Numbers, Part, Scale, Section, Tile
from layersight.document.colour import REACH, diverging, palette, steps
from layersight.document.layers import FEWER, model_document
from layersight.document.words import (
    DOT,
    MINUS,
    MOST_NAMED,
    PLUS_MINUS,
    count,
    model_line,
    number,
    percent,
    plural,
    ranges,
    result_notes,
    size,
)
from layersight.errors import SelectionError, few
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels, LayerKernels, laid_out

MOST_ROWS = 32  # inputs of a kernel with one axis that is one picture
BROAD = 5  # how many times longer than high a kernel with one axis and one input is drawn


def describe(result: Kernels, options: KernelOptions) -> Document:
    if not any(entry.filters for entry in result.layers):
        raise SelectionError("no kernels to draw: the result holds none")
    bgr = is_bgr(result)
    captions = _captions(result, bgr=bgr)
    part = Part(
        tuple(_layer(entry, options, bgr=bgr) for entry in result.layers),
        notes=result_notes(result.notes),
    )
    return model_document(
        result.model,
        "What the filters weigh",
        [part],
        "kernels",
        captions=captions,
        heading="Kernels",
        guide=captions[:-1],
        caption=_caption(result, captions),
        fewer=FEWER,
    )


def as_tiles(entry: LayerKernels) -> bool:
    """Whether a kernel is one picture: in colour, of one input, or with a row for each input."""
    if len(entry.positions) == 1:
        return entry.inputs <= MOST_ROWS and not entry.mixes
    return entry.coloured or entry.inputs == 1


def _layer(entry: LayerKernels, options: KernelOptions, *, bgr: bool) -> Section:
    limit = entry.limit
    if as_tiles(entry):
        block, ends = _tiles(entry, options, bgr=bgr), (signed(-limit), signed(limit))
    else:
        block, ends = _rows(entry, options), (f"{MINUS}limit", "+limit of the row")
    colours = palette("grey") if entry.coloured else diverging()
    scale = Scale(colours, ((0.0, ends[0]), (0.5, "0"), (1.0, ends[1])))
    return Section(
        entry.name,
        (block,),
        kind=f"{entry.layer.type}   {size(entry.values.shape[:-1])}",
        facts=_facts(entry),
        anchor=f"kernels:{entry.name}",
        scale=scale if limit > 0 else None,
    )


def _cover(entry: LayerKernels, index: int, *, span: int = 1) -> Cover | None:
    """The words over a kernel that cannot be drawn."""
    if entry.zero[index]:
        return Cover("dead", ("zero",), span)
    if entry.broken[index]:
        return Cover("broken", ("not a number",) if span > 1 else ("not a", "number"), span)
    return None


def _tiles(entry: LayerKernels, options: KernelOptions, *, bgr: bool) -> Grid:
    if len(entry.positions) == 1:  # a row for each input; of one a broader one
        values = np.transpose(entry.values, (2, 1, 0))
        if entry.inputs == 1:
            values = np.repeat(values, max(1, entry.positions[0] // BROAD), axis=1)
    else:
        values = laid_out(np.moveaxis(entry.values, -1, 0), len(entry.positions))
        values = values if entry.coloured else values[..., 0]
    pixels = steps(values, entry.limit)
    if entry.coloured and bgr:
        pixels = pixels[..., ::-1]
    norm = np.sqrt((entry.norms**2).sum(0)).astype(np.float32)
    norm[entry.broken] = np.nan
    return Grid(
        np.ascontiguousarray(pixels),
        [Tile(label=str(name), cover=_cover(entry, i)) for i, name in enumerate(entry.filters)],
        None if entry.coloured else diverging(),
        columns=options.columns,
        unit="filter",
        numbers=(Numbers("norm", norm), Numbers("largest", entry.limits.astype(np.float32))),
        **_slices(entry),
    )


def _slices(entry: LayerKernels) -> dict[str, Any]:
    """How the slices of kernels with depth lie in their tiles."""
    if len(entry.positions) < 3:
        return {}
    return {"slices": (1, entry.positions[0]), "depth": entry.positions[0]}


def _rows(entry: LayerKernels, options: KernelOptions) -> Grid:
    """A row for each filter, on a scale of its own."""
    front = 0 if entry.mixes else int(entry.factors.shape[1])
    slices = min(options.columns, entry.inputs)
    wide = front + slices
    sides = laid_out(np.empty((1, *entry.positions)), len(entry.positions)).shape[1:]
    white = np.full((*sides, 3), 255, np.uint8)
    cells: list[tuple[Bytes, Tile]] = []
    for index, channel in enumerate(entry.filters):
        if cover := _cover(entry, index, span=wide):
            row = [(white, Tile(cover=cover))]
        else:
            row = list(_patterns(entry, index)) if front else []
            row += [(white, Tile(blank=True))] * (front - len(row))
            row += _inputs(entry, index, slices)
        rest = Tile(name=f"{entry.name}, filter {channel}", blank=True)
        cells += [*row, *[(white, rest)] * (wide - len(row))]
    inputs = plural(entry.inputs, "input")
    words = inputs if slices == entry.inputs else f"strongest {slices} of {inputs}"
    return Grid(
        np.stack([pixels for pixels, _ in cells]),
        [tile for _, tile in cells],
        columns=wide,
        side=14.0 if entry.mixes else 34.0,
        unit="slice",
        **_slices(entry),
        rows=tuple(
            (str(channel), f"{PLUS_MINUS}{number(float(largest))}")
            for channel, largest in zip(entry.filters, entry.limits, strict=True)
        ),
        gaps=frozenset({front - 1} if front else ()),
        heads=((front, words), *([(0, "spatial patterns, share")] if front else [])),
    )


def _patterns(entry: LayerKernels, index: int) -> Iterator[tuple[Bytes, Tile]]:
    """The spatial patterns that a filter consists of, with their shares."""
    for order, share in enumerate(entry.shares[index].tolist()):
        if share > 0:
            factor = laid_out(entry.factors[index, order][np.newaxis], len(entry.positions))[0]
            name = f"{entry.name}, filter {entry.filters[index]}, spatial pattern {order}"
            drawn = by_sign(factor, float(np.abs(factor).max()))
            yield drawn, Tile(label=percent(share), name=name)


def _inputs(entry: LayerKernels, index: int, count: int) -> Iterator[tuple[Bytes, Tile]]:
    """The weights of a filter for its strongest inputs."""
    for source in entry.strongest(index, count):
        values = entry.values[..., source, index]
        weights = laid_out(values[np.newaxis], len(entry.positions))[0]
        sign = ("+" if weights[0, 0] > 0 else MINUS) if entry.mixes else ""
        name = f"{entry.name}, filter {entry.filters[index]}, input {source}"
        facts = (("norm", number(float(entry.norms[source, index]))),)
        drawn = by_sign(weights, float(entry.limits[index]))
        yield drawn, Tile(label=f"{sign}{source}", name=name, facts=facts)


def by_sign(values: FloatArray, limit: float) -> Bytes:
    """Weights of any shape as RGB by their sign and size, ``(..., 3)``."""
    return diverging()[steps(values, limit)]


def signed(value: float) -> str:
    """A weight with its sign.

    >>> signed(0.25), signed(-0.25), signed(0.0)
    ('+0.25', '−0.25', '0')
    """
    if value == 0:
        return "0"
    return f"{'+' if value > 0 else MINUS}{number(abs(value))}"


def _facts(entry: LayerKernels) -> str:
    shown = len(entry.filters)
    facts = [plural(shown, "filter")]
    if entry.filters != tuple(range(shown)):
        facts[0] += f" ({ranges(entry.filters)})"
    facts.append(f"weights {_range(entry)}")
    if len(entry.positions) == 3:
        facts.append(f"{plural(entry.positions[0], 'slice')} beside each other")
    zero, broken = int(entry.zero.sum()), int(entry.broken.sum())
    facts.append(f"{count(zero)} zero" if zero else "none zero")
    # Filters that are not zero and yet look so on the scale of their layer.
    faint = (entry.limits < entry.limit / REACH / 2) & ~entry.zero & ~entry.broken
    if as_tiles(entry) and faint.any():
        weak = np.array(entry.filters)[faint].tolist()
        facts.append(f"{count(len(weak))} too weak to see ({ranges(weak, 4)})")
    if broken:
        facts.append(f"{count(broken)} not numbers")
    return DOT.join(facts)


def _range(entry: LayerKernels) -> str:
    """From the least to the greatest finite weight."""
    finite = entry.values[np.isfinite(entry.values)]
    if not finite.size:
        return "not numbers"
    low, high = (signed(float(end)) for end in (finite.min(), finite.max()))
    return low if low == high else f"{low} to {high}"


def is_bgr(result: Kernels) -> bool:
    """Whether the first layer is known to get blue first."""
    entry = result.model.image_input
    if entry is None:
        return False
    scale = entry.preprocessing
    return (scale is not None and scale.order == "BGR") != entry.swapped


def _one_scale(layers: Sequence[LayerKernels]) -> str:
    """A sentence about the one scale of each of these layers, and its limit."""
    if len(layers) == 1:
        return f"One scale for the layer, {PLUS_MINUS}{number(layers[0].limit)}"
    return "One scale for each layer, its limit at its bar"


def _captions(result: Kernels, *, bgr: bool) -> tuple[str, ...]:
    layers = result.layers
    coloured = [entry for entry in layers if entry.coloured]
    one_axis = [entry for entry in layers if len(entry.positions) == 1 and as_tiles(entry)]
    single = [entry for entry in layers if entry.inputs == 1 and entry not in one_axis]
    rows = [entry for entry in layers if not as_tiles(entry)]
    mixing = dict.fromkeys(size(entry.positions) for entry in rows if entry.mixes)
    lines = []
    if coloured:
        order = "blue, green, red (it takes BGR)" if bgr else "red, green, blue"
        lines.append(f"Inputs 0, 1, 2 drawn as {order}; mid grey is 0. {_one_scale(coloured)}.")
    if single or rows or one_axis:
        line = "Blue below 0, pale grey 0, red above."
        line += f" One input: {_one_scale(single).lower()}." if single else ""
        if one_axis:
            line += " A row for each input, a column for each position: "
            line += f"{_one_scale(one_axis).lower()}."
        line += f" Rows: a scale for each filter, {PLUS_MINUS} under its number." if rows else ""
        lines.append(line)
    if any(not entry.mixes for entry in rows):
        lines.append(
            "In a row: spatial patterns (singular vectors, each on its own scale) with their share "
            "of the kernel's square, then the strongest inputs."
        )
    if mixing:
        lines.append(
            f"{' and '.join(mixing)} mixes channels: inputs by size of their weight, + above 0, "
            f"{MINUS} below."
        )
    if any(entry.zero.any() for entry in layers):
        lines[-1] += " Crossed grey: every weight is zero."
    lines.append(f"Weights as they are. Model {model_line(result.model)}.")
    return tuple(lines)


def _caption(result: Kernels, captions: Sequence[str]) -> str:
    layers = [
        f"{entry.name} {size(entry.values.shape[:-1])}, filters {ranges(entry.filters)}, "
        f"scale {PLUS_MINUS}{number(entry.limit)}"
        for entry in result.layers
    ]
    return f"Kernels of {few(layers, MOST_NAMED, '; ')}. " + " ".join(captions)
