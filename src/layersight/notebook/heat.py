"""The HTML fragment of heatmaps in a notebook.

The rule of this module: that of ``layersight.notebook.fragments``.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from layersight.data.photograph import Photograph
from layersight.notebook.fragments import fragment, model_line, table
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak, reduced
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    EMPTY,
    before_head,
    captions,
    layer_names,
    method_title,
    target_name,
    view_words,
    warnings_of,
)
from layersight.render.heatmaps.information import information
from layersight.render.heatmaps.measures import told
from layersight.render.heatmaps.tile import HeatTile, make_tile
from layersight.render.heatmaps.views import pages
from layersight.render.html_text import NOTHING, escape, number
from layersight.writers.page import Bytes
from layersight.writers.pixels import data_uri, png
from layersight.writers.png import stacked_png as to_png

IMAGES_SHOWN = 6
"""So many images have their maps in a fragment."""
MAPS_SHOWN = 12
"""So many maps of each."""
EDGE = 240
"""About how many pixels of the screen the longer edge of a picture takes."""
SIDE = 1024
"""Pixels along the longest side of a picture that stands alone."""


def heatmaps(result: Heatmaps) -> str:
    """The maps in a table, and the first of the first images over their photographs."""
    options = HeatOptions()
    groups = by_image(result)
    metrics = list(dict.fromkeys(one.metric for entry in result for one in entry.measures))
    before = before_head(result)
    heads = ("image", "explained", "method", "score", before, "layer", "hottest", *metrics)
    rows = "".join(_row(result, place, metrics) for place in range(len(result)))
    parts = [model_line(result.model), table(tuple(map(escape, heads)), rows)]
    parts += [f"<p>{escape(line)}</p>" for line in warnings_of(result, result.maps)]
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    shown = enumerate(groups[:IMAGES_SHOWN])
    parts += [_image(group, options, opened=place == 0) for place, group in shown]
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in captions(result, options)[:-1]]
    return fragment("".join(parts) + _left_out(groups))


def picture(result: Heatmaps) -> bytes | None:
    """A single map beside its photograph, with its scale; ``None`` for any other number."""
    if len(result) != 1:
        return None
    small = tuple(reduced(photograph, (SIDE, SIDE)) for photograph in result.photographs)
    shown = dataclasses.replace(result, photographs=small)
    options = HeatOptions(view="single")
    return to_png(pages(shown, options, "screen"), information(shown, options))


def _row(result: Heatmaps, place: int, metrics: list[str]) -> str:
    entry = result.maps[place]
    known = {one.metric: told(one.value) for one in entry.measures}
    hottest = EMPTY if entry.empty else describe_peak(result, place) or NOTHING
    cells = (
        escape(target_name(result, entry)),
        escape(method_title(result, entry)),
        number(entry.score),
        number(entry.explained) if entry.explained != entry.score else NOTHING,
        escape(layer_names(entry)) or NOTHING,
        hottest,
        *(known.get(metric, NOTHING) for metric in metrics),
    )
    listed = "".join(f"<td>{cell}</td>" for cell in cells)
    name = escape(result.images[entry.image].name)
    return f'<tr><th scope="row">{name}</th>{listed}</tr>'


def _image(group: ImageMaps, options: HeatOptions, *, opened: bool) -> str:
    photograph = reduced(group.photograph, (3 * EDGE // 2, 3 * EDGE // 2))
    figures = [_figure(photograph, photograph.pixels, group.name, "<b>photograph</b>")]
    for place in group.places[:MAPS_SHOWN]:
        entry = group.result.maps[place]
        tile = make_tile(group.result, place, photograph, options)
        name, title = target_name(group.result, entry), method_title(group.result, entry)
        words = f"<b>{escape(name)}</b> <span>{number(entry.score)}</span>"
        under = f"{_scale(tile, photograph)}{escape(title)}"
        figures.append(_figure(photograph, tile.overlay(), f"{title} of {name}", words, under))
    seen = view_words(group)
    seen = f'<p class="quiet">{escape(seen)}</p>' if seen else ""
    return (
        f"<details{' open' if opened else ''}><summary><b>{escape(group.name)}</b></summary>"
        f'{seen}<div class="row">{"".join(figures)}</div></details>'
    )


def _size(photograph: Photograph) -> tuple[int, int]:
    """Width and height on the screen."""
    height, width = photograph.pixels.shape[:2]
    zoom = EDGE / max(height, width)
    return max(1, round(width * zoom)), max(1, round(height * zoom))


def _figure(photograph: Photograph, pixels: Bytes, name: str, words: str, under: str = "") -> str:
    wide, tall = _size(photograph)
    sharp = max(pixels.shape[:2]) < EDGE / 2
    style = "" if sharp else ' style="image-rendering:auto"'
    uri = data_uri(png(np.ascontiguousarray(pixels)))
    return (
        f'<figure style="width:{max(wide, 96)}px"><figcaption>{words}</figcaption>'
        f'<img src="{uri}" width="{wide}" height="{tall}"{style} alt="{escape(name)}">'
        f"{under}</figure>"
    )


def _scale(tile: HeatTile, photograph: Photograph) -> str:
    """The colours with the values of their ends, or that there are none."""
    if tile.empty or tile.broken:
        return f"<p>{'not a number' if tile.broken else EMPTY}</p>"
    wide = max(96, _size(photograph)[0])
    uri = data_uri(png(np.arange(256, dtype=np.uint8)[None], tile.scale.ramp()))
    marks = "".join(f"<span>{escape(words)}</span>" for words in tile.scale.marks().values())
    return (
        f'<img src="{uri}" width="{wide}" height="7" style="image-rendering:auto;margin-top:3px" '
        f'alt=""><figcaption class="quiet">{marks}</figcaption>'
    )


def _left_out(groups: list[ImageMaps]) -> str:
    told_of = []
    if len(groups) > IMAGES_SHOWN:
        told_of.append(f"of the first {IMAGES_SHOWN} of {len(groups)} images")
    if any(len(group.places) > MAPS_SHOWN for group in groups):
        told_of.append(f"the first {MAPS_SHOWN} of each image")
    if not told_of:
        return ""
    return (
        f"<p>Shown: {', '.join(told_of)}; "
        "<code>layersight.save(heatmaps, &quot;heatmaps.html&quot;)</code> writes all.</p>"
    )
