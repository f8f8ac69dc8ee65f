"""Kernels as a document.

The rule of this module: no colour without the weight that it stands for. A kernel of one input is
shown by the sign of its weights and one of three in colour, a tile each, all tiles of a layer on
one scale, so that weak filters look weak. One of many inputs is a row: in front the few spatial
patterns that make it up, with their shares, behind them its slices for the strongest inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.document.blocks import (
    Block,
    Bytes,
    Cover,
    Document,
    Grid,
    Numbers,
    Part,
    Scale,
    Section,
    Tile,
)
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
    own_notes,
    percent,
    plural,
    ranges,
    size,
)
from layersight.errors import SelectionError, few
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import (
    as_rows,
    as_tiles,
    is_coloured,
    is_mixing,
    laid_out,
    strongest,
)
from layersight.nouns.kernels.result import Kernels, LayerKernels


def describe(result: Kernels, options: KernelOptions) -> Document:
    """The document of kernels.

    Raises:
        SelectionError: There are no kernels.
    """
    if not any(entry.filters for entry in result.layers):
        raise SelectionError("no kernels to draw: the result holds none")
    bgr = is_bgr(result)
    captions = _captions(result, bgr=bgr)
    part = Part(
        tuple(_layer(entry, options, bgr=bgr) for entry in result.layers),
        notes=own_notes(result.notes),
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


def _layer(entry: LayerKernels, options: KernelOptions, *, bgr: bool) -> Section:
    block: Block = _tiles(entry, options, bgr=bgr) if as_tiles(entry) else _rows(entry, options)
    return Section(
        entry.name,
        (block,),
        kind=f"{entry.layer.type}   {size(entry.values.shape[:-1])}",
        facts=_facts(entry),
        anchor=f"kernels:{entry.name}",
        scale=_scale(entry) if entry.limit > 0 else None,
    )


def _scale(entry: LayerKernels) -> Scale:
    colours = palette("grey") if is_coloured(entry) else diverging()
    if as_tiles(entry):
        most = entry.limit
        return Scale(colours, ((0.0, signed(-most)), (0.5, "0"), (1.0, signed(most))))
    return Scale(colours, ((0.0, f"{MINUS}limit"), (0.5, "0"), (1.0, "+limit of the row")))


def _cover(entry: LayerKernels, index: int, *, span: int = 1) -> Cover | None:
    """What covers a kernel that cannot be drawn."""
    if entry.zero[index]:
        return Cover("dead", ("zero",), span)
    if not np.isfinite(entry.values[..., index]).all():
        return Cover("broken", ("not a number",) if span > 1 else ("not a", "number"), span)
    return None


def _numbers(entry: LayerKernels) -> tuple[Numbers, ...]:
    norm = np.sqrt((entry.norms**2).sum(0)).astype(np.float32)
    norm[entry.broken] = np.nan
    return (Numbers("norm", norm), Numbers("largest", entry.limits.astype(np.float32)))


def _tiles(entry: LayerKernels, options: KernelOptions, *, bgr: bool) -> Grid:
    """A tile for each filter."""
    coloured = is_coloured(entry)
    if len(entry.positions) == 1:
        found = steps(as_rows(entry), entry.limit)
    else:
        values = laid_out(np.moveaxis(entry.values, -1, 0), len(entry.positions))
        found = steps(values if coloured else values[..., 0], entry.limit)
    if coloured:
        found = found[..., ::-1] if bgr else found
    tiles = [
        Tile(label=str(channel), cover=_cover(entry, index))
        for index, channel in enumerate(entry.filters)
    ]
    return Grid(
        np.ascontiguousarray(found),
        tiles,
        None if coloured else diverging(),
        columns=options.columns,
        unit="filter",
        numbers=_numbers(entry),
        **_slices(entry),
    )


def _slices(entry: LayerKernels) -> dict[str, Any]:
    """How the slices of kernels with depth lie in their tiles."""
    if len(entry.positions) < 3:
        return {}
    return {"slices": (1, entry.positions[0]), "depth": entry.positions[0]}


def _rows(entry: LayerKernels, options: KernelOptions) -> Grid:
    """A row for each filter, on a scale of its own."""
    mixing = is_mixing(entry)
    front = 0 if mixing else int(entry.factors.shape[1])
    slices = min(options.columns, entry.inputs)
    wide, most = front + slices, entry.limits
    height, width = laid_out(np.empty((1, *entry.positions)), len(entry.positions)).shape[1:]
    pixels = np.full((len(entry.filters) * wide, height, width, 3), 255, np.uint8)
    tiles: list[Tile] = []
    for index, channel in enumerate(entry.filters):
        cover = _cover(entry, index, span=wide)
        row = [Tile(cover=cover)] if cover else []
        if not cover:
            drawn, row = _row(entry, index, front, slices, float(most[index]))
            pixels[len(tiles) : len(tiles) + len(drawn)] = drawn
        name = f"{entry.name}, filter {channel}"
        tiles += [*row, *(Tile(name=name, blank=True) for _ in range(wide - len(row)))]
    inputs = plural(entry.inputs, "input")
    words = inputs if slices == entry.inputs else f"strongest {slices} of {inputs}"
    return Grid(
        pixels,
        tiles,
        columns=wide,
        side=14.0 if mixing else 34.0,
        unit="slice",
        **_slices(entry),
        rows=tuple(
            (str(channel), f"{PLUS_MINUS}{number(float(largest))}")
            for channel, largest in zip(entry.filters, most, strict=True)
        ),
        gaps=frozenset({front - 1} if front else ()),
        heads=((front, words), *([(0, "spatial patterns, share")] if front else [])),
    )


def _row(
    entry: LayerKernels, index: int, front: int, slices: int, most: float
) -> tuple[Bytes, list[Tile]]:
    """The pictures of a filter and what is said of each."""
    channel = entry.filters[index]
    axes = len(entry.positions)
    blank = np.full((*laid_out(np.empty((1, *entry.positions)), axes).shape[1:], 3), 255, np.uint8)
    shares = [float(share) for share in entry.shares[index] if share > 0] if front else []
    pictures: list[Bytes] = []
    tiles = []
    for order, share in enumerate(shares):
        factor = laid_out(entry.factors[index, order][np.newaxis], axes)[0]
        pictures.append(by_sign(factor, float(np.abs(factor).max())))
        name = f"{entry.name}, filter {channel}, spatial pattern {order}"
        tiles.append(Tile(label=percent(share), name=name))
    for _ in range(front - len(shares)):
        pictures.append(blank)
        tiles.append(Tile(blank=True))
    sizes = entry.norms
    for source in strongest(entry, index, slices):
        weights = laid_out(entry.values[..., source, index][np.newaxis], axes)[0]
        pictures.append(by_sign(weights, most))
        label = str(source)
        if is_mixing(entry):
            label = f"{'+' if weights[0, 0] > 0 else MINUS}{source}"
        tiles.append(
            Tile(
                label=label,
                name=f"{entry.name}, filter {channel}, input {source}",
                facts=(("norm", number(float(sizes[source, index]))),),
            )
        )
    return np.stack(pictures), tiles


def by_sign(values: FloatArray, most: float) -> Bytes:
    """Weights of any shape as RGB by their sign and size, ``(..., 3)``."""
    return diverging()[steps(values, most)]


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
    zero, wrong = int(entry.zero.sum()), int(entry.broken.sum())
    facts.append(f"{count(zero)} zero" if zero else "none zero")
    weak = faint(entry)
    if weak:
        facts.append(f"{count(len(weak))} too weak to see ({ranges(weak, 4)})")
    if wrong:
        facts.append(f"{count(wrong)} not numbers")
    return DOT.join(facts)


def faint(entry: LayerKernels) -> tuple[int, ...]:
    """The filters that are not zero and yet look so on the scale of their layer."""
    if not as_tiles(entry):
        return ()
    unseen = (entry.limits < entry.limit / REACH / 2) & ~entry.zero & ~entry.broken
    return tuple(channel for channel, one in zip(entry.filters, unseen, strict=True) if one)


def _range(entry: LayerKernels) -> str:
    """From the least to the greatest finite weight."""
    known = entry.values[np.isfinite(entry.values)]
    if not known.size:
        return "not numbers"
    low, high = (signed(float(end)) for end in (known.min(), known.max()))
    return low if low == high else f"{low} to {high}"


def is_bgr(result: Kernels) -> bool:
    """Whether the first weights are known to get blue first."""
    taker = next((entry for entry in result.model.inputs if entry.accepts_image), None)
    if taker is None:
        return False
    scale = taker.preprocessing
    return (scale is not None and scale.order == "BGR") != taker.swapped


def _one_scale(layers: Sequence[LayerKernels]) -> str:
    """That each of these layers has one scale, and how far it goes."""
    if len(layers) == 1:
        return f"One scale for the layer, {PLUS_MINUS}{number(layers[0].limit)}"
    return "One scale for each layer, its limit at its bar"


def _captions(result: Kernels, *, bgr: bool) -> tuple[str, ...]:
    def layers(wanted: Callable[[LayerKernels], bool]) -> list[LayerKernels]:
        return [entry for entry in result.layers if wanted(entry)]

    coloured = layers(is_coloured)
    lines_of = layers(lambda entry: len(entry.positions) == 1 and as_tiles(entry))
    single = layers(lambda entry: entry.inputs == 1 and entry not in lines_of)
    rows = layers(lambda each: not as_tiles(each))
    lines = []
    if coloured:
        order = "blue, green, red (it takes BGR)" if bgr else "red, green, blue"
        lines.append(f"Inputs 0, 1, 2 drawn as {order}; mid grey is 0. {_one_scale(coloured)}.")
    if single or rows or lines_of:
        line = "Blue below 0, pale grey 0, red above."
        line += f" One input: {_one_scale(single).lower()}." if single else ""
        if lines_of:
            line += " A row for each input, a column for each position: "
            line += f"{_one_scale(lines_of).lower()}."
        line += f" Rows: a scale for each filter, {PLUS_MINUS} under its number." if rows else ""
        lines.append(line)
    if any(not is_mixing(entry) for entry in rows):
        lines.append(
            "In a row: spatial patterns (singular vectors, each on its own scale) with their share "
            "of the kernel's square, then the strongest inputs."
        )
    if any(is_mixing(entry) for entry in rows):
        lines.append(
            f"1 \u00d7 1 mixes channels: inputs by size of their weight, + above 0, {MINUS} below."
        )
    if any(entry.zero.any() for entry in result.layers):
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
