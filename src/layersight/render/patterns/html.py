"""Patterns as one self-contained HTML page.

The rule of this module: every pattern is there with its numbers whether or not scripts run; a
script adds the card, the large view, the order and the choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import (
    aim,
    amount,
    appearance,
    between,
    empty_mark,
    ending,
    full_name,
    how_made,
    kept,
    outdone,
    reached,
    rising,
    short_name,
)
from layersight.render import html_page
from layersight.render.html_data import rounded
from layersight.render.html_text import NOTHING, escape, output_size, percent, receptive_field, size
from layersight.render.html_tiles import zoom_to
from layersight.writers.page import Bytes
from layersight.writers.pixels import data_uri, png

TARGETS = {"s": 80, "m": 128, "l": 256}
"""About how many pixels of the screen the longer edge of a tile takes."""


def document(result: Patterns, options: GalleryOptions, manifest: str) -> str:
    """The whole page.

    Args:
        result: What to show; any number of layers.
        options: How pictures look; the page shows all, whatever the view.
        manifest: How the page came to be, as JSON.

    Returns:
        HTML, to be written as UTF-8. The same arguments give the same text.
    """
    groups = by_layer(result)
    script = html_page.asset("shared.js") + html_page.asset("patterns.js")
    style = html_page.asset("page.css") + html_page.asset("patterns.css")
    shown = f"{_plural(len(result), 'pattern')} of {_plural(len(groups), 'layer')}"
    names = [group.name for group in groups]
    pieces = [
        html_page.head(f"{result.model.name} - patterns", script, style),
        html_page.header(result.model, "patterns", [("shown", shown)]),
        html_page.contents([("layers", "Layers")], ("patterns", "Patterns", names)),
        "<main>",
        _layers(groups),
        html_page.listed("Changes made to open the model", result.model.rewrites),
        html_page.listed("Notes", result.notes),
        html_page.listed("How the patterns were made", _making(result)),
        _toolbar(result),
        *(_layer(group, place) for place, group in enumerate(groups, 1)),
        html_page.made(manifest),
        "</main>",
        _CARD,
        _LARGE,
        html_page.embedded(_numbers(result)),
        f"<script>{script}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(pieces)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _layers(groups: list[LayerPatterns]) -> str:
    rows = "".join(_layer_row(group, place) for place, group in enumerate(groups, 1))
    heads = "".join(
        f'<th scope="col">{label}</th>'
        for label in ("#", "layer", "type", "output size", *LAYER_HEADS)
    )
    return (
        '<section id="layers"><h2>Layers</h2>'
        '<div class="wide" tabindex="0" role="region" aria-label="Table of layers">'
        f'<table class="layers"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        '<p class="note"><em>Reached</em>: the activation of the finished pictures, least to '
        "greatest. <em>Kept</em>: the share of it that is left under shifts and rescalings that "
        "they were not made with, the median. <em>Dead</em>: no start could wake the channel.</p>"
        "</section>"
    )


LAYER_HEADS = ("receptive field", "patterns", "dead", "converged", "reached", "kept")


def _layer_row(group: LayerPatterns, place: int) -> str:
    layer, alive = group.layer, list(group.alive)
    robustness = group.result.robustness[alive]
    known = robustness[np.isfinite(robustness)]
    some = ' class="some"' if group.dead else ""
    return (
        f'<tr data-layer="{place}"><td>{place}</td><th scope="row">'
        f'<a href="#layer-{place}">{escape(group.name)}</a></th>'
        f"<td>{escape(layer.type) if layer else NOTHING}</td>"
        f"<td>{escape(output_size(layer)) if layer else NOTHING}</td>"
        f"<td>{escape(receptive_field(layer)) if layer else NOTHING}</td>"
        f"<td>{len(group.places)}</td><td{some}>{group.dead}</td>"
        f"<td>{group.converged} of {len(alive)}</td>"
        f"<td>{between(group.result.activation[alive]) if alive else NOTHING}</td>"
        f"<td>{percent(float(np.median(known))) if known.size else NOTHING}</td></tr>"
    )


def _making(result: Patterns) -> list[str]:
    """The method, and how the network saw the canvas."""
    made, scale = how_made(result.options), result.preprocessing
    drawn = appearance(result)
    seen = f"The network saw {scale.describe()} ({scale.reason})"
    return [f"{made[:1].upper()}{made[1:]}.", f"{seen}; {drawn}." if drawn else f"{seen}."]


def _toolbar(result: Patterns) -> str:
    empty = int(result.empty.sum())
    key = (
        "Under each pattern: its channel, the activation that it reached, and as a bar the share "
        "kept."
    )
    if rising(result):
        key += ' An arrow <span class="rising" aria-hidden="true"></span>: not converged.'
    if result.natural is not None:
        key += (
            f" <em>Images</em>: what the strongest of {result.natural_count:,} natural images "
            "reaches, marked where that is more."
        )
    mask = (
        '<label class="tick"><input type="checkbox" id="masked"> transparency</label>'
        if result.transparency is not None
        else ""
    )
    hidden = "" if empty else " hidden"
    marks = " or ".join(mark for mark in ("dead", "failed") if getattr(result, mark).any())
    orders = "".join(
        f'<option value="{value}">{label}</option>'
        for value, label in (
            ("place", "as asked for"),
            ("activation", "activation reached"),
            ("kept", "share kept"),
        )
    )
    return (
        f'<section id="patterns"><h2>Patterns</h2><p class="note">{key}'
        '<span class="with-script" hidden> Hover over a pattern, or go to it with Tab and the '
        "arrow keys, for all its numbers; a click or Enter shows it large.</span></p></section>"
        '<form class="toolbar with-script" hidden aria-label="What to show">'
        f'<label class="find"><span>Order</span><select id="order">{orders}</select></label>'
        f"{html_page.sizes()}"
        f'<label class="tick"{hidden}><input type="checkbox" id="hide-dead"> hide {empty:,} '
        f"{marks or 'dead'}</label>{mask}</form>"
    )


def _layer(group: LayerPatterns, place: int) -> str:
    result, layer = group.result, group.layer
    kind = f"- {escape(layer.type)} " if layer else ""
    shape = f'<span class="size">{escape(output_size(layer))}</span>' if layer else ""
    height, width = result.images.shape[1:3]
    style = ";".join(
        f"--w{which}:{max(1, round(width * zoom))}px;--h{which}:{max(1, round(height * zoom))}px"
        for which, target in TARGETS.items()
        for zoom in [zoom_to(max(height, width), target)]
    )
    tiles = "".join(_tiles(group))
    tall = 60 * len(group.places)
    return (
        f'<section class="layer" id="layer-{place}" data-layer="{place}" '
        f'style="contain-intrinsic-size:auto {tall}px"><h3><a href="#layer-{place}">'
        f'<span class="name">{escape(group.name)}</span> {kind}{shape}</a></h3>'
        f'<ul class="gallery" aria-label="Patterns of {escape(group.name)}" style="{style}">'
        f"{tiles}</ul></section>"
    )


def _tiles(group: LayerPatterns) -> Iterator[str]:
    result = group.result
    for place in group.places:
        objective = result.objectives[place]
        name = f"facet {objective.facet}" if objective.facet else short_name(result, place)
        title = escape(f"{full_name(result, place)}: {summary(result, place)}")
        label = f'<span class="cap"><b>{escape(name)}</b>'
        if mark := empty_mark(result, place):
            value = amount(float(result.activation[place]))
            yield (
                f'<li class="dead" data-place="{place}"><button title="{title}">'
                f"<i>{mark}<b>{value}</b></i>{label}</span></button></li>"
            )
            continue
        rising = "" if result.converged[place] else '<span class="rising"></span>'
        yield (
            f'<li data-place="{place}"><button title="{title}">{_pictures(result, place)}'
            f"{label}<span>{reached(result, place)}{rising}</span></span>"
            f"{_compared(result, place)}{_meter(result, place)}</button></li>"
        )


def _pictures(result: Patterns, place: int) -> str:
    """The pattern, and where it has a mask also what is left of it through the mask."""
    alt = escape(f"pattern of {full_name(result, place)}")
    pixels = np.ascontiguousarray(result.images[place])
    plain = f'<img class="pixels" src="{uri_of(pixels)}" alt="{alt}">'
    if result.transparency is None:
        return plain
    opacity = np.rint(np.clip(result.transparency[place], 0, 1) * 255).astype(np.uint8)
    masked = np.concatenate([pixels, opacity[..., None]], -1)
    return f'{plain}<img class="pixels masked" src="{uri_of(masked)}" alt="{alt}, masked">'


def uri_of(pixels: Bytes) -> str:
    """As a data address; grey pictures as grey, which is a third of the size."""
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., :1])
    return data_uri(png(pixels))


def _compared(result: Patterns, place: int) -> str:
    if result.natural is None:
        return ""
    more = ' class="more"' if outdone(result, place) else ""
    most = amount(float(result.natural[place, 2]))
    return f'<span class="cap quiet"><span>images</span><span{more}>{most}</span></span>'


def _meter(result: Patterns, place: int) -> str:
    share = float(result.robustness[place])
    if not np.isfinite(share):
        return ""
    wide = 100 * min(1.0, max(0.0, share))
    return (
        f'<span class="cap quiet"><span class="meter"><i style="width:{wide:.0f}%"></i></span>'
        f"<span>{kept(result, place)}</span></span>"
    )


def summary(result: Patterns, place: int) -> str:
    """All numbers of a pattern in a line."""
    words = [ending(result, place)]
    if not result.empty[place]:
        words.insert(0, f"activation {reached(result, place)}")
        words.append(f"{kept(result, place)} kept")
    return ", ".join(words)


def _numbers(result: Patterns) -> dict[str, Any]:
    """What the card and the large view tell."""
    return {
        "size": size(result.images.shape[1:3]),
        "naturalCount": result.natural_count,
        "patterns": [_number(result, place) for place in range(len(result))],
    }


def _number(result: Patterns, place: int) -> dict[str, Any]:
    known = {
        name: rounded(np.asarray(getattr(result, name)[place : place + 1]))[0]
        for name in ("activation", "start_activation", "robustness")
    }
    natural = percentile = None
    if result.natural is not None and result.percentile is not None:
        natural = rounded(result.natural[place])
        percentile = rounded(result.percentile[place : place + 1])[0]
    return {
        "layer": result.objectives[place].layer,
        "name": full_name(result, place).removeprefix(f"{result.objectives[place].layer}, "),
        "aim": aim(result.objectives[place]),
        **known,
        "dead": bool(result.dead[place]),
        "empty": empty_mark(result, place),
        "ending": ending(result, place),
        "natural": natural,
        "percentile": percentile,
        "history": rounded(result.history[place][np.isfinite(result.history[place])]),
    }


_CARD = (
    '<aside id="card" hidden aria-live="polite"><p class="who"><span class="name"></span> '
    '<span class="which"></span></p><dl></dl><p class="quiet"></p></aside>'
)

_LARGE = (
    '<dialog id="large" aria-labelledby="large-name"><header><h2 id="large-name">'
    '<span class="name"></span> <span class="which"></span></h2><p class="quiet aim"></p>'
    '<div class="ways"><button type="button" class="back" aria-label="The one before">&larr;'
    '</button><button type="button" class="on" aria-label="The next">&rarr;</button>'
    '<button type="button" class="close" aria-label="Close" autofocus>&times;</button></div>'
    "</header>"
    '<div class="stage"></div><div class="told"><dl></dl><p class="ending"></p>'
    '<svg viewBox="0 0 320 132" role="img" aria-label="Activation before each step"></svg>'
    '<p class="quiet note"></p></div></dialog>'
)
