"""The manifest of a file: its origin, written and read back.

The rule of this module: every file names the model, the images and the options that it was made
from.
"""

from __future__ import annotations

import html
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from layersight.data.model import ModelInfo
from layersight.document.noun import Json, noun_of
from layersight.errors import OutputError
from layersight.version import __version__

SCHEMA = 2  # raised whenever a field of a file changes its meaning

NAMES = ("layersight", "convlens")
"""The name of the manifest in a file: since schema 2, and in files of schema 1."""

MANIFEST = "manifest.json"
"""The file with a folder's manifest, written last, so that it marks a complete folder."""

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def manifest_of(result: Any, options: Any) -> Json:
    """The origin of a file as JSON-ready data."""
    noun = noun_of(result)
    model = result if isinstance(result, ModelInfo) else getattr(result, "model", None)
    origin: Json = {"schema": SCHEMA, "layersight": __version__, "kind": noun.name}
    if model is not None:
        names = ("name", "source", "digest", "framework")
        origin["model"] = {name: getattr(model, name) for name in names}
        origin["model"]["rewrites"] = list(model.rewrites)
    return {**origin, **noun.manifest(result, options), "notes": list(getattr(result, "notes", ()))}


def dump_manifest(manifest: Any) -> str:
    """A manifest as one line of JSON, in ASCII so that no file format changes it."""
    return json.dumps(manifest, separators=(",", ":"))


def to_json(document: Json) -> bytes:
    """A JSON document as UTF-8."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    # What UTF-8 cannot hold (a file's name in another encoding) becomes an escape of JSON.
    return (text + "\n").encode("utf-8", "backslashreplace")


def read_manifest(path: str | os.PathLike[str]) -> Json:
    """Reads the manifest of a file: which model, images and options it was made from.

    Args:
        path: A ``.npz``, ``.json``, ``.png``, ``.svg``, ``.html``, ``.pdf``, ``.gif``,
            ``.webp`` or ``.zarr`` that layersight wrote, or a folder with a ``manifest.json``.

    Raises:
        OutputError: There is no manifest in it.
    """
    file = Path(path)
    try:
        manifest = json.loads(_find_text(file))
        if not isinstance(manifest, dict) or "schema" not in manifest:
            raise ValueError("it holds something else")
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "there is none in it"
        raise OutputError(
            f"no manifest in {file}: expected a file or folder that layersight wrote ({reason})"
        ) from error
    return manifest


def _find_text(path: Path) -> str:
    match path.suffix.lower():
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                return archive.comment.decode()
        case ".zarr":
            attributes = json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]
            (manifest,) = (attributes[name] for name in NAMES if name in attributes)
            return json.dumps(manifest)
        case ".json":
            return json.dumps(json.loads(path.read_text("utf-8"))["manifest"])
        case ".png":
            return _in_png(path.read_bytes())
        case ".gif":
            with Image.open(path, formats=["GIF"]) as image:
                return bytes(image.info["comment"]).decode("ascii")
        case ".webp":
            with Image.open(path, formats=["WEBP"]) as image:
                return _in_markup(bytes(image.info["xmp"]).decode("utf-8", "replace"))
        case ".svg" | ".html":
            return _in_markup(path.read_text("utf-8"))
        case ".pdf":
            return _in_pdf(path.read_bytes())
        case _:
            return (path / MANIFEST).read_text("utf-8")


def _in_png(content: bytes) -> str:
    """The text chunk of a PNG file with the manifest; its pixels are not decoded."""
    position = len(PNG_MAGIC)
    while content.startswith(PNG_MAGIC) and position + 8 <= len(content):
        length, kind = (
            int.from_bytes(content[position : position + 4]),
            content[position + 4 : position + 8],
        )
        keyword, _, text = content[position + 8 : position + 8 + length].partition(b"\0")
        if kind == b"tEXt" and keyword.decode("latin-1") in NAMES:
            return text.decode("latin-1")
        position += length + 12
    raise ValueError("no text chunk of that name in it")


def _in_markup(text: str) -> str:
    """The text of the element of XMP, SVG or HTML with the manifest; nothing is parsed."""
    names = "|".join(NAMES)
    match = re.search(
        rf'<((?:{names}):manifest|(metadata|pre) id="(?:{names})(?:-manifest)?"[^>]*)>'
        r"(.*?)</(?:\1|\2)>",
        text,
        re.DOTALL,
    )
    if match is None:
        raise ValueError("no element of that name in it")
    return html.unescape(match[3])


def _in_pdf(content: bytes) -> str:
    """The keywords of a PDF file, a literal string (ISO 32000-1, 7.3.4.2) with the manifest."""
    start = re.search(rb'/Keywords\s*\((?=\{"schema")', content)
    if start is None:
        raise ValueError("no such keywords in it")
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    out, depth = bytearray(), 1
    token = re.compile(rb"\\([0-7]{1,3})|\\(.)|([^\\])", re.DOTALL)
    for match in token.finditer(content, start.end()):
        octal, escaped, bare = match.groups(b"")
        depth += {b"(": 1, b")": -1}.get(bare, 0)
        if depth == 0:
            break
        out += bytes([int(octal, 8) & 255]) if octal else plain.get(escaped, escaped) + bare
    raw = bytes(out)
    return raw.decode("utf-16") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")
