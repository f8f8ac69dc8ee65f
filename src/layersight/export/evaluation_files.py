"""Evaluations as numbers on disk: JSON, a table of text, arrays; and arrays read back.

The rule of this module: every number stands with its image, its method and its metric, and the
numbers of maps that know nothing stand beside it.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.errors import OutputError
from layersight.export.arrays import archive_of
from layersight.export.manifest import manifest_of, read_manifest
from layersight.export.numbers import number
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Column, Evaluation, Row, mean
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

AXES = {
    "scores": ("image",),
    "values": ("method", "metric", "image"),
    "random": ("method", "metric", "image"),
    "centre": ("metric", "image"),
    "bars": ("method", "metric", "image"),
}
"""The arrays of a result and the names of their axes."""

HEADS = (
    *("image", "target", "score", "method", "metric", "higher_is_better"),
    *("value", "random", "centre", "bar", "better"),
)
"""The columns of the table of text."""


def evaluation_to_json(result: Evaluation, options: TableOptions) -> dict[str, Any]:
    """The means of every method, and every number of every image."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.preprocessing.to_json(),
        "explained": result.explained,
        "count": result.count,
        "metrics": [dataclasses.asdict(column) for column in result.columns],
        "methods": [
            {**dataclasses.asdict(row), "metrics": _summary(result, place)}
            for place, row in enumerate(result.rows)
        ],
        "random": [
            {"grain": list(cells), "means": _named(result, mean(result.random_of(cells)))}
            for cells in result.grains
        ],
        "centre": _named(result, mean(result.centre)),
        "images": [_image(result, place) for place in range(len(result.images))],
        "manifest": manifest_of(result, options),
    }


def to_csv(result: Evaluation, options: TableOptions) -> bytes:
    """One line for each image, method and metric, with a head; UTF-8."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADS)
    for image, name in enumerate(result.images):
        said = (name, result.targets[image].name, _plain(result.scores[image]))
        for method, row in enumerate(result.rows):
            for metric, column in enumerate(result.columns):
                place = (method, metric, image)
                value, bar = float(result.values[place]), float(result.bars[place])
                wins = value > bar if column.higher_is_better else value < bar
                numbers = (value, result.random[place], result.centre[metric, image], bar)
                table.writerow(
                    [
                        *map(harmless, said),
                        *(row.name, column.name, int(column.higher_is_better)),
                        *map(_plain, numbers),
                        int(wins) if value == value else "",
                    ]
                )
    return text.getvalue().encode("utf-8", "backslashreplace")


def to_npz(result: Evaluation, options: TableOptions) -> bytes:
    """All arrays by name, and the names along their axes."""
    words = {
        "image": np.array(result.images, np.str_),
        "method": np.array(result.methods, np.str_),
        "metric": np.array(result.metrics, np.str_),
        "target": np.array([json.dumps(target.to_json()) for target in result.targets], np.str_),
    }
    arrays: dict[str, NDArray[Any]] = {name: getattr(result, name) for name in AXES}
    return archive_of({**arrays, **words}, manifest_of(result, options))


def read_evaluation(path: str | os.PathLike[str], model: ModelInfo) -> Evaluation:
    """The evaluation in a ``.npz`` file.

    Args:
        path: What :func:`layersight.save` wrote.
        model: The model that it is of.

    Raises:
        OutputError: It is no such file, or of another model.
    """
    place = Path(path)
    manifest = read_manifest(place)
    try:
        if manifest["kind"] != "evaluation":
            raise ValueError(f"it holds {manifest['kind']}")
        with np.load(place, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name], np.float32) for name in AXES}
            images = tuple(str(name) for name in archive["image"])
            targets = tuple(_target(json.loads(str(text))) for text in archive["target"])
        found = Evaluation(
            model=model,
            options=HeatmapOptions(**manifest["options"]),
            measured=MeasureOptions(
                **{**manifest["measured"], "shares": tuple(manifest["measured"]["shares"])}
            ),
            preprocessing=Preprocessing.from_json(manifest["preprocessing"]),
            images=images,
            explained=str(manifest["explained"]),
            targets=targets,
            rows=tuple(_row(saved) for saved in manifest["methods"]),
            columns=tuple(Column(**saved) for saved in manifest["metrics"]),
            count=int(manifest["count"]),
            notes=tuple(str(note) for note in manifest["notes"]),
            **arrays,
        )
        _check(found, arrays)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise OutputError(f"no evaluation in {place}: {str(error)[:120]}") from error
    if manifest["model"]["digest"] != model.digest:
        raise OutputError(f"the evaluation in {place} is of another model: {manifest['model']}")
    return found


def harmless(text: object) -> object:
    """A cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("dog.jpg"), harmless(0.5)
    ("'=1+1", 'dog.jpg', 0.5)
    """
    risky = isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{text}" if risky else text


def _plain(value: Any) -> str:
    """A number as text; nothing where there is none."""
    return f"{float(value):.7g}" if np.isfinite(value) else ""


def _summary(result: Evaluation, place: int) -> dict[str, Any]:
    columns = {
        "mean": result.means,
        "error": result.errors,
        "better": result.better,
        "leading": result.leading,
    }
    return {
        column.name: {
            name: number(values[place, metric].item()) for name, values in columns.items()
        }
        for metric, column in enumerate(result.columns)
    }


def _named(result: Evaluation, values: NDArray[np.float32]) -> dict[str, Any]:
    return {
        name: number(value) for name, value in zip(result.metrics, values.tolist(), strict=True)
    }


def _image(result: Evaluation, place: int) -> dict[str, Any]:
    return {
        "name": result.images[place],
        "target": result.targets[place].to_json(),
        "score": number(float(result.scores[place])),
        "values": {
            row.name: _named(result, result.values[method, :, place])
            for method, row in enumerate(result.rows)
        },
        "random": {
            row.name: _named(result, result.random[method, :, place])
            for method, row in enumerate(result.rows)
        },
        "centre": _named(result, result.centre[:, place]),
    }


def _row(saved: dict[str, Any]) -> Row:
    cells = saved["grain"]
    return Row(**{**saved, "layers": tuple(saved["layers"]), "grain": (cells[0], cells[1])})


def _target(saved: dict[str, Any]) -> Target:
    known = {field.name for field in dataclasses.fields(Target)}
    where = saved["where"] if isinstance(saved["where"], str) else tuple(saved["where"])
    return Target(**{name: saved[name] for name in known if name in saved} | {"where": where})


def _check(found: Evaluation, arrays: dict[str, NDArray[np.float32]]) -> None:
    sizes = {
        "method": len(found.rows),
        "metric": len(found.columns),
        "image": len(found.images),
    }
    for name, axes in AXES.items():
        if arrays[name].shape != tuple(sizes[axis] for axis in axes):
            raise ValueError(f"'{name}' has the shape {arrays[name].shape}")
    if len(found.targets) != len(found.images):
        raise ValueError("not every image has a target")
