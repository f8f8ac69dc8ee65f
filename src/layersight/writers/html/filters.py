"""The filters of the templates: how blocks become attributes, styles and words."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from layersight.document.blocks import (
    Axis,
    Beside,
    Block,
    Cover,
    Curve,
    Grid,
    Numbers,
    Overlay,
    Patch,
    Picture,
    Scale,
    Section,
    Table,
    Tile,
)
from layersight.document.words import fine_percent
from layersight.writers.fonts import clean
from layersight.writers.html.curve import lay_out
from layersight.writers.html.drawn import Drawn, clip, rgb_uri
from layersight.writers.layout.axes import round_ticks

NARROW = 240.0  # points that the curve of a tile takes in its large view
CAPTION = 20  # pixels that a line under a tile takes
TICK = 16  # the least pixels between the numbers beside the rows of a picture
TICK_ACROSS = 44  # likewise between those under its columns


def cleaned(value: Any) -> Any:
    """Text without characters that no page may hold; other values as they are."""
    return clean(value, lines=True) if type(value) is str else value


@cache
def environment() -> Environment:
    """The templates, which escape all text."""
    templates = Environment(
        loader=PackageLoader("layersight.writers.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=cleaned,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    named = (columns, grid_data, grid_style, heads, one_key, patch_style, picture_data, row_head)
    templates.filters.update(
        {function.__name__: function for function in (*named, sentences, ticks, tiles)},
        chart=lay_out,
        height=height_of,
        kind=lambda block: type(block).__name__,
        narrow=lambda curve: dataclasses.replace(curve, wide=NARROW),
        row_of=lambda tracks: tracks.partition(";")[0],
        card=picture_card,
        width=lambda share: f"{100 * min(1.0, max(0.0, share)):.4g}%",
    )
    return templates


def columns(table: Table) -> list[int]:
    """The columns of a table that exist without pages."""
    return [index for index, column in enumerate(table.columns) if not column.pages]


def sentences(lines: Sequence[str]) -> str:
    """Lines as a paragraph.

    >>> sentences(("one", "two."))
    'one. two.'
    """
    return " ".join(f"{line.removesuffix('.')}." for line in lines)


def row_head(table: Table) -> int:
    """The column that names the rows: the first that is read from the left."""
    return next((n for n in columns(table) if table.columns[n].align == "left"), -1)


def hideable(tile: Tile) -> Cover | None:
    """The cover of a tile that has nothing to show and can be hidden."""
    cover = tile.cover
    return cover if cover and cover.kind == "dead" and cover.words else None


@dataclass(frozen=True, slots=True)
class ShownTile:
    """A tile and what a page needs to show it."""

    tile: Tile
    card: str  # the text of its card: its name, and a line with a tab for each of its facts
    uri: str  # its picture; empty where it is part of a sprite
    photo: str  # the class of the photograph under it
    style: str  # where it is in the sprite
    tracks: str  # its tracks among columns with gaps, or its own sizes
    row: tuple[str, str] | None  # the name at the left of the row that it begins
    also: str  # a second picture of it, for its large view
    simple: bool  # whether no tile of the grid has anything but its label under it
    data: Markup  # attributes for the script that belong to this tile alone

    @property
    def plain(self) -> bool:
        """Whether it is a part of a sprite and nothing else."""
        return not self.uri and not self.photo and self.tile.cover is None

    @property
    def hidden(self) -> bool:
        """Whether it disappears when dead tiles are hidden."""
        return hideable(self.tile) is not None


def tiles(grid: Grid, drawn: Drawn, section: Section | None) -> Iterator[ShownTile]:
    title = section.title if section else grid.title
    formatted = [(numbers.name, _formatted(numbers)) for numbers in grid.numbers]
    simple = not any(tile.title or tile.value or tile.lines or tile.rising for tile in grid.tiles)
    everything = zip(grid.tiles, grid.pixels, grid.photographs, strict=True)
    for index, (tile, pixels, overlay) in enumerate(everything):
        row, column = divmod(index, grid.columns)
        name = tile.name or ", ".join(filter(None, [title, f"{grid.unit} {tile.label}".strip()]))
        facts = [(number, words[index]) for number, words in formatted]
        style = ""
        if drawn.columns and tile.cover is None:
            y, x = divmod(index, drawn.columns)
            style = f"--x:{x};--y:{y}"
        begins = bool(grid.rows) and column == 0
        yield ShownTile(
            tile,
            card_text(name, tile, [*facts, *tile.facts]),
            "" if drawn.columns else drawn.uris[index],
            drawn.photos[index],
            style,
            drawn.styles[index] if drawn.styles else _track_style(grid, row, column, tile),
            grid.rows[row] if begins and row < len(grid.rows) else None,
            "" if tile.also is None else rgb_uri(tile.also),
            simple,
            tile_data(tile, overlay, pixels.shape[:2] if drawn.styles else None),
        )


def card_text(name: str, tile: Tile | Picture, facts: list[tuple[str, str]]) -> str:
    """The lines of the card: a name, words, and facts with a tab between name and value."""
    lines = [_line(name)]
    if tile.cover and tile.cover.words:
        lines.append(_line(" ".join(tile.cover.words)))
    lines += [f"{_line(label)}\t{_line(words)}" for label, words in facts]
    return "\n".join(lines)


def _line(words: str) -> str:
    return " ".join(words.split())


def _formatted(numbers: Numbers) -> list[str]:
    """Numbers as text, four digits."""
    words = fine_percent if numbers.percent else "{:.4g}".format
    values = np.asarray(numbers.values, np.float64).tolist()
    return ["not a number" if math.isnan(value) else words(value) for value in values]


def _track_style(grid: Grid, row: int, column: int, tile: Tile) -> str:
    """The tracks of a tile in a grid with names of rows; gaps are tracks of their own."""
    span = tile.cover.span if tile.cover else 1
    if not grid.rows:
        return f"grid-column:span {span}" if span > 1 else ""
    down = row + 1 + bool(grid.heads)
    first, last = _track(grid, column), _track(grid, column + span - 1)
    return f"grid-row:{down};grid-column:{first}/{last + 1}"


def _track(grid: Grid, column: int) -> int:
    return 2 + column + sum(gap < column for gap in grid.gaps)


def heads(grid: Grid) -> Iterator[tuple[int, int, str]]:
    """Words over columns: the first track, the track after the last, the words."""
    ordered_heads = sorted(grid.heads)
    starts = [column for column, _ in ordered_heads] + [grid.columns]
    for (column, words), end in zip(ordered_heads, starts[1:], strict=True):
        yield _track(grid, column), max(_track(grid, column) + 1, _track(grid, end)), words


def grid_style(grid: Grid, drawn: Drawn) -> str:
    """The custom properties of a grid."""
    parts = [drawn.style, clip(grid)]
    if drawn.columns:
        rows = math.ceil(len(grid.tiles) / drawn.columns)
        parts.append(f"--cols:{drawn.columns};--rows:{rows}")
        parts.append(f"background-image:url({drawn.uris[0]})")
    if grid.rows:
        tracks = ["max-content"]
        for column in range(grid.columns):
            tracks += ["var(--w)"] + ["0.7rem"] * (column in grid.gaps)
        parts.append(f"grid-template-columns:{' '.join(tracks)}")
    return ";".join(filter(None, parts))


def grid_data(grid: Grid, drawn: Drawn, section: Section | None) -> Markup:
    """Attributes of a grid for the script: its scale, its orders, the size of its tiles."""
    data: dict[str, object] = {"pixel": drawn.pixel}
    if grid.palette is not None and section and section.scale:
        data |= scale_data(section.scale)
    if not grid.rows:
        orders = {numbers.name: ordered(numbers, grid) for numbers in grid.numbers if numbers.order}
        data |= {"orders": orders} if orders else {}
    return _attribute(data)


def tile_data(tile: Tile, overlay: Overlay | None, pixel: tuple[int, ...] | None) -> Markup:
    """Attributes of one tile for the script: its own scale, size and photograph."""
    data: dict[str, object] = scale_data(tile.scale) if tile.scale else {}
    data |= {"pixel": pixel} if pixel else {}
    data |= seen(overlay)
    return _attribute(data) if data else Markup("")


def scale_data(scale: Scale) -> dict[str, object]:
    """The values of the first and the last colour, and at which end values are cut."""
    if scale.low is None or scale.high is None or not math.isfinite(scale.low + scale.high):
        return {}
    cut = [int(any(sign in words for sign in "\u2264\u2265")) for _, words in scale.marks] or [0]
    return {"low": _digits(scale.low), "high": _digits(scale.high), "cut": [cut[0], cut[-1]]}


def ordered(numbers: Numbers, grid: Grid) -> list[int]:
    """The indices of the tiles by a number, greatest first; those without, or covered, last."""
    values = np.asarray(numbers.values, np.float64).copy()
    values[[tile.cover is not None for tile in grid.tiles]] = np.nan
    # NumPy sorts what is not a number last, and equal numbers as they came.
    return [int(index) for index in np.argsort(-values, kind="stable")]


def one_key(beside: Beside) -> bool:
    """Whether all curves beside each other have the same series, so that one key is enough."""
    curves = [block for part in beside.parts for block in part if isinstance(block, Curve)]
    keys = {tuple((each.name, each.tone, each.hollow) for each in one.series) for one in curves}
    return len(curves) > 1 and len(keys) == 1


def picture_card(picture: Picture, section: Section | None) -> str:
    name = picture.name or picture.title or (section.title if section else "")
    return card_text(name, picture, list(picture.facts))


def picture_data(picture: Picture, drawn: Drawn, section: Section | None) -> Markup:
    """Attributes of a picture for the script, which shows the value under the pointer."""
    readable = picture.palette is not None or picture.values is not None
    if picture.cover is not None or not readable:
        return Markup("")
    scale = picture.scale or (section.scale if section else None)
    data: dict[str, object] = {"pixel": drawn.pixel, "unit": picture.unit}
    data |= scale_data(scale) if scale else {}
    if picture.values is not None:
        data["values"] = [
            [_digits(value) if math.isfinite(value) else None for value in row]
            for row in picture.values.tolist()
        ]
    if picture.rows and picture.rows.labels:
        data["rows"] = [_line(label) for label in picture.rows.labels]
    if picture.cells:
        data["cells"] = [_line(name) for name in picture.cells]
    if picture.patches:
        data["gone"] = [
            (patch.top, patch.left, patch.bottom, patch.right)
            for patch in picture.patches
            if patch.cover is None
        ]
    return _attribute(data | seen(picture.overlay))


def seen(overlay: Overlay | None) -> dict[str, object]:
    """The edges of what the network saw of a photograph, as shares of the height and the width."""
    if overlay is None or (edges := overlay.seen) is None:
        return {}
    return {"seen": [_digits(e / s) for e, s in zip(edges, overlay.alpha.shape * 2, strict=True)]}


def _digits(value: float) -> float:
    return float(f"{value:.6g}")


def _attribute(data: dict[str, object]) -> Markup:
    text = json.dumps(cleaned_tree(data), separators=(",", ":"), allow_nan=False)
    return Markup(' data-of="{}"').format(text)


def cleaned_tree(data: Any) -> Any:
    """JSON-ready data with clean texts."""
    if isinstance(data, dict):
        return {cleaned(key): cleaned_tree(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [cleaned_tree(value) for value in data]
    return cleaned(data)


def patch_style(patch: Patch, picture: Picture) -> str:
    height, width = picture.pixels.shape[:2]
    return (
        f"left:{100 * patch.left / width:.4g}%;top:{100 * patch.top / height:.4g}%;"
        f"width:{100 * (patch.right - patch.left) / width:.4g}%;"
        f"height:{100 * (patch.bottom - patch.top) / height:.4g}%"
    )


def ticks(axis: Axis, count: int, room: int) -> Iterator[tuple[float, str]]:
    """The numbers along an axis that fit: where, as a share, and the words."""
    if axis.labels:
        stride = max(1, math.ceil(TICK * count / max(1, room)))
        for index in range(0, min(count, len(axis.labels)), stride):
            yield (index + 0.5) / count, axis.labels[index]
        return
    for index in round_ticks(count, max(2, min(9, room // TICK_ACROSS))):
        yield (index + 0.5) / count, str(index)


def height_of(section: Section) -> int:
    """The approximate height of a section on a wide screen, so that the scroll bar hardly moves."""
    return 90 + round(sum(map(_height, section.blocks)))


def _height(block: Block) -> float:
    if isinstance(block, Beside):
        return max((sum(map(_height, part)) for part in block.parts), default=0)
    if isinstance(block, Table):
        return 40 + 28 * len(block.rows)
    if isinstance(block, Curve):
        return lay_out(block).height + 50
    if not isinstance(block, Grid):
        return 460 if isinstance(block, Picture) else 80
    side = 112 if block.side is None else 1.4 * block.side
    across = block.columns if block.rows else max(1, 1000 // round(side + 10))
    lines = 1 + max((len(tile.lines) + 2 * bool(tile.title) for tile in block.tiles), default=0)
    return math.ceil(len(block.tiles) / across) * (side + 12 + CAPTION * lines)
