"""One channel as a document.

The rule of this module: every number over the data set says so, and the pattern and an image are
marked in the histograms of all images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from layersight.document.blocks import (
    Beside,
    Block,
    Cell,
    Column,
    Curve,
    Document,
    Facts,
    Grid,
    Note,
    Overlay,
    Part,
    Picture,
    Scale,
    Section,
    Series,
    Table,
    Tone,
)
from layersight.document.colour import palette
from layersight.document.image import input_pixels
from layersight.document.layers import model_document
from layersight.document.noun import Plain
from layersight.document.words import (
    brief,
    count,
    model_line,
    number,
    output_size,
    percent,
    plural,
    result_notes,
    size,
)
from layersight.nouns.activations.result import Activations
from layersight.nouns.channel.result import Channel
from layersight.nouns.kernels import document as kernels
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import Pattern
from layersight.nouns.survey.document import WIDE, channel_tile, data_line, preprocessing
from layersight.nouns.survey.montage import example_images, montages
from layersight.nouns.survey.result import Examples, Histogram, LayerSurvey

FEWEST_BINS, MOST_BINS = 12, 48  # of a histogram as it is drawn
CLASSES, NEIGHBOURS, TWINS = 12, 6, 8  # listed at most: those that excite it most, or go with it
SIDE = 128.0  # about how many points the pattern takes, and the image with its map
HEAT = 190  # the opacity of the greatest activation over an image, of 255


def describe(result: Channel, options: Plain) -> Document:
    survey, entry = result.survey, result.entry
    over = f"over {plural(survey.images, 'image')}"
    layer = entry.layer
    blocks: list[Block] = [*_front(result), *_examples(result), *_histograms(result)]
    blocks += [*_neighbours(result), *_classes(result)]
    title = Section(
        result.name,
        (*blocks, *result_notes((*result.notes, *survey.notes))),
        kind=f"{layer.type}   {output_size(layer)}",
        facts=f"{over}, {data_line(survey)}",
        anchor="channel",
    )
    captions = (
        f"Every number of the data set is {over}. Percentiles are right to 0.8 %.",
        f"{preprocessing(survey)} Model {model_line(result.model)}.",
    )
    return model_document(
        result.model,
        f"What one channel does {over}",
        [Part((title,))],
        result.name,
        captions=captions,
        caption=f"{result.model.name}, {result.model.digest}: {result.name} {over}. {captions[1]}",
    )


def _front(result: Channel) -> Iterator[Block]:
    """The pattern and the kernel, with the numbers of the channel beside them."""
    pictures: list[Block] = []
    pattern = result.pattern
    if pattern is not None and not Pattern(pattern, 0).mark:
        words = f"its pattern, mean {number(float(pattern.activation[0]))}"
        name = f"pattern of {result.name}"
        pictures.append(Picture(pattern.images[0], side=SIDE, lines=(words,), name=name))
    facts = _facts(result)
    pictures += _map(result)
    yield Beside((*((picture,) for picture in pictures), (facts,))) if pictures else facts
    if result.kernel is not None:
        (part,) = kernels.describe(result.kernel, KernelOptions(columns=12)).parts
        section = part.sections[0]
        yield Note((section.facts,), f"Kernel of {section.title}, {section.kind}", tone="quiet")
        yield from section.blocks


def _facts(result: Channel) -> Facts:
    entry, channel, images = result.entry, result.channel, result.survey.images

    def text(name: str) -> str:
        return number(result.number(name))

    def share(name: str, of: str) -> Cell:
        value = result.number(name)
        return Cell(f"{percent(value)} {of}", share=value) if value == value else Cell("")

    rows: list[tuple[str, str | Cell]] = []
    if entry.dead[channel]:
        words = f"{text('max')} at every position of all {count(images)} images"
        rows.append(("dead", Cell(words, "bad", bold=True)))
    rows += [
        ("greatest", Cell(text("max"), bold=True)),
        ("least", text("min")),
        ("mean", Cell(text("mean"), aside=f"\u00b1 {text('std')}")),
        ("zero", share("sparsity", "of all activations")),
        ("fires for", share("firing", "of the images")),
    ]
    selective = result.number("selectivity")
    if selective == selective:
        name = result.survey.classes[int(entry.preferred[channel])]
        rows.append((f"selective for {brief(name, 20)}", Cell(number(selective), share=selective)))
    marks = entry.peaks.percentiles[channel, [1, 3, 5]].tolist()
    rows.append(("peaks: 5, 50, 95%", ",  ".join(map(number, marks))))
    if result.pattern is not None:
        rows.append(_pattern_row(result, result.pattern))
    if result.maps is not None:
        rows.append(_image_row(result, result.maps))
    if entry.broken[channel]:
        broken = plural(int(entry.broken[channel]), "image")
        rows.append(("not numbers", Cell(f"for {broken}", "bad")))
    if entry.layer.receptive_field:
        rows.append(("receptive field", size(entry.layer.receptive_field)))
    return Facts(tuple(rows))


def _below(histogram: Histogram, channel: int, value: float, what: str) -> str:
    """How many images reach no more."""
    below = histogram.share_below(channel, value)
    return f"{percent(below)} of the images have no greater {what}" if below == below else ""


def _pattern_row(result: Channel, pattern: Patterns) -> tuple[str, Cell]:
    """What the pattern reached, compared with all images."""
    if mark := Pattern(pattern, 0).mark:
        return "pattern", Cell(f"none: {mark}", "bad")
    reached = float(pattern.activation[0])
    words = _below(result.entry.means, result.channel, reached, "mean")
    return "pattern, mean", Cell(number(reached), note=words)


def _image_row(result: Channel, maps: Activations) -> tuple[str, Cell]:
    """How strong the channel is for an image, compared with all images."""
    stats, channel = maps.layers[0].statistics, result.channel
    peak, images = float(stats.max[0, 0]), plural(result.survey.images, "image")
    words = _below(result.entry.peaks, channel, peak, "peak")
    if stats.dead[0, 0]:
        state = "and over all" if result.entry.dead[channel] else "but not over"
        words = f"dead for this image, {state} {images}; {words}"
    return "this image", Cell(number(peak), note=words)


def _examples(result: Channel) -> Iterator[Block]:
    """The strongest and the weakest images, cropped to what the channel saw."""
    survey, entry, channel = result.survey, result.entry, result.channel
    title = "Strongest images: what excites it most"
    yield from example_images(survey, entry, entry.strongest, channel, title)
    if (entry.strongest.crops < 0).all():
        yield _names(result, entry.strongest)
    # Where many are equally silent, the weakest would only be the first of them.
    values = entry.weakest.activations[channel]
    if (values != values[0]).any() or result.number("firing") >= 0.9:
        title = "Weakest images: what excites it least"
        yield from example_images(survey, entry, entry.weakest, channel, title)


def _names(result: Channel, examples: Examples) -> Table:
    """The strongest by name, where the network does not see pictures."""
    images, values = examples.images[result.channel], examples.activations[result.channel]
    rows = tuple(
        (Cell(result.survey.names[image]), Cell(number(value)))
        for image, value in zip(images.tolist(), values.tolist(), strict=True)
        if image >= 0
    )
    return Table((Column("image", wide=1), Column("activation", "right")), rows, "Strongest")


def _histograms(result: Channel) -> Iterator[Block]:
    """The distribution of the images' activations, with the pattern and the image marked."""
    entry, pattern = result.entry, result.pattern
    reached, peak, mean = math.nan, math.nan, math.nan
    if pattern is not None and not Pattern(pattern, 0).mark:
        reached = float(pattern.activation[0])
    if result.maps is not None:
        stats = result.maps.layers[0].statistics
        peak, mean = float(stats.max[0, 0]), float(stats.mean[0, 0])
    title = "Images by their greatest activation"
    charts = [_histogram(result, entry.peaks, title, result.pattern_peak, peak)]
    if entry.strongest.positions.shape[-1]:
        title = "Images by the mean of their map"
        charts.append(_histogram(result, entry.means, title, reached, mean))
    drawn = [chart for chart in charts if chart is not None]
    if drawn:
        yield Beside(tuple((chart,) for chart in drawn)) if len(drawn) > 1 else drawn[0]


def _histogram(
    result: Channel, histogram: Histogram, title: str, pattern: float, image: float
) -> Curve | None:
    """A histogram as a stepped line; the line below it says how many images are exactly 0."""
    counts, edges = histogram.counts[result.channel], histogram.edges
    filled = np.flatnonzero(counts)
    total = int(counts.sum())
    zero = int(counts[(edges[:, 0] == 0) & (edges[:, 1] == 0)].sum())
    rest = filled[(edges[filled] != 0).any(1)]
    if not len(rest):
        return None
    values = {"pattern": pattern, "image": image}
    marks = {name: value for name, value in values.items() if math.isfinite(value)}
    low, high = min(0.0, float(edges[rest[0], 0])), float(edges[rest[-1], 1])
    steps = min(MOST_BINS, max(FEWEST_BINS, round(2 * math.sqrt(total))))
    heights, sides = np.histogram(edges[rest].mean(1), steps, (low, high), weights=counts[rest])
    x = np.repeat(sides, 2)[1:-1].astype(np.float32)
    top = float(heights.max())
    series = [Series(np.repeat(heights, 2).astype(np.float32), x, style="plain")]
    lines = [f"{percent(zero / total)} of the images are left out: exactly 0."] if zero else []
    for name, value in marks.items():
        tone: Tone = "bad" if name == "pattern" else "plain"
        lines.append(f"The {name} is {_rank(histogram, result.channel, value)}.")
        at, line = np.array([value, value], np.float32), np.array([0, top], np.float32)
        words = f"{name} {number(value)}"
        series.append(Series(line, at, name=words, style="plain", tone=tone))
    return Curve(
        tuple(series),
        title=title,
        x=(min([low, *marks.values()]), max([high, *marks.values()])),
        y=(0.0, top),
        x_title="activation",
        wide=250.0,
        tall=56.0,
        lines=(" ".join(lines),) if lines else (),
    )


def _rank(histogram: Histogram, channel: int, value: float) -> str:
    filled = np.flatnonzero(histogram.counts[channel])
    if value > float(histogram.edges[filled[-1], 1]):
        return "beyond all images"
    below = histogram.share_below(channel, value)
    return f"above {percent(below)} of them" if below < 1 else "as strong as the strongest of them"


def _classes(result: Channel) -> Iterator[Block]:
    """The means of the classes, the greatest first."""
    survey, entry, channel = result.survey, result.entry, result.channel
    if len(survey.classes) < 2:
        return
    means = entry.class_means[:, channel]
    order = np.argsort(-np.nan_to_num(means, nan=-np.inf), kind="stable").tolist()
    most = float(np.nanmax(np.abs(means))) if np.isfinite(means).any() else 0.0
    rows = tuple(
        (
            Cell(survey.classes[index]),
            Cell(count(int(entry.class_images[index, channel]))),
            Cell(number(float(means[index])), share=max(0.0, float(means[index])) / (most or 1)),
            Cell(number(float(entry.class_peaks[index, channel]))),
        )
        for index in order[:CLASSES]
        if means[index] == means[index]
    )
    more = len(order) - CLASSES
    heads = (Column(name, "right") for name in ("images", "mean", "mean of peaks"))
    note = f"And {count(more)} class{'' if more == 1 else 'es'} below." if more > 0 else ""
    yield Table((Column("class", wide=1), *heads), rows, "Classes", note)


def _neighbours(result: Channel) -> Iterator[Block]:
    """The channels of its layer that correlate with it, and those of other layers."""
    entry, channel, survey = result.entry, result.channel, result.survey
    title = "Channels of {} that go with it, by the correlation of their means"
    if entry.neighbours is not None and entry.correlations is not None:
        pairs = zip(
            entry.neighbours[channel].tolist(), entry.correlations[channel].tolist(), strict=True
        )
        others = [(other, value) for other, value in pairs if other >= 0 and value == value]
        yield from _correlated(result, entry, others, title.format("this layer"))
    twins = survey.twins_of(entry.name, channel)
    if survey.other is None:
        for layer in dict.fromkeys(name for name, _, _ in twins):
            others = [(other, value) for name, other, value in twins if name == layer]
            yield from _correlated(result, survey[layer], others, title.format(layer))
    elif twins:
        rows = tuple(
            (Cell(layer), Cell(str(other)), Cell(f"{value:.2f}", share=max(0.0, value)))
            for layer, other, value in twins[:TWINS]
        )
        columns = (Column("layer", wide=1), Column("channel", "right"), Column("r", "right"))
        yield Table(columns, rows, title.format(survey.other_name))


def _correlated(
    result: Channel, entry: LayerSurvey, others: list[tuple[int, float]], title: str
) -> Iterator[Block]:
    """Channels of a layer, each with a correlation, and their strongest crops."""
    others = others[:NEIGHBOURS]
    if not others or (entry.strongest.crops < 0).all():
        return
    tiles = []
    for other, value in others:
        tile, image = channel_tile(result.survey, entry, other), entry.strongest.images[other, 0]
        r, name = f"{value:.2f}", result.survey.names[image] if image >= 0 else ""
        facts = (("r", r), ("strongest", name))
        tiles.append(dataclasses.replace(tile, value=f"r {r}", lines=(), facts=facts))
    yield Grid(
        montages(result.survey, entry, [other for other, _ in others], 46),
        tiles,
        columns=NEIGHBOURS,
        side=WIDE,
        title=title,
        photos=True,
    )


def _map(result: Channel) -> Iterator[Picture]:
    """Its map over an image, a rectangle for each position."""
    if result.maps is None:
        return
    entry, shown = result.maps.layers[0], result.maps.images[0]
    values = entry.values[0, ..., 0]
    if values.ndim != 2 or shown.is_line or not np.isfinite(values).all():
        return
    low, high = float(values.min()), float(values.max())
    bottom = min(0.0, low) if high > 0 else low
    steps = np.rint((values - bottom) / ((high - bottom) or 1) * 255).astype(np.uint8)
    pixels, colours = input_pixels(shown)
    under = pixels if colours is None else colours[pixels]
    rows, columns = (
        np.minimum(np.arange(pixels) * positions // pixels, positions - 1)
        for pixels, positions in zip(under.shape[:2], values.shape, strict=True)
    )
    large, heat = steps[rows][:, columns], palette("viridis")
    yield Picture(
        large,
        heat,
        side=SIDE,
        lines=(brief(shown.name, 30),),
        scale=Scale(heat, ((0.0, number(bottom)), (1.0, number(high))), bottom, high),
        bar="below",
        overlay=Overlay(under, np.rint(large / 255 * HEAT).astype(np.uint8)),
        name=f"{result.name} over {shown.name}",
    )
