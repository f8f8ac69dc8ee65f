"""The maps of an image in each view.

The rule of this module: every map is beside its photograph, with its scale below; a map of zeros is
labelled as one and never shown as a flat colour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from layersight.data.image import Photograph
from layersight.data.target import MEAN
from layersight.document.blocks import (
    Beside,
    Block,
    Bytes,
    Cell,
    Cover,
    Curve,
    Grid,
    Overlay,
    Picture,
    Scale,
    Section,
    Tile,
)
from layersight.document.image import input_block, prediction_blocks
from layersight.document.noun import check_count
from layersight.document.words import DOT, number, plural, size
from layersight.nouns.heatmaps.colours import UNSEEN, colour_bar, heat_scale
from layersight.nouns.heatmaps.lines import TALL, heat_blocks, strongest_units
from layersight.nouns.heatmaps.measures import measure_blocks, measure_sections
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import (
    describe_peak,
    frame_word,
    place_on_photograph,
    reduce_photograph,
)
from layersight.nouns.heatmaps.result import Heatmaps, ImageMaps
from layersight.nouns.heatmaps.wording import (
    NO_EVIDENCE,
    facts,
    image_lines,
    join_words,
    layer_words,
    map_name,
    method_title,
    notes_below,
    prediction_words,
    remarks,
    score_words,
    size_words,
    target_name,
    unit_words,
)
from layersight.nouns.survey.montage import example_images

MOST = 256  # maps at most that are drawn each by itself
FINEST = 1280  # pixels at most along the longer side of a photograph as it is drawn
STRIP = 8  # frames or slices in a row
WIDE = 2.5  # wider pictures, by this ratio of width to height, are below each other
SIDE = 190.0  # the approximate size of a picture in points

Drawn = tuple[Bytes, Tile, Overlay | None]
EMPTY_CELL: Drawn = (np.full((1, 1, 3), 255, np.uint8), Tile(blank=True), None)
"""A cell of a grid without a picture."""


def limited_photograph(group: ImageMaps) -> Photograph:
    return reduce_photograph(group.photograph, (FINEST, FINEST))


def input_picture(group: ImageMaps, photograph: Photograph, title: str = "") -> Block:
    """The input of the network: its photograph, the curve of a signal, all frames or slices."""
    if group.input.is_line or group.input.frames is not None:
        return input_block(group.input, SIDE, wide=SIDE * 1.5)
    return Picture(_rgb(photograph.pixels), title=title, side=SIDE, name=group.name)


def _rgb(pixels: Bytes) -> Bytes:
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels[..., :1], 3, axis=-1)


class MapPictures:
    """The pictures of one map on its photograph."""

    def __init__(
        self, result: Heatmaps, index: int, options: HeatOptions, photograph: Photograph
    ) -> None:
        self.entry = result.maps[index]
        self.peak, self.name = describe_peak(result, index), map_name(result, self.entry)
        self.scale = heat_scale(result, index, options)
        self.cover: Cover | None = None  # drawn instead of the heat alone
        if not np.isfinite(self.entry.values).all():
            self.cover = Cover("broken", ("not a number",))
        elif self.entry.empty or self.scale.most == 0:
            self.cover = Cover("dead", (NO_EVIDENCE,))
        self.lines = self.cover.words if self.cover else ()
        self.bar: Scale | None = None if self.cover else colour_bar(self.scale)
        heat = place_on_photograph(self.entry, photograph, smooth=options.smooth)
        self.steps = self.scale.steps(self.entry.above_neutral(heat))
        self.opacity = self.scale.opacity(options.opacity, options.clear)
        if self.entry.empty or self.scale.most == 0:
            self.opacity[1:] = 0
        self.overlay = self.over(self.steps, _rgb(photograph.pixels))

    def over(self, steps: Bytes, under: Bytes) -> Overlay:
        """Colour steps over a picture, ``(height, width, 3)``."""
        unseen = steps == UNSEEN
        alpha = np.rint(255 * self.opacity[steps]).astype(np.uint8)
        if self.entry.values.ndim == 3:
            alpha[unseen], unseen = 0, np.zeros_like(unseen)  # the gaps between frames
        return Overlay(under, alpha, unseen if unseen.any() else None)

    def overlaid(self, title: str = "", side: float = SIDE, *, bar: bool = True) -> Picture:
        scale = self.bar if bar else None
        return self._picture(title, side, lines=self.lines, scale=scale, overlay=self.overlay)

    def alone(self, title: str = "") -> Picture:
        return self._picture(title, SIDE, scale=self.bar, cover=self.cover)

    def _picture(self, title: str, side: float, **more: Any) -> Picture:
        colours, name = self.scale.colours, self.name
        return Picture(self.steps, colours, title=title, side=side, bar="below", name=name, **more)

    def cell(self, title: str, subtitle: str, *, bar: bool = True) -> Drawn:
        """The heat over the photograph as a cell of a grid."""
        return self.steps, self.tile(title, subtitle, bar=bar), self.overlay

    def tile(self, title: str, subtitle: str, *, bar: bool = True, covered: bool = False) -> Tile:
        """The words around the map in a grid."""
        entry = self.entry
        return Tile(
            title=title,
            subtitle=subtitle,
            lines=() if covered else tuple(("", Cell(line, "bad")) for line in self.lines),
            cover=self.cover if covered else None,
            scale=self.bar if bar else None,
            palette=self.scale.colours,
            name=self.name,
            facts=(
                ("score", number(entry.score)),
                ("explained", number(entry.explained)),
                *((("hottest", self.peak),) if self.peak else ()),
            ),
        )


def sections_of(
    group: ImageMaps, options: HeatOptions, view: str, *, bare: bool = False
) -> list[Section]:
    """The maps of an image in a view; ``bare`` if a page with its photograph precedes them."""
    if view in ("single", "overlay"):
        advice = "Choose fewer images, targets or methods, or the view table."
        check_count(view, "map", len(group.result), MOST, advice)
        overlay = view == "overlay"
        return [_single(group, at, options, bare=bare, overlay=overlay) for at in group.indices]
    by_method = [group.of_method(method) for method in group.methods]
    parts = by_method if view == "row" else [group.indices]
    draw = _curves if group.input.is_line else _row if view == "row" else _table
    return [*(draw(group, part, options, bare=bare) for part in parts), *measure_sections(group)]


def _section(
    group: ImageMaps,
    indices: tuple[int, ...],
    title: str,
    blocks: Iterable[Block],
    *,
    bare: bool,
    lines: Iterable[str] = (),
    after: Iterable[Block] = (),
    **words: Any,
) -> Section:
    """Some maps of an image, and the notes below them."""
    part = ImageMaps(group.result, group.image, indices)
    lines = [*lines, *(() if bare else image_lines(group)), *remarks(part)]
    notes = notes_below(group, part.maps, lines)
    content = (*blocks, *notes, *after, *_strongest(group, indices))
    return Section(title, content, anchor=f"heat:{indices[0]}", **words)


def _strongest(group: ImageMaps, indices: tuple[int, ...]) -> Iterator[Block]:
    """The images of a survey that excite a target most, below its last map."""
    maps = group.result.maps
    last = {dataclasses.replace(maps[index].target, where=MEAN): index for index in group.indices}
    for target, index in last.items():
        surveyed = group.result.strongest(target) if index in indices else None
        if surveyed is None:
            continue
        survey, entry, examples = surveyed
        name, images = unit_words(group.result, target), plural(survey.images, "image")
        most = "most" if target.sign > 0 else "least"
        title = f"Strongest of {images} for {name}: what excites {entry.name}:{target.unit} {most}"
        yield from example_images(survey, entry, examples, target.unit, title)


def _single(
    group: ImageMaps, index: int, options: HeatOptions, *, bare: bool, overlay: bool
) -> Section:
    """One map: the photograph, the heat, and the heat over the photograph; or only the last."""
    result, entry = group.result, group.result.maps[index]
    peak, scale = describe_peak(result, index), None
    blocks: list[Block]
    if group.input.is_line:
        blocks = [*heat_blocks(result, index, options, tall=TALL)]
        blocks += strongest_units(group.input, entry)
    else:
        photograph = limited_photograph(group)
        pictures = MapPictures(result, index, options, photograph)
        height, width = photograph.pixels.shape[:2]
        blocks = [pictures.alone("heat"), pictures.overlaid("heat over the photograph", bar=False)]
        if overlay:
            blocks = [pictures.overlaid(side=2 * SIDE)]
        elif not bare:
            title = f"photograph, {size(group.input.original_size)}"
            blocks.insert(0, input_picture(group, photograph, title))
        if entry.values.ndim == 3:
            blocks, scale = [_strip(group, pictures)], pictures.bar
        elif width <= WIDE * height:
            blocks = [Beside(tuple((picture,) for picture in blocks), fill=False)]
    return _section(
        group,
        (index,),
        target_name(result, entry),
        blocks,
        bare=bare,
        lines=(f"Hottest at {peak}." if peak else "", "" if bare else prediction_words(group)),
        after=measure_blocks(entry),
        kind=method_title(result, entry) + ("" if bare else f" of {group.name}"),
        facts=facts(result, entry, options),
        scale=scale,
    )


def _strip(group: ImageMaps, pictures: MapPictures) -> Grid:
    """The frames or slices in their order, and below each the heat, alone and over it."""
    frames = group.input.frames
    assert frames is not None
    word = frame_word(group.result, group.image)
    under = _rgb(frames)
    steps = pictures.scale.steps(pictures.entry.heat)
    labels = [f"{word} {number}" for number in range(len(frames))]
    tiles = [
        Tile(label=label, palette=pictures.scale.colours, name=f"{pictures.name}, {label}")
        for label in labels
    ]
    overlays = [pictures.over(*pair) for pair in zip(steps, under, strict=True)]
    rows: list[list[Drawn]] = []
    for start in range(0, len(frames), STRIP):
        part = range(start, min(start + STRIP, len(frames)))
        rows += [
            [(under[frame], Tile(label=labels[frame]), None) for frame in part],
            [(steps[frame], tiles[frame], None) for frame in part],
            [(steps[frame], tiles[frame], overlays[frame]) for frame in part],
        ]
    heads = ((f"{word}s", ""), ("heat", "alone"), ("heat", "over them")) * (len(rows) // 3)
    return _grid(rows, min(len(frames), STRIP), side=SIDE * 0.42, unit=word, rows=heads)


def _grid(
    lines: Sequence[Sequence[Drawn]],
    columns: int,
    *,
    side: float = SIDE * 0.8,
    unit: str = "heatmap",
    rows: tuple[tuple[str, str], ...] = (),
) -> Grid:
    """A grid of lines of pictures, each filled up with empty cells."""
    cells = [cell for line in lines for cell in (*line, *[EMPTY_CELL] * (columns - len(line)))]
    return Grid(
        [pixels for pixels, _, _ in cells],
        [tile for _, tile, _ in cells],
        columns=columns,
        side=side,
        unit=unit,
        overlays=[overlay for _, _, overlay in cells],
        rows=rows,
    )


def _row(
    group: ImageMaps, indices: tuple[int, ...], options: HeatOptions, *, bare: bool
) -> Section:
    """The targets of a method: each over the photograph, and below it the heat alone."""
    result, photograph = group.result, limited_photograph(group)
    maps = [MapPictures(result, index, options, photograph) for index in indices]
    first = maps[0].entry
    before = [] if bare else [_photograph_cell(group, photograph)]
    columns = max(1, min(options.columns - len(before), len(maps)))
    lines: list[list[Drawn]] = []
    for start in range(0, len(maps), columns):
        part = maps[start : start + columns]
        over = (
            each.cell(target_name(result, each.entry), score_words(result, each.entry), bar=False)
            for each in part
        )
        lines.append([*before, *over])
        before = [EMPTY_CELL] * len(before)
        lines.append([*before, *((e.steps, e.tile("", "", covered=True), None) for e in part)])
    title, targets = method_title(result, first), plural(len(indices), "target")
    return _section(
        group,
        indices,
        title if bare else group.name,
        [_grid(lines, columns + len(before))],
        bare=bare,
        lines=() if bare else (prediction_words(group),),
        kind=targets if bare else f"{title}, {targets}",
        facts=join_words(layer_words(first), size_words(first, smooth=options.smooth)),
    )


def _photograph_cell(group: ImageMaps, photograph: Photograph) -> Drawn:
    """The photograph, or all frames or slices, as the first cell of a grid."""
    title, below = "photograph", size(group.input.original_size)
    if group.input.frames is not None:
        word = frame_word(group.result, group.image)
        title, below = plural(len(group.input.frames), word), "row by row"
    return _rgb(photograph.pixels), Tile(title=title, subtitle=below, name=group.name), None


def _table(
    group: ImageMaps, indices: tuple[int, ...], options: HeatOptions, *, bare: bool
) -> Section:
    """The methods and targets of an image: a row for each method, or one list for one target."""
    result, targets, entry = group.result, group.targets, group.maps[0]
    photograph = limited_photograph(group)
    maps = [MapPictures(result, index, options, photograph) for index in indices]
    lines: list[list[Drawn]] = []
    blocks: list[Block] = []
    methods = plural(len(group.methods), "method")
    if len(targets) == 1:
        kind = f"{target_name(result, entry)}, {methods}"
        words = score_words(result, entry)
        lines.append([] if bare else [_photograph_cell(group, photograph)])
        for each in maps:
            words_below = join_words(layer_words(each.entry), size_words(each.entry))
            lines[0].append(each.cell(method_title(result, each.entry), words_below))
        columns = min(options.columns, len(lines[0]))
    else:
        kind = f"{methods}, {plural(len(targets), 'target')}"
        words = "Each picture: the heat over the photograph, with its own scale under it"
        columns = min(options.columns, len(targets))
        if not bare:
            picture = input_picture(group, photograph, "photograph")
            blocks.append(Beside(((picture,), prediction_blocks(group.predictions[:1]))))
        cells = {}
        for each in reversed(maps):
            words_below = f"{target_name(result, each.entry)}, {score_words(result, each.entry)}"
            key = each.entry.method, each.entry.target
            cells[key] = each.cell(method_title(result, each.entry), words_below)
        for start in range(0, len(targets), columns):
            part = targets[start : start + columns]
            lines += [
                [cells.get((method, target), EMPTY_CELL) for target in part]
                for method in group.methods
            ]
    return _section(
        group,
        indices,
        "Heatmaps" if bare else group.name,
        [*blocks, _grid(lines, columns)],
        bare=bare,
        kind=kind,
        facts=words,
    )


def _curves(
    group: ImageMaps, indices: tuple[int, ...], options: HeatOptions, *, bare: bool
) -> Section:
    """Maps of a signal or vector below each other, so that their positions can be compared."""
    result = group.result
    part = ImageMaps(result, group.image, indices)
    first = part.maps[0]
    methods, targets = len(part.methods), len(part.targets)
    blocks: list[Block] = [] if bare else [input_block(group.input)]
    for index, entry in zip(indices, part.maps, strict=True):
        title, lead = target_name(result, entry), score_words(result, entry)
        if methods > 1:
            title = method_title(result, entry) + (DOT + title if targets > 1 else "")
        lead = lead if targets > 1 else ""
        blocks += heat_blocks(result, index, options, title=title, lead=lead)
    for index, block in enumerate(blocks[:-1]):
        if isinstance(block, Curve) and isinstance(blocks[index + 1], Curve):
            blocks[index] = dataclasses.replace(block, x_title="")
    words = [score_words(result, first)] if targets == 1 else []
    if methods == 1:
        words += [layer_words(first), size_words(first, smooth=options.smooth)]
    return _section(
        group,
        indices,
        "Heatmaps" if bare else group.name,
        blocks,
        bare=bare,
        lines=() if bare else (prediction_words(group),),
        kind=DOT.join(
            (
                plural(methods, "method") if methods > 1 else method_title(result, first),
                plural(targets, "target") if targets > 1 else target_name(result, first),
            )
        ),
        facts=join_words(*words),
    )
