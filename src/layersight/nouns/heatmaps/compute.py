"""Makes heatmaps: which pixels decided.

The rule of this module: a heatmap comes with the score that it explains and the layer that it was
made from; a method that does not apply says so and gives no picture.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from layersight.batch.gather import (
    check_batch_size,
    choose_preprocessing,
    find_input,
    gather,
    input_notes,
)
from layersight.batch.request import ImageOptions
from layersight.batch.scale import settle_scale
from layersight.data.fields import names_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.pace import progress_or_warning
from layersight.data.prediction import Prediction
from layersight.data.target import MEAN, Target
from layersight.document.words import plural
from layersight.errors import Interrupted, SelectionError, UsageError
from layersight.images import Source
from layersight.loading import open_for
from layersight.model import Forward
from layersight.nouns.heatmaps.builder import Builder, Context, LayerChooser
from layersight.nouns.heatmaps.cached import CachedModel, make_plan, supported_options
from layersight.nouns.heatmaps.classes import check_explained, names_of, output_layers
from layersight.nouns.heatmaps.goals import resolve_targets
from layersight.nouns.heatmaps.images import choose_input, make_image_set, picture_note
from layersight.nouns.heatmaps.metrics.metric import choose_metrics, explicit_names
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.nouns.heatmaps.settings import (
    choose_methods,
    make_heatmap_options,
    omitted_as_costly,
)
from layersight.nouns.heatmaps.targets import parse_targets
from layersight.nouns.heatmaps.work import Tracker
from layersight.nouns.survey.reading import survey_of
from layersight.nouns.survey.result import Survey
from layersight.select import LayerSpec

ImageSource = Source  # a file, an array, a Pillow image, or an image loaded before

TargetSpec = str | int | Target


@names_options(HeatmapOptions, ImageOptions)
def heatmap(
    model: Any,
    image: ImageSource | Sequence[ImageSource] | Mapping[str, Any],
    *,
    method: str | Sequence[str] = "grad-cam",
    target: TargetSpec | Iterable[TargetSpec] | None = None,
    top: int = 1,
    layer: LayerSpec | Iterable[LayerSpec] | None = None,
    score_with: str | Sequence[str] = (),
    input_name: str | None = None,
    survey: Survey | str | os.PathLike[str] | None = None,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Heatmaps:
    """Attributes the score of a target to the pixels of each image.

    Args:
        model: A model from :func:`layersight.load_model`, or an argument for it: a path, the name
            of an architecture, a live ``keras.Model``.
        image: A file, a folder, a glob, an array, an image from :func:`load_image`, several
            of these, or for a model with several inputs a mapping from their names to these,
            or a list of arrays, one for each input.
        method: The name of a method, several, or ``"all"`` for every one that applies and can be
            compared with the others, except the costly ones; ``"costly"`` for those.
        target: What is explained: a class by number or name, ``"not dog"``, ``"tiger vs cat"``,
            ``"LAYER:12"``, ``"LAYER:12@4,7"`` (row, column), ``"LAYER:1@10:20,30:60"`` (rows,
            columns), ``"LAYER:1@predicted"``, a ``layersight.data.target.Target``, or several of
            these for every image. ``None``: the strongest class of each image.
        top: How many of the strongest classes, if no target is given.
        layer: The layer whose maps are used, or several: their maps are fused by methods that
            take one. ``None``: the last with maps before the score.
        score_with: Names of metrics that measure how far each map can be believed; ``"all"``
            for all except the costly ones, ``"costly"`` for those.
        input_name: Which input is explained, for a model with several; the others keep their
            values.
        survey: A result of :func:`layersight.survey`, or its folder: gives the share of its images
            with no greater score, and shows the images that excite the target most.
        batch_size: Images in one pass.
        progress: Called repeatedly with the milliseconds that it took and those that it will take
            in total, as measured; ``None`` for a warning if that is long.
        options: Fields of ``HeatmapOptions`` (``score``, ``baseline``,
            ``steps``, ``samples``, ``noise``, ``masks``, ``cells``, ``keep``, ``window``,
            ``stride``, ``seed``) and of :class:`ImageOptions` (``scale``, ``fit``,
            ``interpolation``, ``size``, ``frame``, ``seed``).

    Returns:
        The heatmaps, image by image, target by target, method by method.

    Raises:
        SelectionError: A layer or class does not exist, or the layer is not suitable.
        ImageError: An image cannot be read.
        ModelInputError: The model takes no picture, a method does not apply to it, or values are
            not finite.
        UsageError: A method or option is unknown, out of its range, or used by no method.
        Interrupted: Ctrl-C; it holds the heatmaps that are done.
    """
    chosen = choose_methods(method)
    settings, image_options = make_heatmap_options(chosen, options)
    metrics = choose_metrics(score_with) if score_with else ()
    check_batch_size(batch_size)
    if top < 1:
        raise UsageError(f"expected at least 1 class of each image, found top={top}")
    if target is not None and top != 1:
        raise UsageError("top= is of the strongest classes: leave it out where a target is named")
    progress = progress_or_warning(progress, "Less: fewer methods and metrics, by name.")
    opened = open_for(
        model,
        Forward,
        "heatmap",
        "open the network that the weights belong to",
        surveyed=survey is not None,
    )
    settings, outputs_only = supported_options(opened, settings)
    info = opened.info
    surveyed = None if survey is None else survey_of(survey, info)
    entry = choose_input(info, input_name)
    gathered = gather(info, image, image_options, photographs_of=entry.name)
    inputs = gathered.images
    info = opened.describe({name: (1, *part[0].values.shape) for name, part in inputs.items()})
    entry = find_input(info, entry.name)
    inputs = settle_scale(opened, info, inputs)
    try:
        targets, notes = (None, ()) if target is None else parse_targets(info, target)
    except SelectionError:
        _check_sizes(opened, info, inputs)
        raise
    if targets is None and output_layers(info)[0].output_shape is None:
        _check_sizes(opened, info, inputs)
    check_explained(info, None if targets is None else [str(each.layer) for each in targets])
    image_set = make_image_set(inputs, entry, choose_preprocessing(entry, image_options.scale))
    chooser = LayerChooser(layer, [*outputs_only])
    plan = make_plan(info, chosen, targets, chooser.layer, before=settings.score == "logit")
    context = Context(CachedModel(opened, info, plan), info, image_set, settings, batch_size)
    count = len(inputs[entry.name])
    maps_of_method = count * (top if targets is None else len(targets))
    builder = Builder(
        context,
        chosen,
        chooser,
        strict=explicit_names(method) | explicit_names(score_with),
        metrics=metrics,
        tracker=Tracker(progress, maps_of_method),
    )
    predictions: list[tuple[Prediction, ...]] = []
    remarks: list[str] = []
    predicted = False
    stopped = False
    try:
        for start in range(0, count, batch_size):
            numbers = range(start, min(start + batch_size, count))
            resolved, of_batch, new_remarks = resolve_targets(
                context.model, info, inputs, targets, numbers, top=top
            )
            predicted |= any(each.predicted is None or each.predicted.any() for each in resolved)
            if numbers.stop == count and not predicted:
                nowhere = resolved[0].target
                raise SelectionError(
                    f"'{nowhere.name}' of '{nowhere.layer}' is nowhere the strongest: there is "
                    "nothing to explain. Name a region, as LAYER:CHANNEL@10:20,30:60, or leave "
                    "@predicted out"
                )
            predictions += of_batch
            remarks += new_remarks
            builder.add(resolved)
    except KeyboardInterrupt:
        stopped = True
    total = maps_of_method * len(chosen)
    if stopped and not builder.has_maps:
        raise Interrupted(None, total)
    maps = builder.finish()
    if stopped:
        remarks.append(f"stopped after {len(maps)} of {plural(total, 'heatmap')}")
        count = 1 + max(each.image for each in maps)
    if surveyed is not None:
        maps = tuple(_compare_with_survey(each, surveyed) for each in maps)
    used = [method for method in chosen if any(each.method == method.name for each in maps)]
    result = Heatmaps(
        model=info,
        options=settings,
        images=tuple(inputs[entry.name][:count]),
        photographs=gathered.photographs[:count],
        maps=maps,
        predictions=tuple(predictions[:count]),
        titles={each.name: each.title for each in used},
        warnings={each.name: each.warning for each in used if each.warning},
        survey=surveyed,
        notes=_notes(
            info,
            entry,
            [
                picture_note(entry),
                *input_notes(info, inputs),
                *notes,
                *remarks,
                gathered.note,
                *chooser.notes,
                None if surveyed is None else _survey_note(maps, surveyed),
                *omitted_as_costly(method, score_with),
            ],
        ),
    )
    if stopped:
        raise Interrupted(result, total)
    return result


def _compare_with_survey(entry: Heatmap, survey: Survey) -> Heatmap:
    """A heatmap with the share of the images of a survey that have no greater score."""
    target = entry.target
    comparable = target.against is None and target.sign > 0 and target.where == MEAN
    if not comparable or target.layer not in survey:
        return entry
    # The mean of a vector's unit is the unit.
    below = survey[target.layer].means.share_below(target.unit, entry.score)
    return dataclasses.replace(entry, below=below)


def _survey_note(maps: Iterable[Heatmap], survey: Survey) -> str:
    """Of which layers that are explained the survey says nothing, or only a part."""
    layers = [entry.target.layer for entry in maps]
    beside = any(name in survey.counted_as for name in layers)
    return survey.uncounted(layers) + (", whose strongest images stand below" if beside else "")


def _check_sizes(
    model: Forward, info: ModelInfo, inputs: Mapping[str, Sequence[InputImage]]
) -> None:
    """Lets the model raise the reason why the shape of a layer is unknown for these images."""
    for layer in info.layers:
        if layer.output_shape is None and layer.blocked is None:
            first = {name: entries[0].values[None] for name, entries in inputs.items()}
            model.forward(first, [layer.name])
            return


def _notes(info: ModelInfo, entry: InputInfo, more: Sequence[str | None]) -> tuple[str, ...]:
    notes = [*info.notes]
    others = [other.name for other in info.inputs if other.name != entry.name]
    if others:
        notes.append(f"explained is the input '{entry.name}'; kept as given: {', '.join(others)}")
    if info.labels is not None and all(
        names_of(info, layer) is None for layer in output_layers(info)
    ):
        notes.append(f"{len(info.labels)} class names do not fit the model's outputs")
    return tuple(dict.fromkeys(note for note in [*notes, *more] if note))
