"""A folder of patterns: each as a plain picture, each layer, the document, the numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PIL import Image

from layersight.export.atomic import write_bytes
from layersight.export.manifest import MANIFEST, dump_manifest, manifest_of
from layersight.export.numbers import dump_json
from layersight.export.pattern_numbers import pattern_to_json, patterns_to_json
from layersight.export.pictures import safe_name, to_html, to_pdf, to_png
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import by_layer, only
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import empty_mark
from layersight.render.patterns.information import information
from layersight.writers.png import write_png


def write_folder(result: Patterns, folder: Path, options: GalleryOptions) -> None:
    """A folder: ``sheet.pdf``, ``sheet.html``, a grid of each layer, every pattern, the numbers.

    Args:
        result: What to show.
        folder: An empty folder that is there.
        options: How pictures should look.
    """
    write_bytes(folder / "sheet.pdf", to_pdf(result, dataclasses.replace(options, view="sheet")))
    write_bytes(folder / "sheet.html", to_html(result, options))
    grid = dataclasses.replace(options, view="grid")
    for number, group in enumerate(by_layer(result)):
        stem = f"{number:02d}-{safe_name(group.name)}"
        write_bytes(folder / f"{stem}.png", to_png(only(result, group.places), grid))
        for order, place in enumerate(group.places):
            name = f"{stem}-{_part(result, place, order)}.png"
            write_bytes(folder / name, plain(only(result, [place]), options))
    write_bytes(folder / "patterns.json", dump_json(patterns_to_json(result, options)))
    write_bytes(folder / MANIFEST, dump_json(manifest_of(result, options)))


def _part(result: Patterns, place: int, order: int) -> str:
    """What tells a pattern from the others of its layer, as part of a file name."""
    objective = result.objectives[place]
    alone = len(objective.terms) == 1 and objective.channel >= 0
    name = f"{objective.channel:04d}" if alone else f"sum{order:04d}"
    facet = f"-facet{objective.facet}" if result.options.facets > 1 or objective.facet else ""
    return name + facet + (f"-{mark}" if (mark := empty_mark(result, place)) else "")


def plain(result: Patterns, options: GalleryOptions) -> bytes:
    """A single pattern as a PNG of its own size; its numbers are in the text chunks."""
    manifest = {
        **manifest_of(result, options),
        "pattern": pattern_to_json(result, 0, history=False),
    }
    return write_png(
        Image.fromarray(result.images[0]), information(result, dump_manifest(manifest))
    )
