"""A document of every kind of block, made by hand: for the writers of all formats."""

from __future__ import annotations

import numpy as np

from layersight.document.blocks import (
    Axis,
    Beside,
    Block,
    Bytes,
    Cell,
    Column,
    Cover,
    Curve,
    Document,
    Facts,
    Grid,
    Note,
    Overlay,
    Part,
    Patch,
    Picture,
    Scale,
    Section,
    Series,
    Table,
    Tile,
)
from layersight.document.colour import palette

HOSTILE = "собака <b>&amp; кот 日本 (1) \\ " + "x" * 90 + "\u202e.jpg"
VIRIDIS, GREY = palette("viridis"), palette("grey")
SCALE = Scale(VIRIDIS, ((0.0, "mean \u2013 2 std"), (0.5, "mean"), (1.0, "mean + 2 std")))


def smooth(shape: tuple[int, ...], seed: int = 0) -> Bytes:
    """Waves of any shape, 0 to 255."""
    draw = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(0, draw.uniform(2, 7), side) for side in shape], indexing="ij")
    shift = draw.uniform(0, 6, size=(shape[0], 1, 1)) if len(shape) == 3 else draw.uniform(0, 6)
    waves = 128 + 127 * np.sin(sum(axes) + shift)
    return waves.astype(np.uint8)


def photograph(height: int = 40, width: int = 60, seed: int = 0) -> Bytes:
    """``(height, width, 3)`` RGB."""
    return np.stack([smooth((height, width), seed + channel) for channel in range(3)], -1)


def maps(
    count: int = 40,
    size: tuple[int, int] = (7, 7),
    *,
    columns: int = 16,
    dead: dict[int, Cover] | None = None,
    title: str = "",
) -> Grid:
    """Feature maps, some of them covered."""
    dead = {} if dead is None else dead
    tiles = tuple(Tile(label=str(index), cover=dead.get(index)) for index in range(count))
    return Grid(smooth((count, *size), 3), tiles, VIRIDIS, columns=columns, title=title)


DEAD = {
    2: Cover("dead", ("dead", "= 0")),
    6: Cover("dead", ("dead", "= 0.5")),
    11: Cover("broken", ("not a", "number")),
}


def patterns(count: int = 10, size: tuple[int, int] = (24, 24), **changes: object) -> Grid:
    """Pictures in colour with numbers under them."""
    tiles = tuple(
        Tile(
            label=str(index),
            value=f"{index / 7:.3g}",
            lines=(("images", Cell("0.31", tone="bad")), ("", Cell("91%", share=0.91))),
            rising=index % 2 == 0,
            cover=Cover("dead", ("failed", "= 0")) if index == 3 else None,
        )
        for index in range(count)
    )
    pixels = np.stack([photograph(*size, seed=index) for index in range(count)])
    return Grid(pixels, tiles, columns=8, unit="pattern", **changes)  # type: ignore[arg-type]


def kernels(filters: int = 6, inputs: int = 5) -> Grid:
    """A row for each filter: two spatial patterns, then the strongest inputs."""
    across = 2 + inputs
    tiles = [
        Tile(label=f"{60 - index}%" if index < 2 else str(31 - index))
        for _ in range(filters)
        for index in range(across)
    ]
    tiles[2 * across] = Tile(cover=Cover("dead", ("zero",), span=across))
    for index in range(2 * across + 1, 3 * across):
        tiles[index] = Tile(blank=True)
    tiles[-1] = Tile(blank=True)
    return Grid(
        smooth((filters * across, 3, 3), 5),
        tuple(tiles),
        GREY,
        columns=across,
        side=30,
        unit="filter",
        rows=tuple((str(index), f"±0.{index}21") for index in range(filters)),
        gaps=frozenset({1}),
        heads=((0, "spatial patterns, share"), (2, "strongest 5 of 32 inputs")),
    )


def heat(size: tuple[int, int] = (40, 60), *, faded: bool = False) -> tuple[Bytes, Overlay]:
    """Heat and the photograph under it."""
    steps = smooth(size, 8)
    cut = None
    if faded:
        cut = np.zeros(size, bool)
        cut[:, : size[1] // 5] = True
    return steps, Overlay(photograph(*size), (steps // 2 + 60).astype(np.uint8), cut)


def heatmaps(size: tuple[int, int] = (40, 60)) -> Grid:
    """A photograph, and heat over it by three methods, each with its scale."""
    steps, overlay = heat(size, faded=True)
    scales = [Scale(VIRIDIS, ((0.0, "0"), (1.0, f"≥ {index}.21"))) for index in range(3)]
    named = ("Grad-CAM", "Gradient", "Occlusion")
    tiles = [Tile(title="photograph", subtitle="60 \u00d7 40")]
    tiles += [
        Tile(title=name, subtitle="7 \u00d7 7 map, enlarged", scale=scale)
        for name, scale in zip(named, scales, strict=True)
    ]
    tiles[2] = Tile(
        title="Gradient", subtitle="60 \u00d7 40 map", cover=Cover("dead", ("no evidence",))
    )
    pixels = [photograph(*size), steps, steps, steps]
    overlays = (None, overlay, None, overlay)
    return Grid(pixels, tuple(tiles), columns=4, side=110, unit="heatmap", overlays=overlays)


def across() -> Grid:
    """One channel through layers whose maps have other sizes."""
    sides = (74, 36, 15, 7)
    tiles = tuple(
        Tile(title=f"conv_{side}", subtitle=f"{side} \u00d7 {side} \u00d7 4") for side in sides
    )
    pixels = [smooth((side, side), side) for side in sides]
    return Grid(pixels, tiles, VIRIDIS, columns=4, unit="layer")


def volume() -> Grid:
    """Maps with a depth: five slices in each tile."""
    tiles = tuple(Tile(label=str(index)) for index in range(6))
    pixels = smooth((6, 16, 24), 2)
    return Grid(pixels, tiles, VIRIDIS, slices=(2, 3), depth=5)


def one_map() -> Picture:
    """One map, large."""
    return Picture(
        smooth((15, 20)),
        VIRIDIS,
        rows=Axis(),
        columns=Axis(title="position"),
        scale=Scale(VIRIDIS, ((0.0, "-1"), (0.5, "0.5"), (1.0, "2")), -1.0, 2.0),
        lines=("the map of channel 3",),
    )


def signal(channels: int = 40, length: int = 30) -> Picture:
    """A layer with one axis: a row for each channel, some of them dead."""
    return Picture(
        smooth((channels, length), 1),
        VIRIDIS,
        tall=9.0,
        side=420,
        unit="channel",
        rows=Axis(tuple(map(str, range(channels)))),
        columns=Axis(title="position; a row for each channel"),
        patches=(
            Patch(4, 0, 6, length, Cover("dead", ("4\u20135 dead = 0",))),
            Patch(8, 0, 9, length, Cover("broken", ("8 not a number",))),
        ),
    )


def units() -> Picture:
    """A vector as cells, with two cells left over."""
    return Picture(
        smooth((3, 16), 4),
        VIRIDIS,
        tall=8.0,
        side=200,
        unit="unit",
        rows=Axis(("0", "16", "32")),
        patches=(Patch(2, 14, 3, 16), Patch(1, 2, 2, 3, Cover("broken", ()))),
    )


def overlaid() -> Picture:
    """Heat over a photograph, large, with its scale under it."""
    steps, overlay = heat()
    scale = Scale(VIRIDIS, ((0.0, "0"), (1.0, "1.21")), 0.0, 1.21)
    return Picture(
        steps,
        VIRIDIS,
        title="heat over the photograph",
        side=160,
        scale=scale,
        bar="below",
        overlay=overlay,
    )


def depth() -> Curve:
    """Two curves over layers, one with a hole."""
    zeros = np.array([0.7, 0.6, 0.9, 0.8, 0.1], np.float32)
    dead = np.array([0.0, np.nan, 0.2, 0.3, 0.2], np.float32)
    indices = np.arange(1, 6, dtype=np.float32)
    series = (
        Series(zeros, indices, "zeros, share of values"),
        Series(dead, indices, "dead, share of channels", hollow=True, tone="plain"),
    )
    return Curve(series, "Over depth", y=(0, 1), percent="y")


def small(best: str = "Grad-CAM") -> Curve:
    """A small curve of a metric with those of others behind it."""
    shares = np.linspace(0, 1, 6).astype(np.float32)
    series = tuple(
        Series(np.exp(-shares * rate).astype(np.float32) * 0.42, shares, style=style)
        for rate, style in ((4, "plain"), (2, "thin"), (1, "thin"))
    )
    return Curve(
        series,  # type: ignore[arg-type]
        "deletion",
        f"best: {best} 0.12",
        x=(0, 1),
        y=(0, 0.5),
        x_title="score by share of pixels",
        percent="x",
        wide=150,
        tall=58,
    )


def dots() -> Curve:
    """Points with errors for each name, beside those of random maps."""
    rows = np.arange(3, dtype=np.float32)
    series = (
        Series(
            rows,
            np.array([0.1, 0.4, np.nan], np.float32),
            "method, with its standard error",
            "points",
            errors=np.array([0.02, 0.1, np.nan], np.float32),
        ),
        Series(rows, np.array([0.3, 0.3, 0.3], np.float32), "random maps", "ticks", tone="quiet"),
    )
    names = ("Grad-CAM", "Gradient", "Occlusion")
    rules = ((0.25, "centre of the image"),)
    return Curve(series, "Deletion", "lower is better", names=names, rules=rules, wide=250)


def history() -> Curve:
    """How a pattern grew, with rules for what photographs reach."""
    values = np.log1p(np.arange(20)).astype(np.float32)
    rules = ((3.1, "reached"), (3.0, "strongest image"), (1.2, "median image"))
    return Curve(
        (Series(values, style="plain"),),
        "Activation before each step",
        rules=rules,
        x_title="steps",
    )


def layers(count: int = 5) -> Table:
    """A table of layers that leads to their sections."""
    columns = (
        Column("", "right"),
        Column("name", wide=1),
        Column("type"),
        Column("output", "right"),
        Column("dead", "right", note="of its channels"),
        Column("zeros", "right"),
        Column(""),
        Column("page", "right", pages=True),
    )
    rows = tuple(
        (
            Cell(str(index + 1), "quiet"),
            Cell(f"layer_{index}", target=f"layer:{index}", note="conv" if index == 2 else ""),
            Cell("Conv2D"),
            Cell("7 \u00d7 7 \u00d7 40"),
            Cell(f"{index} / 40", marked=index == 1, bold=index == 1),
            Cell("65%", share=0.65),
            Cell(swatch=VIRIDIS) if index == 0 else Cell(rising=True),
            Cell(target=f"layer:{index}"),
        )
        for index in range(count)
    )
    return Table(columns, rows, "Layers", "Bold: the most.", ruled=frozenset({1}))


def facts() -> Facts:
    """Names and values of all kinds."""
    return Facts(
        (
            ("activation reached", Cell("2.31", bold=True)),
            ("at the start", "0.0213"),
            ("kept when moved", Cell("91%", share=0.91)),
            ("not converged", Cell("in 40 steps", rising=True)),
        ),
        "Numbers",
    )


def story(name: str = "dog.jpg") -> Beside:
    """The input beside what was done to it."""
    return Beside(
        (
            (Picture(photograph(), side=150, name=name),),
            (
                Note(("600 \u00d7 400 pixels in the file", "pixels / 255"), "Input", lead=name),
                facts(),
            ),
        )
    )


def notes(count: int = 3) -> Note:
    """Some notes, of which a page shows the first."""
    texts = tuple(f"note {index}: the input may have any size, " * 4 for index in range(count))
    return Note(texts, "Notes", tone="bad", most=2)


def front(count: int = 5) -> tuple[Block, ...]:
    """The blocks of a cover."""
    return (story(), notes(), depth(), layers(count))


def section(index: int, *blocks: Block) -> Section:
    """A section called after its place."""
    return Section(
        f"layer_{index}",
        blocks,
        kind="Conv2D   7 \u00d7 7 \u00d7 40",
        facts="40 maps  ·  65% zeros",
        anchor=f"layer:{index}",
        scale=SCALE,
        details=(("parameters", "1,200"),),
    )


def document(
    *sections: Section, cover: tuple[Block, ...] = (), title: str = "network", name: str = "dog.jpg"
) -> Document:
    """A document of these sections."""
    return Document(
        title=title,
        kicker="What the network sees",
        facts=("network.keras  ·  sha256 0123456789ab", "5 layers  ·  1,200 parameters"),
        parts=(Part(sections, cover),),
        captions=("Colours viridis, each map standardised.", f"Input {name}.", "Model network."),
        heading="Feature maps",
        guide=("A tile is a channel.",),
        caption=f"Layers: layer_0. Colours viridis. Input {name}.",
        name=f"{title}: {name}",
        fewer="choose one layer with --layers",
    )


BLOCKS: dict[str, tuple[Block, ...]] = {
    "maps": (maps(dead=DEAD),),
    "volume": (volume(),),
    "patterns": (patterns(),),
    "kernels": (kernels(),),
    "heatmaps": (heatmaps(),),
    "across": (across(),),
    "one": (one_map(),),
    "signal": (signal(),),
    "units": (units(),),
    "overlaid": (Beside(((overlaid(),), (facts(),)), fill=False),),
    "depth": (depth(),),
    "small": (Beside(tuple((small(),) for _ in range(4)), fill=False),),
    "dots": (dots(),),
    "history": (history(),),
    "table": (layers(),),
    "words": (facts(), notes(), Note(("first", "second"), lead="lead")),
    "story": (story(),),
}
"""Blocks by name: each alone can be drawn."""


def whole() -> Document:
    """A cover and a section for each kind of block."""
    sections = [section(index, *blocks) for index, blocks in enumerate(BLOCKS.values())]
    return document(*sections, cover=front(len(sections)))
