"""Measures over many images how far the heatmaps of some methods can be believed.

The rule of this module: image by image, so that an interrupted evaluation is a complete one of
fewer images, and can be continued.
"""

from __future__ import annotations

import dataclasses
import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from layersight.batch.gather import (
    check_batch_size,
    find_input,
    input_label,
    load_sources,
    sources_of,
)
from layersight.batch.request import ImageOptions
from layersight.batch.scale import settle_scale
from layersight.data.fields import names_options, split_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.pace import progress_or_warning
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.document.words import plural
from layersight.errors import ImageError, Interrupted, ModelInputError, UsageError
from layersight.loading import open_for
from layersight.model import Forward
from layersight.nouns.evaluation.evaluating import Evaluator, ImageMeasures, assemble, check_same
from layersight.nouns.evaluation.result import Evaluation, concatenate
from layersight.nouns.heatmaps.builder import Context
from layersight.nouns.heatmaps.cached import CachedModel, supported_options
from layersight.nouns.heatmaps.classes import check_explained
from layersight.nouns.heatmaps.goals import resolve_targets
from layersight.nouns.heatmaps.images import ImagesByInput, choose_input, make_image_set
from layersight.nouns.heatmaps.methods.method import Method
from layersight.nouns.heatmaps.metrics.metric import DEFAULT, Metric, choose_metrics, explicit_names
from layersight.nouns.heatmaps.metrics.metric import metrics as all_metrics
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.settings import (
    check_options_used,
    choose_methods,
    make_heatmap_options,
)
from layersight.nouns.heatmaps.targets import parse_targets
from layersight.select import LayerSpec

STRONGEST = "the strongest class of each image"


@names_options(MeasureOptions, HeatmapOptions, ImageOptions)
def evaluate(
    model: Any,
    images: Any,
    *,
    methods: str | Sequence[str] = DEFAULT,
    metrics: str | Sequence[str] = DEFAULT,
    target: str | int | Target | None = None,
    layer: LayerSpec | Iterable[LayerSpec] | None = None,
    limit: int | None = None,
    input_name: str | None = None,
    batch_size: int = 16,
    done: Evaluation | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measures over some images how far the heatmaps of some methods can be believed.

    Args:
        model: A model from :func:`layersight.load_model`, or an argument for it: a path, the name
            of an architecture, a live ``keras.Model``.
        images: A folder, a glob, files, arrays, or several of these; for a model with several
            inputs a mapping from their names to these.
        methods: Names of methods; ``"default"`` or ``"all"`` for all that can be compared with each
            other except the costly ones, which show each image to the network hundreds of times;
            ``"costly"`` for those.
        metrics: Names of metrics; ``"default"`` or ``"all"`` for all except those that make each
            heatmap again; ``"costly"`` for those.
        target: What is explained for every image, as in :func:`layersight.heatmap`. ``None``: the
            strongest class of each.
        layer: The layer whose maps are used. ``None``: the last with maps before the score.
        limit: The number of images at most, evenly spread over all.
        input_name: Which input is explained, for a model with several.
        batch_size: Images in one pass.
        done: An interrupted evaluation with the same options, whose images are not measured again.
        progress: Called repeatedly with the milliseconds that it took and those that it will take
            in total, as measured; ``None`` for a warning if that is long.
        options: Fields of ``MeasureOptions`` (``points``, ``fill``,
            ``shares``, ``fill_noise``, ``radius``, ``copies``, ``stages``, ``randoms``), of
            ``HeatmapOptions`` and of :class:`ImageOptions`; ``seed`` is of
            all three.

    Returns:
        The number of every image for each method and metric, and those of maps that know nothing
        of the network: random maps, and one that is brightest in the middle.

    Raises:
        SelectionError: A layer or class does not exist, or the layer is not suitable.
        ImageError: An image cannot be read.
        ModelInputError: The model takes no picture, or a method requested by name does not apply.
        UsageError: A method, metric or option is unknown, out of its range, or used by none.
        Interrupted: Ctrl-C; it holds what is done.
    """
    chosen = choose_methods(methods)
    measures = choose_metrics(metrics)
    measured, settings, image_options = _make_options(chosen, measures, options)
    check_batch_size(batch_size)
    progress = progress_or_warning(progress, "Less: limit=10, or fewer methods and metrics.")
    opened = open_for(model, Forward, "evaluate", "open the network that the weights belong to")
    settings, outputs_only = supported_options(opened, settings)
    info = opened.info
    entry = choose_input(info, input_name)
    loader = _ImageLoader(opened, entry, images, image_options, limit)
    info = loader.prepare()
    entry = find_input(info, entry.name)
    targets = None
    if target is not None:
        targets, _ = parse_targets(info, target)
        if len(targets) > 1:
            raise UsageError(f"expected one target for all images, found {len(targets)}")
    check_explained(info, None if targets is None else [str(each.layer) for each in targets])
    explained = STRONGEST if targets is None else targets[0].name
    if done is not None:
        check_same(done, info, settings, measured, loader.scale, explained, chosen, measures)
        unknown = [name for name in done.images if name not in loader.names]
        if unknown:
            raise UsageError(
                f"the evaluation that is done holds an image that is not asked for, {unknown[0]}: "
                "give the same images, or start anew"
            )
        chosen = tuple(method for method in chosen if method.name in done.methods)
        measures = tuple(metric for metric in measures if metric.name in done.metrics)
    pending = [name for name in loader.names if done is None or name not in done.images]
    evaluator = Evaluator(
        *(chosen, measures, layer),
        strict=explicit_names(methods) | explicit_names(metrics),
        progress=progress,
        count=len(loader.names),
        done=done,
    )
    evaluator.note(outputs_only)
    cached = CachedModel(opened, info, None)
    image_measures: list[ImageMeasures] = []
    stopped = False
    try:
        for name, inputs in loader.load(pending):
            image_set = make_image_set(inputs, entry, loader.scale)
            context = Context(cached, info, image_set, settings, batch_size, measured)
            resolved, _, notes = resolve_targets(cached, info, inputs, targets, [0], top=1)
            evaluator.note(notes)
            image_measures.append(evaluator.measure_image(name, context, resolved[0]))
    except KeyboardInterrupt:
        stopped = True
    parts = [] if done is None else [done]
    if image_measures:
        notes = [*info.notes, *loader.notes]
        parts.append(assemble(evaluator, context, image_measures, loader.scale, explained, notes))
    measured_images = {name for part in parts for name in part.images}
    order = [name for name in loader.names if name in measured_images]
    result = concatenate(parts, order) if parts else None
    if stopped:
        raise Interrupted(result, len(loader.names))
    assert result is not None
    return result


def check(
    *,
    methods: str | Sequence[str] = DEFAULT,
    metrics: str | Sequence[str] = DEFAULT,
    **options: Any,
) -> None:
    """Refuses arguments that :func:`evaluate` refuses before it opens a model."""
    others = {"target", "layer", "limit", "input_name", "batch_size"}
    settings = {name: value for name, value in options.items() if name not in others}
    _make_options(choose_methods(methods), choose_metrics(metrics), settings)


class _ImageLoader:
    """Loads the images one after the other, all in one size and scale."""

    def __init__(
        self,
        model: Forward,
        entry: InputInfo,
        images: Any,
        options: ImageOptions,
        limit: int | None,
    ) -> None:
        if limit is not None and limit < 1:
            raise UsageError(f"expected a limit of at least 1 image, found {limit}")
        self._model, self._entry, self._options = model, entry, options
        self._first: dict[str, list[InputImage]] | None = None
        self.notes: list[str] = []
        self.scales: dict[str, Preprocessing] = {}
        sources = sources_of(model.info, images)
        if entry.name not in sources:
            raise ImageError(f"expected images for the input '{entry.name}', found none")
        counts = {len(listed) for listed in sources.values()}
        if len(counts) > 1:
            raise ModelInputError(
                "expected as many images for one input as for the other, found "
                + ", ".join(f"{len(listed)} for '{name}'" for name, listed in sources.items())
            )
        (count,) = counts
        self._numbers = list(range(count))
        if limit is not None and limit < count:
            self._numbers = [number * count // limit for number in range(limit)]
            self.notes.append(f"{limit} of the {count} images, evenly spread over them")
        self._sources = {
            name: [listed[n] for n in self._numbers] for name, listed in sources.items()
        }
        self.names = _names(self._sources[entry.name])

    def prepare(self) -> ModelInfo:
        """Sets size and scale by the first image, and returns the model's information for it."""
        first = self._first = self._load(0)
        if self._entry.is_image and None in self._entry.size and self._options.size is None:
            height, width = first[self._entry.name][0].values.shape[:2]
            self._options = dataclasses.replace(self._options, size=(height, width))
            self._first = None  # the others get the size of this one
        info = self._model.describe(
            {name: (1, *entries[0].values.shape) for name, entries in first.items()}
        )
        settled = settle_scale(self._model, info, first)
        self.scales = {name: entries[0].preprocessing for name, entries in settled.items()}
        if len(first) > 1:
            self.notes += [self._line(name, entries[0]) for name, entries in first.items()]
        return info

    def _line(self, name: str, first: InputImage) -> str:
        label = input_label(self._model.info, name)
        if name not in self._sources:
            return f"input {label}: {first.steps[0]}"
        scale = self.scales[name]
        formula = scale.describe() if first.region else "values as they are"
        images = plural(len(self._sources[name]), "image")
        return f"input {label}: {images}; {formula} ({scale.reason})"

    def load(self, names: Sequence[str]) -> Iterator[tuple[str, ImagesByInput]]:
        for name in names:
            number = self.names.index(name)
            inputs = self._first if number == 0 and self._first else self._load(number)
            scaled = {
                key: [_scaled(image, self.scales[key]) for image in images]
                for key, images in inputs.items()
            }
            yield name, scaled

    def _load(self, number: int) -> dict[str, list[InputImage]]:
        seed = self._options.seed + self._numbers[number]
        gathered = load_sources(
            self._model.info,
            {name: [listed[number]] for name, listed in self._sources.items()},
            dataclasses.replace(self._options, seed=seed),
        )
        if gathered.note and gathered.note not in self.notes and not number:
            self.notes.append(gathered.note)
        return gathered.images

    @property
    def scale(self) -> Preprocessing:
        """The scale of the images that are explained."""
        return self.scales[self._entry.name]


def _scaled(image: InputImage, scale: Preprocessing) -> InputImage:
    """An image in a scale, unless its own is certain."""
    if image.preprocessing.is_settled or image.preprocessing == scale:
        return image
    return dataclasses.replace(image, values=scale.apply(image.pixels), preprocessing=scale)


def _make_options(
    chosen: Sequence[Method], measures: Sequence[Metric], settings: Mapping[str, Any]
) -> tuple[MeasureOptions, HeatmapOptions, ImageOptions]:
    """The options of metrics, of heatmaps and of images."""
    own, *others = split_options(settings, MeasureOptions, HeatmapOptions, ImageOptions)
    measured = MeasureOptions(**own)
    check_options_used("metric", measures, all_metrics().values(), {*own} - {"randoms", "seed"})
    return measured, *make_heatmap_options(chosen, ChainMap(*others))


def _names(sources: Sequence[Any]) -> list[str]:
    """Unique names of images: their paths, else their numbers."""
    names: dict[str, None] = {}
    for number, source in enumerate(sources):
        if isinstance(source, InputImage):
            source = source.path or source.name
        name = os.fspath(source) if isinstance(source, str | os.PathLike) else f"image {number}"
        unique, count = str(name), 2
        while unique in names:
            unique, count = f"{name} ({count})", count + 1
        names[unique] = None
    return list(names)
