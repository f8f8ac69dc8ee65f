"""A survey as Parquet tables.

The rule of this module: tables hold plain columns that pandas, Polars and DuckDB read; NaN becomes
null.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.errors import OutputError
from layersight.nouns.survey.result import PERCENTILES, Histogram, LayerSurvey, Survey

CHANNELS, TOP, CLASSES = "channels.parquet", "top.parquet", "classes.parquet"
CROPS, UNREADABLE, TWINS = "crops.parquet", "unreadable.parquet", "twins.parquet"
NAMES = (CHANNELS, TOP, CLASSES, CROPS, UNREADABLE)
ROWS = 4096
"""Pictures in a group of rows, which is what a reader reads at once."""
NUMBERS = (
    *("images", "broken", "count", "mean", "std", "min", "max", "sparsity", "firing", "dead"),
    "selectivity",
)


def arrow() -> Any:
    """``pyarrow``, with its Parquet files.

    Raises:
        OutputError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise OutputError(
            "the files of a survey need the package pyarrow: pip install 'layersight[survey]'"
        ) from error
    return pyarrow


def files(result: Survey) -> Iterator[tuple[str, bytes]]:
    """The names and bytes of the tables of a survey."""
    for name, make in (
        (CHANNELS, _channels),
        (TOP, _top),
        (CLASSES, _classes),
        (CROPS, _crops),
        (UNREADABLE, _unreadable),
        *([(TWINS, _twins)] if result.twins else []),
    ):
        yield name, _bytes(make(result))


def _bytes(columns: Mapping[str, Any]) -> bytes:
    pyarrow = arrow()
    buffer = io.BytesIO()
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, buffer, compression="zstd", row_group_size=ROWS)
    return buffer.getvalue()


def _number(values: NDArray[Any]) -> Any:
    """Numbers as a column, NaN as null."""
    return arrow().array(values, from_pandas=True)


def _words(words: Sequence[str], indices: NDArray[np.int64]) -> Any:
    """Words by their indices, each stored once; null where the index is -1."""
    pyarrow = arrow()
    numbers = pyarrow.array(indices.astype(np.int32), mask=indices < 0)
    return pyarrow.DictionaryArray.from_arrays(
        numbers, pyarrow.array(list(words), pyarrow.string())
    )


def _lists(rows: Iterable[NDArray[Any]], kind: type) -> Any:
    """A column with a list of numbers in each row."""
    pyarrow = arrow()
    rows = list(rows)
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    values: NDArray[Any] = np.concatenate([np.zeros(0, kind), *rows]).astype(kind)
    return pyarrow.ListArray.from_arrays(pyarrow.array(ends), pyarrow.array(values))


def _joined(result: Survey, name: str) -> NDArray[Any]:
    return np.concatenate([getattr(entry, name) for entry in result.layers])


def _layers(result: Survey, repeat: int = 1) -> dict[str, Any]:
    """The columns that say which layer and channel a row is of."""
    counts = [entry.channels for entry in result.layers]
    numbers = np.repeat(np.arange(len(counts)), counts)
    channels = np.concatenate([np.arange(count) for count in counts]).astype(np.int32)
    names = [entry.name for entry in result.layers]
    return {
        "layer": _words(names, np.repeat(numbers, repeat)),
        "channel": np.repeat(channels, repeat),
    }


def _channels(result: Survey) -> dict[str, Any]:
    columns = _layers(result)
    columns |= {name: _number(_joined(result, name)) for name in NUMBERS}
    columns["preferred"] = _words(result.classes, _joined(result, "preferred"))
    for name in ("peak", "mean"):
        histograms = [getattr(entry, f"{name}s") for entry in result.layers]
        values = np.concatenate([histogram.percentiles for histogram in histograms])
        for percentile, column in zip(PERCENTILES, values.T, strict=True):
            columns[f"{name}_p{percentile:02}"] = _number(column)
        bins = zip(*(row for each in histograms for row in _filled_bins(each)), strict=True)
        for part, lists in zip(("low", "high", "count"), bins, strict=True):
            columns[f"{name}_bin_{part}"] = _lists(
                lists, np.int64 if part == "count" else np.float64
            )
    if result.layers and result.layers[0].neighbours is not None:
        for name, kind in (("neighbours", np.int32), ("correlations", np.float64)):
            rows = [row for entry in result.layers for row in getattr(entry, name)]
            columns[name] = _lists(rows, kind)
    return columns


def _filled_bins(
    histogram: Histogram,
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Low ends, high ends and counts of the bins of each channel that are not empty."""
    for counts in histogram.counts:
        filled = np.flatnonzero(counts)
        edges = histogram.edges[filled]
        yield edges[:, 0], edges[:, 1], counts[filled]


def _top(result: Survey) -> dict[str, Any]:
    """The strongest images with ranks from 1 on, the weakest with ranks from -1 down."""
    length = result.layers[0].strongest.images.shape[1]
    columns = _layers(result, 2 * length)
    ranks = np.concatenate([np.arange(1, length + 1), -np.arange(1, length + 1)])
    count = len(columns["channel"]) // (2 * length)
    columns["rank"] = np.tile(ranks, count).astype(np.int32)

    def rows(entry: LayerSurvey, name: str) -> NDArray[Any]:
        both = [getattr(examples, name) for examples in (entry.strongest, entry.weakest)]
        joined = np.concatenate(both, axis=1)
        return joined.reshape(joined.shape[0] * joined.shape[1], *joined.shape[2:])

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([rows(entry, name) for entry in result.layers])

    images = column("images")
    columns["image"] = _words(result.names, images)
    columns["activation"] = column("activations")
    boxes = column("boxes").astype(np.int32)
    for name, side in zip(("y0", "x0", "y1", "x1"), boxes.T, strict=True):
        columns[name] = arrow().array(side, mask=side < 0)
    positions = [row for entry in result.layers for row in rows(entry, "positions")]
    columns["position"] = _lists(positions, np.int32)
    crops = column("crops")
    columns["crop"] = arrow().array(crops, mask=crops < 0)
    # A list may be longer than there are images.
    table = arrow().table(columns).filter(arrow().array(images >= 0))
    return dict(zip(columns, table.columns, strict=True))


def _classes(result: Survey) -> dict[str, Any]:
    count = len(result.classes)
    total = sum(entry.channels for entry in result.layers)
    columns = _layers(result, count)
    columns["class"] = _words(result.classes, np.tile(np.arange(count), total))

    def flat(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(entry, name).T.reshape(-1) for entry in result.layers])

    columns["images"] = flat("class_images")
    columns["mean"] = _number(flat("class_means"))
    columns["peak"] = _number(flat("class_peaks"))
    return columns


def _crops(result: Survey) -> dict[str, Any]:
    pictures = list(result.crops)
    return {
        "crop": np.arange(len(pictures), dtype=np.int64),
        "jpeg": arrow().array(pictures, arrow().binary()),
    }


def _unreadable(result: Survey) -> dict[str, Any]:
    text = arrow().string()
    return {
        "image": arrow().array([_encodable(name) for name, _ in result.unreadable], text),
        "reason": arrow().array([_encodable(reason) for _, reason in result.unreadable], text),
    }


def _twins(result: Survey) -> dict[str, Any]:
    """A row for each channel and rank."""
    pairs = result.twins
    indices = [np.indices(pair.channels.shape).reshape(2, -1) for pair in pairs]
    numbers = np.repeat(np.arange(len(pairs)), [each.shape[1] for each in indices])
    channels, ranks = np.concatenate(indices, axis=1)
    return {
        "layer": _words([pair.first for pair in pairs], numbers),
        "channel": channels,
        "rank": ranks + 1,
        **({} if result.other is None else {"other_model": [result.other_name] * len(numbers)}),
        "other_layer": _words([pair.second for pair in pairs], numbers),
        "other_channel": np.concatenate([pair.channels.ravel() for pair in pairs]),
        "correlation": _number(np.concatenate([pair.correlations.ravel() for pair in pairs])),
    }


def _encodable(text: str) -> str:
    """Text with what UTF-8 cannot hold, as in some files' names, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
