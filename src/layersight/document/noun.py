"""What a kind of result can become: one record for each.

The rule of this module: whoever has a result finds its record here, and nothing else asks for the
type of a result. A result names its kind in the class variable ``noun``; the record of the kind
``NAME`` is ``NOUN`` in ``layersight.nouns.NAME.noun``.
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
    """Arrays of one shape that are made one after the other, as one array.

    Attributes:
        shape: Of all of them together; the first axis counts them.
        dtype: Of the numbers.
        part: Makes one of them.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    part: Callable[[int], NDArray[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """An array of a file, with the names of its axes.

    Attributes:
        axes: A name for each axis, ``("image", "y", "x", "channel")``.
        values: The numbers, or text.
        own: Axes that no other array of the file has.
        split: Axes along which a store keeps a chunk for each index.
        attributes: What a store says beside, JSON-ready.
        stored: Whether a store has it too; ``False`` for what is an attribute there.
    """

    axes: tuple[str, ...]
    values: NDArray[Any] | Stack
    own: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    stored: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class Entry(Generic[Result, Options]):
    """A file of a folder.

    Attributes:
        name: Of the file; its suffix says what it becomes.
        result: What it shows.
        options: How.
        pixels: ``(height, width, 3)`` for a plain picture without words, as they are.
        extra: What its manifest holds beside.
        content: The bytes themselves, for a file that is no picture.
    """

    name: str
    result: Result
    options: Options
    pixels: Bytes | None = None
    extra: Json = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Noun(Generic[Result, Options]):
    """How results of one kind are shown and written.

    Attributes:
        name: ``"activations"``, in manifests.
        options: The type of the options of its pictures; its fields carry their help.
        describe: The document of a result.
        manifest: What a file says of its own origin, beside what all files say.
        numbers: JSON-ready numbers, without the manifest.
        arrays: Arrays by name, for ``.npz`` and ``.zarr``.
        store: Whether ``.zarr`` can be written.
        rows: The head and the rows of its numbers as a table.
        table: Whether ``.csv`` can be written, which says nothing of its own origin.
        folder: The files of a folder, beside its manifest.
        frames: The documents of an animation, all of one layout.
        load: A result from the arrays and the manifest of an ``.npz``.
        page: Fields of the options that a web page sets: it shows all, whatever the view.
        words: Likewise a terminal, beside those of a page.
        plot: Likewise a figure, which is shown beside the code that made it.
        only: A part of a result for a figure, by keywords such as ``layer``; with it the fields of
            the options that suit the part.
    """

    name: str
    options: type[Options]
    describe: Callable[[Result, Options], Document]
    manifest: Callable[[Result, Options], Json]
    numbers: Callable[[Result, Options], Json]
    arrays: Callable[[Result], Mapping[str, Array]] | None = None
    store: bool = True
    rows: Callable[[Result], Iterator[tuple[object, ...]]] | None = None
    table: bool = False
    folder: Callable[[Result, Options], Iterator[Entry[Result, Options]]] | None = None
    frames: Callable[[Result, Options], Iterator[Document]] | None = None
    load: Callable[[Mapping[str, NDArray[Any]], Json, ModelInfo], Result] | None = None
    page: Mapping[str, object] = field(default_factory=dict)
    words: Mapping[str, object] = field(default_factory=dict)
    plot: Mapping[str, object] = field(default_factory=dict)
    only: Callable[..., tuple[Result, Mapping[str, object]]] | None = None


def noun_of(result: object) -> Noun[Any, Any]:
    """The record of a result's kind, given a result or its class.

    Raises:
        UsageError: It is none that can be shown or written.
    """
    kind = result if isinstance(result, type) else type(result)
    name = getattr(kind, "noun", None)
    if not isinstance(name, str):
        raise UsageError(
            "expected activations, patterns, kernels, heatmaps, an evaluation, a summary or an "
            f"image, found {kind.__name__}"
        )
    return load_noun(name)


def load_noun(name: str) -> Noun[Any, Any]:
    """The record of a kind of result, which is imported for it."""
    noun: Noun[Any, Any] = importlib.import_module(f"layersight.nouns.{name}.noun").NOUN
    return noun


def matching(rows: Sequence[Mapping[str, object]], what: str, **wanted: object) -> list[int]:
    """Which parts of a result were asked for.

    Args:
        rows: What tells each part from the others, by name.
        what: What a part is called.
        wanted: Values by name; ``None`` for any.

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
    asked: list[str] = []
    for name, value in wanted.items():
        if value is None:
            continue
        asked.append(f"{name} {value!r}")
        known = list(dict.fromkeys(rows[index][name] for index in left))
        left = [index for index in left if rows[index][name] == value]
        if not left:
            hint = near(str(value), map(str, known)) if isinstance(value, str) else ""
            expected = f": expected {few([*map(str, known)], 12)}" if known else ""
            raise SelectionError(f"no {what} of {', '.join(asked)} here{expected}.{hint}")
    return left
