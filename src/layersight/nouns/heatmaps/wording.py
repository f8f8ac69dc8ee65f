"""Heatmaps in words, the same in every picture.

The rule of this module: a map is described with the score that it explains, the method and layer
that made it, and the end of its scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from layersight.data.prediction import PROBABILITIES, is_value, last_activation, quantity
from layersight.data.target import AXIS_NAMES, MEAN, PREDICTED, Target
from layersight.document.blocks import Note
from layersight.document.words import (
    DASH,
    DOT,
    input_line,
    model_line,
    number,
    percent,
    plural,
    scale_line,
    size,
)
from layersight.nouns.heatmaps.classes import spatial_shape
from layersight.nouns.heatmaps.colours import percentile_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import in_padding, is_cropped, is_padded, visible_part
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps, ImageMaps, Measure

MOST_NOTES = 6  # notes below a picture at most; a document and the numbers hold all
NO_EVIDENCE = "no evidence: all 0"  # the words for a map of zeros


def method_title(result: Heatmaps, entry: Heatmap) -> str:
    return result.titles.get(entry.method, entry.method)


def target_name(result: Heatmaps, entry: Heatmap) -> str:
    """What a map explains: a class by its name, anything else with its layer and position."""
    target, model = entry.target, result.model
    if isinstance(target.where, str):
        where = {MEAN: "", PREDICTED: ", where it is the strongest"}[target.where]
    else:
        layer = next((each for each in model.layers if each.name == target.layer), None)
        where = _region(target.where, 2 if layer is None else len(spatial_shape(layer)) or 2)
    name = unit_words(result, target)
    if is_value(model, target.layer) and target.against is None:
        return f"{'raises' if target.sign > 0 else 'lowers'} {name}{where}"
    return name + where


def unit_words(result: Heatmaps, target: Target) -> str:
    """The unit of a target: a class by its name, anything else with its layer."""
    model = result.model
    if is_value(model, target.layer) and target.against is None:
        return quantity(model, target.layer, target.unit)
    if target.layer not in (*model.outputs, *model.output_layers):
        return f"{target.layer} {target.name}"
    return (f"{target.layer}, " if len(model.outputs) > 1 else "") + target.name


def map_name(result: Heatmaps, entry: Heatmap) -> str:
    image = result.images[entry.image].name
    return f"{method_title(result, entry)} of {target_name(result, entry)} on {image}"


def join_words(*words: str) -> str:
    return DOT.join(filter(None, words))


def _region(where: tuple[int, ...], axes: int = 2) -> str:
    """A position or region of a map with a number of axes.

    >>> _region((4, 7)), _region((10, 30, 20, 60)), _region((10, 30), 1)
    (', position 4, 7', ', rows 10–19, columns 30–59', ', positions 10–29')
    """
    if len(where) == axes:
        return f", position {', '.join(map(str, where))}"
    spans = zip(AXIS_NAMES[axes], where[:axes], where[axes:], strict=True)
    return "".join(f", {name}s {start}{DASH}{end - 1}" for name, start, end in spans)


def score_words(result: Heatmaps, entry: Heatmap) -> str:
    """The score, and the logit if that is another number."""
    value = is_value(result.model, entry.target.layer)
    words = f"{'value' if value and entry.target.sign > 0 else 'score'} {number(entry.score)}"
    if entry.below == entry.below:
        words += f" (no greater for {percent(entry.below)} of {plural(result.surveyed, 'image')})"
    if entry.explained == entry.score or not math.isfinite(entry.explained):
        return words
    return f"{words}{DOT}{explained_name(result, entry)} {number(entry.explained)}"


def explained_name(result: Heatmaps, entry: Heatmap) -> str:
    """The name of the number that is explained, if it is not the score itself."""
    if result.options.score != "logit" or not entry.target.before:
        return "explained"
    layer = next((each for each in result.model.layers if each.name == entry.target.layer), None)
    function = None if layer is None else last_activation(result.model, layer)
    return "logit" if function is None or function in PROBABILITIES else f"before {function}"


def explained_head(result: Heatmaps) -> str:
    """The head of the column of numbers that are explained; empty if all are the scores."""
    names = {explained_name(result, entry) for entry in result if entry.explained != entry.score}
    if len(names) > 1:
        return "explained number"
    values = all(is_value(result.model, entry.target.layer) for entry in result)
    return names.pop() if names else "" if values and len(result) else "logit"


def layer_words(entry: Heatmap) -> str:
    """The layers whose maps were used; if many, the first and the last."""
    if len(entry.layers) <= 1:
        return "".join(f"layer {name}" for name in entry.layers)
    return f"{len(entry.layers)} layers, {layer_names(entry)}"


def layer_names(entry: Heatmap) -> str:
    if len(entry.layers) <= 2:
        return " + ".join(entry.layers)
    return f"{entry.layers[0]} to {entry.layers[-1]}"


def size_words(entry: Heatmap, *, smooth: bool = True) -> str:
    """The size of the map that the method gave, and whether it was enlarged."""
    words = f"{size(entry.coarse.shape)} map"
    if entry.values.ndim == 1:
        words = f"map of {plural(len(entry.coarse), 'value')}"
    if entry.coarse.shape == entry.values.shape:
        return words
    return f"{words}, enlarged" + ("" if smooth else " as squares")


def facts(result: Heatmaps, entry: Heatmap, options: HeatOptions) -> str:
    return join_words(
        score_words(result, entry),
        layer_words(entry),
        size_words(entry, smooth=options.smooth),
        NO_EVIDENCE if entry.empty else "",
    )


def view_words(group: ImageMaps) -> str:
    """The part of the photograph that the network saw; empty if it saw exactly all of it."""
    photograph, words = group.photograph, []
    if is_cropped(photograph):
        by = photograph.reduced
        height, width = photograph.pixels.shape[:2]
        top, left, bottom, right = visible_part(photograph)
        part = size((round((right - left) * by), round((bottom - top) * by)))
        full = size((round(width * by), round(height * by)))
        words.append(f"The network saw {part} of {full} pixels; the rest is faded: not seen.")
    if is_padded(photograph):
        shares = [in_padding(entry, photograph) for entry in group.maps if not entry.empty]
        heat = ""
        if shares:
            ends = dict.fromkeys(map(percent, (min(shares), max(shares))))
            heat = f"; {' to '.join(ends)} of the heat lies there"
        words.append(f"Black was put around the photograph{heat}.")
    return " ".join(words)


def prediction_words(group: ImageMaps) -> str:
    """The predictions for an image in words; empty if there are none."""
    predictions = [
        (f"{entry.output}: " if len(group.predictions) > 1 else "") + entry.describe()
        for entry in group.predictions
        if entry.describe()
    ]
    return f"The model says: {'; '.join(predictions)}." if predictions else ""


def warnings_of(result: Heatmaps, entries: tuple[Heatmap, ...]) -> list[str]:
    used = dict.fromkeys(entry.method for entry in entries)
    return [result.warnings[method] for method in used if method in result.warnings]


def remarks(group: ImageMaps) -> list[str]:
    """The notes of the maps of an image, each once."""
    several = len(group.methods) > 1
    notes = [
        f"{method_title(group.result, entry)}: {note}" if several else note
        for entry in group.maps
        for note in entry.notes
    ]
    return list(dict.fromkeys(notes))


def notes_below(
    group: ImageMaps, entries: Sequence[Heatmap], lines: Sequence[str]
) -> tuple[Note, ...]:
    """The notes below pictures: the warnings of their methods, then other lines."""
    lines = [line for line in lines if line]
    if len(lines) > MOST_NOTES:
        lines[MOST_NOTES:] = [f"and {len(lines) - MOST_NOTES} more notes"]
    warnings = warnings_of(group.result, tuple(entries))
    notes = (Note(tuple(warnings), tone="bad"), Note(tuple(lines)))
    return tuple(note for note in notes if note.lines)


def image_lines(group: ImageMaps) -> list[str]:
    return [view_words(group), *group.result.notes]


GOOD, BAD = ("better", "passes"), ("worse", "fails")
"""The good and the bad results of :func:`verdict_words`."""


def direction_words(higher_is_better: bool) -> str:
    return "high is good" if higher_is_better else "low is good"


def verdict_words(measure: Measure) -> str:
    """The result of a metric for a heatmap in words.

    It is better if it is better than the random map and the map of the centre; by a metric with a
    bar, it passes or fails.
    """
    if not (math.isfinite(measure.value) and math.isfinite(measure.random)):
        return DASH
    if measure.bar is not None:
        return "passes" if measure.passes else "fails"
    if measure.value == measure.random:
        return "no different"
    if not measure.better_than_random:
        return "worse"
    return "better" if measure.better_than_centre else "outdone"


def colours(result: Heatmaps, options: HeatOptions) -> tuple[str, ...]:
    """The meaning of the colours and the ends of the scales; a line for each kind of heat."""
    entries = [entry for entry in result if not entry.empty]
    plain = [entry for entry in entries if not entry.signed]
    signed = [entry for entry in entries if entry.signed and not entry.neutral]
    scores = [entry for entry in entries if entry.signed and entry.neutral]
    whose = "each map" if options.normalise == "own" else "the maps of an image and a method"
    lines = []
    if plain:
        end = _end(plain, options)
        lines.append(f"Heat: {options.colormap}, {whose} from 0 to {end}, as the method gives it.")
    if signed:
        sides = "against the target", "for it"
        if all(is_value(result.model, entry.target.layer) for entry in signed):
            sides = "lowers what is explained", "raises it"
        lines.append(
            f"Blue: {sides[0]}, red: {sides[1]}; {whose} as far below 0 as above, to "
            f"{_end(signed, options)}."
        )
    if scores:
        names = ", ".join(dict.fromkeys(method_title(result, entry) for entry in scores))
        lines.append(
            f"{names}: values are mean scores; pale: their mean under all masks, blue: below "
            "it, red: above, as far on both sides."
        )
    return tuple(lines) or ("No map holds any heat.",)


def _end(entries: list[Heatmap], options: HeatOptions) -> str:
    its = "its" if options.normalise == "own" else "their"
    ends = {percentile_of(entry, options) for entry in entries}
    if ends == {100.0}:
        return f"{its} greatest value"
    if 100.0 in ends:
        return f"{its} greatest value (of single pixels: the {min(ends):g}th percentile)"
    return f"the {min(ends):g}th percentile of {its} values"


def position_word(result: Heatmaps) -> str:
    axes = {image.values.ndim for image in result.images}
    if axes == {1}:
        return "numbers"
    return "positions" if axes == {2} else "pixels"


def overlay_words(result: Heatmaps, options: HeatOptions) -> str:
    """How heat covers a photograph; empty for vectors and signals."""
    axes = {entry.values.ndim for entry in result}
    if axes == {1}:
        return ""
    clear = f", below {percent(options.clear)} of its scale none" if options.clear else ""
    what, them = ("frames or slices", "them") if axes == {3} else ("photograph", "it")
    return (
        f"Over the {what} the strongest heat covers {percent(options.opacity)} of {them}, "
        f"weaker heat less{clear}."
    )


def explained_words(result: Heatmaps) -> str:
    """The number that the methods explain."""
    before = any(entry.target.before for entry in result)
    if result.options.score == "logit" and before and (name := explained_head(result)):
        called = " (the logit)" if name == "logit" else ""
        return f"Explained: the number before the last activation{called}."
    return "Explained: the number that the network gives."


def captions(result: Heatmaps, options: HeatOptions) -> tuple[str, ...]:
    """The lines at the foot of every page: the colours, the images and the model."""
    scales = {scale_line(image) for image in result.images}
    source = f"Input {plural(len(result.images), 'image')}, preprocessed each by itself."
    if len(result.images) == 1:
        source = f"Input {input_line(result.images[0])}."
    elif len(scales) == 1:
        source = f"Input {plural(len(result.images), 'image')}, {scales.pop()}."
    model = f"Model {model_line(result.model)}."
    meaning = f"{overlay_words(result, options)} {explained_words(result)}".strip()
    return *colours(result, options), meaning, source, model
