"""A survey as a document: what its layers do over the data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.document.blocks import Block, Cell, Column, Document, Facts, Part, Section, Table
from layersight.document.words import count, model_facts, number, own_notes, percent, plural
from layersight.nouns.survey.result import LayerSurvey, Survey


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What a page of a survey should look like: so far there is nothing to choose."""


def describe(result: Survey, options: PageOptions) -> Document:
    """The layers of a survey in a table."""
    scale = result.preprocessing
    facts = [
        ("images", count(result.images)),
        *([("unreadable", count(len(result.unreadable)))] if result.unreadable else []),
        *([("classes", _classes(result))] if result.classes else []),
        ("preprocessing", f"{scale.name}: {scale.describe()} ({scale.reason})"),
    ]
    front: tuple[Block, ...] = (Facts(tuple(facts)), *own_notes(result.notes))
    over = f"over {plural(result.images, 'image')}"
    return Document(
        title=result.model.name,
        kicker=f"Its channels {over}",
        facts=model_facts(result.model),
        parts=(Part((Section("Layers", (_table(result),), anchor="layers"),), front, follow=True),),
        caption=f"{result.model.name}, {result.model.digest}: channels {over}.",
        name=f"{result.model.name}: survey",
    )


def _classes(result: Survey) -> str:
    pairs = zip(result.classes, result.class_images, strict=True)
    listed = [f"{name} ({count(images)})" for name, images in pairs]
    more = f" and {len(listed) - 6} more" if listed[6:] else ""
    return ", ".join(listed[:6]) + more


def _table(result: Survey) -> Table:
    columns = (
        Column("layer", wide=2),
        Column("channels", "right"),
        Column("dead", "right"),
        Column("zero", "right"),
        Column("fires", "right"),
        Column("strongest", "right"),
        Column("selectivity", "right"),
    )
    note = (
        f"Dead: one and the same number over all {count(result.images)} images. Zero: the share of "
        "activations that are 0. Fires: the share of images with an activation above 0, in the "
        "mean over channels. Strongest: the greatest activation. Selectivity: the class "
        "selectivity index, in the mean over channels that have one."
    )
    return Table(columns, tuple(_row(entry) for entry in result.layers), note=note)


def _row(entry: LayerSurvey) -> tuple[Cell, ...]:
    def mean(values: NDArray[np.float64]) -> float:
        known = values[np.isfinite(values)]
        return float(known.mean()) if known.size else float("nan")

    def cell(value: float, *, share: bool = False) -> Cell:
        if value != value:
            return Cell("")
        return Cell(percent(value) if share else number(value))

    dead = int(entry.dead.sum())
    return (
        Cell(entry.name),
        Cell(count(entry.channels)),
        Cell(count(dead), "bad" if dead else "quiet"),
        cell(mean(entry.sparsity), share=True),
        cell(mean(entry.firing), share=True),
        cell(float(np.nanmax(entry.max)) if np.isfinite(entry.max).any() else float("nan")),
        cell(mean(entry.selectivity)),
    )
