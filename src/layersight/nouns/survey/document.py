"""A survey as a document: the network as a strip of layers, and what excites each channel most.

The rule of this module: whoever sees a number sees over how many images it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from layersight.data.preprocessing import Preprocessing
from layersight.document.blocks import (
    Beside,
    Block,
    Bytes,
    Cell,
    Column,
    Cover,
    Document,
    Facts,
    Grid,
    Note,
    Numbers,
    Part,
    Section,
    Table,
    Tile,
)
from layersight.document.colour import palette
from layersight.document.layers import layer_table
from layersight.document.words import (
    DOT,
    brief,
    count,
    model_facts,
    model_line,
    number,
    output_size,
    percent,
    plural,
    result_notes,
    short_digest,
    size,
)
from layersight.errors import few
from layersight.nouns.survey.montage import BLANK, crop_size, montages, with_crop
from layersight.nouns.survey.result import PERCENTILES, LayerSurvey, Survey, Twins

STRIP = 96
"""Pixels of the side of a layer in the strip."""
PAD, DEAD = 255, 254
"""Colours of the strip: where there is no channel, and of a dead one."""
DEAD_INK = (176, 58, 32)
WIDE, NARROW = 126.0, 100.0
"""About how many points a channel takes, where there are few and where there are many."""
NAMED = 3
"""How many of the strongest images of a channel its card names."""

PAIRS = 4
"""How many of the pairs of a layer with others are listed."""
CLOSE = 0.9
"""Twins are called close from this correlation on."""
FEW = 10
"""A channel that fires for fewer images is not called selective for a class."""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The options of a page of a survey.

    Attributes:
        view: ``"report"``, or ``"layers"`` for one without pictures of every channel.
    """

    view: Literal["report", "layers"] = "report"


def describe(result: Survey, options: PageOptions) -> Document:
    """The document of a survey: a strip and a table of its layers, then the channels of each."""
    over = f"over {plural(result.images, 'image')}"
    sizes = crop_size(sum(entry.channels for entry in result.layers))
    complete = options.view == "report"
    front: tuple[Block, ...] = (
        Beside(((_facts(result),), (_reading(result),))) if complete else _facts(result),
        *((_strip(result), _strip_key()) if complete else ()),
        _table(result),
        *([_twins(result)] if result.twins else []),
        *result_notes(result.notes),
    )
    sections = tuple(_layer(result, entry, sizes) for entry in result.layers) if complete else ()
    captions = (
        f"Every number is {over}, {data_line(result)}.",
        f"{preprocessing(result)} Model {model_line(result.model)}.",
    )
    return Document(
        title=result.model.name,
        kicker=f"What its channels do {over}",
        facts=_model_facts(result),
        parts=(Part(sections, front),),
        captions=captions,
        heading="Channels",
        guide=_guide(result),
        caption=f"{result.model.name}, {result.model.digest}: channels {over}. {captions[1]}",
        name=f"{result.model.name}: survey",
    )


def _model_facts(result: Survey) -> tuple[str, ...]:
    """The lines under the model's name, fewer for a survey that was read from its files."""
    model = result.model
    if model.inputs:
        return model_facts(model)
    return (f"{model.source}{DOT}{short_digest(model.digest)}{DOT}{model.framework}",)


def data_line(result: Survey) -> str:
    """Which images these were, by a digest of them and of their names."""
    return f"content {result.content.removeprefix('blake2b:')[:12]}"


def preprocessing(result: Survey) -> str:
    """What the network saw of the images."""
    scale, pixels = result.preprocessing, f" at {size(result.size)} pixels" if result.size else ""
    return f"The network saw {scale.describe()} ({scale.reason}){pixels}."


def _facts(result: Survey) -> Facts:
    dead = sum(int(entry.dead.sum()) for entry in result.layers)
    scale = result.preprocessing
    pairs = zip(result.classes, result.class_images, strict=True)
    classes = few([f"{name} ({count(images)})" for name, images in pairs], 6)
    rows: tuple[tuple[str, str | Cell], ...] = (
        ("images", Cell(count(result.images), bold=True)),
        ("unreadable", Cell(count(len(result.unreadable)), "bad") if result.unreadable else ""),
        ("classes", classes),
        ("layers", count(len(result.layers))),
        ("channels", count(sum(entry.channels for entry in result.layers))),
        ("dead", Cell(f"{count(dead)}  over all images", "bad" if dead else "quiet")),
        ("preprocessing", f"{scale.describe()} ({scale.reason})"),
    )
    return Facts(tuple(row for row in rows if row[1] != ""), "Survey")


def _reading(result: Survey) -> Note:
    """How a tile is read."""
    over = count(result.images)
    lines = [
        "A tile is a channel: the parts of the images that excite it most, the strongest first. "
        "Each part is the receptive field of the position where the channel is greatest.",
        "In front its number, at the right its greatest activation.",
        "Zero: the share of all its activations that are exactly 0.",
    ]
    if result.twins:
        whose = f"of {result.other_name}" if result.other else "of the other layer"
        lines.append(
            f"r: the correlation, over the images, with the channel {whose} that goes most with it."
        )
    if _has_selectivity(result):
        lines.append(
            "The class for which its mean is greatest, with the class selectivity index: 0 for a "
            "channel that is alike for all classes, 1 for one that only one class excites."
        )
    lines.append(f"Dead: one and the same number at every position of all {over} images.")
    return Note(tuple(lines), "How to read a channel")


def _guide(result: Survey) -> tuple[str, ...]:
    selective = " most selective," if _has_selectivity(result) else ""
    return (
        "A tile holds what excites a channel most",
        f"The order can be changed: strongest, most zeros,{selective} or by number",
    )


def _has_selectivity(result: Survey) -> bool:
    return any(np.isfinite(entry.selectivity).any() for entry in result.layers)


def _strip(result: Survey) -> Grid:
    """The network as a strip: a tile for each layer, a square for each channel, by its zeros."""
    colours = palette("viridis").copy()
    colours[PAD], colours[DEAD] = BLANK, DEAD_INK
    tiles = []
    # There is little room, and the start that all names share says nothing.
    start = _shared_start(list(result))
    for entry in result.layers:
        title, subtitle = _two_lines(entry.name[start:] or entry.name)
        dead, zero = int(entry.dead.sum()), _mean_of(entry.sparsity)
        lines = [
            ("dead", Cell(f"{dead} / {entry.channels}", "bad" if dead else "quiet")),
            ("zero", Cell(percent(zero) if zero == zero else "")),
        ]
        facts = (("channels", count(entry.channels)), ("type", entry.layer.type))
        tiles.append(
            Tile(title=title, subtitle=subtitle, lines=tuple(lines), name=entry.name, facts=facts)
        )
    many = len(tiles) > 12
    return Grid(
        np.stack([_squares(entry) for entry in result.layers]),
        tiles,
        colours,
        columns=8 if many else 6,
        side=62.0 if many else 84.0,
        title="The network, layer by layer",
        unit="layer",
    )


def _shared_start(names: list[str]) -> int:
    """How many characters of words all names begin with.

    >>> _shared_start(["relu_conv1", "relu_fire2"]), _shared_start(["conv", "conv_1"])
    (5, 0)
    """
    first, last = min(names), max(names)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return max(first.rfind("_", 0, same), first.rfind("/", 0, same)) + 1


def _two_lines(name: str) -> tuple[str, str]:
    """A name over a tile, in two lines if it is long.

    >>> _two_lines("conv2d_1"), _two_lines("fire2_squeeze1x1")
    (('conv2d_1', ''), ('fire2', 'squeeze1x1'))
    """
    cuts = [index for index, letter in enumerate(name) if letter in "_/" and 0 < index < 13]
    if len(name) < 12 or not cuts:
        return brief(name, 13), ""
    return name[: cuts[-1]], brief(name[cuts[-1] + 1 :], 13)


def _strip_key() -> Facts:
    """The meaning of the colours of the strip."""
    dead = np.tile(np.array(DEAD_INK, np.uint8), (256, 1))
    words = "the share of its activations that are 0, from none to all"
    return Facts(
        (
            ("a field", Cell("a channel; the one with the fewest zeros comes first")),
            ("its colour", Cell(words, swatch=palette("viridis"))),
            ("dead", Cell("one number for all images", swatch=dead)),
        )
    )


def _squares(entry: LayerSurvey) -> Bytes:
    """A field for each channel, in rows, those with the fewest zeros first, dead ones last."""
    root = math.ceil(math.sqrt(entry.channels))
    # Rows of equal length, if they are not far longer than there are rows.
    fits = (n for n in range(root, 3 * root) if entry.channels % n == 0)
    across = next(fits, root)
    shares = np.nan_to_num(entry.sparsity, nan=0.0)
    steps = np.rint(shares * (DEAD - 1)).astype(np.uint8)
    steps[entry.dead] = DEAD
    cells = np.full(math.ceil(entry.channels / across) * across, PAD, np.uint8)
    cells[: entry.channels] = np.sort(steps)
    fields = cells.reshape(-1, across)
    rows, columns = (np.arange(STRIP) * side // STRIP for side in fields.shape)
    drawn: Bytes = fields[rows][:, columns]
    return drawn


def _mean_of(values: NDArray[np.float64]) -> float:
    """The mean of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else math.nan


def _cell(value: float, *, share: bool = False) -> Cell:
    """A number, or a share with its bar; empty where there is none."""
    if value != value:
        return Cell("")
    return Cell(percent(value), share=_inside(value)) if share else Cell(number(value))


def _inside(value: float) -> float:
    return min(1.0, max(0.0, value))


def _table(result: Survey) -> Table:
    names = [layer.name for layer in result.model.layers]
    selective = _has_selectivity(result)
    heads = ("channels", "dead", "zero", "fires", "strongest", *(["selectivity"] * selective))
    note = (
        f"Dead: one and the same number over all {count(result.images)} images. Zero: the share of "
        "activations that are 0. Fires: the share of images with an activation above 0, in the "
        "mean over channels. Strongest: the greatest activation."
    )
    if selective:
        note += (
            " Selectivity: the class selectivity index, in the mean over channels that have one."
        )
    rows = (
        (entry.name, entry.layer, f"channels:{entry.name}", _cells(entry, selective=selective))
        for entry in result.layers
    )
    return layer_table(names, heads, rows, note)


def _cells(entry: LayerSurvey, *, selective: bool) -> tuple[Cell, ...]:
    dead = int(entry.dead.sum())
    strongest = float(np.nanmax(entry.max)) if np.isfinite(entry.max).any() else math.nan
    return (
        Cell(count(entry.channels)),
        Cell(count(dead), "bad" if dead else "quiet"),
        _cell(_mean_of(entry.sparsity), share=True),
        _cell(_mean_of(entry.firing), share=True),
        _cell(strongest),
        *([_cell(_mean_of(entry.selectivity))] if selective else []),
    )


def _twins(result: Survey) -> Table:
    """For each layer the pairs that are closest: how many channels have a twin, and how close."""
    rows, left = [], 0
    for name in dict.fromkeys(pair.first for pair in result.twins):
        pairs = [(pair, _closest(pair)) for pair in result.twins if pair.first == name]
        pairs.sort(key=lambda entry: -float(np.median(entry[1])) if len(entry[1]) else 0.0)
        left += len(pairs[PAIRS:])
        for pair, best in pairs[:PAIRS]:
            channels, close = len(pair.channels), int((best >= CLOSE).sum())
            rows.append(
                (
                    Cell(name, target=f"channels:{name}"),
                    Cell(pair.second),
                    Cell(count(channels)),
                    Cell(count(close), share=close / max(1, channels)),
                    Cell(f"{np.median(best):.2f}" if len(best) else ""),
                )
            )
    columns = (
        Column("layer", wide=1),
        Column(f"of {brief(result.other_name, 24)}" if result.other else "and its pair", wide=1),
        Column("channels", "right"),
        Column(f"r from {CLOSE}", "right"),
        Column("median", "right"),
    )
    note = (
        "r: the correlation, over the images, of a channel's means with those of the channel of "
        f"the other layer that goes most with it: how many have one of at least {CLOSE}, and the "
        "median."
    )
    if left:
        note += f" Of each layer the {PAIRS} closest pairs; {plural(left, 'pair')} left out."
    if result.other is not None:
        scale = Preprocessing.from_json(result.settings["other"]["scale"])
        note += f" {model_line(result.other)} saw {scale.describe()} ({scale.reason})."
    return Table(columns, tuple(rows), "Twins", note)


def _closest(pair: Twins) -> NDArray[np.float64]:
    """The greatest correlation of each channel that has one."""
    best = pair.correlations[:, 0] if pair.correlations.shape[1] else np.zeros(0)
    finite: NDArray[np.float64] = best[np.isfinite(best)]
    return finite


def _layer(result: Survey, entry: LayerSurvey, sizes: tuple[int, int]) -> Section:
    """All channels of a layer."""
    dead, zero = int(entry.dead.sum()), _mean_of(entry.sparsity)
    facts = [plural(entry.channels, "channel"), f"{count(dead)} dead" if dead else "none dead"]
    if zero == zero:
        facts.append(f"{percent(zero)} zero")
    return Section(
        entry.name,
        (_channels(result, entry, sizes),),
        kind=f"{entry.layer.type}   {output_size(entry.layer)}",
        facts=DOT.join(facts),
        anchor=f"channels:{entry.name}",
        details=(
            (("receptive field", size(entry.layer.receptive_field)),)
            if entry.layer.receptive_field
            else ()
        ),
    )


def _channels(result: Survey, entry: LayerSurvey, sizes: tuple[int, int]) -> Grid | Table:
    """The channels of a layer with their strongest crops, or in a table if there are none."""
    side, columns = sizes
    every = range(entry.channels)
    if (entry.strongest.crops < 0).all():
        return _channel_table(result, entry)
    return Grid(
        montages(result, entry, every, side),
        [channel_tile(result, entry, channel) for channel in every],
        columns=columns,
        side=WIDE if columns < 8 else NARROW,
        numbers=tuple(_numbers(result, entry)),
        photos=True,
    )


def _numbers(result: Survey, entry: LayerSurvey) -> Iterator[Numbers]:
    """What channels can be ordered by, and what else their cards say."""
    peaks = entry.peaks.percentiles
    columns = [
        Numbers("strength", entry.max),
        Numbers("sparsity", entry.sparsity, percent=True),
        Numbers("selectivity", np.where(_fired(entry) < FEW, np.nan, entry.selectivity)),
        Numbers("fires", entry.firing, percent=True),
        *(
            Numbers(f"r with {pair.second}", pair.correlations[:, 0])
            for pair in result.twins
            if pair.first == entry.name and pair.correlations.shape[1]
        ),
        Numbers("mean", entry.mean, order=False),
        Numbers("median of peaks", peaks[:, PERCENTILES.index(50)], order=False),
        Numbers("99th percentile of peaks", peaks[:, PERCENTILES.index(99)], order=False),
    ]
    yield from (column for column in columns if np.isfinite(column.values).any())


def channel_tile(result: Survey, entry: LayerSurvey, channel: int) -> Tile:
    """The tile of a channel: its number and greatest activation, more numbers under its crops."""
    lines: list[tuple[str, Cell]] = []
    zero, selective = float(entry.sparsity[channel]), float(entry.selectivity[channel])
    if zero == zero:
        lines.append(("zero", _cell(zero, share=True)))
    if 0 < (images := int(_fired(entry)[channel])) < FEW:
        lines.append(("fires for", Cell(plural(images, "image"))))
    elif selective == selective:
        name = brief(result.classes[int(entry.preferred[channel])], 14)
        lines.append((name, Cell(number(selective), share=_inside(selective))))
    for layer, other, value in result.twins_of(entry.name, channel)[:1]:
        lines.append((f"{brief(layer, 14)}:{other}", Cell(f"r {value:.2f}", share=_inside(value))))
    strongest, broken, cover = entry.strongest, int(entry.broken[channel]), None
    greatest = number(float(entry.max[channel]))
    if not entry.images[channel]:
        cover = Cover("broken", ("not", "numbers"))
    elif entry.dead[channel]:
        cover = Cover("dead", ("dead", f"= {greatest}", f"over {count(result.images)} images"))
    facts = [
        (number(float(strongest.activations[channel, rank])), brief(result.names[image]))
        for rank in with_crop(entry, strongest, channel)[:NAMED]
        for image in [int(strongest.images[channel, rank])]
    ]
    if broken:
        facts.append(("not numbers for", plural(broken, "image")))
    return Tile(
        label=str(channel), value=greatest, lines=tuple(lines), cover=cover, facts=tuple(facts)
    )


def _fired(entry: LayerSurvey) -> NDArray[np.float64]:
    """For how many images each channel fires."""
    return np.rint(np.nan_to_num(entry.firing) * entry.images)


def _channel_table(result: Survey, entry: LayerSurvey) -> Table:
    """Channels of a network that sees no pictures: their numbers, and the strongest by name."""
    right = [Column(name, "right") for name in ("channel", "greatest", "zero", "fires")]
    rows = tuple(
        (
            Cell(str(channel), bold=True),
            Cell(number(float(entry.max[channel]))),
            Cell(percent(float(entry.sparsity[channel]))),
            Cell(percent(float(entry.firing[channel]))),
            Cell("dead", "bad") if entry.dead[channel] else Cell(brief(result.names[first])),
        )
        for channel, first in enumerate(entry.strongest.images[:, 0].tolist())
    )
    return Table((*right, Column("strongest", wide=2)), rows)
