"""What a file says of its own origin."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

from convlens.errors import OutputError
from convlens.render.options import PictureOptions
from convlens.results import Activations
from convlens.version import __version__

SCHEMA = 1
"""Raised whenever a field of a file changes its meaning."""


def manifest_of(result: Activations, options: PictureOptions) -> dict[str, Any]:
    """The origin of a file as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "convlens": __version__,
        "kind": "activations",
        "model": {
            "name": result.model.name,
            "source": result.model.source,
            "digest": result.model.digest,
            "framework": result.model.framework,
            "rewrites": list(result.model.rewrites),
        },
        "images": [image.to_json() for image in result.images],
        "layers": [
            {"name": entry.name, "channels": _ranges(entry.channels)} for entry in result.layers
        ],
        "options": {**dataclasses.asdict(options), "normalisation": options.describe()},
        "notes": list(result.notes),
    }


def dump_manifest(result: Activations, options: PictureOptions) -> str:
    """The manifest as one line of JSON."""
    return json.dumps(manifest_of(result, options), ensure_ascii=False, separators=(",", ":"))


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Reads back what a file says of its own origin.

    Args:
        path: A ``.npz``, ``.json``, ``.png``, ``.svg``, ``.html``, ``.pdf`` or ``.zarr``
            that convlens wrote, or a folder with a ``manifest.json``.

    Raises:
        OutputError: There is no manifest in it.
    """
    place = Path(path)
    try:
        text = _find_text(place)
        found: dict[str, Any] = json.loads(text)
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise OutputError(f"no manifest of convlens in {place} ({error})") from error
    return found


def _find_text(path: Path) -> str:
    match path.suffix.lower():
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                return archive.comment.decode()
        case ".zarr":
            return json.dumps(json.loads((path / "zarr.json").read_text())["attributes"]["convlens"])
        case ".json":
            return json.dumps(json.loads(path.read_text())["manifest"])
        case ".png":
            from PIL import Image

            with Image.open(path) as image:
                return str(image.info["convlens"])
        case ".svg" | ".html":
            return _embedded(path.read_text(encoding="utf-8"))
        case ".pdf":
            return _in_pdf(path.read_bytes())
        case _:
            return (path / "manifest.json").read_text()


def _embedded(text: str) -> str:
    """The manifest in a page of marked-up text."""
    import html
    import re

    found = re.search(r'\{(?:"|&quot;)schema(?:"|&quot;):\d+,.*?\}(?=\s*<)', text, re.DOTALL)
    if found is None:
        raise ValueError("no JSON with a schema in it")
    return html.unescape(found[0]).replace("\\u003c", "<")


def _in_pdf(content: bytes) -> str:
    """The keywords of a PDF file hold the manifest."""
    start = content.index(b"/Keywords") + len(b"/Keywords")
    literal = content[start:].lstrip()
    if not literal.startswith(b"("):
        raise ValueError("its keywords are in a form that is not read")
    return _decode_literal(literal)


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
