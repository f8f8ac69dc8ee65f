"""What a file says of its own origin."""

from __future__ import annotations

import dataclasses
import functools
import html
import json
import math
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from layersight.errors import OutputError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.heatmaps.colours import percentile_of, scale_of
from layersight.nouns.heatmaps.groups import default_view as heat_view
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import limit
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer, default_view
from layersight.nouns.patterns.result import Patterns
from layersight.render.kernels.wording import is_bgr
from layersight.version import __version__
from layersight.writers import xmp

Manifest = dict[str, Any]

SCHEMA = 2
"""Raised whenever a field of a file changes its meaning."""

NAMES = ("layersight", "convlens")
"""What holds the manifest in a file: since schema 2, and in files of schema 1, of the old name."""

MANIFEST = "manifest.json"
"""The file that tells of a folder's origin, and by which it is known to be complete."""

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def manifest_of(
    result: Activations | Patterns | Kernels | Heatmaps | Evaluation,
    options: PictureOptions | GalleryOptions | KernelOptions | HeatOptions | TableOptions,
) -> Manifest:
    """The origin of a file as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "layersight": __version__,
        "kind": type(result).__name__.lower(),
        "model": {
            "name": result.model.name,
            "source": result.model.source,
            "digest": result.model.digest,
            "framework": result.model.framework,
            "rewrites": list(result.model.rewrites),
        },
        **_own(result, options),
        "notes": list(result.notes),
    }


@functools.singledispatch
def _own(result: Any, options: Any) -> Manifest:
    """What is told of one kind of result alone."""
    raise TypeError(f"no manifest of {type(result).__name__}")


@_own.register
def _of_activations(result: Activations, options: PictureOptions) -> Manifest:
    return {
        "images": [image.to_json() for image in result.images],
        "layers": [
            {"name": entry.name, "channels": _ranges(entry.channels)} for entry in result.layers
        ],
        "options": {**dataclasses.asdict(options), "normalisation": options.describe()},
    }


@_own.register
def _of_patterns(result: Patterns, options: GalleryOptions) -> Manifest:
    return {
        "preprocessing": result.preprocessing.to_json(),
        "natural_count": result.natural_count,
        "layers": [_pattern_layer(group) for group in by_layer(result)],
        "objectives": [objective.to_json() for objective in result],
        "options": result.options.to_json(),
        "picture": {"view": options.view or default_view(result), "columns": options.columns},
    }


@_own.register
def _of_kernels(result: Kernels, options: KernelOptions) -> Manifest:
    return {
        "layers": [
            {
                "name": entry.name,
                "filters": _ranges(entry.filters),
                "kernel": list(entry.values.shape[:3]),
                "limit": limit(entry),
                "zero": _ranges(
                    tuple(
                        number
                        for number, zero in zip(entry.filters, entry.zero, strict=True)
                        if zero
                    )
                ),
            }
            for entry in result.layers
        ],
        "options": {**dataclasses.asdict(options), "order": "BGR" if is_bgr(result) else "RGB"},
    }


@_own.register
def _of_heatmaps(result: Heatmaps, options: HeatOptions) -> Manifest:
    return {
        "images": [image.to_json() for image in result.images],
        "methods": dict(result.titles),
        "warnings": dict(result.warnings),
        "heatmaps": [_heatmap(result, place, options) for place in range(len(result))],
        "options": result.options.to_json(),
        "picture": {
            **dataclasses.asdict(options),
            "view": options.view or (heat_view(result) if len(result) else None),
        },
    }


def _heatmap(result: Heatmaps, place: int, options: HeatOptions) -> Manifest:
    """What a map explains, and how far its scale goes."""
    entry, scale = result.maps[place], scale_of(result, place, options)
    return {
        "image": entry.image,
        "method": entry.method,
        "target": entry.target.to_json(),
        "score": _finite(entry.score),
        "explained": _finite(entry.explained),
        "layers": list(entry.layers),
        "empty": entry.empty,
        "scale": {
            "low": scale.low,
            "high": scale.high,
            "ground": entry.ground,
            "greatest": scale.most,
            "percentile": percentile_of(entry, options),
        },
    }


def _finite(value: float) -> float | None:
    """A number as JSON has it: ``None`` for what is none."""
    return value if math.isfinite(value) else None


@_own.register
def _of_evaluation(result: Evaluation, options: TableOptions) -> Manifest:
    return {
        "preprocessing": result.preprocessing.to_json(),
        "explained": result.explained,
        "methods": [dataclasses.asdict(row) for row in result.rows],
        "metrics": [dataclasses.asdict(column) for column in result.columns],
        "options": result.options.to_json(),
        "measured": result.measured.to_json(),
        "count": result.count,
    }


def _pattern_layer(group: LayerPatterns) -> Manifest:
    """A layer, its channels, and which of them are dead."""
    channels = sorted({group.result.channels[place] for place in group.places} - {-1})
    result = group.result
    dead = {result.channels[place] for place in group.places if result.dead[place]}
    dead -= {result.channels[place] for place in group.places if not result.dead[place]}
    return {
        "name": group.name,
        "channels": _ranges(tuple(channels)),
        "dead": _ranges(tuple(sorted(dead))),
    }


def dump_manifest(manifest: Any) -> str:
    """A manifest as one line of JSON, in ASCII so that no file format changes it."""
    return json.dumps(manifest, separators=(",", ":"))


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Reads back what a file says of its own origin.

    Args:
        path: A ``.npz``, ``.json``, ``.png``, ``.svg``, ``.html``, ``.pdf``, ``.gif``,
            ``.webp`` or ``.zarr`` that layersight wrote, or a folder with a ``manifest.json``.

    Raises:
        OutputError: There is no manifest in it.
    """
    place = Path(path)
    try:
        found = json.loads(_find_text(place))
        if not isinstance(found, dict) or "schema" not in found:
            raise ValueError("it holds something else")
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise OutputError(
            f"no manifest in {place}: expected a file or folder that layersight wrote ({reason})"
        ) from error
    return found


def _find_text(path: Path) -> str:
    match path.suffix.lower():
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                return archive.comment.decode()
        case ".zarr":
            attributes = json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]
            (found,) = (attributes[name] for name in NAMES if name in attributes)
            return json.dumps(found)
        case ".json":
            return json.dumps(json.loads(path.read_text("utf-8"))["manifest"])
        case ".png":
            return _in_png(path.read_bytes())
        case ".gif":
            return _in_gif(path)
        case ".webp":
            return _in_webp(path)
        case ".svg" | ".html":
            return _in_markup(path.read_text("utf-8"))
        case ".pdf":
            return _in_pdf(path.read_bytes())
        case _:
            return (path / MANIFEST).read_text("utf-8")


def _in_png(content: bytes) -> str:
    """The text chunk of a PNG file that holds the manifest; its pixels are not decoded."""
    place = len(PNG_MAGIC)
    while content.startswith(PNG_MAGIC) and place + 8 <= len(content):
        length, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        keyword, _, text = content[place + 8 : place + 8 + length].partition(b"\0")
        if kind == b"tEXt" and keyword.decode("latin-1") in NAMES:
            return text.decode("latin-1")
        place += length + 12
    raise ValueError("no text chunk of that name in it")


def _in_gif(path: Path) -> str:
    """The comment of a GIF."""
    with Image.open(path, formats=["GIF"]) as image:
        return bytes(image.info["comment"]).decode("ascii")


def _in_webp(path: Path) -> str:
    """The XMP of a WebP."""
    with Image.open(path, formats=["WEBP"]) as image:
        return xmp.found_in(bytes(image.info["xmp"]))


def _in_markup(text: str) -> str:
    """The text of the element of an SVG or HTML document that holds the manifest."""
    found = re.search(
        rf'<(metadata|pre) id="(?:{"|".join(NAMES)})(?:-manifest)?"[^>]*>(.*?)</\1>',
        text,
        re.DOTALL,
    )
    if found is None:
        raise ValueError("no element of that name in it")
    return html.unescape(found[2])


def _in_pdf(content: bytes) -> str:
    """The keywords of a PDF file hold the manifest."""
    found = re.search(rb'/Keywords\s*(?=\(\{"schema")', content)
    if found is None:
        raise ValueError("no such keywords in it")
    return _decode_literal(content[found.end() :])


def _decode_literal(literal: bytes) -> str:
    """A literal string of PDF (ISO 32000-1, 7.3.4.2)."""
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    out, depth, place = bytearray(), 0, 0
    while place < len(literal):
        byte = literal[place : place + 1]
        if byte == b"\\":
            digits = literal[place + 1 : place + 4]
            if digits.isdigit():
                out.append(int(digits, 8) & 255)
                place += 4
                continue
            escaped = literal[place + 1 : place + 2]
            out += plain.get(escaped, escaped)
            place += 2
            continue
        depth += {b"(": 1, b")": -1}.get(byte, 0)
        if depth == 0:
            break
        if not (byte == b"(" and depth == 1):
            out += byte
        place += 1
    raw = bytes(out)
    return raw.decode("utf-16") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")


def _ranges(numbers: tuple[int, ...]) -> str:
    """Numbers as a SPEC: ``(0, 1, 2, 5)`` is ``"0-2,5"``."""
    parts: list[str] = []
    start = previous = None
    for number in [*numbers, None]:
        if start is not None and number != (previous or 0) + 1:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
            start = None
        if start is None:
            start = number
        previous = number
    return ",".join(parts)
