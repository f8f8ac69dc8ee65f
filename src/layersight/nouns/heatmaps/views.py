"""The maps of an image in each view.

The rule of this module: every map stands beside its photograph, with its scale under it; a map of
zeros is told and never a flat colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.image import Photograph
from layersight.document.blocks import (
    Beside,
    Block,
    Bytes,
    Cell,
    Cover,
    Grid,
    Overlay,
    Picture,
    Scale,
    Section,
    Tile,
)
from layersight.document.image import input_block, prediction_blocks
from layersight.document.words import (
    DOT,
    number,
    plural,
    size,
)
from layersight.errors import SelectionError
from layersight.nouns.heatmaps import lines
from layersight.nouns.heatmaps.colours import UNSEEN, bar_of, scale_of
from layersight.nouns.heatmaps.groups import ImageMaps
from layersight.nouns.heatmaps.measured import measured, measures_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak, frame_word, placed, reduced
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    EMPTY,
    around,
    facts,
    layer_words,
    method_title,
    notes_below,
    predicted,
    remarks,
    score_words,
    size_words,
    target_name,
)

MOST = 256
"""So many maps are drawn by themselves at most."""
FINEST = 1280
"""Pixels along the longer side of a photograph at most, as it is drawn."""
STRIP = 8
"""Frames or slices beside each other."""
SLIM = 2.5
"""From this ratio of width to height on, pictures lie under each other."""
SIDE = 190.0
"""Points that a picture takes about."""


def whole(group: ImageMaps) -> Photograph:
    return reduced(group.photograph, (FINEST, FINEST))


def photograph_of(group: ImageMaps, photograph: Photograph, title: str = "") -> Block:
    """What the heat lies over; of a signal its curve, of frames and slices all of them."""
    if group.shown.is_line or group.shown.frames is not None:
        return input_block(group.shown, SIDE, wide=SIDE * 1.5)
    return Picture(_pixels(photograph), title=title, side=SIDE, name=group.name)


def _pixels(photograph: Photograph) -> Bytes:
    """``(height, width, 3)`` RGB."""
    pixels = photograph.pixels
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)


class Shown:
    """The pictures of one map on its photograph."""

    def __init__(
        self, result: Heatmaps, index: int, options: HeatOptions, photograph: Photograph
    ) -> None:
        self.result, self.entry = result, result.maps[index]
        self.peak = describe_peak(result, index)
        self.photograph, self.scaled = photograph, scale_of(result, index, options)
        self.broken = not bool(np.isfinite(self.entry.values).all())
        self.empty = self.entry.empty or self.scaled.most == 0
        heat = placed(self.entry, photograph, smooth=options.smooth)
        self.steps = self.scaled.steps(self.entry.above_ground(heat))
        self.opacity = self.scaled.opacity(options.opacity, options.clear)
        if self.empty:
            self.opacity[1:] = 0
        self.overlay = self.over(self.steps, _pixels(photograph))

    def over(self, steps: Bytes, under: Bytes) -> Overlay:
        """How colour steps lie over a picture, ``(height, width, 3)``."""
        unseen = steps == UNSEEN
        alpha = np.rint(255 * self.opacity[steps]).astype(np.uint8)
        if self.entry.values.ndim == 3:
            alpha[unseen], unseen = 0, np.zeros_like(unseen)  # between frames there is nothing
        return Overlay(under, alpha, unseen if unseen.any() else None)

    def tile_of(self, label: str) -> Tile:
        """What is said of one frame of the map."""
        return Tile(label=label, palette=self.scaled.colours, name=f"{self.name}, {label}")

    @property
    def cover(self) -> Cover | None:
        """What is drawn in place of the heat alone."""
        if self.broken:
            return Cover("broken", ("not a number",))
        return Cover("dead", (EMPTY,)) if self.empty else None

    @property
    def bar(self) -> Scale | None:
        """The colour bar of the map."""
        return None if self.cover else bar_of(self.scaled)

    @property
    def lines(self) -> tuple[str, ...]:
        """What has to be said under a picture without heat."""
        return (" ".join(self.cover.words),) if self.cover else ()

    @property
    def name(self) -> str:
        """The map's full name."""
        image = self.result.images[self.entry.image].name
        title = method_title(self.result, self.entry)
        return f"{title} of {target_name(self.result, self.entry)} on {image}"

    def overlaid(self, title: str = "", side: float = SIDE, *, bar: bool = True) -> Picture:
        """The heat over the photograph."""
        return Picture(
            self.steps,
            self.scaled.colours,
            title=title,
            lines=self.lines,
            side=side,
            scale=self.bar if bar else None,
            bar="below",
            overlay=self.overlay,
            name=self.name,
        )

    def alone(self, title: str = "") -> Picture:
        """The heat alone."""
        return Picture(
            self.steps,
            self.scaled.colours,
            title=title,
            side=SIDE,
            scale=self.bar,
            bar="below",
            cover=self.cover,
            name=self.name,
        )

    def tile(self, title: str, subtitle: str, *, bar: bool = True, covered: bool = False) -> Tile:
        """What is said of the map in a grid."""
        entry = self.entry
        note = tuple(("", Cell(line, "bad")) for line in self.lines) if not covered else ()
        return Tile(
            title=title,
            subtitle=subtitle,
            lines=note,
            cover=self.cover if covered else None,
            scale=self.bar if bar else None,
            palette=self.scaled.colours,
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
    """The maps of an image in a view; ``bare`` where its photograph stands before them."""
    if view in ("single", "overlay") and len(group.result) > MOST:
        raise SelectionError(
            f"the view '{view}' draws each map by itself: expected at most {MOST}, found "
            f"{len(group.result):,}. Choose fewer images, targets or methods, or the view table."
        )
    if group.shown.is_line:
        return lines.sections_of(group, options, view, bare=bare)
    if view in ("single", "overlay"):
        only = view == "overlay"
        return [_single(group, index, options, bare=bare, only=only) for index in group.indices]
    if view == "row":
        found = [_row(group, method, options, bare=bare) for method in group.methods]
    else:
        found = [_table(group, options, bare=bare)]
    return [*found, *measured(group)]


def _single(
    group: ImageMaps, index: int, options: HeatOptions, *, bare: bool, only: bool = False
) -> Section:
    """One map: the photograph, the heat, and the heat over the photograph; or that alone."""
    result, entry = group.result, group.result.maps[index]
    photograph = whole(group)
    shown = Shown(result, index, options, photograph)
    own = f"photograph, {size(group.shown.original_size)}"
    stacked = entry.values.ndim == 3
    pictures: list[Block] = [
        shown.alone("heat"),
        shown.overlaid("heat over the photograph", bar=False),
    ]
    if only:
        pictures = [shown.overlaid(side=2 * SIDE)]
    elif not bare:
        pictures.insert(0, photograph_of(group, photograph, own))
    height, width = photograph.pixels.shape[:2]
    lying = width > SLIM * height
    alone = ImageMaps(result, group.image, (index,))
    lines = [f"Hottest at {shown.peak}." if shown.peak else ""]
    lines += remarks(alone) if bare else [predicted(group), *around(group), *remarks(alone)]
    blocks = pictures if lying else []
    if stacked:
        blocks = [_strip(group, shown)]
    elif not lying:
        blocks = [Beside(tuple((picture,) for picture in pictures), fill=False)]
    return Section(
        target_name(result, entry),
        (*blocks, *notes_below(group, (entry,), lines), *measures_of(entry)),
        kind=method_title(result, entry) + ("" if bare else f" of {group.name}"),
        facts=facts(result, entry, options),
        anchor=f"heat:{index}",
        scale=shown.bar if stacked else None,
    )


def _strip(group: ImageMaps, shown: Shown) -> Grid:
    """The frames or slices in their order, and under each the heat over it."""
    frames = group.shown.frames
    assert frames is not None
    word = frame_word(group.result, group.image)
    under = np.repeat(frames, 3, axis=-1) if frames.shape[-1] == 1 else frames
    steps = shown.scaled.steps(shown.entry.above_ground(shown.entry.values))
    room = min(len(frames), STRIP)
    pictures: list[tuple[Bytes, Tile, Overlay | None]] = []
    rows: list[tuple[str, str]] = []
    for start in range(0, len(frames), room):
        places = range(start, min(start + room, len(frames)))
        rest: list[tuple[Bytes, Tile, Overlay | None]] = [BLANK] * (room - len(places))
        names = {place: f"{word} {place}" for place in places}
        pictures += [(under[place], Tile(label=names[place]), None) for place in places] + rest
        pictures += [(steps[place], shown.tile_of(names[place]), None) for place in places]
        pictures += rest
        pictures += [
            (steps[place], shown.tile_of(names[place]), shown.over(steps[place], under[place]))
            for place in places
        ]
        pictures += rest
        rows += [(f"{word}s", ""), ("heat", "alone"), ("heat", "over them")]
    return Grid(
        [pixels for pixels, _, _ in pictures],
        [tile for _, tile, _ in pictures],
        columns=room,
        side=SIDE * 0.42,
        unit=word,
        overlays=[overlay for _, _, overlay in pictures],
        rows=tuple(rows),
    )


def _grid(pictures: Sequence[tuple[Bytes, Tile, Overlay | None]], columns: int) -> Grid:
    return Grid(
        [pixels for pixels, _, _ in pictures],
        [tile for _, tile, _ in pictures],
        columns=columns,
        side=SIDE * 0.8,
        unit="heatmap",
        overlays=[overlay for _, _, overlay in pictures],
    )


BLANK = (np.full((1, 1, 3), 255, np.uint8), Tile(blank=True), None)
"""A cell of a grid without a picture."""


def _row(group: ImageMaps, method: str, options: HeatOptions, *, bare: bool) -> Section:
    """The targets of a method: each over the photograph, and under it the heat alone."""
    result, indices = group.result, group.of_method(method)
    photograph = whole(group)
    shown = [Shown(result, index, options, photograph) for index in indices]
    first = shown[0].entry
    before = [] if bare else [(_pixels(photograph), _own(group), None)]
    room = max(1, min(options.columns - len(before), len(shown)))
    pictures: list[tuple[Bytes, Tile, Overlay | None]] = []
    for start in range(0, len(shown), room):
        part = shown[start : start + room]
        rest: list[tuple[Bytes, Tile, Overlay | None]] = [BLANK] * (room - len(part))
        pictures += [] if bare else before if start == 0 else [BLANK]
        for each in part:
            words = target_name(result, each.entry), score_words(result, each.entry)
            pictures.append((each.steps, each.tile(*words, bar=False), each.overlay))
        pictures += [*rest, *([] if bare else [BLANK])]
        pictures += [(each.steps, each.tile("", "", covered=True), None) for each in part]
        pictures += rest
    title = method_title(result, first)
    targets = plural(len(indices), "target")
    words = (layer_words(first), size_words(first, smooth=options.smooth))
    lines = remarks(ImageMaps(result, group.image, indices))
    lines = lines if bare else [predicted(group), *around(group), *lines]
    entries = [each.entry for each in shown]
    return Section(
        title if bare else group.name,
        (
            _grid(pictures, room + len(before)),
            *notes_below(group, entries, lines),
        ),
        kind=targets if bare else f"{title}, {targets}",
        facts=DOT.join(word for word in words if word),
        anchor=f"heat:{indices[0]}",
    )


def _own(group: ImageMaps) -> Tile:
    frames = group.shown.frames
    if frames is not None:
        word = frame_word(group.result, group.image)
        return Tile(title=plural(len(frames), word), subtitle="row by row", name=group.name)
    return Tile(title="photograph", subtitle=size(group.shown.original_size), name=group.name)


def _table(group: ImageMaps, options: HeatOptions, *, bare: bool) -> Section:
    """The methods and targets of an image: methods are rows, or follow each other for one."""
    result, targets, entry = group.result, group.targets, group.maps[0]
    photograph = whole(group)
    shown = {index: Shown(result, index, options, photograph) for index in group.indices}
    pictures: list[tuple[Bytes, Tile, Overlay | None]] = []
    blocks: list[Block] = []
    methods = plural(len(group.methods), "method")
    if len(targets) == 1:
        kind = f"{target_name(result, entry)}, {methods}"
        line = score_words(result, entry)
        pictures += [] if bare else [(_pixels(photograph), _own(group), None)]
        for each in shown.values():
            words = DOT.join(filter(None, (layer_words(each.entry), size_words(each.entry))))
            tile = each.tile(method_title(result, each.entry), words)
            pictures.append((each.steps, tile, each.overlay))
        columns = min(options.columns, len(pictures))
    else:
        kind = f"{methods}, {plural(len(targets), 'target')}"
        line = "Each picture: the heat over the photograph, with its own scale under it"
        columns = min(options.columns, len(targets))
        if not bare:
            own = photograph_of(group, photograph, "photograph")
            blocks.append(Beside(((own,), prediction_blocks(group.predictions[:1]))))
        for start in range(0, len(targets), columns):
            part = targets[start : start + columns]
            for method in group.methods:
                found = [group.at(method, target) for target in part]
                pictures += [BLANK if at is None else _pair(shown[at]) for at in found]
                pictures += [BLANK] * (columns - len(part))
    blocks.append(_grid(pictures, columns))
    lines = remarks(group) if bare else [*around(group), *remarks(group)]
    return Section(
        "Heatmaps" if bare else group.name,
        (*blocks, *notes_below(group, group.maps, lines)),
        kind=kind,
        facts=line,
        anchor=f"heat:{group.indices[0]}",
    )


def _pair(each: Shown) -> tuple[Bytes, Tile, Overlay | None]:
    """A picture of a method and a target."""
    words = f"{target_name(each.result, each.entry)}, {score_words(each.result, each.entry)}"
    return each.steps, each.tile(method_title(each.result, each.entry), words), each.overlay
