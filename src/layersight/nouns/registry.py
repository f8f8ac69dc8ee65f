"""Methods and metrics, one file each, registered by the folder that they are in.

The rule of this module: a new one is a new file. What a command line says of it (its name, its
position in the list, its options) is read from the file without importing it, so that ``--help``
needs neither NumPy nor a framework. For that the file ends with its declaration, in which ``name``,
``order`` and ``options`` are written out as plain values::

    METHOD = Method(
        name="smoothgrad",
        order=13,
        options=(Option("samples", 32, help="Noisy copies of the image.", low=1, high=10_000),),
        ...
    )
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from layersight.data.fields import Option
from layersight.errors import UsageError, near

Kind = TypeVar("Kind")

_DECLARATION = re.compile(r"^(METHOD|METRIC) = ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """The part of a method or metric that is read from its file."""

    name: str  # as the command line calls it
    module: str  # the module to import for the rest
    variable: str  # the name of the declaration in there
    order: int  # its position in lists
    options: tuple[Option, ...]  # the options that are its own


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Entry:
    """The description of a method of heatmaps, or of a metric.

    Attributes:
        name: As the command line calls it.
        order: Its position in lists.
        title: What a caption calls it.
        says: What it does, or what its number is, in a sentence.
        misleads: When it misleads, in a sentence.
        source: Authors, year and where it was published.
        uses: The options that it reads and shares with others.
        options: The options that are its own.
    """

    name: str
    order: int
    title: str
    says: str
    misleads: str
    source: str
    uses: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()

    def reads(self, option: str) -> bool:
        return option in self.uses or option in (own.name for own in self.options)


@functools.cache
def scan(package: str) -> dict[str, Declaration]:
    """The declarations of the files of a package, by name and in order; nothing is imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    folders = spec.submodule_search_locations or ()
    files = [path for folder in folders for path in sorted(Path(folder).glob("*.py"))]
    declarations = filter(None, (_read(package, path) for path in files))
    return {one.name: one for one in sorted(declarations, key=lambda one: (one.order, one.name))}


def _read(package: str, path: Path) -> Declaration | None:
    text = path.read_text("utf-8")
    match = _DECLARATION.search(text)
    if match is None:
        return None
    (statement,) = ast.parse(text[match.start() :]).body
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    values = {keyword.arg: keyword.value for keyword in statement.value.keywords}
    options = values.get("options")
    calls = options.elts if isinstance(options, ast.Tuple) else []
    return Declaration(
        name=ast.literal_eval(values["name"]),
        module=f"{package}.{path.stem}",
        variable=match[1],
        order=ast.literal_eval(values["order"]),
        options=tuple(_option(call) for call in calls if isinstance(call, ast.Call)),
    )


def _option(call: ast.Call) -> Option:
    keywords = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    return Option(*map(ast.literal_eval, call.args), **keywords)


@functools.cache
def load(package: str) -> dict[str, Any]:
    """Everything that the files of a package declare, imported, by name and in order."""
    return {
        name: getattr(importlib.import_module(declaration.module), declaration.variable)
        for name, declaration in scan(package).items()
    }


def find(known: Mapping[str, Kind], name: str, what: str, more: str = "") -> Kind:
    """One of several by name; ``what`` they are, and ``more`` choices, are for the message."""
    if name not in known:
        raise UsageError(
            f"unknown {what} '{name}': expected one of {', '.join(known)}{more}.{near(name, known)}"
        )
    return known[name]
