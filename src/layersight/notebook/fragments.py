"""The HTML fragments of results in a notebook.

The rule of this module: a fragment brings its own small style and no script, keeps to what
fits below a cell, says what it leaves out, and escapes every name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from layersight.data.image import InputImage
from layersight.data.model import ModelInfo
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.render.html_sprites import cells_of, each_tile, picture, sheet_of
from layersight.render.html_text import (
    dead_count,
    digest_short,
    escape,
    number,
    output_size,
    real_size,
    receptive_field,
    size,
    sparsity,
)
from layersight.render.html_tiles import cell_edge, limits, shown
from layersight.writers.pixels import data_uri, png

LAYERS_SHOWN = 6
"""So many layers have their maps in a fragment."""

_COLUMNS = 12
_STYLE = """<style>
.layersight{font-size:13px;line-height:1.45;font-variant-numeric:tabular-nums}
.layersight p{margin:0 0 .4em}
.layersight .quiet{opacity:.75}
.layersight .row{display:flex;flex-wrap:wrap;gap:.4em 1.4em;align-items:flex-start;margin:.6em 0}
.layersight .wide{overflow-x:auto}
.layersight img{image-rendering:pixelated;display:block;max-width:none;margin:0}
.layersight ol{margin:0;padding-left:1.4em}
.layersight table{border-collapse:collapse;margin:.3em 0 .8em;font-size:inherit}
.layersight :is(th,td){padding:.14em .9em .14em 0;border:0;background:none;font-weight:400;\
text-align:right;white-space:nowrap}
.layersight thead th{border-bottom:1px solid;opacity:.75}
.layersight tr>:nth-child(-n+2){text-align:left}
.layersight summary{cursor:pointer;padding:.15em 0}
.layersight .row figure{margin:0;line-height:1.3}
.layersight .row figcaption{display:flex;justify-content:space-between;gap:.6em}
.layersight .dead{display:grid;place-content:center;background:#d8d8d4;color:#3f4246}
.layersight .maps{position:relative;margin:.3em 0 .8em}
.layersight .over{position:absolute;inset:0;display:grid;align-content:start;\
justify-content:start;color:#2f3235;font-size:11px;line-height:1.25;text-align:center}
.layersight .over span{display:grid;place-content:center;overflow:hidden}
</style>"""


def model(result: ModelInfo) -> str:
    """What is known of a model, with the table of its layers."""
    rows = "".join(
        f'<tr><th scope="row">{escape(layer.name)}</th><td>{escape(layer.type)}</td>'
        f"<td>{escape(output_size(layer))}</td><td>{layer.parameters:,}</td>"
        f"<td>{escape(receptive_field(layer))}</td></tr>"
        for layer in result.layers
    )
    inputs = ", ".join(f"{entry.name} {size(entry.shape[1:])}" for entry in result.inputs)
    scale = result.preprocessing
    wants = "" if scale is None else f"; wants {scale.describe()}"
    changes = "".join(f"<li>{escape(line)}</li>" for line in result.rewrites)
    if changes:
        changes = f"<p>Changed to open it:</p><ol>{changes}</ol>"
    return fragment(
        f"{model_line(result)}<p>input {escape(inputs)}{escape(wants)}; "
        f"{result.parameters:,} parameters</p>"
        f"{table(('layer', 'type', 'output', 'parameters', 'receptive field'), rows)}{changes}"
    )


def image(result: InputImage) -> str:
    """The image as the network sees it, and how it came to be."""
    return fragment(_image(result))


def activations(result: Activations) -> str:
    """The layers with their counts, and the maps of the first layers for the first image."""
    images = range(len(result.images))
    rows = "".join(
        f'<tr><th scope="row">{escape(entry.name)}</th><td>{escape(entry.layer.type)}</td>'
        f"<td>{escape(real_size(entry))}</td><td>{dead_count(entry, images)}</td>"
        f"<td>{sparsity(entry, images)}</td></tr>"
        for entry in result.layers
    )
    parts = [model_line(result.model), *map(_image, result.images[:1])]
    parts += [
        f"<p>{escape(prediction.output)}: {escape(prediction.describe())}</p>"
        for prediction in (result.predictions[0] if result.predictions else ())
    ]
    parts.append(table(("layer", "type", "output", "dead", "sparsity"), rows))
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    if result.images:
        options = PictureOptions()
        parts += [
            _maps(entry, options, opened=place == 0)
            for place, entry in enumerate(result.layers[:LAYERS_SHOWN])
        ]
        parts.append(f'<p class="quiet">{escape(options.describe())}</p>{_left_out(result)}')
    return fragment("".join(parts))


def fragment(content: str) -> str:
    """Content with the style of all fragments."""
    return f'<div class="layersight">{_STYLE}{content}</div>'


def model_line(info: ModelInfo) -> str:
    """The model that a result is of."""
    return (
        f'<p><b>{escape(info.name)}</b> <span class="quiet">{escape(info.source)}, '
        f"{escape(info.framework)}, {escape(digest_short(info.digest))}</span></p>"
    )


def table(heads: tuple[str, ...], rows: str) -> str:
    """A table of rows that are HTML already."""
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return (
        f'<div class="wide"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _image(result: InputImage) -> str:
    height, width = result.pixels.shape[:2]
    zoom = max(1, round(150 / max(1, width, height)))
    scale = result.preprocessing
    steps = (*result.steps, f"{scale.describe()} ({scale.reason})")
    listed = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return (
        f'<div class="row"><img src="{picture(result)}" width="{width * zoom}" '
        f'height="{height * zoom}" alt="{escape(result.name)} as the network sees it">'
        f"<div><p><b>{escape(result.name)}</b></p><p>{size(result.original_size)} in the file, "
        f"the network sees {width} x {height}</p><ol>{listed}</ol></div></div>"
    )


def _left_out(result: Activations) -> str:
    told = []
    if len(result.layers) > LAYERS_SHOWN:
        told.append(f"the first {LAYERS_SHOWN} of {len(result.layers)} layers")
    if len(result.images) > 1:
        told.append(f"the first of {len(result.images)} images")
    if not told:
        return ""
    return (
        f"<p>Maps are shown of {' and '.join(told)}; "
        "<code>layersight.save(maps, &quot;maps.html&quot;)</code> writes all.</p>"
    )


def _maps(entry: LayerActivation, options: PictureOptions, *, opened: bool) -> str:
    tiles = make_tiles(entry, 0, options)
    low, high, told = limits(tiles, options)
    make = _cells if tiles.form == "units" else _mosaic
    body = make(entry, tiles, options)
    every = _every(tiles)
    told += "" if every == 1 else f"; one pixel of {every} x {every} is shown"
    dead = "" if tiles.form == "units" else f"dead {dead_count(entry, [0])}, "
    return (
        f"<details{' open' if opened else ''}><summary><b>{escape(entry.name)}</b> - "
        f"{escape(entry.layer.type)} {escape(real_size(entry))} "
        f'<span class="quiet">{dead}sparsity {sparsity(entry, [0])}</span></summary>'
        f'<p class="quiet">{escape(options.colormap)} from {low} to {high}, {told}</p>'
        f'<div class="wide">{body}</div></details>'
    )


def _cells(entry: LayerActivation, tiles: Tiles, options: PictureOptions) -> str:
    sprite = cells_of(tiles, options.colormap)
    edge = cell_edge(sprite.count)
    return (
        f'<img src="{sprite.uri}" width="{sprite.columns * edge}" height="{sprite.rows * edge}" '
        f'alt="{sprite.count} units of {escape(entry.name)}, {sprite.columns} in a row">'
    )


def _mosaic(entry: LayerActivation, tiles: Tiles, options: PictureOptions) -> str:
    """All maps as one picture, and above each a cell that names it on hovering."""
    every = _every(tiles)
    if every > 1:
        tiles = dataclasses.replace(tiles, pixels=tiles.pixels[:, ::every, ::every])
    count, height, width = each_tile(tiles).shape
    wide, tall = shown(width, height, "s", tiles.form)
    columns = 1 if tiles.form == "rows" else min(_COLUMNS, count)
    depth = entry.values.shape[1] if tiles.slices != (1, 1) else 1
    gap = (max(1, round(3 * height / tall)), max(1, round(3 * width / wide)))
    sheet = sheet_of(tiles, options.colormap, columns=columns, gap=gap, depth=depth)
    down, across = sheet.shape[0] * tall / height, sheet.shape[1] * wide / width
    pitch = f"{(width + gap[1]) * wide / width:.6g}px", f"{(height + gap[0]) * tall / height:.6g}px"
    whole = f"{across:.6g}px", f"{down:.6g}px"
    return (
        f'<div class="maps" style="width:{whole[0]};height:{whole[1]}">'
        f'<img src="{data_uri(png(sheet))}" style="width:{whole[0]};height:{whole[1]}" '
        f'alt="{count} feature maps of {escape(entry.name)}"><div class="over" '
        f'style="grid-template-columns:repeat({columns},{pitch[0]});grid-auto-rows:{pitch[1]}">'
        f"{''.join(_names(entry, tiles))}</div></div>"
    )


def _every(tiles: Tiles) -> int:
    """Every how many pixels of large maps one is shown, so that a fragment stays small."""
    if tiles.form != "tiles" or tiles.slices != (1, 1):
        return 1
    _, height, width = tiles.pixels.shape
    edge: int = max(height, width)
    return max(1, round(edge / max(shown(width, height, "s", tiles.form))))


def _names(entry: LayerActivation, tiles: Tiles) -> Iterator[str]:
    stats = entry.statistics
    start = f"{escape(entry.name)}, channel "
    middle = f", {size(entry.values.shape[1:-1])}: "
    for place, channel in enumerate(tiles.channels):
        if tiles.broken[place]:
            told, word = "holds values that are not numbers", "not a number"
        elif tiles.dead[place]:
            constant = number(float(tiles.constants[place]))
            told, word = f"dead for this image, constant {constant}", f"dead {constant}"
        else:
            low, high = float(stats.min[0, place]), float(stats.max[0, place])
            told, word = f"min {number(low)}, max {number(high)}", ""
        yield f'<span title="{start}{channel}{middle}{told}">{word}</span>'
