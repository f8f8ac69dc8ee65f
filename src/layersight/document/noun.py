"""A record for each kind of result: how it is shown and written.

The rule of this module: the record of a result is found here, and nothing else checks the type of a
result. A result names its kind in the class variable ``noun``; the record of the kind ``NAME`` is
``NOUN`` in ``layersight.nouns.NAME.noun``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import ModelInfo
from layersight.document.blocks import Bytes, Document
from layersight.errors import SelectionError, UsageError, few, near

Result = TypeVar("Result")
Options = TypeVar("Options")
Json = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Arrays of one shape that are made one by one, as one array."""

    shape: tuple[int, ...]  # of all of them together; the first axis counts them
    dtype: np.dtype[Any]  # of the numbers
    part: Callable[[int], NDArray[Any]]  # makes one of them


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """An array of a file, with the names of its axes."""

    axes: tuple[str, ...]  # a name for each axis, ("image", "y", "x", "channel")
    values: NDArray[Any] | Stack  # the numbers, or text
    own_axes: tuple[str, ...] = ()  # axes that no other array of the file has
    split: tuple[str, ...] = ()  # axes along which a store keeps a chunk for each index
    # further attributes in a store, JSON-ready
    attributes: Mapping[str, Any] = field(default_factory=dict)
    stored: bool = True  # whether a store has it too; False if it is an attribute there


@dataclass(frozen=True, eq=False, slots=True)
class Entry(Generic[Result, Options]):
    """A file of a folder."""

    name: str  # of the file; its suffix decides the format
    result: Result  # what it shows
    options: Options
    pixels: Bytes | None = None  # (height, width, 3) for a plain picture without words
    extra: Json = field(default_factory=dict)  # further entries of its manifest
    content: bytes | None = None  # the bytes themselves, for a file that is no picture


@dataclass(frozen=True, slots=True)
class Plain:
    """The options of pictures that have none."""


@dataclass(frozen=True, slots=True)
class Noun(Generic[Result, Options]):
    """How results of one kind are shown and written."""

    name: str  # "activations", in manifests
    options: type[Options]  # the dataclass of the options of its pictures
    describe: Callable[[Result, Options], Document]  # the document of a result
    # the entries of a manifest that only this kind has
    manifest: Callable[[Result, Options], Json]
    numbers: Callable[[Result, Options], Json]  # JSON-ready numbers, without the manifest
    # arrays by name, for .npz and .zarr
    arrays: Callable[[Result], Mapping[str, Array]] | None = None
    store: bool = True  # whether .zarr can be written
    # the head and the rows of its numbers as a table
    rows: Callable[[Result], Iterator[tuple[object, ...]]] | None = None
    table: bool = False  # whether .csv can be written, which has no manifest
    # the files of a folder, without its manifest
    folder: Callable[[Result, Options], Iterator[Entry[Result, Options]]] | None = None
    # the documents of an animation, all of one layout
    frames: Callable[[Result, Options], Iterator[Document]] | None = None
    # a result from the arrays and the manifest of an .npz
    load: Callable[[Mapping[str, NDArray[Any]], Json, ModelInfo], Result] | None = None
    # options that a web page sets: it shows all in every view
    page: Mapping[str, object] = field(default_factory=dict)
    # options that a terminal sets beside those of a page
    words: Mapping[str, object] = field(default_factory=dict)
    # options that a figure sets, which is shown next to the code that made it
    plot: Mapping[str, object] = field(default_factory=dict)
    # selects a part of a result for a figure by keywords such as layer; returns it with the options
    # that suit it
    only: Callable[..., tuple[Result, Mapping[str, object]]] | None = None


def noun_of(result: object) -> Noun[Any, Any]:
    """The record of a result's kind, given a result or its class."""
    kind = result if isinstance(result, type) else type(result)
    name = getattr(kind, "noun", None)
    if not isinstance(name, str):
        raise UsageError(
            "expected activations, patterns, kernels, heatmaps, an evaluation, a summary or an "
            f"image, found {kind.__name__}"
        )
    return load_noun(name)


def load_noun(name: str) -> Noun[Any, Any]:
    """Imports the record of a kind of result."""
    noun: Noun[Any, Any] = importlib.import_module(f"layersight.nouns.{name}.noun").NOUN
    return noun


def check_count(view: str, unit: str, amount: int, most: int, advice: str) -> None:
    """Refuses a view that would draw too many things separately."""
    if amount > most:
        raise SelectionError(
            f"the view '{view}' draws each {unit} by itself: expected at most {most} {unit}s, "
            f"found {amount:,}. {advice}"
        )


def matching(rows: Sequence[Mapping[str, object]], what: str, **wanted: object) -> list[int]:
    """The indices of the parts of a result that have the wanted values; ``None`` stands for any.

    Raises:
        SelectionError: There is none.

    Example:
        >>> rows = [{"layer": "conv", "channel": number} for number in (0, 3, 4)]
        >>> matching(rows, "pattern", layer="conv", channel=3)
        [1]
        >>> matching(rows, "pattern", layer=None, channel=7)
        Traceback (most recent call last):
        ...
        layersight.errors.SelectionError: no pattern of channel 7 here: expected 0, 3, 4.
    """
    left = list(range(len(rows)))
    requested: list[str] = []
    for name, value in wanted.items():
        if value is None:
            continue
        requested.append(f"{name} {value!r}")
        available = list(dict.fromkeys(rows[index][name] for index in left))
        left = [index for index in left if rows[index][name] == value]
        if not left:
            hint = near(str(value), map(str, available)) if isinstance(value, str) else ""
            expected = f": expected {few([*map(str, available)], 12)}" if available else ""
            raise SelectionError(f"no {what} of {', '.join(requested)} here{expected}.{hint}")
    return left
