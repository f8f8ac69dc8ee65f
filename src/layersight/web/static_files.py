"""The files of the page, and all of its modules as one.

The rule of this module: files are read from the package when a page is first made, and found by
their exact names from then on; no path is ever made of what is asked for.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""Kinds of files that are given out."""

ENTRY = "explorer.js"
"""The module that draws the page."""

LOAD = """
function load(modules, entries) {
  const urls = {};
  for (const [name, pieces] of modules) {
    const text = pieces.map((piece, at) => (at % 2 ? urls[piece] : piece)).join("");
    urls[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }
  return Promise.all(entries.map((name) => import(urls[name])));
}
"""
"""Makes modules of what :func:`loadable` gives, where they have no files of their own."""

_IMPORT = re.compile(
    r"""((?:^|[\n;}])\s*(?:import|export)\b[^'";]*?\bfrom\s*|[\n;]\s*import\s*)"""
    r"""(["'])(\.{1,2}/[^"']+)\2"""
)


@functools.cache
def files() -> dict[str, bytes]:
    """The content of each file by its name, such as ``hosts/http.js``."""
    return dict(_below(resources.files("layersight.web").joinpath("static"), ""))


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif posixpath.splitext(entry.name)[1] in TYPES:
            yield prefix + entry.name, entry.read_bytes()


def type_of(name: str) -> str:
    """What a file is sent as."""
    return TYPES[posixpath.splitext(name)[1]]


def text_of(name: str) -> str:
    """A file as text."""
    return files()[name].decode()


def modules(entries: tuple[str, ...]) -> dict[str, tuple[str, dict[str, str]]]:
    """Some modules and all that they import, each after those that it imports.

    Args:
        entries: The names of the modules to begin with.

    Returns:
        For each module its source, and the module that each of its specifiers stands for.

    Raises:
        ValueError: Two modules import each other.
    """
    found: dict[str, tuple[str, dict[str, str]]] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name in found:
            return
        source = text_of(name)
        imported = {
            match[3]: posixpath.normpath(posixpath.join(posixpath.dirname(name), match[3]))
            for match in _IMPORT.finditer("\n" + source)
        }
        for other in imported.values():
            add(other, (*above, name))
        found[name] = source, imported

    for entry in entries:
        add(entry, ())
    return found


def loadable(entries: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Some modules and all that they import, to be loaded without files of their own."""
    return [(name, parts(*found)) for name, found in modules(entries).items()]


def parts(source: str, imported: dict[str, str]) -> list[str]:
    r"""The source of a module, cut where the addresses of what it imports belong.

    Example:
        >>> parts('import { a } from "./b.js";\na();', {"./b.js": "b.js"})
        ['import { a } from "', 'b.js', '";\na();']
    """
    pieces, start = [], 0
    text = "\n" + source
    for match in _IMPORT.finditer(text):
        pieces += [text[start : match.start(3)], imported[match[3]]]
        start = match.end(3)
    pieces.append(text[start:])
    pieces[0] = pieces[0][1:]
    return pieces
