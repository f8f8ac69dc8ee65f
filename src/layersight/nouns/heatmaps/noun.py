"""The forms of heatmaps: documents, numbers, arrays and files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.target import Target
from layersight.document.colour import blend
from layersight.document.noun import Array, Entry, Json, Noun, Stack, matching
from layersight.document.words import file_name, finite
from layersight.nouns.heatmaps.colours import heat_scale, percentile_of
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import (
    axis_names,
    in_padding,
    locate_heat,
    place_on_photograph,
)
from layersight.nouns.heatmaps.result import (
    Heatmaps,
    ImageMaps,
    Measure,
    default_view,
    group_by_image,
    select_maps,
)
from layersight.nouns.heatmaps.views import MapPictures
from layersight.nouns.heatmaps.wording import method_title, target_name
from layersight.nouns.survey.montage import example_numbers

SIDES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the sides of a map, by their number."""


def manifest(result: Heatmaps, options: HeatOptions) -> Json:
    view = options.view or (default_view(result) if len(result) else None)
    return {
        "images": [image.to_json() for image in result.images],
        "methods": dict(result.titles),
        "warnings": dict(result.warnings),
        "heatmaps": [_origin(result, index, options) for index in range(len(result))],
        "options": result.options.to_json(),
        "picture": {**dataclasses.asdict(options), "view": view},
    }


def _origin(result: Heatmaps, index: int, options: HeatOptions) -> Json:
    entry, scale = result.maps[index], heat_scale(result, index, options)
    return {
        "image": entry.image,
        "method": entry.method,
        "target": entry.target.to_json(),
        "score": finite(entry.score),
        "explained": finite(entry.explained),
        **({"images_below": finite(entry.below)} if result.surveyed else {}),
        "layers": list(entry.layers),
        "empty": entry.empty,
        "scale": {
            "low": scale.low,
            "high": scale.high,
            "ground": entry.neutral,
            "greatest": scale.most,
            "percentile": percentile_of(entry, options),
        },
    }


def numbers(result: Heatmaps, options: HeatOptions) -> Json:
    """Every map with its numbers, without its pixels."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.images[0].preprocessing.to_json(),
        "options": result.options.to_json(),
        "images": [_image(group) for group in group_by_image(result)],
        "heatmaps": [_heatmap(result, index, options) for index in range(len(result))],
        "warnings": dict(result.warnings),
    }


def _image(group: ImageMaps) -> Json:
    """An image, the part that the network saw, and its predictions."""
    values = {**group.input.to_json(), "number": group.image}
    if group.input.values.ndim == 3:
        photograph = group.photograph
        height, width = photograph.pixels.shape[:2]
        values["photograph"] = {"width": width, "height": height, "reduced": photograph.reduced}
        sides = ("top", "left", "bottom", "right")
        values["region"] = dict(zip(sides, photograph.region, strict=True))
    return {**values, "predictions": [prediction.to_json() for prediction in group.predictions]}


def _heatmap(result: Heatmaps, index: int, options: HeatOptions) -> Json:
    """One map with its numbers; ``None`` for what is unknown or not finite."""
    entry = result.maps[index]
    values = entry.values[np.isfinite(entry.values)].astype(np.float64)
    scale = heat_scale(result, index, options)
    where = locate_heat(result, index)

    def coordinates(values: tuple[float, ...] | None, *ends: str) -> Json | None:
        names = [axis + end for end in ends or ("",) for axis in where.axes]
        return None if values is None else dict(zip(names, values, strict=True))

    return {
        "image": entry.image,
        "image_name": result.images[entry.image].name,
        "method": entry.method,
        "title": method_title(result, entry),
        "target": entry.target.to_json(),
        "target_name": target_name(result, entry),
        "score": finite(entry.score),
        "explained": finite(entry.explained),
        **({"images_below": finite(entry.below)} if result.surveyed else {}),
        "layers": list(entry.layers),
        "size": dict(zip(SIDES[entry.coarse.ndim], entry.coarse.shape, strict=True)),
        "signed": entry.signed,
        "empty": entry.empty,
        "min": float(values.min()) if values.size else None,
        "max": float(values.max()) if values.size else None,
        "mean": float(values.mean()) if values.size else None,
        "scale": {"low": scale.low, "high": scale.high, "ground": entry.neutral},
        "hottest": coordinates(where.hottest),
        "centre": coordinates(where.centre),
        "box": coordinates(where.box, "0", "1"),
        "in_padding": in_padding(entry, result.photographs[entry.image]),
        "measures": [_measure(measure) for measure in entry.measures],
        **_strongest(result, entry.target),
        "notes": list(entry.notes),
    }


def _strongest(result: Heatmaps, target: Target) -> Json:
    """The images of a survey that show a target most, if there is one."""
    if (known := result.strongest(target)) is None:
        return {}
    survey, _, examples = known
    return {"strongest": example_numbers(survey, examples, target.unit)}


def rows(result: Heatmaps) -> Iterator[tuple[object, ...]]:
    """A head and a row for each map; for each metric its value and that of random maps."""
    plain = ("image_name", "method", "target_name", "score", "explained")
    after = ("min", "max", "mean", "empty")
    metrics = dict.fromkeys(measure.metric for entry in result for measure in entry.measures)
    heads = [head for name in metrics for head in (name, f"{name}_random")]
    axes = axis_names(result, 0) if len(result) else ("x", "y")
    yield (*plain, "layers", *after, *(f"hottest_{axis}" for axis in axes), *heads)
    for index, entry in enumerate(result):
        values = _heatmap(result, index, HeatOptions())
        hottest = values["hottest"] or {}
        pairs = {each.metric: (finite(each.value), finite(each.random)) for each in entry.measures}
        yield (
            *(values[name] for name in plain),
            " + ".join(entry.layers),
            *(values[name] for name in after),
            *map(hottest.get, axes),
            *(value for name in metrics for value in pairs.get(name, (None, None))),
        )


def _measure(measure: Measure) -> Json:
    """The values of a metric; ``None`` for those that are not finite."""
    random_known = math.isfinite(measure.value) and math.isfinite(measure.random)
    centre_known = random_known and math.isfinite(measure.centre)
    curve = measure.curve and {
        "shares": [finite(share) for share in measure.curve.shares],
        "scores": [finite(score) for score in measure.curve.scores],
    }
    return {
        "metric": measure.metric,
        "value": finite(measure.value),
        "random": finite(measure.random),
        "centre": finite(measure.centre),
        "higher_is_better": measure.higher_is_better,
        "better_than_random": measure.better_than_random if random_known else None,
        "better_than_centre": measure.better_than_centre if centre_known else None,
        "bar": measure.bar,
        "passes": measure.passes if random_known else None,
        "curve": curve,
    }


AXES = {1: ("position",), 2: ("y", "x"), 3: ("frame", "y", "x")}
"""The names of the axes of heat in files, by their number."""


def arrays(result: Heatmaps) -> dict[str, Array]:
    """Heat in the images' own size, NaN where the network saw nothing, and in that of its input.

    For photographs of several sizes there is ``heatmap_000`` and so on. For signals, frames and
    other inputs that are no picture both are in the size of the input.
    """
    positions = AXES[result.maps[0].values.ndim] if len(result) else AXES[2]
    is_picture = len(positions) == 2
    sizes = [
        result.photographs[entry.image].pixels.shape[:2] if is_picture else entry.values.shape
        for entry in result
    ]

    def heat(index: int) -> NDArray[Any]:
        entry = result.maps[index]
        photograph = result.photographs[entry.image]
        return place_on_photograph(entry, photograph) if is_picture else entry.values

    made: dict[str, Array] = {}
    if len(set(sizes)) == 1:
        stack = Stack((len(result), *map(int, sizes[0])), np.dtype(np.float32), heat)
        made["heatmap"] = Array(("map", *positions), stack, split=("map",))
    else:
        for index in range(len(result)):
            made[f"heatmap_{index:03d}"] = Array(positions, heat(index), own_axes=positions)
    words = {
        "image_name": [result.images[entry.image].name for entry in result],
        "method": [entry.method for entry in result],
        "layer": [" + ".join(entry.layers) for entry in result],
        "target_name": [target_name(result, entry) for entry in result],
    }
    values = np.stack([entry.values for entry in result]).astype(np.float32)
    axes = ("map", *(f"input_{name}" for name in positions))
    made["values"] = Array(axes, values, split=("map",), attributes=words)
    columns: dict[str, NDArray[Any]] = {
        "image": np.array([entry.image for entry in result], np.int64),
        "target": np.array([entry.target.unit for entry in result], np.int64),
        "score": np.array([entry.score for entry in result], np.float32),
        "explained": np.array([entry.explained for entry in result], np.float32),
        "ground": np.array([entry.neutral for entry in result], np.float32),
        "signed": np.array([entry.signed for entry in result], np.bool_),
        "empty": np.array([entry.empty for entry in result], np.bool_),
    }
    made |= {name: Array(("map",), column) for name, column in columns.items()}
    for name, lines in words.items():
        made[name] = Array(("map",), np.array(lines, np.str_), stored=False)
    return made


def folder(result: Heatmaps, options: HeatOptions) -> Iterator[Entry[Heatmaps, HeatOptions]]:
    """The document, three pictures of each map, and the numbers.

    The pictures of a map are its page with the scale, and in the image's own size the heat over the
    photograph and the heat alone, if there is any; their scale is in their text.
    """
    yield Entry("sheet.pdf", result, dataclasses.replace(options, view="sheet"))
    yield Entry("sheet.html", result, options)
    single = dataclasses.replace(options, view="single")
    for index in range(len(result)):
        part, stem = select_maps(result, [index]), file_stem(result, index)
        yield Entry(f"{stem}.png", part, single)
        if part.images[0].is_line:
            continue
        pictures = MapPictures(part, 0, options, part.photographs[0])
        extra = {"heatmap": _heatmap(part, 0, options)}
        overlay = blend(pictures.steps, pictures.scale.colours, pictures.overlay)
        yield Entry(f"{stem}-overlay.png", part, options, overlay, extra)
        if not pictures.cover:
            heat = pictures.scale.colours[pictures.steps]
            yield Entry(f"{stem}-heat.png", part, options, heat, extra)
    yield Entry("heatmaps.json", result, options)


def file_stem(result: Heatmaps, index: int) -> str:
    """The beginning of the names of a map's files, unique for each map."""
    entry = result.maps[index]
    image = file_name(Path(result.images[entry.image].name).stem)[:40]
    target = file_name(target_name(result, entry))[:40]
    return f"{index:03d}-{image}-{file_name(entry.method)}-{target}"


def part(
    result: Heatmaps, image: int | None = None, method: str | None = None
) -> tuple[Heatmaps, Mapping[str, object]]:
    """The maps of one image, or by one method.

    Raises:
        SelectionError: There are none.
    """
    rows = [{"image": entry.image, "method": entry.method} for entry in result]
    indices = matching(rows, "heatmap", image=image, method=method)
    return (result if len(indices) == len(result) else select_maps(result, indices)), {}


NOUN: Noun[Heatmaps, HeatOptions] = Noun(
    name="heatmaps",
    options=HeatOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    arrays=arrays,
    rows=rows,
    folder=folder,
    page={"view": "sheet"},
    only=part,
)
