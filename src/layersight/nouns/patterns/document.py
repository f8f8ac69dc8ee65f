"""Patterns as a document.

The rule of this module: whoever sees a pattern sees what it reached, and a dead one is a flat tile
with the word. Rows of all layers follow each other, so that one sees what becomes of edges; what a
row leaves out stands behind, and the row says where.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.document.blocks import (
    Beside,
    Block,
    Bytes,
    Cell,
    Cover,
    Curve,
    Document,
    Facts,
    Grid,
    Note,
    Numbers,
    Part,
    Picture,
    Section,
    Series,
    Table,
    Tile,
    Tone,
)
from layersight.document.layers import FEWER, field_cell, layer_table, model_document
from layersight.document.words import (
    MOST_NAMED,
    count,
    fine_percent,
    number,
    output_size,
    own_notes,
    percent,
    plural,
    ranges,
    sentence,
    size,
)
from layersight.errors import SelectionError, UsageError, few
from layersight.nouns.patterns.request import GalleryOptions
from layersight.nouns.patterns.result import LayerPatterns, Patterns
from layersight.nouns.patterns.wording import (
    DEAD,
    FAILED,
    aim,
    amount,
    between,
    captions,
    compared,
    empty_mark,
    ending,
    failure,
    full_name,
    how_made,
    kept,
    kind_of,
    layer_facts,
    outdone,
    reached,
    rising,
    scale_words,
    short_name,
    taken,
)
from layersight.nouns.survey.montage import BLANK

MOST = 256
"""So many patterns are drawn large at most."""
SIDE = 300.0
"""Points that a large pattern takes about."""
CHECKS = (255, 214)
"""The greys of the ground under a transparent picture."""
SPECIMEN = 128.0


def describe(result: Patterns, options: GalleryOptions) -> Document:
    """The document of patterns."""
    if not len(result):
        raise SelectionError("no patterns to draw: the result holds none")
    view = options.view or result.default_view
    make = {"pattern": _large, "grid": _grid, "sheet": _sheet}[view]
    lines = captions(result)
    return model_document(
        result.model,
        "What the network looks for",
        [make(result, options)],
        "patterns",
        captions=lines[1:] if view == "pattern" else lines,
        heading="Patterns",
        guide=tuple(sentence(f"{words}: {meaning}") for words, meaning in _terms(result)),
        caption=_caption(result, lines),
        fewer=FEWER,
    )


def _caption(result: Patterns, lines: Sequence[str]) -> str:
    layers = few([_contents(group) for group in result.by_layer()], MOST_NAMED, "; ")
    dead = f"{count(int(result.dead.sum()))} of {plural(len(result), 'pattern')} dead"
    if failed := int(result.failed.sum()):
        dead += f", {count(failed)} failed: {FAILED}"
    return f"Patterns of {layers}. {dead}. " + " ".join(lines)


def _contents(group: LayerPatterns) -> str:
    """A layer and what of it patterns are of: channels, and directions in between."""
    numbers = [group.result.channels[index] for index in group.indices]
    channels = sorted({*numbers} - {-1})
    words = [f"channels {ranges(channels)}"] if channels else []
    if -1 in numbers:
        words.append(plural(numbers.count(-1), "direction"))
    return ", ".join([group.name, *words])


def _sheet(result: Patterns, options: GalleryOptions) -> Part:
    """A cover, a row of each layer, and all patterns of the layers that a row cannot hold."""
    rows, whole = [], []
    for group in result.by_layer():
        shown = _first_row(group, options)
        all_of_it = f"all:{group.name}" if len(shown) < len(group.indices) else ""
        rows.append(_layer(group, shown, options, f"patterns:{group.name}", all_of_it))
        if all_of_it:
            whole.append(_layer(group, group.indices, options, all_of_it))
    notes = own_notes(result.notes)
    front: tuple[Block, ...] = (_reading(result), _making(result), *notes, _layers(result))
    return Part((*rows, *whole), front, anchor="cover:patterns")


def _grid(result: Patterns, options: GalleryOptions) -> Part:
    sections = tuple(
        _layer(group, group.indices, options, f"patterns:{group.name}")
        for group in result.by_layer()
    )
    return Part(sections, notes=(*own_notes(result.notes), _making(result), _layers(result)))


def _first_row(group: LayerPatterns, options: GalleryOptions) -> tuple[int, ...]:
    """The patterns of a layer that one row shows, those with a picture first, each in its order."""
    facets = facets_beside(group.result, group.indices)
    columns = max(facets, options.columns // _tiles_of_each(group.result) // facets * facets)
    if len(group.indices) <= columns:
        return group.indices
    ranked = [*group.alive, *(index for index in group.indices if group.result.empty[index])]
    return tuple(sorted(ranked[:columns]))


def _layer(
    group: LayerPatterns,
    indices: tuple[int, ...],
    options: GalleryOptions,
    anchor: str,
    all_of_it: str = "",
) -> Section:
    more = Cell(f"{len(indices)} of {len(group.indices)}, see all", target=all_of_it)
    return Section(
        group.name,
        (tiles(group.result, indices, options.columns),),
        kind=kind_of(group.layer),
        facts=layer_facts(group),
        anchor=anchor,
        listed=not anchor.startswith("all:"),
        aside=more if all_of_it else None,
    )


def tiles(result: Patterns, indices: Sequence[int], columns: int) -> Grid:
    """Some patterns, facets of one channel beside each other."""
    chosen = list(indices)
    each = _tiles_of_each(result)
    together = facets_beside(result, indices) * each
    columns = max(together, columns // together * together)
    numbers = [
        Numbers("activation reached", result.activation[chosen]),
        Numbers("at the start", result.start_activation[chosen], order=False),
        Numbers("kept when moved", result.kept[chosen], percent=True),
    ]
    if result.coverage is not None:
        numbers.append(Numbers("of the picture", result.coverage[chosen], percent=True))
    numbers.append(Numbers("steps", result.steps[chosen].astype(np.float32), order=False))
    if result.natural is not None and result.percentile is not None:
        numbers.append(Numbers("strongest image", result.natural[chosen, 2], order=False))
        numbers.append(Numbers("percentile", result.percentile[chosen] / 100, percent=True))
    pixels, shown = result.images[chosen], [_tile(result, index) for index in indices]
    if result.strongest is not None:
        pixels = np.stack([pixels, result.strongest[chosen]], 1).reshape(-1, *pixels.shape[1:])
        natural = [_natural_tile(result, index) for index in indices]
        shown = [tile for pair in zip(shown, natural, strict=True) for tile in pair]
        numbers = [dataclasses.replace(one, values=np.repeat(one.values, each)) for one in numbers]
    return Grid(
        pixels,
        shown,
        columns=columns,
        unit="pattern",
        gaps=frozenset(range(together - 1, columns - 1, together)) if together > 1 else frozenset(),
        numbers=tuple(numbers),
    )


def facets_beside(result: Patterns, indices: Sequence[int]) -> int:
    """How many facets of each objective follow each other; 1 if not all have as many."""
    terms = [result.objectives[index].terms for index in indices]
    counts = {len(list(same)) for _, same in groupby(terms)}
    return counts.pop() if len(counts) == 1 else 1


def _tiles_of_each(result: Patterns) -> int:
    """How many tiles a pattern takes: beside it may stand what excites its channel."""
    return 1 if result.strongest is None else 2


def _natural_tile(result: Patterns, index: int) -> Tile:
    """What the strongest images of a survey show where the channel is."""
    assert result.strongest is not None
    images = plural(result.natural_count, "image")
    name = f"{full_name(result, index)}: what excites it most in {images}"
    if (result.strongest[index] == BLANK).all():
        silent = result.dead_over_data is not None and result.dead_over_data[index]
        words = ("dead", f"over {count(result.natural_count)}", "images") if silent else ("none",)
        return Tile(label="images", cover=Cover("dead", words), name=name)
    most = math.nan if result.natural is None else float(result.natural[index, 2])
    value = amount(most) if math.isfinite(most) else ""
    return Tile(label="images", value=value, name=name)


def _cover(result: Patterns, index: int) -> Cover | None:
    mark = empty_mark(result, index)
    return Cover("dead", (mark, f"= {reached(result, index)}")) if mark else None


def _tile(result: Patterns, index: int) -> Tile:
    objective, empty = result.objectives[index], bool(result.empty[index])
    lines: list[tuple[str, Cell]] = []
    if result.natural is not None and result.strongest is None and not empty:
        most = amount(float(result.natural[index, 2]))
        tone: Tone = "bad" if outdone(result, index) else "quiet"
        lines.append(("images", Cell(most, tone)))
    share = float(result.kept[index])
    return Tile(
        label=f"facet {objective.facet}" if objective.facet else short_name(result, index),
        value="" if empty else reached(result, index),
        lines=tuple(lines),
        share=share if math.isfinite(share) and not empty else None,
        rising=not empty and not bool(result.converged[index]),
        cover=_cover(result, index),
        name=full_name(result, index),
        facts=(("maximises", aim(objective)), ("ended", ending(result, index))),
        curve=next(iter(_way(result, index)), None),
        also=None
        if result.transparency is None or empty
        else over_checks(result.images[index], result.transparency[index]),
    )


def _terms(result: Patterns) -> list[tuple[str, str]]:
    """Every mark with its meaning."""
    terms = [
        ("in front", "the channel; under a further facet of it, which one"),
        ("at the right", "the activation that it reached, of the whole picture as it is"),
    ]
    if rising(result):
        terms.append(("arrow", "not converged: the last steps still gained"))
    if result.natural is not None:
        images = plural(result.natural_count, "natural image")
        more = f"what the strongest of {images} reaches; in brown if the pattern reached less"
        if result.strongest is not None:
            more = f"what excites it most in {images}, and the greatest of them"
        terms.append(("images", more))
    if np.isfinite(result.robustness).any() or result.images.shape[1] == result.values.shape[1]:
        terms.append(
            ("bar", "the share of it that is left under shifts and rescalings not used to make it")
        )
    if result.dead.any():
        terms.append(("grey", f"dead: {DEAD}"))
    if result.failed.any():
        terms.append(("grey", f"failed: {FAILED}"))
    return terms


def _reading(result: Patterns) -> Beside:
    """One pattern, and what everything under it means."""
    index = _specimen(result)
    one = Grid(
        result.images[index][None], [_tile(result, index)], columns=1, side=SPECIMEN, unit="pattern"
    )
    lines = (
        f"The image that {result.objectives[index].describe()} responds to most, as far as the "
        "optimisation came. Under it, as under every pattern:",
    )
    return Beside(((one,), (Note(lines, "How to read a pattern"), Facts(tuple(_terms(result))))))


def _specimen(result: Patterns) -> int:
    """The pattern that is explained: of the layers with live ones the middle, there the strongest.

    Deep enough to be more than an edge, and not so deep that little can be made out.
    """
    groups = [group for group in result.by_layer() if group.alive]
    if not groups:
        return 0
    alive = groups[len(groups) // 2].alive
    return max(alive, key=lambda index: float(result.activation[index]))


def _making(result: Patterns) -> Note:
    """The method, and how the network saw the canvas."""
    lines = [how_made(result), f"The network saw {scale_words(result)}."]
    if result.natural is not None:
        lines.append(f"Compared with {plural(result.natural_count, 'natural image')}.")
    return Note(tuple(lines), "How they were made")


def _layers(result: Patterns) -> Table:
    def cells(group: LayerPatterns) -> Iterator[Cell]:
        alive, middle = list(group.alive), group.median_kept
        yield Cell(output_size(group.layer) if group.layer else "")
        yield field_cell(group.layer)
        yield Cell(str(len(group.indices)))
        dead = group.count(result.dead)
        yield Cell(str(dead), "plain" if dead else "quiet")
        yield Cell(f"{group.count(result.converged)} of {len(alive)}")
        yield Cell(between(result.activation[alive]) if alive else "")
        yield Cell("" if middle is None else percent(middle), share=middle)

    return layer_table(
        [layer.name for layer in result.model.layers],
        ("output", "field", "shown", "dead", "converged", "reached", "kept"),
        (
            (group.name, group.layer, f"patterns:{group.name}", cells(group))
            for group in result.by_layer()
        ),
    )


def _large(result: Patterns, options: GalleryOptions) -> Part:
    """Each pattern by itself, with its numbers and the way there."""
    if len(result) > MOST:
        raise SelectionError(
            f"the view 'pattern' draws a page for each pattern: expected at most {MOST}, found "
            f"{len(result):,}. Choose fewer layers or channels."
        )
    layers = {group.name: kind_of(group.layer) for group in result.by_layer()}
    sections = (
        Section(
            full_name(result, index),
            _single(result, index),
            kind=layers[objective.layer],
            facts=f"maximises {aim(objective)}",
            anchor=f"pattern:{index}",
            alone=True,
        )
        for index, objective in enumerate(result)
    )
    return Part(tuple(sections), notes=(*own_notes(result.notes), _making(result)))


def _single(result: Patterns, index: int) -> tuple[Block, ...]:
    numbers, curve = _facts(result, index), _way(result, index)
    pixels, cover, name = result.images[index], _cover(result, index), full_name(result, index)
    terms = result.objectives[index].terms
    others = [other for other, entry in enumerate(result) if entry.terms == terms]
    facets: tuple[Block, ...] = ()
    if len(others) > 1:
        facets = Note((), "All facets of it"), tiles(result, others, len(others))
    if result.transparency is not None and not cover:
        masked = over_checks(pixels, result.transparency[index])
        pictures = [
            Picture(shown, side=SIDE * 0.84, lines=(words,), name=name)
            for shown, words in ((pixels, "as it is"), (masked, "with its transparency mask"))
        ]
        both = Beside(tuple((picture,) for picture in pictures), fill=False)
        return (both, Beside(((numbers,), curve)) if curve else numbers, *facets)
    side = SIDE if result.strongest is None else SIDE * 0.6
    pictures = [Picture(pixels, cover=cover, side=side, name=name)]
    if result.strongest is not None:
        tile = _natural_tile(result, index)
        lines = (f"what excites it most in {plural(result.natural_count, 'image')}",)
        natural = result.strongest[index]
        pictures.append(Picture(natural, cover=tile.cover, side=side, lines=lines, name=tile.name))
    return (Beside((*((one,) for one in pictures), (numbers,))), *curve, *facets)


def over_checks(pixels: Bytes, opacity: FloatArray) -> Bytes:
    """A picture on a ground of light squares, which show where its opacity is 0.

    Example:
        >>> over_checks(np.zeros((1, 2, 3), np.uint8), np.array([[1.0, 0.0]]))[0, :, 0].tolist()
        [0, 255]
    """
    square = max(2, min(opacity.shape) // 16)
    rows, columns = np.indices(opacity.shape) // square
    ground = np.where((rows + columns) % 2, CHECKS[1], CHECKS[0])[..., None]
    share = np.clip(opacity, 0, 1)[..., None]
    mixed: Bytes = np.rint(pixels * share + ground * (1 - share)).astype(np.uint8)
    return mixed


def _facts(result: Patterns, index: int) -> Facts:
    """What a pattern reached, and what it is measured by."""
    steps = taken(result, index)
    rows: list[tuple[str, str | Cell]] = [
        ("activation reached", Cell(reached(result, index), bold=True)),
        ("at the start", amount(float(result.start_activation[index]))),
    ]
    if mark := empty_mark(result, index):
        why = DEAD if result.dead[index] else failure(result, index)
        return Facts((*rows, (mark, why), ("tried", steps)))
    share = float(result.kept[index])
    bar = share if math.isfinite(share) else None
    rows.append(("kept when moved, rescaled", Cell(kept(result, index), share=bar)))
    if result.coverage is not None and math.isfinite(result.coverage[index]):
        rows.append(("answers to", f"{percent(float(result.coverage[index]))} of the picture"))
    if result.natural is not None and result.percentile is not None and compared(result, index):
        marks = [amount(value) for value in result.natural[index].tolist()]
        images = plural(result.natural_count, "natural image")
        tone: Tone = "bad" if outdone(result, index) else "plain"
        rows += [
            (f"median of {images}", marks[0]),
            ("their 99th percentile", marks[1]),
            ("the strongest of them", Cell(marks[2], tone)),
            ("of them reach no more", fine_percent(float(result.percentile[index]) / 100)),
        ]
    if result.converged[index]:
        rows.append(("converged", f"after {steps}"))
    else:
        rows.append(("not converged", Cell(f"in {steps}", rising=True)))
    rows.append(("canvas", size(result.values.shape[1:])))
    return Facts(tuple(rows))


def _way(result: Patterns, index: int) -> tuple[Curve, ...]:
    """The objective before each step, with what natural images reach."""
    history = result.history[index]
    values = history[np.isfinite(history)]
    if len(values) < 2 or result.dead[index]:
        return ()
    end = float(result.activation[index])
    rules: tuple[tuple[float, str], ...] = ()
    if result.natural is not None and compared(result, index):
        middle, high, most = result.natural[index].tolist()
        rules = ((most, "strongest image"), (high, "99% of images"), (middle, "median image"))
    heights = [0.0, end, *values.tolist(), *(height for height, _ in rules)]
    last = Series(np.array([end], np.float32), np.array([len(values)], np.float32), style="points")
    return (
        Curve(
            (Series(values, style="plain"), last),
            title="Activation before each step, as the network saw the canvas then",
            y=(min(heights), max(heights)),
            x_title="steps",
            rules=((end, f"reached {number(end)}"), *rules),
            tall=104.0,
        ),
    )


MOVING = ((1, 192.0), (4, 112.0), (12, 80.0), (1 << 30, 56.0))
"""Points that a pattern of an animation takes about, by how many there are at most."""


def frames(result: Patterns, options: GalleryOptions) -> Iterator[Document]:
    """The patterns on their way, a document for each frame."""
    if result.frames is None or not len(result.frames):
        raise UsageError(
            "an animation shows the patterns on their way and this result has no frames: ask "
            "for them with --frames 24, or frames=24 in Python"
        )
    last, lines = result.frame_steps[-1], captions(result)[1:]
    for step, images in zip(result.frame_steps, result.frames, strict=True):
        shown = dataclasses.replace(result, images=images)
        share = Cell(f"step {step:,} of {last:,}", share=step / max(1, last))
        sections = (
            Section(group.name, (_moving(shown, group.indices, options.columns),))
            for group in shown.by_layer()
        )
        head = Section("", (Facts(((result.model.name, share),)),))
        part = Part((head, *sections))
        yield model_document(
            result.model, f"step {step}", [part], "patterns", facts=(), captions=lines
        )


def _moving(result: Patterns, indices: Sequence[int], columns: int) -> Grid:
    """Some patterns with their names alone: numbers are those of the end."""
    whole = tiles(result, indices, columns)
    named = [Tile(label=tile.label, cover=tile.cover) for tile in whole.tiles]
    side = next(side for most, side in MOVING if len(named) <= most)
    return dataclasses.replace(whole, tiles=named, numbers=(), side=side)
