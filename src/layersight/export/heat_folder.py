"""A folder of heatmaps: the document, each map as a picture, the numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from layersight.export.atomic import write_bytes
from layersight.export.heat_numbers import heatmap_to_json, heatmaps_to_json
from layersight.export.manifest import MANIFEST, dump_manifest, manifest_of
from layersight.export.numbers import dump_json
from layersight.export.pictures import safe_name, to_html, to_pdf, to_png
from layersight.nouns.heatmaps.groups import only
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import target_name
from layersight.render.heatmaps.information import information
from layersight.render.heatmaps.tile import make_tile
from layersight.writers.page import Bytes
from layersight.writers.png import write_png


def write_folder(result: Heatmaps, folder: Path, options: HeatOptions) -> None:
    """A folder: ``sheet.pdf``, ``sheet.html``, three pictures of each map, the numbers.

    Of each map the page with its scale, and in the image's own size the heat over the
    photograph and the heat alone, if there is any; their scale is in their text.

    Args:
        result: What to show.
        folder: An empty folder that is there.
        options: How pictures should look.
    """
    write_bytes(folder / "sheet.pdf", to_pdf(result, dataclasses.replace(options, view="sheet")))
    write_bytes(folder / "sheet.html", to_html(result, options))
    single = dataclasses.replace(options, view="single")
    for place in range(len(result)):
        alone, stem = only(result, [place]), stem_of(result, place)
        write_bytes(folder / f"{stem}.png", to_png(alone, single))
        tile = make_tile(alone, 0, alone.photographs[0], options)
        write_bytes(folder / f"{stem}-overlay.png", _plain(alone, tile.overlay(), options))
        if not (tile.empty or tile.broken):
            heat = tile.scale.colours[tile.steps()]
            write_bytes(folder / f"{stem}-heat.png", _plain(alone, heat, options))
    write_bytes(folder / "heatmaps.json", dump_json(heatmaps_to_json(result, options)))
    write_bytes(folder / MANIFEST, dump_json(manifest_of(result, options)))


def stem_of(result: Heatmaps, place: int) -> str:
    """What the names of a map's files begin with; no two maps share it."""
    entry = result.maps[place]
    image = safe_name(Path(result.images[entry.image].name).stem)[:40]
    target = safe_name(target_name(result, entry))[:40]
    return f"{place:03d}-{image}-{safe_name(entry.method)}-{target}"


def _plain(result: Heatmaps, pixels: Bytes, options: HeatOptions) -> bytes:
    """A picture of a single map in the image's own size; its numbers are in the text chunks."""
    manifest = {**manifest_of(result, options), "heatmap": heatmap_to_json(result, 0, options)}
    said = information(result, options, dump_manifest(manifest))
    return write_png(Image.fromarray(np.ascontiguousarray(pixels)), said)
