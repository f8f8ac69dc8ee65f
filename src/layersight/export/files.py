"""From a result to a file.

The rule of this module: the formats of a kind of result follow from its record
(:mod:`layersight.document.noun`); a new format is one line here and a writer.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib
import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from layersight.atomic import fill_folder, replace_folder, write_bytes
from layersight.data.fields import split_options
from layersight.data.model import ModelInfo
from layersight.document.noun import Entry, Json, Noun, noun_of
from layersight.errors import OutputError, UsageError, near
from layersight.export.arrays import to_npz, write_zarr
from layersight.export.manifest import MANIFEST, dump_manifest, manifest_of, read_manifest, to_json

PAGES = {".pdf": "pdf", ".png": "png", ".svg": "svg", ".html": "html"}
"""The writer of a document for each suffix."""
ANIMATIONS = {".gif": "to_gif", ".webp": "to_webp"}  # functions of the writer of animations


def save(result: Any, path: str | os.PathLike[str], options: Any = None, **settings: Any) -> Path:
    """Writes a result to a file or folder; the suffix decides what it becomes.

    ``.pdf``, ``.html``, ``.svg`` and ``.png`` are pictures, ``.npz`` and ``.zarr`` arrays,
    ``.json`` numbers; of patterns with frames ``.gif`` and ``.webp`` are animations, of
    evaluations ``.csv`` is a table. A path without a suffix is a folder that gets pictures, the
    whole document and the numbers of activations, patterns and heatmaps.

    Args:
        result: From :func:`layersight.activations`, :func:`layersight.patterns`,
            :func:`layersight.kernels`, :func:`layersight.heatmap`, :func:`layersight.evaluate` or
            :func:`layersight.summary`.
        path: The file or folder. An existing file is replaced once the new one is complete.
        options: The options of pictures, as the kind's own dataclass; or give its fields as
            keywords.
        settings: Fields of the options, such as ``view``, ``columns`` or ``colormap``.

    Returns:
        The path.

    Raises:
        UsageError: The suffix is none that can be written, or an option is unknown.
        OutputError: It cannot be written there.
    """
    noun = noun_of(result)
    target, suffix = check_output(path, noun)
    given = {} if options is None else dataclasses.asdict(options)
    chosen = make_options(noun, **{**given, **settings})
    if suffix == ".zarr" and noun.arrays:
        # A store is replaced entirely; the files of a folder may be beside others.
        with replace_folder(target, "zarr.json") as folder:
            write_zarr(noun.arrays(result), folder, manifest_of(result, chosen))
    elif suffix:
        write_bytes(target, to_bytes(result, suffix, chosen))
    else:
        with fill_folder(target, MANIFEST) as folder:
            fill(folder, result, chosen)
    return target


def fill(folder: Path, result: Any, options: Any, extras: Mapping[str, bytes] = {}) -> None:
    """Writes all files of a result into an existing folder, the manifest last."""
    noun = noun_of(result)
    if noun.folder is None:
        raise UsageError(f"{noun.name} cannot be written as a folder")
    for entry in noun.folder(result, options):
        write_bytes(folder / entry.name, _entry(entry))
    for name, content in extras.items():
        write_bytes(folder / name, content)
    write_bytes(folder / MANIFEST, to_json(manifest_of(result, options)))


def _entry(entry: Entry[Any, Any]) -> bytes:
    if entry.content is not None:
        return entry.content
    if entry.pixels is None:
        return to_bytes(entry.result, Path(entry.name).suffix, entry.options)
    manifest = {**manifest_of(entry.result, entry.options), **entry.extra}
    document = noun_of(entry.result).describe(entry.result, entry.options)
    picture: bytes = _writer("png").plain(entry.pixels, document, dump_manifest(manifest))
    return picture


def to_bytes(result: Any, suffix: str, options: Any) -> bytes:
    """A result as a file with a suffix that :func:`check_output` accepts."""
    noun, manifest = noun_of(result), manifest_of(result, options)
    if suffix == ".json":
        return to_json(json_of(result, options))
    if suffix == ".npz" and noun.arrays:
        return to_npz(noun.arrays(result), manifest)
    if suffix == ".csv" and noun.table and noun.rows:
        return _table(noun.rows(result))
    if suffix in ANIMATIONS and noun.frames:
        make = getattr(_writer("animation"), ANIMATIONS[suffix])
        moving: bytes = make(noun.frames(result, options), dump_manifest(manifest))
        return moving
    if suffix == ".html":
        options = dataclasses.replace(options, **noun.page)
    write = getattr(_writer(PAGES[suffix]), f"to_{PAGES[suffix]}")
    written: str | bytes = write(noun.describe(result, options), dump_manifest(manifest))
    return written.encode() if isinstance(written, str) else written


def json_of(result: Any, options: Any) -> Json:
    """The numbers of a result with their manifest, unless they contain it."""
    numbers = noun_of(result).numbers(result, options)
    return numbers if "schema" in numbers else {**numbers, "manifest": manifest_of(result, options)}


def _writer(name: str) -> Any:
    return importlib.import_module(f"layersight.writers.{name}")


def _table(rows: Iterable[tuple[object, ...]]) -> bytes:
    """A table as CSV, without what spreadsheets would take for formulas."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    for row in rows:
        table.writerow([harmless(cell) for cell in row])
    return text.getvalue().encode("utf-8", "backslashreplace")


def harmless(cell: object) -> object:
    """A cell that spreadsheets do not take for a formula.

    >>> harmless("=1+1"), harmless("dog.jpg"), harmless(0.5)
    ("'=1+1", 'dog.jpg', 0.5)
    """
    risky = isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{cell}" if risky else cell


def make_options(noun: Noun[Any, Any], **settings: Any) -> Any:
    """The options of a kind of result from keywords."""
    (chosen,) = split_options(settings, noun.options)
    return noun.options(**chosen)


def suffixes_of(noun: Noun[Any, Any]) -> tuple[str, ...]:
    """Every suffix that can be written; a path without one is a folder."""
    return (
        *PAGES,
        *(ANIMATIONS if noun.frames else ()),
        *((".npz",) if noun.arrays else ()),
        *((".csv",) if noun.table else ()),
        ".json",
        *((".zarr",) if noun.arrays and noun.store else ()),
    )


def check_output(path: str | os.PathLike[str], noun: Noun[Any, Any]) -> tuple[Path, str]:
    """The path of an output and its suffix, ``""`` for a folder; refuses unknown suffixes."""
    if not os.fspath(path):
        raise UsageError("expected a file or folder to write, found an empty name")
    target = Path(path)
    suffix, suffixes = target.suffix.lower(), suffixes_of(noun)
    if suffix in suffixes:
        return target, suffix
    if noun.folder is None or (suffix and not target.is_dir()):
        folders = " or a folder without a suffix" if noun.folder else ""
        raise UsageError(
            f"cannot write '{target}': expected one of {', '.join(suffixes)}{folders}."
            f"{near(suffix, suffixes)}"
        )
    return target, ""


def load(path: str | os.PathLike[str], noun: Noun[Any, Any], model: ModelInfo) -> Any:
    """A result read back from an ``.npz`` that :func:`save` wrote; no code in it is run."""
    file = Path(path)
    manifest: Json = read_manifest(file)
    try:
        if noun.load is None or manifest["kind"] != noun.name:
            raise ValueError(f"it holds {manifest['kind']}")
        with np.load(file, allow_pickle=False) as archive:
            result = noun.load(dict(archive), manifest, model)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise OutputError(f"no {noun.name} in {file}: {str(error)[:120]}") from error
    if manifest["model"]["digest"] != model.digest:
        raise OutputError(
            f"the {noun.name} in {file} is of another model: {manifest['model']['name']}"
        )
    return result
