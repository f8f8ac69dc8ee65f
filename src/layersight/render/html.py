"""Activations as one self-contained HTML page.

The rule of this module: the page needs nothing but itself (its policy forbids the browser to
fetch anything), it says everything without scripts but the card and the controls, and the
same result gives the same bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.render import html_page
from layersight.render.html_curve import sparsity_curve
from layersight.render.html_data import page_numbers
from layersight.render.html_input import input_article
from layersight.render.html_sprites import bar
from layersight.render.html_text import (
    NOTHING,
    dead_count,
    escape,
    is_vector,
    real_size,
    receptive_field,
    sparsity,
)
from layersight.render.html_tiles import layer_part


def document(result: Activations, options: PictureOptions, manifest: str) -> str:
    """The whole page.

    Args:
        result: What to show; any number of images and layers.
        options: The normalisation and the colour map.
        manifest: How the page came to be, as JSON; stands in it as text that can be read and
            copied.

    Returns:
        HTML, to be written as UTF-8. The same arguments give the same text.
    """
    with ThreadPoolExecutor() as pool:
        parts = list(
            pool.map(
                lambda each: layer_part(result, each[1], each[0], options),
                enumerate(result.layers, 1),
            )
        )
    script = html_page.asset("shared.js") + html_page.asset("page.js")
    style = f"{html_page.asset('page.css')}.bar i{{background-image:url({bar(options.colormap)})}}"
    names = ", ".join(image.name for image in result.images)
    facts = [
        ("shown", _counted(result.map_count, result)),
        ("colours", f"{escape(options.colormap)}; {escape(options.describe())}"),
    ]
    pieces = [
        html_page.head(f"{result.model.name} - {names}", script, style),
        html_page.header(result.model, "feature maps", facts),
        _contents(result),
        "<main>",
        _inputs(result),
        _layers(result),
        _curve(result),
        html_page.listed("Changes made to open the model", result.model.rewrites),
        html_page.listed("Notes", result.notes),
        _toolbar(result, options),
        *(part.html for part in parts),
        html_page.made(manifest),
        "</main>",
        _CARD,
        html_page.embedded(page_numbers(result, [part.numbers for part in parts])),
        f"<script>{script}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(pieces)


def _counted(maps: int, result: Activations) -> str:
    images = len(result.images)
    layers = len(result.layers)
    return (
        f"{maps:,} feature map{'' if maps == 1 else 's'} of {layers} layer"
        f"{'' if layers == 1 else 's'} for {images} image{'' if images == 1 else 's'}"
    )


def _contents(result: Activations) -> str:
    entries = [("input", "Input"), ("layers", "Layers")]
    entries += [("sparsity", "Sparsity")] if result.layers else []
    names = [entry.name for entry in result.layers]
    return html_page.contents(entries, ("maps", "Feature maps", names))


def _inputs(result: Activations) -> str:
    told = result.predictions or ((),) * len(result.images)
    items = "".join(
        input_article(image, place, predictions, several=len(result.images) > 1)
        for place, (image, predictions) in enumerate(zip(result.images, told, strict=True), 1)
    )
    return f'<section id="input"><h2>Input</h2><div class="inputs">{items}</div></section>'


def _layers(result: Activations) -> str:
    images = range(len(result.images))
    rows = []
    for place, entry in enumerate(result.layers, 1):
        dead = dead_count(entry, images)
        marked = ' class="some"' if dead != NOTHING and not dead.startswith("0 of") else ""
        rows.append(
            f'<tr data-layer="{place}"><td>{place}</td><th scope="row">'
            f'<a href="#layer-{place}">{escape(entry.name)}</a></th>'
            f"<td>{escape(entry.layer.type)}</td><td>{escape(real_size(entry))}</td>"
            f"<td>{entry.layer.parameters:,}</td><td>{escape(receptive_field(entry.layer))}</td>"
            f"<td{marked}>{dead}</td><td>{sparsity(entry, images)}</td></tr>"
        )
    heads = "".join(
        f'<th scope="col">{label}</th>'
        for label in (
            "#",
            "layer",
            "type",
            "output size",
            "parameters",
            "receptive field",
            "dead",
            "sparsity",
        )
    )
    for_whom = "this image" if len(result.images) == 1 else "these images"
    return (
        '<section id="layers"><h2>Layers</h2>'
        '<div class="wide" tabindex="0" role="region" aria-label="Table of layers">'
        f'<table class="layers"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<p class="note"><em>Dead</em>: the map is constant for {for_whom}. '
        "<em>Sparsity</em>: the share of exact zeros.</p></section>"
    )


def _curve(result: Activations) -> str:
    if not result.layers or not result.images:
        return ""
    names = [entry.name for entry in result.layers]
    images = [
        [entry.sparsity(image) for entry in result.layers] for image in range(len(result.images))
    ]
    return (
        '<section id="sparsity"><h2>Sparsity over depth</h2>'
        '<div class="wide curve" tabindex="0" role="region" aria-label="Curve of sparsity">'
        f"{sparsity_curve(names, images)}</div></section>"
    )


def _toolbar(result: Activations, options: PictureOptions) -> str:
    dead = sum(
        entry.dead(image)
        for entry in result.layers
        if not is_vector(entry)
        for image in range(len(result.images))
    )
    told = options.describe()
    told = told[:1].upper() + told[1:]
    return (
        f'<section id="maps"><h2>Feature maps</h2><p class="note">{escape(told)}. '
        "Dead maps are flat grey with their constant value."
        '<span class="with-script" hidden> Hover over a tile, or go to it with Tab and the arrow '
        "keys, for its numbers; a click or Enter keeps them, Escape lets go.</span></p></section>"
        '<form class="toolbar with-script" hidden aria-label="What to show">'
        '<label class="find"><span>Layers</span><input type="search" id="find" '
        'placeholder="name or type" autocomplete="off" spellcheck="false"></label>'
        f"{html_page.sizes()}"
        f'<label class="tick"><input type="checkbox" id="hide-dead"> hide {dead:,} dead</label>'
        '<output id="found" for="find"></output></form>'
    )


_CARD = (
    '<aside id="card" hidden aria-live="polite"><p class="who"><span class="name"></span> '
    '<span class="which"></span></p><button class="close" aria-label="Close">&times;</button>'
    '<canvas></canvas><div class="flat"></div><dl></dl><p class="quiet"></p></aside>'
)
