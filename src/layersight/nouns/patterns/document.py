"""Patterns as a document.

The rule of this module: a pattern is never shown without what it reached, and a dead one is a flat
tile with the word. Rows of all layers follow each other, to show what becomes of edges; what a row
leaves out stands behind them, and the row says where.
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
from layersight.document.layers import FEWER, layer_table, model_document, receptive_field_cell
from layersight.document.noun import check_count
from layersight.document.words import (
    DASH,
    MOST_NAMED,
    count,
    fine_percent,
    number,
    output_size,
    percent,
    plural,
    ranges,
    result_notes,
    sentence,
    size,
)
from layersight.errors import SelectionError, UsageError, few
from layersight.nouns.patterns.request import GalleryOptions
from layersight.nouns.patterns.result import LayerPatterns, Patterns
from layersight.nouns.patterns.wording import (
    DEAD,
    FAILED,
    Pattern,
    aim,
    amount,
    captions,
    how_made,
    kind_of,
    layer_facts,
    rising,
    scale_words,
    value_range,
)
from layersight.nouns.survey.montage import BLANK

MOST = 256  # patterns that are drawn large at most
SIDE = 300.0  # about how many points a large pattern takes
SPECIMEN = 128.0  # likewise the one that is explained
CHECKS = (255, 214)  # the greys behind a transparent picture
MOVING = ((1, 192.0), (4, 112.0), (12, 80.0), (1 << 30, 56.0))
"""About how many points a pattern of an animation takes, by how many there are at most."""


def describe(result: Patterns, options: GalleryOptions) -> Document:
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
    """A layer, and the channels and directions that the patterns are of."""
    numbers = [group.result.channels[index] for index in group.indices]
    channels = sorted({*numbers} - {-1})
    words = [f"channels {ranges(channels)}"] if channels else []
    if -1 in numbers:
        words.append(plural(numbers.count(-1), "direction"))
    return ", ".join([group.name, *words])


def _sheet(result: Patterns, options: GalleryOptions) -> Part:
    """A cover, a row of each layer, and all patterns of the layers that a row cannot hold."""
    rows, complete = [], []
    for group in result.by_layer():
        shown = _first_row(group, options)
        more = f"all:{group.name}" if len(shown) < len(group.indices) else ""
        rows.append(_layer(group, shown, options, f"patterns:{group.name}", more))
        if more:
            complete.append(_layer(group, group.indices, options, more))
    notes = result_notes(result.notes)
    front: tuple[Block, ...] = (_reading(result), _making(result), *notes, _layers(result))
    return Part((*rows, *complete), front, anchor="cover:patterns")


def _grid(result: Patterns, options: GalleryOptions) -> Part:
    sections = tuple(
        _layer(group, group.indices, options, f"patterns:{group.name}")
        for group in result.by_layer()
    )
    return Part(sections, notes=(*result_notes(result.notes), _making(result), _layers(result)))


def _first_row(group: LayerPatterns, options: GalleryOptions) -> tuple[int, ...]:
    """The patterns of a layer that one row shows, those with a picture first, each in its order."""
    facets = facets_beside(group.result, group.indices)
    columns = max(facets, options.columns // _tiles_per_pattern(group.result) // facets * facets)
    if len(group.indices) <= columns:
        return group.indices
    ranked = [*group.alive, *(index for index in group.indices if group.result.empty[index])]
    return tuple(sorted(ranked[:columns]))


def _layer(
    group: LayerPatterns,
    indices: tuple[int, ...],
    options: GalleryOptions,
    anchor: str,
    more: str = "",
) -> Section:
    """Some patterns of a layer; ``more`` is the anchor of the section with all of them."""
    link = Cell(f"{len(indices)} of {len(group.indices)}, see all", target=more)
    return Section(
        group.name,
        (tiles(group.result, indices, options.columns),),
        kind=kind_of(group.layer),
        facts=layer_facts(group),
        anchor=anchor,
        listed=not anchor.startswith("all:"),
        aside=link if more else None,
    )


def tiles(result: Patterns, indices: Sequence[int], columns: int) -> Grid:
    """Some patterns, facets of one channel beside each other."""
    chosen, per_pattern = list(indices), _tiles_per_pattern(result)
    together = facets_beside(result, indices) * per_pattern
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
    patterns = [Pattern(result, index) for index in indices]
    pixels, shown = result.images[chosen], [_tile(pattern) for pattern in patterns]
    if result.strongest is not None:
        pixels = np.stack([pixels, result.strongest[chosen]], 1).reshape(-1, *pixels.shape[1:])
        natural = [_natural_tile(pattern) for pattern in patterns]
        shown = [tile for pair in zip(shown, natural, strict=True) for tile in pair]
        numbers = [
            dataclasses.replace(column, values=np.repeat(column.values, per_pattern))
            for column in numbers
        ]
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


def _tiles_per_pattern(result: Patterns) -> int:
    """How many tiles a pattern takes: what excites its channel may stand beside it."""
    return 1 if result.strongest is None else 2


def _natural_tile(pattern: Pattern) -> Tile:
    """What the strongest images of a survey show where the channel is."""
    result = pattern.result
    name = f"{pattern.full_name}: what excites it most in {plural(result.natural_count, 'image')}"
    assert result.strongest is not None
    if (result.strongest[pattern.index] == BLANK).all():
        silent = result.dead_over_data is not None and result.dead_over_data[pattern.index]
        words = ("dead", f"over {count(result.natural_count)}", "images") if silent else ("none",)
        return Tile(label="images", cover=Cover("dead", words), name=name)
    value = amount(pattern.strongest) if math.isfinite(pattern.strongest) else ""
    return Tile(label="images", value=value, name=name)


def _cover(pattern: Pattern) -> Cover | None:
    mark = pattern.mark
    return Cover("dead", (mark, f"= {amount(pattern.activation)}")) if mark else None


def _tile(pattern: Pattern) -> Tile:
    result, facet, empty = pattern.result, pattern.objective.facet, pattern.empty
    lines: list[tuple[str, Cell]] = []
    if result.natural is not None and result.strongest is None and not empty:
        tone: Tone = "bad" if pattern.outdone else "quiet"
        lines.append(("images", Cell(amount(pattern.strongest), tone)))
    return Tile(
        label=f"facet {facet}" if facet else pattern.name,
        value="" if empty else amount(pattern.activation),
        lines=tuple(lines),
        share=pattern.kept if math.isfinite(pattern.kept) and not empty else None,
        rising=not empty and not pattern.converged,
        cover=_cover(pattern),
        name=pattern.full_name,
        facts=(("maximises", aim(pattern.objective)), ("ended", pattern.ending)),
        curve=next(iter(_history(pattern)), None),
        also=None if empty else _masked(pattern),
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
    specimen = Grid(
        *(result.images[index][None], [_tile(Pattern(result, index))]),
        columns=1,
        side=SPECIMEN,
        unit="pattern",
    )
    lines = (
        f"The image that {result.objectives[index].describe()} responds to most, as far as the "
        "optimisation came. Under it, as under every pattern:",
    )
    return Beside(
        ((specimen,), (Note(lines, "How to read a pattern"), Facts(tuple(_terms(result)))))
    )


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
        alive, median = list(group.alive), group.median_kept
        yield Cell(output_size(group.layer) if group.layer else "")
        yield receptive_field_cell(group.layer)
        yield Cell(str(len(group.indices)))
        dead = group.count(result.dead)
        yield Cell(str(dead), "plain" if dead else "quiet")
        yield Cell(f"{group.count(result.converged)} of {len(alive)}")
        yield Cell(value_range(result.activation[alive]) if alive else "")
        yield Cell("" if median is None else percent(median), share=median)

    return layer_table(
        [layer.name for layer in result.model.layers],
        ("output", "field", "shown", "dead", "converged", "reached", "kept"),
        (
            (group.name, group.layer, f"patterns:{group.name}", cells(group))
            for group in result.by_layer()
        ),
    )


def _large(result: Patterns, options: GalleryOptions) -> Part:
    """Each pattern by itself, with its numbers and a curve of its steps."""
    check_count("pattern", "pattern", len(result), MOST, "Choose fewer layers or channels.")
    layers = {group.name: kind_of(group.layer) for group in result.by_layer()}
    sections = (
        Section(
            pattern.full_name,
            _single(pattern),
            kind=layers[pattern.objective.layer],
            facts=f"maximises {aim(pattern.objective)}",
            anchor=f"pattern:{pattern.index}",
            alone=True,
        )
        for pattern in (Pattern(result, index) for index in range(len(result)))
    )
    return Part(tuple(sections), notes=(*result_notes(result.notes), _making(result)))


def _single(pattern: Pattern) -> tuple[Block, ...]:
    result, numbers, curve = pattern.result, _facts(pattern), _history(pattern)
    terms = pattern.objective.terms
    others = [other for other, entry in enumerate(result) if entry.terms == terms]
    facets: tuple[Block, ...] = ()
    if len(others) > 1:
        facets = Note((), "All facets of it"), tiles(result, others, len(others))
    masked = None if pattern.empty else _masked(pattern)
    if masked is not None:
        pictures = [
            Picture(shown, side=SIDE * 0.84, lines=(words,), name=pattern.full_name)
            for shown, words in (
                (pattern.pixels, "as it is"),
                (masked, "with its transparency mask"),
            )
        ]
        both = Beside(tuple((picture,) for picture in pictures), fill=False)
        return (both, Beside(((numbers,), curve)) if curve else numbers, *facets)
    side = SIDE if result.strongest is None else SIDE * 0.6
    pictures = [Picture(pattern.pixels, cover=_cover(pattern), side=side, name=pattern.full_name)]
    if result.strongest is not None:
        tile = _natural_tile(pattern)
        lines = (f"what excites it most in {plural(result.natural_count, 'image')}",)
        natural = result.strongest[pattern.index]
        pictures.append(Picture(natural, cover=tile.cover, side=side, lines=lines, name=tile.name))
    return (Beside((*((picture,) for picture in pictures), (numbers,))), *curve, *facets)


def _masked(pattern: Pattern) -> Bytes | None:
    """The pattern with its transparency mask, for methods with one."""
    masks = pattern.result.transparency
    return None if masks is None else over_checks(pattern.pixels, masks[pattern.index])


def over_checks(pixels: Bytes, opacity: FloatArray) -> Bytes:
    """A picture on light squares, which show where its opacity is 0.

    Example:
        >>> over_checks(np.zeros((1, 2, 3), np.uint8), np.array([[1.0, 0.0]]))[0, :, 0].tolist()
        [0, 255]
    """
    square = max(2, min(opacity.shape) // 16)
    rows, columns = np.indices(opacity.shape) // square
    checks = np.where((rows + columns) % 2, CHECKS[1], CHECKS[0])[..., None]
    share = np.clip(opacity, 0, 1)[..., None]
    mixed: Bytes = np.rint(pixels * share + checks * (1 - share)).astype(np.uint8)
    return mixed


def _facts(pattern: Pattern) -> Facts:
    """What a pattern reached, and what it is measured by."""
    rows: list[tuple[str, str | Cell]] = [
        ("activation reached", Cell(amount(pattern.activation), bold=True)),
        ("at the start", amount(pattern.start)),
    ]
    if mark := pattern.mark:
        why = DEAD if pattern.dead else pattern.failure
        return Facts((*rows, (mark, why), ("tried", pattern.taken)))
    share = pattern.kept if math.isfinite(pattern.kept) else None
    words = DASH if share is None else percent(share)
    rows.append(("kept when moved, rescaled", Cell(words, share=share)))
    if math.isfinite(pattern.coverage):
        rows.append(("answers to", f"{percent(pattern.coverage)} of the picture"))
    if pattern.natural and pattern.result.percentile is not None:
        median, high, most = map(amount, pattern.natural)
        tone: Tone = "bad" if pattern.outdone else "plain"
        rows += [
            (f"median of {plural(pattern.result.natural_count, 'natural image')}", median),
            ("their 99th percentile", high),
            ("the strongest of them", Cell(most, tone)),
            ("of them reach no more", fine_percent(pattern.percentile / 100)),
        ]
    if pattern.converged:
        rows.append(("converged", f"after {pattern.taken}"))
    else:
        rows.append(("not converged", Cell(f"in {pattern.taken}", rising=True)))
    rows.append(("canvas", size(pattern.result.values.shape[1:])))
    return Facts(tuple(rows))


def _history(pattern: Pattern) -> tuple[Curve, ...]:
    """The objective before each step, with what natural images reach."""
    history = pattern.result.history[pattern.index]
    values = history[np.isfinite(history)]
    if len(values) < 2 or pattern.dead:
        return ()
    end = pattern.activation
    names = ("median image", "99% of images", "strongest image")
    rules = [*zip(pattern.natural, names, strict=False)][::-1]
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


def frames(result: Patterns, options: GalleryOptions) -> Iterator[Document]:
    """The patterns as they are optimised, a document for each frame."""
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
    grid = tiles(result, indices, columns)
    named = [Tile(label=tile.label, cover=tile.cover) for tile in grid.tiles]
    side = next(side for most, side in MOVING if len(named) <= most)
    return dataclasses.replace(grid, tiles=named, numbers=(), side=side)
