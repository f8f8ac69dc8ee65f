"""The document, the numbers and the files of a survey."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from layersight.data.model import ModelInfo
from layersight.document.noun import Entry, Json, Noun
from layersight.document.words import finite
from layersight.nouns.survey import tables
from layersight.nouns.survey.bins import ERROR
from layersight.nouns.survey.document import PageOptions, describe
from layersight.nouns.survey.result import PERCENTILES, LayerSurvey, Survey


def manifest(result: Survey, options: PageOptions) -> Json:
    """Where the numbers come from."""
    return {
        "preprocessing": result.preprocessing.to_json(),
        "size": result.size,
        "images": {
            "read": result.images,
            "unreadable": len(result.unreadable),
            "content": result.content,
        },
        "classes": [
            {"name": name, "images": count}
            for name, count in zip(result.classes, result.class_images, strict=True)
        ],
        "percentiles": list(PERCENTILES),
        "relative_error": ERROR,
        "settings": dict(result.settings),
        "layers": [dataclasses.asdict(entry.layer) for entry in result.layers],
        "counted_as": dict(result.counted_as),
        **({} if result.other is None else {"other": _identity(result.other)}),
    }


def _identity(model: ModelInfo) -> Json:
    return {name: getattr(model, name) for name in ("name", "source", "digest", "framework")}


def numbers(result: Survey, options: PageOptions) -> Json:
    """The numbers of every channel, without lists of images."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "images": result.images,
        "unreadable": len(result.unreadable),
        "classes": list(result.classes),
        "layers": [
            {
                "name": entry.name,
                "channels": [channel_numbers(entry, n) for n in range(entry.channels)],
            }
            for entry in result.layers
        ],
    }


def channel_numbers(entry: LayerSurvey, number: int) -> Json:
    """The numbers of one channel."""
    values = {name: getattr(entry, name)[number].item() for name in tables.NUMBERS}
    return {
        "index": number,
        **{
            name: finite(value) if isinstance(value, float) else value
            for name, value in values.items()
        },
    }


def rows(result: Survey) -> Iterator[tuple[object, ...]]:
    """One line for each channel, with a head."""
    yield ("layer", "channel", *tables.NUMBERS)
    for entry in result.layers:
        for number in range(entry.channels):
            yield (entry.name, *channel_numbers(entry, number).values())


def folder(result: Survey, options: PageOptions) -> Iterator[Entry[Survey, PageOptions]]:
    """The files of a folder: the tables, and the report to look at."""
    for name, content in tables.files(result):
        yield Entry(name, result, options, content=content)
    for name in ("report.html", "report.pdf"):
        yield Entry(name, result, options)


NOUN: Noun[Survey, PageOptions] = Noun(
    name="survey",
    options=PageOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    rows=rows,
    folder=folder,
    words={"view": "layers"},
)
