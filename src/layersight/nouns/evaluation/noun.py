"""The forms of evaluations: documents, numbers, arrays and files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.document.noun import Array, Json, Noun
from layersight.document.words import finite
from layersight.nouns.evaluation.document import describe
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
"""The arrays of a result, with the names of their axes."""

HEADS = (
    *("image", "target", "score", "method", "metric", "higher_is_better"),
    *("value", "random", "centre", "bar", "better"),
)
"""The columns of a CSV file."""


def manifest(result: Evaluation, options: TableOptions) -> Json:
    return {
        "preprocessing": result.preprocessing.to_json(),
        "explained": result.explained,
        "methods": [row.to_json() for row in result.rows],
        "metrics": [dataclasses.asdict(column) for column in result.columns],
        "options": result.options.to_json(),
        "measured": result.measured.to_json(),
        "count": result.count,
    }


def numbers(result: Evaluation, options: TableOptions) -> Json:
    """The means of every method, and all numbers of every image."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.preprocessing.to_json(),
        "explained": result.explained,
        "count": result.count,
        "metrics": [dataclasses.asdict(column) for column in result.columns],
        "methods": [
            {**row.to_json(), "metrics": _summary(result, index)}
            for index, row in enumerate(result.rows)
        ],
        "random": [
            {"grain": list(cells), "means": _by_metric(result, mean(result.random_of(cells)))}
            for cells in result.resolutions
        ],
        "centre": _by_metric(result, mean(result.centre)),
        "images": [_image(result, index) for index in range(len(result.images))],
    }


def _summary(result: Evaluation, index: int) -> Json:
    columns = {
        "mean": result.means,
        "error": result.errors,
        "better": result.better,
        "leading": result.leading,
    }
    return {
        column.name: {
            name: finite(values[index, metric].item()) for name, values in columns.items()
        }
        for metric, column in enumerate(result.columns)
    }


def _by_metric(result: Evaluation, values: NDArray[np.float32]) -> Json:
    return {
        name: finite(value) for name, value in zip(result.metrics, values.tolist(), strict=True)
    }


def _image(result: Evaluation, index: int) -> Json:
    return {
        "name": result.images[index],
        "target": result.targets[index].to_json(),
        "score": finite(float(result.scores[index])),
        "values": {
            row.name: _by_metric(result, result.values[method, :, index])
            for method, row in enumerate(result.rows)
        },
        "random": {
            row.name: _by_metric(result, result.random[method, :, index])
            for method, row in enumerate(result.rows)
        },
        "centre": _by_metric(result, result.centre[:, index]),
    }


def rows(result: Evaluation) -> Iterator[tuple[object, ...]]:
    """A head and a row for each image, method and metric."""
    yield HEADS
    for image, name in enumerate(result.images):
        target, score = result.targets[image].name, _seven_digits(result.scores[image])
        for method, row in enumerate(result.rows):
            for metric, column in enumerate(result.columns):
                at = (method, metric, image)
                value, bar = float(result.values[at]), float(result.bars[at])
                wins = value > bar if column.higher_is_better else value < bar
                numbers = (value, result.random[at], result.centre[metric, image], bar)
                yield (
                    *(name, target, score, row.name, column.name, int(column.higher_is_better)),
                    *map(_seven_digits, numbers),
                    int(wins) if value == value else None,
                )


def _seven_digits(value: Any) -> float | None:
    """A number in seven digits; ``None`` if it is not finite."""
    return float(f"{float(value):.7g}") if np.isfinite(value) else None


def arrays(result: Evaluation) -> dict[str, Array]:
    words = {
        "image": result.images,
        "method": result.methods,
        "metric": result.metrics,
        "target": [json.dumps(target.to_json()) for target in result.targets],
    }
    made = {name: Array(axes, getattr(result, name)) for name, axes in AXES.items()}
    for name, lines in words.items():
        axis = "image" if name == "target" else name
        made[name] = Array((axis,), np.array(lines, np.str_), stored=False)
    return made


def load(arrays: Mapping[str, NDArray[Any]], saved: Json, model: ModelInfo) -> Evaluation:
    """An evaluation from the arrays and the manifest of a file.

    Raises:
        ValueError: Something is missing or does not fit; likewise LookupError and TypeError.
    """
    measured = saved["measured"]
    values = {name: np.asarray(arrays[name], np.float32) for name in AXES}
    result = Evaluation(
        model=model,
        options=HeatmapOptions(**saved["options"]),
        measured=MeasureOptions(**{**measured, "shares": tuple(measured["shares"])}),
        preprocessing=Preprocessing.from_json(saved["preprocessing"]),
        images=tuple(str(name) for name in arrays["image"]),
        explained=str(saved["explained"]),
        targets=tuple(_target(json.loads(str(text))) for text in arrays["target"]),
        rows=tuple(_row(row) for row in saved["methods"]),
        columns=tuple(Column(**column) for column in saved["metrics"]),
        count=int(saved["count"]),
        notes=tuple(str(note) for note in saved["notes"]),
        **values,
    )
    sizes = {
        "method": len(result.rows),
        "metric": len(result.columns),
        "image": len(result.images),
    }
    for name, axes in AXES.items():
        if values[name].shape != tuple(sizes[axis] for axis in axes):
            raise ValueError(f"'{name}' has the shape {values[name].shape}")
    if len(result.targets) != len(result.images):
        raise ValueError("not every image has a target")
    return result


def _row(saved: Json) -> Row:
    values = {**saved, "layers": tuple(saved["layers"]), "resolution": tuple(saved["grain"])}
    del values["grain"]
    return Row(**values)


def _target(saved: Json) -> Target:
    names = {field.name for field in dataclasses.fields(Target)}
    where = saved["where"] if isinstance(saved["where"], str) else tuple(saved["where"])
    return Target(**{name: saved[name] for name in names if name in saved} | {"where": where})


NOUN: Noun[Evaluation, TableOptions] = Noun(
    name="evaluation",
    options=TableOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    arrays=arrays,
    store=False,
    rows=rows,
    table=True,
    load=load,
)
