"""The methods of results that show, save and convert them.

The rule of this module: ``layersight.notebook`` does the work, and is named by string so that this
module imports nothing above it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from xarray import Dataset


class _Plot:
    """The method ``plot``, whose signature names the options of the kind of result."""

    def __get__(self, result: object, kind: type) -> Callable[..., Figure]:
        method: Callable[..., Figure] = _notebook().plotter(kind, result)
        return method


class RichDisplay:
    """Shows a result in a notebook, and turns it into a figure, a file or a table."""

    plot = _Plot()

    def save(self, path: str | os.PathLike[str], **settings: Any) -> Path:
        """Writes the result to a file or folder, as :func:`layersight.save` does."""
        written: Path = _notebook().save(self, path, **settings)
        return written

    def to_dataframe(self) -> DataFrame:
        """The numbers of the result as a table of pandas, which has to be installed.

        Raises:
            UsageError: This kind of result is no table.
            OutputError: The package ``pandas`` is not installed.
        """
        table: DataFrame = _notebook().to_dataframe(self)
        return table

    def to_xarray(self) -> Dataset:
        """The arrays of the result, with their axes named, as a data set of xarray.

        Raises:
            UsageError: This kind of result has no arrays.
            OutputError: The package ``xarray`` is not installed.
        """
        arrays: Dataset = _notebook().to_xarray(self)
        return arrays

    def _repr_html_(self) -> str:
        return str(_notebook().to_html(self))

    def _repr_png_(self) -> bytes | None:
        png: bytes | None = _notebook().to_png(self)
        return png


def _notebook() -> Any:
    return importlib.import_module("layersight.notebook")
