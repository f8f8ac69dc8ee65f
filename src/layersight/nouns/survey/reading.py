"""A survey read back from its tables.

The rule of this module: files are data, whoever wrote them; what does not fit is a one-line error.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import LayerInfo, ModelInfo, Placement
from layersight.data.preprocessing import Preprocessing
from layersight.errors import OutputError, UsageError
from layersight.images.reading import reason
from layersight.nouns.survey.result import (
    PERCENTILES,
    Examples,
    Histogram,
    LayerSurvey,
    Survey,
    Twins,
)
from layersight.nouns.survey.tables import (
    CHANNELS,
    CLASSES,
    CROPS,
    NAMES,
    NUMBERS,
    ROWS,
    TOP,
    TWINS,
    UNREADABLE,
    arrow,
)

MANIFEST = "manifest.json"
CACHE_BYTES = 256 << 20
"""Bytes of pictures that are kept in memory."""


class _Pictures(Sequence[bytes]):
    """The pictures of a survey in a file, read when they are needed, many at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = arrow().parquet.ParquetFile(path)
        self._groups: dict[int, Any] = {}

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        group, row = divmod(int(index), ROWS)
        return self._read(group)[row].as_py()

    def _read(self, group: int) -> Any:
        """The pictures of a group of rows; the groups used last are kept."""
        column = self._groups.pop(group, None)
        if column is None:
            column = self._file.read_row_group(group, columns=["jpeg"])["jpeg"]
        self._groups[group] = column
        groups = self._groups
        while len(groups) > 1 and sum(each.nbytes for each in groups.values()) > CACHE_BYTES:
            del groups[next(iter(groups))]
        return column


def read_survey(folder: str | os.PathLike[str]) -> Survey:
    """Reads a survey back from the folder that it was written to; nothing in it is run.

    Args:
        folder: That ``layersight survey ... --output FOLDER`` or ``layersight.save`` wrote.

    Returns:
        The survey. Its model is as the manifest describes it: no inputs, and only the layers that
        were surveyed.

    Raises:
        OutputError: There is no survey, or it is damaged.
    """
    path = Path(folder)
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        if manifest["kind"] != "survey":
            raise ValueError(f"it holds {manifest['kind']}")
        return _read(path, manifest)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise OutputError(
            f"no survey in {path}: expected a folder that layersight survey wrote ({reason(error)})"
        ) from error


def survey_of(source: Survey | str | os.PathLike[str], info: ModelInfo) -> Survey:
    """A survey of a model, read from its folder if it is not a survey already.

    Raises:
        OutputError: There is none in the folder.
        UsageError: It is of another model.
    """
    survey = source if isinstance(source, Survey) else read_survey(source)
    if survey.model.digest != info.digest:
        raise UsageError(
            f"the survey is of another model: expected one of '{info.name}', found one of "
            f"'{survey.model.name}'. Make one with layersight survey MODEL IMAGES --output DIR"
        )
    return survey


def _read(folder: Path, manifest: Mapping[str, Any]) -> Survey:
    pyarrow = arrow()
    tables = {name: pyarrow.parquet.read_table(folder / name) for name in NAMES if name != CROPS}
    layers = [_layer(saved) for saved in manifest["layers"]]
    classes = tuple(str(saved["name"]) for saved in manifest["classes"])
    top = tables[TOP]
    names = tuple(sorted(set(top["image"].to_pylist())))
    indices = {name: index for index, name in enumerate(names)}
    length, surveyed = int(manifest["settings"]["length"]), []
    for layer in layers:
        parts = {n: _rows_of(table, layer.name) for n, table in tables.items() if n != UNREADABLE}
        surveyed.append(_survey(layer, parts, indices, classes, length))
    size, other = manifest["size"], manifest.get("other")
    unreadable = tables[UNREADABLE]
    return Survey(
        model=_model(manifest["model"], layers),
        preprocessing=Preprocessing.from_json(manifest["preprocessing"]),
        size=None if size is None else (int(size[0]), int(size[1])),
        layers=tuple(surveyed),
        images=int(manifest["images"]["read"]),
        unreadable=tuple(
            zip(unreadable["image"].to_pylist(), unreadable["reason"].to_pylist(), strict=True)
        ),
        content=str(manifest["images"]["content"]),
        classes=classes,
        class_images=tuple(int(saved["images"]) for saved in manifest["classes"]),
        names=names,
        crops=_Pictures(folder / CROPS),
        settings=manifest["settings"],
        notes=tuple(map(str, manifest["notes"])),
        twins=_twins(folder / TWINS) if (folder / TWINS).exists() else (),
        other=None if other is None else _model(other, ()),
        counted_as={str(name): str(of) for name, of in manifest.get("counted_as", {}).items()},
    )


def _model(saved: Mapping[str, Any], layers: Sequence[LayerInfo]) -> ModelInfo:
    return ModelInfo(
        name=str(saved["name"]),
        source=str(saved["source"]),
        digest=str(saved["digest"]),
        framework=str(saved["framework"]),
        inputs=(),
        outputs=(),
        layers=tuple(layers),
        parameters=int(saved.get("parameters", 0)),
        rewrites=tuple(saved.get("rewrites", ())),
    )


def _twins(path: Path) -> tuple[Twins, ...]:
    table = arrow().parquet.read_table(path)
    pairs = list(zip(table["layer"].to_pylist(), table["other_layer"].to_pylist(), strict=True))
    rows: dict[tuple[str, str], list[int]] = {}
    for row, pair in enumerate(pairs):
        rows.setdefault(pair, []).append(row)
    columns = [_array(table, name) for name in ("channel", "other_channel", "correlation")]
    twins = []
    for pair, numbers in rows.items():
        channels, others, values = (column[numbers] for column in columns)
        count = 1 + int(channels.max())
        twins.append(Twins(*pair, others.reshape(count, -1), values.reshape(count, -1)))
    return tuple(twins)


def _layer(saved: Mapping[str, Any]) -> LayerInfo:
    names = {field.name for field in dataclasses.fields(LayerInfo)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in saved.items()
        if name in names
    }
    placement = values.get("placement")
    if placement is not None:
        values["placement"] = Placement(tuple(placement["start"]), tuple(placement["step"]))
    return LayerInfo(**values)


def _rows_of(table: Any, layer: str) -> Any:
    pyarrow = arrow()
    same = pyarrow.compute.equal(table["layer"].cast(pyarrow.string()), layer)
    return table.filter(same).combine_chunks()


def _array(table: Any, name: str) -> NDArray[Any]:
    """A column of numbers; NaN where it is null."""
    array: NDArray[Any] = table[name].to_numpy()
    return array


def _survey(
    layer: LayerInfo,
    tables: Mapping[str, Any],
    indices: Mapping[str, int],
    classes: Sequence[str],
    length: int,
) -> LayerSurvey:
    rows = tables[CHANNELS]
    channels = rows.num_rows
    preferred = [
        -1 if name is None else classes.index(name) for name in rows["preferred"].to_pylist()
    ]
    grouped = {
        name: _array(tables[CLASSES], name).reshape(channels, len(classes)).T
        for name in ("images", "mean", "peak")
    }
    strongest, weakest = _examples(tables[TOP], channels, length, indices)
    more: dict[str, Any] = {name: _array(rows, name) for name in NUMBERS}
    if "neighbours" in rows.column_names:
        more |= {
            name: np.array(rows[name].to_pylist(), kind).reshape(channels, -1)
            for name, kind in (("neighbours", np.int64), ("correlations", np.float64))
        }
    return LayerSurvey(
        layer=layer,
        preferred=np.array(preferred, np.int64),
        peaks=_histogram(rows, "peak"),
        means=_histogram(rows, "mean"),
        strongest=strongest,
        weakest=weakest,
        class_images=grouped["images"],
        class_means=grouped["mean"].astype(np.float64),
        class_peaks=grouped["peak"].astype(np.float64),
        **more,
    )


def _histogram(table: Any, name: str) -> Histogram:
    rows = [table[f"{name}_bin_{part}"].to_pylist() for part in ("low", "high", "count")]
    edges = sorted(
        {pair for low, high in zip(*rows[:2], strict=True) for pair in zip(low, high, strict=True)}
    )
    columns = {pair: index for index, pair in enumerate(edges)}
    counts = np.zeros((table.num_rows, len(edges)), np.int64)
    for channel, (low, high, count) in enumerate(zip(*rows, strict=True)):
        for pair, number in zip(zip(low, high, strict=True), count, strict=True):
            counts[channel, columns[pair]] = number
    percentiles = [_array(table, f"{name}_p{percentile:02}") for percentile in PERCENTILES]
    return Histogram(np.array(edges, np.float64).reshape(-1, 2), counts, np.stack(percentiles, -1))


def _examples(
    table: Any, channels: int, length: int, indices: Mapping[str, int]
) -> tuple[Examples, Examples]:
    """The strongest images, with ranks from 1 on, and the weakest, with ranks from -1 down."""
    ranks = _array(table, "rank")
    rows = np.full((2, channels, length), -1)
    rows[(ranks < 0).astype(int), _array(table, "channel"), np.abs(ranks) - 1] = range(len(ranks))

    def by_rank(values: NDArray[Any], fill: int) -> NDArray[Any]:
        """Values by side, channel and rank; ``fill``, at index -1, where the table has no row."""
        last = np.full((1, *values.shape[1:]), fill, values.dtype)
        ranked: NDArray[Any] = np.concatenate([values, last])[rows]
        return ranked

    images = np.array([indices[name] for name in table["image"].to_pylist()], np.int64)
    positions = table["position"].to_pylist()
    axes = len(positions[0]) if positions else 0
    columns = (
        by_rank(images, -1),
        by_rank(_array(table, "activation"), 0),
        by_rank(np.array(positions, np.int64).reshape(len(positions), axes), 0),
        by_rank(np.stack([_integers(table[name]) for name in ("y0", "x0", "y1", "x1")], -1), -1),
        by_rank(_integers(table["crop"]), -1),
    )
    strongest, weakest = (Examples(*(column[side] for column in columns)) for side in (0, 1))
    return strongest, weakest


def _integers(column: Any) -> NDArray[np.int64]:
    """A column of integers; -1 where it is null."""
    array: NDArray[np.int64] = column.fill_null(-1).to_numpy().astype(np.int64)
    return array
