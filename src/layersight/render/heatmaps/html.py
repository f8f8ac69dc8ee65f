"""Heatmaps as one self-contained HTML page.

The rule of this module: photograph, heat and both together can be looked at without scripts; a
script adds the value under the pointer and how far the heat covers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layersight.data.photograph import Photograph
from layersight.document.words import plural, size
from layersight.nouns.heatmaps.colours import HeatScale as Scale
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak, placed, reduced, seen
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps, Measure
from layersight.nouns.heatmaps.wording import (
    EMPTY,
    before_head,
    better,
    captions,
    layer_names,
    layer_words,
    method_title,
    remarks,
    size_words,
    target_name,
    view_words,
    warnings_of,
)
from layersight.render import html_page
from layersight.render.heatmaps.html_curves import curve_svg
from layersight.render.heatmaps.measures import told
from layersight.render.html_data import rounded
from layersight.render.html_input import input_article
from layersight.render.html_text import NOTHING, escape, number
from layersight.writers.pixels import data_uri, png

MOST = 1280
"""Pixels along the longest side of a picture on the page."""
TARGETS = {"s": 180, "m": 300, "l": 640}
"""About how many pixels of the screen the longer side of a picture takes."""
SHOWN = (("over", "overlay"), ("photo", "photograph"), ("heat", "heat"))
"""What can be looked at, by the value of its control."""


def document(result: Heatmaps, options: HeatOptions, manifest: str) -> str:
    """The whole page.

    Args:
        result: What to show; any number of images, targets and methods.
        options: How values become colours; the page shows all maps, whatever the view.
        manifest: How the page came to be, as JSON.

    Returns:
        HTML, to be written as UTF-8. The same arguments give the same text.
    """
    groups = by_image(result)
    script = html_page.asset("shared.js") + html_page.asset("heatmaps.js")
    style = html_page.asset("page.css") + html_page.asset("heatmaps.css")
    shown = f"{plural(len(result), 'heatmap')} of {plural(len(groups), 'image')}"
    methods = ", ".join(result.titles.get(method, method) for method in result.methods)
    facts = [("shown", shown), ("methods", escape(methods))]
    names = [group.name for group in groups]
    pieces = [
        html_page.head(f"{result.model.name} - heatmaps", script, style),
        html_page.header(result.model, "heatmaps", facts),
        html_page.contents([], ("heatmaps", "Heatmaps", names), [("numbers", "Numbers")]),
        "<main>",
        html_page.listed("What can mislead", warnings_of(result, result.maps)),
        '<div class="gallery">',
        _toolbar(result, options),
        *(_image(group, place, options) for place, group in enumerate(groups, 1)),
        "</div>",
        _numbers(groups, options),
        html_page.listed("How to read the heatmaps", captions(result, options)[:-1]),
        html_page.listed("Notes", result.notes),
        html_page.listed("Changes made to open the model", result.model.rewrites),
        html_page.made(manifest),
        "</main>",
        _CARD,
        html_page.embedded(_data(result, options)),
        f"<script>{script}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(pieces)


HEADS = ("#", "image", "explained", "method", "score", "", "layer", "map", "hottest")


def _numbers(groups: list[ImageMaps], options: HeatOptions) -> str:
    """All maps in a table."""
    named = before_head(groups[0].result)
    heads = "".join(f'<th scope="col">{escape(head or named)}</th>' for head in HEADS)
    rows = "".join(_row(group, place, options) for group in groups for place in group.places)
    return (
        '<section id="numbers"><h2>Numbers</h2>'
        '<div class="wide" tabindex="0" role="region" aria-label="Table of heatmaps">'
        f'<table class="layers heats-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(group: ImageMaps, place: int, options: HeatOptions) -> str:
    result, entry = group.result, group.result.maps[place]
    logit = number(entry.explained) if entry.explained != entry.score else NOTHING
    hottest = EMPTY if entry.empty else describe_peak(result, place) or NOTHING
    cells = (
        escape(target_name(result, entry)),
        escape(method_title(result, entry)),
        number(entry.score),
        logit,
        escape(layer_names(entry)) or NOTHING,
        escape(size(entry.coarse.shape)),
        hottest,
    )
    listed = "".join(f"<td>{cell}</td>" for cell in cells)
    return (
        f'<tr><td>{place + 1}</td><th scope="row"><a href="#map-{place}">{escape(group.name)}</a>'
        f"</th>{listed}</tr>"
    )


def _toolbar(result: Heatmaps, options: HeatOptions) -> str:
    choices = "".join(
        f'<label><input type="radio" name="show" value="{value}" id="show-{value}"'
        f"{' checked' if value == 'over' else ''}><span>{label}</span></label>"
        for value, label in SHOWN
    )
    share = f"{100 * options.opacity:.0f}"
    return (
        '<section id="heatmaps"><h2>Heatmaps</h2><p class="note">Under each picture its scale.'
        '<span class="with-script" hidden> Point at a picture for the value there.</span></p>'
        '</section><form class="toolbar" aria-label="What to show">'
        f'<fieldset class="sizes"><legend>Show</legend>{choices}</fieldset>'
        f'<span class="with-script" hidden>{html_page.sizes()}</span>'
        '<label class="tick with-script" hidden>covers <input type="range" id="cover" min="0" '
        f'max="100" value="{share}"> <output id="covered" for="cover">{share}%</output></label>'
        "</form>"
    )


def _image(group: ImageMaps, place: int, options: HeatOptions) -> str:
    """One image with all its maps."""
    photograph = reduced(group.photograph, (MOST, MOST))
    height, width = photograph.pixels.shape[:2]
    style = ";".join(
        f"--w{which}:{max(1, round(width * target / max(height, width)))}px"
        for which, target in TARGETS.items()
    )
    own = group.shown.original_size
    words = f"{own[0]} x {own[1]} pixels"
    if max(width, height) < max(own):
        words += f", shown at {width} x {height}"
    told_here = [line for line in (view_words(group), *remarks(group)) if line]
    lines = "".join(f"<li>{escape(line)}</li>" for line in told_here)
    notes = f'<ul class="note">{lines}</ul>' if lines else ""
    figures = "".join(_figure(group, at, photograph, options) for at in group.places)
    # Few pixels are squares; many may be smoothed to the size of the screen.
    sharp = " pixels" if max(width, height) < TARGETS["m"] / 2 else ""
    uri = data_uri(png(np.ascontiguousarray(photograph.pixels)))
    return (
        f'<section class="layer heats{sharp}" id="layer-{place}" data-layer="{place}" '
        f'style="{style};--shape:{width}/{height};--cover:{options.opacity:g};'
        f'--photo:url({uri})"><h3><a href="#layer-{place}"><span class="name">'
        f"{escape(group.name)}</span> <span>{escape(words)}</span></a></h3>"
        f"{input_article(group.shown, place, group.predictions, several=False)}"
        f'{notes}<ul class="heatmaps">{figures}</ul>{_measures(group)}</section>'
    )


def _figure(group: ImageMaps, place: int, photograph: Photograph, options: HeatOptions) -> str:
    """One map over its photograph."""
    result, entry = group.result, group.result.maps[place]
    scale = scale_of(result, place, options)
    name = target_name(result, entry)
    title = method_title(result, entry)
    alt = escape(f"{title} of {name} on {group.name}")
    facts = " &middot; ".join(
        escape(words)
        for words in (layer_words(entry), size_words(entry, smooth=options.smooth))
        if words
    )
    return (
        f'<li class="heat" id="map-{place}" data-place="{place}"><p class="cap"><b>{escape(name)}'
        f"</b><span>{number(entry.score)}</span></p>"
        f'<p class="cap quiet"><span>{escape(title)}</span></p>'
        f'<div class="stage" role="img" aria-label="{alt}">'
        f"{_pictures(entry, scale, photograph, options)}</div>{_bar(entry, scale)}"
        f'<p class="cap quiet facts">{facts}</p></li>'
    )


def _pictures(entry: Heatmap, scale: Scale, photograph: Photograph, options: HeatOptions) -> str:
    """The heat to be laid over the photograph, and the heat alone."""
    if entry.empty or scale.most == 0:
        return f'<span class="flat">{EMPTY}</span>{_unseen(photograph)}'
    if not np.isfinite(entry.values).all():
        return '<span class="flat">not a number</span>'
    heat = entry.above_ground(placed(entry, photograph, smooth=options.smooth))
    steps = scale.steps(heat)
    opacity = np.rint(255 * scale.opacity(1.0)).astype(np.uint8)
    over = data_uri(png(steps, scale.colours, opacity))
    alone = data_uri(png(steps, scale.colours))
    return f'<img class="over" src="{over}" alt=""><img class="alone" src="{alone}" alt="">'


def _unseen(photograph: Photograph) -> str:
    """A frame around what the network saw of a photograph without heat."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = seen(photograph)
    if (top, left, bottom, right) == (0, 0, height, width):
        return ""
    style = (
        f"left:{100 * left / width:.3f}%;top:{100 * top / height:.3f}%;"
        f"width:{100 * (right - left) / width:.3f}%;height:{100 * (bottom - top) / height:.3f}%"
    )
    return f'<i class="seen" style="{style}"></i>'


def _bar(entry: Heatmap, scale: Scale) -> str:
    """The colours with the values of their ends."""
    if entry.empty or scale.most == 0:
        return ""
    uri = data_uri(png(np.arange(256, dtype=np.uint8)[None], scale.ramp()))
    marks = "".join(f"<span>{escape(words)}</span>" for words in scale.marks().values())
    return f'<p class="scale"><i style="background-image:url({uri})"></i>{marks}</p>'


def _measures(group: ImageMaps) -> str:
    """What metrics say of an image's maps, as a table and small curves."""
    entries = [entry for entry in group.maps if entry.measures]
    if not entries:
        return ""
    metrics = list(dict.fromkeys(one.metric for entry in entries for one in entry.measures))
    heads = "".join(f'<th scope="col">{escape(metric)}</th>' for metric in metrics)
    rows = "".join(_measure_row(group, entry, metrics) for entry in entries)
    curves = "".join(
        curve_svg(group, target, metric) for target in group.targets for metric in metrics
    )
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Table of metrics">'
        f'<table class="layers metrics"><thead><tr><th scope="col">map</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<p class="note">In brackets a random map, and one that is brightest in the middle. '
        "<em>Strong</em>: better than the random map; for randomisation, below 0.5.</p>"
        f'<div class="curves">{curves}</div>'
    )


def _measure_row(group: ImageMaps, entry: Heatmap, metrics: list[str]) -> str:
    known = {one.metric: one for one in entry.measures}
    cells = "".join(f"<td>{_measure(known.get(metric))}</td>" for metric in metrics)
    name = f"{method_title(group.result, entry)}, {target_name(group.result, entry)}"
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def _measure(one: Measure | None) -> str:
    if one is None:
        return NOTHING
    value = told(one.value)
    verdict = better(one)
    good, bad = f"<em>{value}</em>", f'<span class="some">{value}</span>'
    words = {"better": good, "passes": good, "worse": bad, "fails": bad}
    return f"{words.get(verdict, value)} ({told(one.random)}, {told(one.centre)})"


def _data(result: Heatmaps, options: HeatOptions) -> dict[str, Any]:
    """What the script needs to tell a value from a colour."""
    scales = [scale_of(result, place, options) for place in range(len(result))]
    tables = {scale.signed: scale.colours for scale in scales}
    return {
        "colours": {
            "signed" if signed else "plain": table[1:].reshape(-1).tolist()
            for signed, table in tables.items()
        },
        "images": [list(image.original_size) for image in result.images],
        "maps": [
            {
                "image": entry.image,
                "name": target_name(result, entry),
                "method": method_title(result, entry),
                "kind": "signed" if scale.signed else "plain",
                "limit": rounded(np.array([scale.limit]))[0],
                "ground": rounded(np.array([scale.ground]))[0],
                "cut": scale.cut,
            }
            for entry, scale in zip(result, scales, strict=True)
        ],
    }


_CARD = (
    '<aside id="card" hidden><p class="who"><span class="name"></span> '
    '<span class="which"></span></p><p class="quiet"></p></aside>'
)
