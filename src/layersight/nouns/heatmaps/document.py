"""Heatmaps as a document.

The rule of this module: what a reader needs to judge heatmaps comes before the first one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from layersight.document.blocks import (
    Beside,
    Block,
    Cell,
    Column,
    Document,
    Facts,
    Note,
    Part,
    Section,
    Table,
)
from layersight.document.image import input_note, prediction_blocks
from layersight.document.layers import model_document
from layersight.document.words import MOST_NAMED, brief, number, plural, result_notes, size
from layersight.errors import SelectionError, few
from layersight.nouns.heatmaps.colours import heat_scale
from layersight.nouns.heatmaps.lines import heat_blocks
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak, is_cropped, reduce_photograph
from layersight.nouns.heatmaps.result import (
    Heatmaps,
    ImageMaps,
    default_view,
    group_by_image,
    image_view,
)
from layersight.nouns.heatmaps.views import (
    MapPictures,
    input_picture,
    limited_photograph,
    sections_of,
)
from layersight.nouns.heatmaps.wording import (
    captions,
    explained_head,
    explained_words,
    facts,
    layer_words,
    method_title,
    position_word,
    size_words,
    target_name,
    view_words,
    warnings_of,
)


def describe(result: Heatmaps, options: HeatOptions) -> Document:
    """The document of heatmaps.

    Raises:
        SelectionError: There is nothing, or too much, for the view to show.
    """
    if not len(result):
        raise SelectionError("no heatmaps to draw: the result holds none")
    view = options.view or default_view(result)
    groups = group_by_image(result)
    if view == "sheet":
        part = _sheet(result, groups, options)
    else:
        sections = tuple(each for group in groups for each in sections_of(group, options, view))
        part = Part(sections, notes=(*result_notes(result.notes), *_methods(result, options)))
    lines = captions(result, options)
    return model_document(
        result.model,
        f"Which {position_word(result)} decided",
        [part],
        f"heatmaps of {', '.join(brief(group.name) for group in groups[:4])}",
        captions=lines,
        heading="Heatmaps",
        guide=(*warnings_of(result, result.maps), *lines[:-1]),
        caption=_caption(result, options, lines),
        fewer="choose one image and one target, or fewer methods",
    )


def _caption(result: Heatmaps, options: HeatOptions, lines: Sequence[str]) -> str:
    words = [
        f"{brief(result.images[entry.image].name)}: {target_name(result, entry)}, "
        f"{method_title(result, entry)}, {facts(result, entry, options)}"
        for entry in result
    ]
    maps = f"Heatmaps: {few(words, MOST_NAMED, '; ')}."
    return " ".join([maps, *warnings_of(result, result.maps), *lines])


def _methods(result: Heatmaps, options: HeatOptions) -> tuple[Note, ...]:
    """Notes on the methods: what they explain, and how they can mislead."""
    lines = []
    for method in result.methods:
        entries = [entry for entry in result if entry.method == method]
        words = [method_title(result, entries[0])]
        words += dict.fromkeys(filter(None, map(layer_words, entries)))
        words += dict.fromkeys(size_words(entry, smooth=options.smooth) for entry in entries)
        lines.append(f"{', '.join(words)}.")
    notes = Note((*lines, explained_words(result)), "How they were made")
    warnings = warnings_of(result, result.maps)
    return (notes, Note(tuple(warnings), tone="bad")) if warnings else (notes,)


def _sheet(result: Heatmaps, groups: list[ImageMaps], options: HeatOptions) -> Part:
    """A cover; then each image with its predictions and all its maps."""
    front: tuple[Block, ...] = (
        _explanation(result, options),
        *_methods(result, options),
        *result_notes(result.notes),
        _images(result, groups),
    )
    sections: list[Section] = []
    for group in groups:
        photograph = input_picture(group, limited_photograph(group))
        story = (
            input_note(group.input, "How it came to the network", named=False),
            *prediction_blocks(group.predictions[:1]),
        )
        values = group.input.values
        extent = f"{size(group.input.original_size)} pixels"
        if values.ndim != 3:
            extent = plural(len(values), "number") if values.ndim == 1 else size(values.shape)
        sections.append(
            Section(
                group.name,
                (Beside(((photograph,), story)),),
                kind=f"{extent}, {plural(len(group.indices), 'heatmap')}",
                facts=view_words(group),
                anchor=f"image:{group.image}",
                fresh=True,
            )
        )
        maps = sections_of(group, options, image_view(group), bare=True)
        sections += [dataclasses.replace(each, listed=False) for each in maps]
    return Part(tuple(sections), front, anchor="cover:heatmaps")


def _images(result: Heatmaps, groups: list[ImageMaps]) -> Table:
    """A table with a row for each target of each image."""
    rows = []
    logit = explained_head(result)
    for group in groups:
        page = f"image:{group.image}"
        for target in group.targets:
            indices = [at for at in group.indices if result.maps[at].target == target]
            entry = result.maps[indices[0]]
            empty = sum(result.maps[at].empty for at in indices)
            differs = entry.explained != entry.score
            rows.append(
                (
                    Cell(str(group.image + 1), "quiet"),
                    Cell(group.name, target=page),
                    Cell(target_name(result, entry)),
                    Cell(number(entry.score)),
                    Cell(number(entry.explained) if differs else ""),
                    Cell(str(len(indices))),
                    Cell(plural(empty, "map") if empty else "", "bad"),
                    Cell(describe_peak(result, indices[0])),
                    Cell(target=page),
                )
            )
    columns = (
        *(Column("", "right"), Column("image", wide=2), Column("explained", wide=2)),
        *(Column(name, "right") for name in ("score", logit or "logit", "maps", "no evidence")),
        *(Column("hottest", wide=1), Column("page", "right", pages=True)),
    )
    pictures = all(image.values.ndim == 3 for image in result.images)
    return Table(columns, tuple(rows), "Images" if pictures else "Inputs")


def _explanation(result: Heatmaps, options: HeatOptions) -> Beside:
    """One map over its photograph, and the meaning of everything in it."""
    index = next((index for index, entry in enumerate(result) if not entry.empty), 0)
    entry = result.maps[index]
    words = (
        f"{method_title(result, entry)} over {result.images[entry.image].name}: the "
        f"{position_word(result)} that decided the score of {target_name(result, entry)}, as this "
        "method sees it."
    )
    if result.images[entry.image].is_line:
        drawn = tuple(heat_blocks(result, index, options, wide=230.0)[-1:])
    else:
        photograph = reduce_photograph(result.photographs[entry.image], (400, 400))
        drawn = (MapPictures(result, index, options, photograph).overlaid(side=150.0),)
    return Beside(
        (
            drawn,
            (Note((words,), "How to read a heatmap"), Facts(tuple(_terms(result, options)))),
        )
    )


def _terms(result: Heatmaps, options: HeatOptions) -> Iterator[tuple[str, str | Cell]]:
    """Every mark that occurs, with its meaning."""
    heat = [index for index, entry in enumerate(result) if not entry.empty and not entry.signed]
    signed = [index for index, entry in enumerate(result) if not entry.empty and entry.signed]
    if heat:
        words = "from 0 on the left to the value under the bar's right end"
        yield "heat", Cell(note=words, swatch=heat_scale(result, heat[0], options).ramp())
    if signed:
        has_neutral = {result.maps[index].neutral != 0 for index in signed}
        pale = {(False,): "0", (True,): "the mean score", (False, True): "0 or the mean score"}
        words = (
            f"blue: speaks against; pale: {pale[tuple(sorted(has_neutral))]}; red: speaks for it"
        )
        yield "signed", Cell(note=words, swatch=heat_scale(result, signed[0], options).ramp())
    yield "score", "what the network gives for what is explained"
    if any(entry.explained != entry.score for entry in result):
        yield explained_head(result), "the same before the last activation, from minus to plus"
    if any(map(is_cropped, result.photographs)):
        yield "faded", "the network did not see this part of the photograph"
    if any(entry.empty for entry in result):
        yield "no evidence", "the method found 0 everywhere"
