"""What a kind of result can become: one record for each.

The rule of this module: whoever has a result finds its record here, and nothing else asks for the
type of a result. The record of the results of ``layersight.nouns.NAME`` is ``NOUN`` in
``layersight.nouns.NAME.noun``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from layersight.document.blocks import Document
from layersight.errors import UsageError

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741 - options
Json = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """An array of a file, with the names of its axes.

    Attributes:
        axes: A name for each axis, ``("image", "height", "width", "channel")``.
        values: The numbers.
        coordinates: Numbers or names along an axis, where they are not 0, 1, 2 ...
    """

    axes: tuple[str, ...]
    values: NDArray[Any]
    coordinates: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry(Generic[R, O]):
    """A file of a folder: its name with its suffix, and what it shows."""

    name: str
    result: R
    options: O


@dataclass(frozen=True, slots=True)
class Noun(Generic[R, O]):
    """How results of one kind are shown and written.

    Attributes:
        name: ``"activations"``, in manifests.
        options: The type of the options of its pictures; its fields carry their help.
        describe: The document of a result.
        manifest: What a file says of its own origin, beside what all files say.
        numbers: JSON-ready numbers; ``None`` if there are none.
        arrays: Arrays by name, for ``.npz`` and ``.zarr``.
        stored: Whether ``.zarr`` can be written.
        rows: The head and rows of a ``.csv``; ``None`` if there is none.
        folder: The files of a folder; ``None`` if a folder cannot be written.
        frames: For each picture of an animation the result that it shows; ``None`` without any.
        page: Fields of the options that a web page sets: it shows all, whatever the view.
        plot: Likewise a figure, which is shown beside the code that made it.
    """

    name: str
    options: type[O]
    describe: Callable[[R, O], Document]
    manifest: Callable[[R, O], Json]
    numbers: Callable[[R, O], Json] | None = None
    arrays: Callable[[R], Mapping[str, Array]] | None = None
    stored: bool = True
    rows: Callable[[R], list[tuple[object, ...]]] | None = None
    folder: Callable[[R, O], Iterator[Entry[R, O]]] | None = None
    frames: Callable[[R], Iterator[R]] | None = None
    page: Mapping[str, object] = field(default_factory=dict)
    plot: Mapping[str, object] = field(default_factory=dict)


def noun_of(result: object) -> Noun[Any, Any]:
    """The record of a result's kind.

    Raises:
        UsageError: It is none that can be shown or written.
    """
    package, _, module = type(result).__module__.rpartition(".")
    if package.startswith("layersight.nouns.") and module == "result":
        noun: Noun[Any, Any] = importlib.import_module(f"{package}.noun").NOUN
        return noun
    raise UsageError(
        "expected activations, patterns, kernels, heatmaps, an evaluation or a summary, found "
        f"{type(result).__name__}"
    )
