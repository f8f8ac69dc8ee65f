"""The files of the page, and all of its modules as one.

The rule of this module: files are read from the package once, and found by their exact names from
then on; no path is ever made of a request.
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
"""Media types of the files that are served."""

MAIN = "main.js"
"""The entry module of a page that a server sends."""

STYLE = "explorer.css"


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
    """The files as a server sends them: the page's modules are one, without comments."""
    return {**files(), MAIN: joined(MAIN).encode(), STYLE: _strip(text_of(STYLE)).encode()}


def type_of(name: str) -> str:
    """The media type of a file."""
    return TYPES[posixpath.splitext(name)[1]]


def text_of(name: str) -> str:
    """A file as text."""
    return files()[name].decode()


def modules(entry: str) -> list[str]:
    """A module and all that it imports, each after those that it imports.

    Raises:
        ValueError: Two modules import each other.
    """
    names: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name not in names:
            for match in _FROM.finditer(text_of(name)):
                add(_resolve(match[1], name), (*above, name))
            names.append(name)

    add(entry, ())
    return names


def _resolve(specifier: str, importer: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))


_FROM = re.compile(r"""\bfrom\s*["'](\.{1,2}/[^"']+)["']""")
_IMPORT = re.compile(
    r"""(?:^|(?<=;))import\s*\{([^}]*)\}\s*from\s*["']([^"']+)["'];?""", re.MULTILINE
)
_REEXPORT = re.compile(r"""\bexport\s*\{([^}]*)\}\s*from\s*["']([^"']+)["'];?""")
_EXPORT = re.compile(r"""(?:^|(?<=[;}]))[ \t]*export\s*\{([^}]*)\};?""", re.MULTILINE)
_DECLARATION = re.compile(
    r"(?:^|(?<=;))export ((?:async )?function|const|class) (\w+)", re.MULTILINE
)
_RENAMED = re.compile(r"([\w$]+) as ([\w$]+)")
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*.*?\*/)|/\*\* @type .*?\*/", re.MULTILINE | re.DOTALL)


@functools.cache
def joined(entry: str, default: str = "") -> str:
    """A module and all that it imports as one: each in a function of its own, in their order.

    Only the forms of import and export that the page's modules use are recognised: names in
    braces, and declarations that begin a line.

    Args:
        entry: The module.
        default: The export of it that becomes the default export.
    """
    variables = {name: f"$${index}" for index, name in enumerate(modules(entry))}
    text = "".join(_as_function(name, variables) for name in variables)
    return text + (f"export default {variables[entry]}.{default};\n" if default else "")


def _as_function(name: str, variables: dict[str, str]) -> str:
    """A module as a function that is called once, whose result holds what the module exports."""
    exports: list[str] = []

    def source(match: re.Match[str]) -> str:
        return variables[_resolve(match[2], name)]

    def bind(match: re.Match[str]) -> str:
        names = _RENAMED.sub(r"\1: \2", match[1])
        return f"const {{{names}}} = {source(match)};"

    def pass_on(match: re.Match[str]) -> str:
        exports.extend(f"{each}: {source(match)}.{each}" for each in _split(match[1]))
        return ""

    def export(match: re.Match[str]) -> str:
        exports.extend(_RENAMED.sub(r"\2: \1", each) for each in _split(match[1]))
        return ""

    def declare(match: re.Match[str]) -> str:
        exports.append(match[2])
        return f"{match[1]} {match[2]}"

    code = text_of(name)
    steps = ((_IMPORT, bind), (_REEXPORT, pass_on), (_EXPORT, export), (_DECLARATION, declare))
    for pattern, replace in steps:
        code = pattern.sub(replace, code)
    returned = ",".join(exports)
    return f"const {variables[name]}=(()=>{{\n{_strip(code)}\nreturn{{{returned}}}}})();\n"


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _strip(text: str) -> str:
    """Code without comments and indentation."""
    return re.sub(r"\n\s*", "\n", _COMMENT.sub("", text)).strip()
