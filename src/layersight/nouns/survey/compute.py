"""What every channel does over a whole data set.

The rule of this module: stream, reduce, merge. No activation outlives its pass, and the merged
result is the same to the last bit however the images were cut and whoever ran them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from layersight import images as pictures
from layersight.batch.gather import choose_preprocessing, find_input, make_options
from layersight.batch.request import ImageOptions
from layersight.batch.scale import settle_input
from layersight.data.fields import names_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import ImageError, ModelInputError, SelectionError, near
from layersight.loading import open_for
from layersight.model import Forward
from layersight.nouns.survey.assembling import assemble, boxes_of
from layersight.nouns.survey.cluster import opening_of, run_on_ray
from layersight.nouns.survey.correlation import strongest, units_of
from layersight.nouns.survey.crops import Cut, cut_out
from layersight.nouns.survey.dataset import Dataset, Reader, is_array, open_dataset
from layersight.nouns.survey.local import means_of, run_shards
from layersight.nouns.survey.options import SurveyOptions
from layersight.nouns.survey.plan import (
    Shard,
    Spec,
    counted_as,
    cut,
    default_layers,
    images_in_pass,
)
from layersight.nouns.survey.result import Survey, Twins
from layersight.nouns.survey.shards import Result, ShardFolder, locked, to_bytes
from layersight.nouns.survey.tally import NONE, Extremes
from layersight.select import LayerSpec, select_able

SIDE = 224
"""Pixels of a side where a model takes any size and none was given: one size for all images."""


@names_options(SurveyOptions, ImageOptions)
def survey(
    model: Any,
    images: Any,
    *,
    layers: LayerSpec | Iterable[LayerSpec] | None = None,
    folder: str | os.PathLike[str] | None = None,
    opening: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Survey:
    """What every channel does over a whole data set.

    The same images, model and options give the same numbers to the last bit, on one kind of machine
    and backend, whatever the shards, the number of workers and the engine.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes; with one input.
        images: A folder, whose folders are classes; a file with a path on each line and behind a
            tab its class (``.txt``); a tar file as of webdataset; a Parquet file with a column of
            images; files, globs, arrays; or several of these.
        layers: Which layers; see :func:`layersight.select.select_layers`. ``None`` is every
            convolution and dense layer.
        folder: Where the results of shards are kept, so that the same call goes on where another
            was interrupted; ``None`` keeps them in memory. ``layersight.save(result, folder)``
            writes the survey itself.
        opening: For workers of Ray, which open the model themselves: what
            :func:`layersight.load_model` takes beside its ``source``. Without it they open the same
            source without options, or get a model that came from no file sent.
        progress: Called after each pass with the images done and their number.
        options: Fields of :class:`SurveyOptions` (``top``, ``shard``, ``engine``, ``workers``,
            ``address``, ``cores``, ``strict``) and of :class:`ImageOptions` (``scale``, ``fit``,
            ``interpolation``, ``size``, ``frame``).

    Returns:
        For every channel its statistics, histograms, strongest and weakest images, and what it does
        for each class.

    Raises:
        SelectionError: There is no such layer.
        ImageError: There is no image, or none that can be read; with ``strict`` any that cannot.
        ModelInputError: The model takes no image, or has several inputs.
        OutputError: The folder cannot be written, or another survey is working in it.
        UsageError: An option is unknown or has a value that it cannot have.
        KeyboardInterrupt: Ctrl-C; it says how much is kept.
    """
    settings, image_options = _split(options)
    opened = open_for(model, Forward, "survey", "open the network that the weights belong to")
    data = open_dataset(images)
    place = None if folder is None else Path(folder)
    with locked(place):
        info, spec, scale = _plan(opened, data, layers, settings, image_options)
        shards = cut(data, spec, settings.shard)
        store = ShardFolder(place)
        store.tidy(shards)
        _run(opened, spec, shards, store, data, settings, opening, progress)
        merged = store.merged(shards)
        if not merged.read:
            name, reason = merged.unreadable[0]
            raise ImageError(
                f"none of the {len(data)} images can be read; the first, '{name}': {reason}"
            )
        return _assemble(info, spec, scale, data, merged, settings)


def _split(options: Mapping[str, Any]) -> tuple[SurveyOptions, ImageOptions]:
    own = SurveyOptions.__dataclass_fields__
    mine = {name: value for name, value in options.items() if name in own}
    others = {name: value for name, value in options.items() if name not in own}
    return SurveyOptions(**{n: v for n, v in mine.items() if v is not None}), make_options(**others)


def _plan(
    model: Forward,
    data: Dataset,
    layers: LayerSpec | Iterable[LayerSpec] | None,
    settings: SurveyOptions,
    options: ImageOptions,
) -> tuple[ModelInfo, Spec, Preprocessing]:
    """What is known of the model for these images, and what is done to each."""
    info = model.info
    if len(info.inputs) > 1:
        raise ModelInputError(
            "a survey takes a model with one input, found "
            f"{len(info.inputs)}: {', '.join(entry.name for entry in info.inputs)}"
        )
    entry = find_input(info, None)
    if (
        entry.is_image
        and None in entry.size
        and options.size is None
        and not is_array(_first(data))
    ):
        high, wide = (side or SIDE for side in entry.size)
        options = dataclasses.replace(options, size=(high, wide))
    scale = choose_preprocessing(entry, options.scale)
    first = _load_first(data, entry, scale, options)
    shape = first.values.shape
    info = model.describe({entry.name: (1, *shape)})
    if first.region is None:
        scale = first.preprocessing
    elif not scale.is_settled:
        scale = settle_input(model, info, entry.name, {entry.name: (1, *shape)})
    chosen, _ = select_able(info, default_layers(info) if layers is None else layers)
    spec = Spec(
        digest=info.digest,
        framework=info.framework,
        entry=find_input(info, None),
        layers=tuple(layer.name for layer in chosen),
        preprocessing=scale,
        options=dataclasses.replace(options, scale=None),
        shape=shape,
        images=images_in_pass(chosen),
        length=settings.top,
    )
    pairs = _pairs(spec, settings)
    if pairs:
        spec = dataclasses.replace(spec, correlated=pairs, units=_units(model, spec, data, pairs))
    return info, spec, scale


def _pairs(spec: Spec, settings: SurveyOptions) -> tuple[tuple[str, str], ...]:
    """The pairs of layers that are correlated."""
    pairs = [(name, name) for name in spec.layers] if settings.correlate else []
    for text in settings.twins.split(",") if settings.twins else ():
        first, _, second = text.partition(":")
        for name in (first, second):
            if name not in spec.layers:
                raise SelectionError(
                    f"expected two layers of the survey as FIRST:SECOND, found '{text}'."
                    f"{near(name, spec.layers)}"
                )
        pairs.append((first, second))
    return tuple(dict.fromkeys(pairs))


def _units(
    model: Forward, spec: Spec, data: Dataset, pairs: tuple[tuple[str, str], ...]
) -> dict[str, tuple[int, ...]]:
    """The units of the means of layers, from one pass of images spread over the data set."""
    items = data.items[:: max(1, len(data) // spec.images)][: spec.images]
    means = means_of(model, spec, items)
    return {name: units_of(means[name]) for name in sorted({n for pair in pairs for n in pair})}


def _first(data: Dataset) -> Any:
    return data.items[0]


def _load_first(
    data: Dataset, entry: InputInfo, scale: Preprocessing, options: ImageOptions
) -> InputImage:
    """The first image that can be read, from which size and scale follow."""
    reader, reason = Reader(), None
    for item in data.items:
        try:
            return pictures.load(
                reader.read(item)[0],
                entry,
                preprocessing=scale,
                fit=options.fit,
                interpolation=options.interpolation,
                size=options.size,
                frame=options.frame,
            )
        except ImageError as error:
            reason = reason or f"the first, '{item.name}': {error}"
    raise ImageError(f"none of the {len(data)} images can be read; {reason}")


def _run(
    model: Forward,
    spec: Spec,
    shards: tuple[Shard, ...],
    store: ShardFolder,
    data: Dataset,
    settings: SurveyOptions,
    opening: Mapping[str, Any] | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Makes the results of all shards that are not there."""
    waiting = [shard for shard in shards if not store.has(shard)]
    done = len(data) - sum(len(shard.items) for shard in waiting)

    def told(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, len(data))

    try:
        for shard, content in _engine(model, spec, waiting, data, settings, opening, told):
            store.put(shard, content)
    except KeyboardInterrupt:
        kept = sum(map(store.has, shards))
        raise KeyboardInterrupt(
            f"interrupted; {kept} of {len(shards)} shards are kept: the same command goes on"
        ) from None


def _engine(
    model: Forward,
    spec: Spec,
    waiting: list[Shard],
    data: Dataset,
    settings: SurveyOptions,
    opening: Mapping[str, Any] | None,
    told: Callable[[int], None],
) -> Iterator[tuple[Shard, bytes]]:
    """The results of shards, from whoever runs them."""
    if settings.engine == "ray" and waiting:
        yield from run_on_ray(
            *(opening_of(model, opening), spec, waiting, data.classes),
            address=settings.address,
            workers=settings.workers,
            cores=settings.cores,
            strict=settings.strict,
            told=told,
        )
        return
    for shard, result in run_shards(
        *(model, spec, waiting, data.classes),
        decoders=settings.workers or max(2, os.cpu_count() or 1),
        strict=settings.strict,
        told=told,
    ):
        yield shard, to_bytes(result, shard.key)


def _assemble(
    info: ModelInfo,
    spec: Spec,
    scale: Preprocessing,
    data: Dataset,
    merged: Result,
    settings: SurveyOptions,
) -> Survey:
    """The survey of what was counted."""
    size = (spec.shape[0], spec.shape[1]) if len(spec.shape) == 3 else None
    layers = [layer for layer in info.layers if layer.name in merged.tallies]
    tallies = merged.tallies
    lists = {
        layer.name: (tallies[layer.name].strongest, tallies[layer.name].weakest) for layer in layers
    }
    cuts: set[Cut] = set()
    used: set[int] = set()
    for layer in layers:
        for found in lists[layer.name]:
            used.update(found.images[found.images != NONE].tolist())
            cuts.update(_cuts(found, boxes_of(layer, found, merged.axes[layer.name], size)))
    ordered = sorted(cuts) if size is not None else []
    names = {number: index for index, number in enumerate(sorted(used))}
    crops = list(cut_out(spec, data.items, ordered, max(2, os.cpu_count() or 1)))
    numbered = {one: index for index, one in enumerate(ordered)}
    unread = {name for name, _ in merged.unreadable}
    counted = dict.fromkeys(data.classes, 0)
    for item in data.items:
        if item.label is not None and item.name not in unread:
            counted[item.label] += 1
    return Survey(
        model=info,
        preprocessing=scale,
        size=size,
        layers=tuple(
            assemble(
                layer,
                tallies[layer.name],
                merged.axes[layer.name],
                size,
                len(data.classes),
                names,
                numbered,
                merged.pairs.get((layer.name, layer.name)),
                merged.read,
            )
            for layer in layers
        ),
        images=merged.read,
        unreadable=merged.unreadable,
        content=f"blake2b:{merged.content:032x}",
        classes=data.classes,
        class_images=tuple(counted.values()),
        names=tuple(data.items[number].name for number in names),
        crops=crops,
        settings={name: value for name, value in spec.to_json().items() if name != "units"},
        notes=_notes(info, data, merged),
        twins=tuple(
            Twins(*pair, *strongest(sums.correlations(merged.read), itself=False))
            for pair, sums in merged.pairs.items()
            if pair[0] != pair[1]
        ),
        counted_as=counted_as(info, spec.layers),
    )


def _cuts(found: Extremes, boxes: np.ndarray[Any, Any]) -> Iterator[Cut]:
    for number, box in zip(
        found.images.ravel().tolist(), boxes.reshape(-1, 4).tolist(), strict=True
    ):
        if number != NONE and box[0] != NONE:
            yield number, (box[0], box[1], box[2], box[3])


def _notes(info: ModelInfo, data: Dataset, merged: Result) -> tuple[str, ...]:
    notes = list(info.notes)
    if merged.unreadable:
        name, reason = merged.unreadable[0]
        notes.append(
            f"{len(merged.unreadable)} of {len(data)} images could not be read; the first, "
            f"'{name}': {reason}"
        )
    if data.skipped_count:
        more = " and others" if data.skipped_count > len(data.skipped) else ""
        notes.append(
            f"{data.skipped_count} files in the folder are no images by their names: "
            f"{', '.join(data.skipped)}{more}"
        )
    return tuple(notes)
