"""What patterns can become."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.document.noun import Array, Entry, Json, Noun, matching
from layersight.document.words import file_name, finite, specification
from layersight.nouns.patterns.document import describe, frames
from layersight.nouns.patterns.request import GalleryOptions, PatternOptions
from layersight.nouns.patterns.result import AXES, LayerPatterns, Objective, Patterns, Term
from layersight.nouns.patterns.wording import Pattern

MARKS = ("median", "percentile_99", "greatest")
"""What the numbers of natural images are called."""

REACHED = ("activation", "start_activation", "robustness", "coverage")
"""What a pattern reached, and how well."""


def manifest(result: Patterns, options: GalleryOptions) -> Json:
    return {
        "preprocessing": result.preprocessing.to_json(),
        "natural_count": result.natural_count,
        "layers": [_layer(group) for group in result.by_layer()],
        "objectives": [objective.to_json() for objective in result],
        "options": result.options.to_json(),
        "picture": {"view": options.view or result.default_view, "columns": options.columns},
    }


def _layer(group: LayerPatterns) -> Json:
    """A layer, its channels, and which of them are dead."""
    result, indices = group.result, group.indices
    channels = {result.channels[index] for index in indices} - {-1}
    alive = {result.channels[index] for index in indices if not result.dead[index]}
    return {
        "name": group.name,
        "channels": specification(sorted(channels)),
        "dead": specification(sorted(channels - alive)),
    }


def numbers(result: Patterns, options: GalleryOptions) -> Json:
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.preprocessing.to_json(),
        "options": result.options.to_json(),
        "natural_count": result.natural_count,
        "frame_steps": list(result.frame_steps),
        "dead": int(result.dead.sum()),
        "failed": int(result.failed.sum()),
        "patterns": [_pattern(Pattern(result, index)) for index in range(len(result))],
    }


def _pattern(pattern: Pattern, *, history: bool = True) -> Json:
    """One pattern with its numbers; ``None`` for what is not known or no number."""
    result, objective, index = pattern.result, pattern.objective, pattern.index

    def number(name: str) -> object:
        values = getattr(result, name)
        return None if values is None else finite(float(values[index]))

    natural, steps = None, pattern.steps
    if result.natural is not None:
        natural = dict(zip(MARKS, map(finite, result.natural[index].tolist()), strict=True))
    return {
        "layer": objective.layer,
        "channel": objective.channel,
        "facet": objective.facet,
        "objective": {"words": objective.describe(), **objective.to_json()},
        **{name: number(name) for name in REACHED},
        **{name: bool(getattr(result, name)[index]) for name in ("dead", "failed", "converged")},
        "steps": steps,
        "ended": pattern.ending,
        "natural": natural,
        "percentile": number("percentile"),
        **({"history": [*map(finite, result.history[index][:steps].tolist())]} if history else {}),
    }


def arrays(result: Patterns) -> dict[str, Array]:
    """Every array of a result by name; ``natural`` is median, 99th percentile, greatest."""
    words = {
        "layer": list(result.layers),
        "objective": [objective.describe() for objective in result],
    }
    columns: dict[str, NDArray[Any]] = {
        "failed": result.failed,
        "channel": np.array(result.channels, np.int64),
        "facet": np.array([objective.facet for objective in result], np.int64),
    }
    names = dict(AXES)
    if result.images.shape[1:3] != result.values.shape[1:3]:
        names["values"] = ("pattern", "input_y", "input_x", "band")
    made = {
        name: Array(
            axes,
            np.asarray(values),
            split=("frame", "pattern") if len(axes) > 1 else (),
            attributes=words if name == "images" else {},
        )
        for name, axes in names.items()
        if (values := getattr(result, name)) is not None
    }
    made |= {name: Array(("pattern",), values) for name, values in columns.items()}
    if result.frame_steps:
        made["frame_steps"] = Array(("frame",), np.array(result.frame_steps, np.int64))
    for name, lines in words.items():
        made[name] = Array(("pattern",), np.array(lines, np.str_), stored=False)
    return made


def load(arrays: Mapping[str, NDArray[Any]], saved: Json, model: ModelInfo) -> Patterns:
    """Patterns from what a file holds; an error of Python where that does not fit."""
    optional = {field.name for field in dataclasses.fields(Patterns) if field.default is None}
    missing = [name for name in AXES if name not in arrays and name not in optional]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    known = {name: arrays[name] for name in AXES if name in arrays}
    options = saved["options"]
    result = Patterns(
        model=model,
        options=PatternOptions(**{**options, "size": tuple(options["size"])}),
        preprocessing=Preprocessing.from_json(saved["preprocessing"]),
        objectives=tuple(_objective(entry) for entry in saved["objectives"]),
        natural_count=int(saved["natural_count"]),
        frame_steps=tuple(int(step) for step in arrays.get("frame_steps", ())),
        notes=tuple(str(note) for note in saved["notes"]),
        **known,
    )
    counts = {values.shape[AXES[name].index("pattern")] for name, values in known.items()}
    if counts - {len(result)}:
        raise ValueError("its arrays have different lengths")
    return result


def rows(result: Patterns) -> Iterator[tuple[object, ...]]:
    """One line for each pattern, with a head; without natural images their columns are empty."""
    plain = ("layer", "channel", "facet", "activation", "start_activation", "robustness")
    after = ("dead", "failed", "converged", "steps", "ended", "percentile")
    yield (*plain, *after, *MARKS)
    for index in range(len(result)):
        known = _pattern(Pattern(result, index), history=False)
        marks = known["natural"] or {}
        yield (*(known[name] for name in plain + after), *(marks.get(name) for name in MARKS))


def _objective(saved: Json) -> Objective:
    terms = [
        Term(**{**term, "direction": None if term["direction"] is None else (*term["direction"],)})
        for term in saved["terms"]
    ]
    return Objective(tuple(terms), saved["facet"])


def folder(result: Patterns, options: GalleryOptions) -> Iterator[Entry[Patterns, GalleryOptions]]:
    """The document, a grid of each layer, every pattern as it is, the numbers."""
    yield Entry("sheet.pdf", result, dataclasses.replace(options, view="sheet"))
    yield Entry("sheet.html", result, options)
    grid = dataclasses.replace(options, view="grid")
    for number, group in enumerate(result.by_layer()):
        stem = f"{number:02d}-{file_name(group.name)}"
        yield Entry(f"{stem}.png", result.take(group.indices), grid)
        for order, index in enumerate(group.indices):
            pattern = Pattern(result, index)
            name = f"{stem}-{_file_part(pattern, order)}.png"
            extra = {"pattern": _pattern(pattern, history=False)}
            yield Entry(name, result.take([index]), options, pattern.pixels, extra)
    yield Entry("patterns.json", result, options)


def _file_part(pattern: Pattern, order: int) -> str:
    """What distinguishes a pattern from the others of its layer in a file name."""
    objective = pattern.objective
    single = len(objective.terms) == 1 and objective.channel >= 0
    name = f"{objective.channel:04d}" if single else f"sum{order:04d}"
    if pattern.result.options.facets > 1 or objective.facet:
        name += f"-facet{objective.facet}"
    return f"{name}-{pattern.mark}" if pattern.mark else name


def part(
    result: Patterns, layer: str | None = None, channel: int | None = None
) -> tuple[Patterns, Mapping[str, object]]:
    rows = [{"layer": objective.layer, "channel": objective.channel} for objective in result]
    indices = matching(rows, "pattern", layer=layer, channel=channel)
    return (result if len(indices) == len(result) else result.take(indices)), {}


NOUN: Noun[Patterns, GalleryOptions] = Noun(
    name="patterns",
    options=GalleryOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    arrays=arrays,
    rows=rows,
    folder=folder,
    frames=frames,
    load=load,
    page={"view": "grid"},
    only=part,
)
