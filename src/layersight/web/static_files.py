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

MAIN = "main.js"
"""The module that a page loads which a server gives out."""

STYLE = "explorer.css"
"""The style of the page."""

_IMPORT = re.compile(r"""\bfrom\s*["'](\.{1,2}/[^"']+)["']""")


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


@functools.cache
def served() -> dict[str, bytes]:
    """The files as a server gives them out: the page's modules are one, without comments."""
    return {**files(), MAIN: joined(MAIN).encode(), STYLE: _light(text_of(STYLE)).encode()}


def type_of(name: str) -> str:
    """What a file is sent as."""
    return TYPES[posixpath.splitext(name)[1]]


def text_of(name: str) -> str:
    """A file as text."""
    return files()[name].decode()


def modules(entry: str) -> dict[str, tuple[str, dict[str, str]]]:
    """A module and all that it imports, each after those that it imports.

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
            match[1]: posixpath.normpath(posixpath.join(posixpath.dirname(name), match[1]))
            for match in _IMPORT.finditer(source)
        }
        for other in imported.values():
            add(other, (*above, name))
        found[name] = source, imported

    add(entry, ())
    return found


_TAKEN = re.compile(
    r"""(?:^|(?<=;))import\s*\{([^}]*)\}\s*from\s*["']([^"']+)["'];?""", re.MULTILINE
)
_PASSED = re.compile(r"""\bexport\s*\{([^}]*)\}\s*from\s*["']([^"']+)["'];?""")
_GIVEN = re.compile(r"""(?:^|(?<=[;}]))[ \t]*export\s*\{([^}]*)\};?""", re.MULTILINE)
_MADE = re.compile(r"(?:^|(?<=;))export ((?:async )?function|const|class) (\w+)", re.MULTILINE)
_RENAMED = re.compile(r"([\w$]+) as ([\w$]+)")
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*.*?\*/)|/\*\* @type .*?\*/", re.MULTILINE | re.DOTALL)


@functools.cache
def joined(entry: str, default: str = "") -> str:
    """A module and all that it imports as one: each in a function of its own, in their order.

    It takes modules as they are written here: names in braces, declarations that begin a line.

    Args:
        entry: The module.
        default: What of it the one module gives.
    """
    found = modules(entry)
    number = {name: f"$${at}" for at, name in enumerate(found)}
    text = []
    for name, (source, imported) in found.items():
        given: list[str] = []

        def take(match: re.Match[str], imported: dict[str, str] = imported) -> str:
            names = _RENAMED.sub(r"\1: \2", match[1])
            return f"const {{{names}}} = {number[imported[match[2]]]};"

        def passed(
            match: re.Match[str], imported: dict[str, str] = imported, given: list[str] = given
        ) -> str:
            given += [f"{each}: {number[imported[match[2]]]}.{each}" for each in _names(match[1])]
            return ""

        def give(match: re.Match[str], given: list[str] = given) -> str:
            given += [_RENAMED.sub(r"\2: \1", each) for each in _names(match[1])]
            return ""

        def made(match: re.Match[str], given: list[str] = given) -> str:
            given.append(match[2])
            return f"{match[1]} {match[2]}"

        code = _TAKEN.sub(take, source)
        code = _GIVEN.sub(give, _PASSED.sub(passed, code))
        code = _light(_MADE.sub(made, code))
        text.append(f"const {number[name]}=(()=>{{\n{code}\nreturn{{{','.join(given)}}}}})();\n")
    if default:
        text.append(f"export default {number[entry]}.{default};\n")
    return "".join(text)


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _light(text: str) -> str:
    """Code without what only its readers need."""
    return re.sub(r"\n\s*", "\n", _COMMENT.sub("", text)).strip()
