"""Results as tables of pandas and data sets of xarray.

The rule of this module: both packages are imported when they are asked for, and what is in a table
or a data set stands in the record of the kind, as for files.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from layersight.document.noun import noun_of
from layersight.errors import OutputError, UsageError
from layersight.export.arrays import nodes, whole

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset


def to_dataframe(result: object) -> DataFrame:
    """The numbers of a result, a row for each channel, pattern, filter, heatmap or layer.

    Raises:
        UsageError: This kind of result is no table.
        OutputError: The package ``pandas`` is not installed.
    """
    noun = noun_of(result)
    if noun.rows is None:
        raise UsageError(f"the result '{noun.name}' holds no table: take its attributes")
    pandas = _package("pandas", "a table", "write .json with save()")
    heads, *rows = noun.rows(result)
    made: DataFrame = pandas.DataFrame.from_records(rows, columns=[str(head) for head in heads])
    return made


def to_xarray(result: object) -> Dataset:
    """The arrays of a result; an axis that one array alone has is called after it.

    Raises:
        UsageError: This kind of result has no arrays.
        OutputError: The package ``xarray`` is not installed.
    """
    noun = noun_of(result)
    if noun.arrays is None:
        raise UsageError(f"the result '{noun.name}' holds no arrays: take its attributes")
    xarray = _package("xarray", "a data set", "write .npz with save()")
    arrays = {name: array for name, array in noun.arrays(result).items() if array.stored}
    made: Dataset = xarray.Dataset(
        {
            node: (axes, whole(array.values), dict(array.attributes))
            for node, axes, array in nodes(arrays)
        }
    )
    return made


def _package(name: str, what: str, instead: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise OutputError(
            f"{what} of {name} needs the package {name}: pip install 'layersight[{name}]', or "
            f"{instead}"
        ) from error
