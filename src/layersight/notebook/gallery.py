"""The HTML fragment of patterns in a notebook.

The rule of this module: that of ``layersight.notebook.fragments``.
"""

from __future__ import annotations

import numpy as np

from layersight.notebook.fragments import fragment, model_line, table
from layersight.nouns.patterns.parts import LayerPatterns, by_layer
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import (
    amount,
    between,
    captions,
    empty_mark,
    full_name,
    reached,
    short_name,
)
from layersight.render.html_text import NOTHING, escape, percent
from layersight.render.html_tiles import zoom_to
from layersight.render.patterns.html import summary, uri_of

LAYERS_SHOWN = 6
"""So many layers have their patterns in a fragment."""
PATTERNS_SHOWN = 32
"""So many patterns of each."""
EDGE = 112
"""About how many pixels of the screen the longer edge of a pattern takes."""


def patterns(result: Patterns) -> str:
    """The layers with their counts, and the first patterns of the first layers."""
    groups = by_layer(result)
    rows = "".join(map(_row, groups))
    heads = ("layer", "type", "patterns", "dead", "converged", "reached", "kept")
    parts = [model_line(result.model), table(heads, rows)]
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    parts += [_group(group, opened=place == 0) for place, group in enumerate(groups[:LAYERS_SHOWN])]
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in captions(result)[1:3]]
    return fragment("".join(parts) + _left_out(groups))


def _row(group: LayerPatterns) -> str:
    result, alive = group.result, list(group.alive)
    known = result.robustness[alive]
    known = known[np.isfinite(known)]
    cells = (
        escape(group.layer.type) if group.layer else NOTHING,
        str(len(group.places)),
        str(group.dead),
        f"{group.converged} of {len(alive)}",
        between(result.activation[alive]) if alive else NOTHING,
        percent(float(np.median(known))) if known.size else NOTHING,
    )
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(group.name)}</th>{told}</tr>'


def _group(group: LayerPatterns, *, opened: bool) -> str:
    figures = "".join(_figure(group.result, place) for place in group.places[:PATTERNS_SHOWN])
    return (
        f"<details{' open' if opened else ''}><summary><b>{escape(group.name)}</b></summary>"
        f'<div class="row">{figures}</div></details>'
    )


def _figure(result: Patterns, place: int) -> str:
    pixels = np.ascontiguousarray(result.images[place])
    height, width = pixels.shape[:2]
    zoom = zoom_to(max(height, width), EDGE)
    wide, tall = max(1, round(width * zoom)), max(1, round(height * zoom))
    name = escape(full_name(result, place))
    objective = result.objectives[place]
    short = f"facet {objective.facet}" if objective.facet else short_name(result, place)
    if mark := empty_mark(result, place):
        value = amount(float(result.activation[place]))
        shown = f'<div class="dead" style="width:{wide}px;height:{tall}px">{mark} {value}</div>'
    else:
        shown = f'<img src="{uri_of(pixels)}" width="{wide}" height="{tall}" alt="{name}">'
    return (
        f'<figure title="{name}: {escape(summary(result, place))}">{shown}'
        f"<figcaption><b>{escape(short)}</b> <span>{reached(result, place)}</span></figcaption>"
        "</figure>"
    )


def _left_out(groups: list[LayerPatterns]) -> str:
    told = []
    if len(groups) > LAYERS_SHOWN:
        told.append(f"of the first {LAYERS_SHOWN} of {len(groups)} layers")
    if any(len(group.places) > PATTERNS_SHOWN for group in groups):
        told.append(f"the first {PATTERNS_SHOWN} of each layer")
    if not told:
        return ""
    return (
        f"<p>Shown: {', '.join(told)}; "
        "<code>layersight.save(patterns, &quot;patterns.html&quot;)</code> writes all.</p>"
    )
