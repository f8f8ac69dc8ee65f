"""What every channel does over a whole data set.

The rule of this module: stream, reduce, merge. No activation outlives its pass, and the merged
result is the same to the last bit however the images were cut and whoever ran them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from layersight.batch.gather import (
    choose_preprocessing,
    find_input,
    input_notes,
    load_sources,
    sources_of,
)
from layersight.batch.request import ImageOptions
from layersight.batch.scale import settle_input, settle_scale
from layersight.data.fields import names_options, split_options
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import ImageError, ModelInputError
from layersight.loading import load_model, open_for
from layersight.model import Forward
from layersight.nouns.survey.assembling import assemble
from layersight.nouns.survey.cluster import opening_of, run_on_ray
from layersight.nouns.survey.correlation import Units
from layersight.nouns.survey.dataset import Dataset, Reader, is_array, open_dataset
from layersight.nouns.survey.local import load_item, means_of, run_shards
from layersight.nouns.survey.options import SurveyOptions
from layersight.nouns.survey.plan import (
    Shard,
    Spec,
    cut,
    default_layers,
    images_in_pass,
    partners,
    read_pairs,
)
from layersight.nouns.survey.result import Survey
from layersight.nouns.survey.shards import ShardFolder, locked
from layersight.select import LayerSpec, select_able

SIDE = 224
"""Pixels of a side of all images, where a model takes any size and the user names none."""


@names_options(SurveyOptions, ImageOptions)
def survey(
    model: Any,
    images: Any,
    *,
    layers: LayerSpec | Iterable[LayerSpec] | None = None,
    against: Any = None,
    fixed: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    opening: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Survey:
    """Surveys what every channel does over a whole data set.

    The same images, model and options give the same numbers to the last bit, on one kind of machine
    and backend, whatever the shards, the number of workers and the engine.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes.
        images: A folder, whose folders are classes; a file with a path on each line and behind a
            tab its class (``.txt``); a tar file as of webdataset; a Parquet file with a column of
            images; files, globs, arrays; or several of these.
        layers: Which layers; see :func:`layersight.select.select_layers`. ``None`` is every
            convolution and dense layer.
        against: Another model, which is shown the same images: ``Survey.twins`` then holds for each
            channel those of the other model that correlate most with it, in layers that ``twins``
            pairs, else in layers at the same position in both models, else of the same name.
        fixed: For a model with several inputs what some of them get with every image, by their
            names: a file or an array. Those that take no picture and are not named are drawn from
            ``seed``, as in :func:`layersight.activations`.
        folder: Where the results of shards are kept, so that the same call resumes one that was
            interrupted; ``None`` keeps them in memory. ``layersight.save(result, folder)`` writes
            the survey itself.
        opening: For workers of Ray, which open the model themselves: what
            :func:`layersight.load_model` takes beside its ``source``. Without it they open the same
            source without options; a model that came from no file is sent to them.
        progress: Called after each pass with the images done and their number.
        options: Fields of :class:`SurveyOptions` (``top``, ``shard``, ``engine``, ``workers``,
            ``address``, ``cores``, ``strict``, ``correlate``, ``twins``) and of
            :class:`ImageOptions` (``scale``, ``fit``, ``interpolation``, ``size``, ``frame``,
            ``seed``), which hold for both models.

    Returns:
        The statistics, histograms, strongest and weakest images of every channel, and its means
        for each class.

    Raises:
        SelectionError: There is no such layer.
        ImageError: There is no image, or none that can be read; with ``strict`` any that cannot.
        ModelInputError: The model takes no image, or several at once.
        OutputError: The folder cannot be written, or another survey is working in it.
        UsageError: An option is unknown or has a value that it cannot have.
        KeyboardInterrupt: Ctrl-C; it says how much is kept.
    """
    survey_options, image_options = split_options(options, SurveyOptions, ImageOptions)
    settings, image_settings = SurveyOptions(**survey_options), ImageOptions(**image_options)
    opened = open_for(
        model, Forward, "survey", "open the network that the weights belong to", surveyed=True
    )
    other = None if against is None else _open_other(against, opening or {})
    data = open_dataset(images)
    path = None if folder is None else Path(folder)
    with locked(path):
        info, spec, other_info = _plan(
            opened, data, layers, settings, image_settings, fixed=fixed or {}, other=other
        )
        shards = cut(data, spec, settings.shard)
        results = ShardFolder(path)
        results.tidy(shards)
        _run(opened, other, spec, shards, results, data, settings, opening, progress)
        merged = results.merged(shards)
        if not merged.read:
            name, reason = merged.unreadable[0]
            raise ImageError(
                f"none of the {len(data)} images can be read; the first, '{name}': {reason}"
            )
        return assemble(info, other_info, spec, data, merged)


def _open_other(source: Any, opening: Mapping[str, Any]) -> Forward:
    """The other model, opened like the first, but never trusted because the first is."""
    if isinstance(source, str | os.PathLike):
        source = load_model(source, **_shared(opening))
    return open_for(
        source, Forward, "survey", "open the network that the weights belong to", surveyed=True
    )


def _shared(opening: Mapping[str, Any]) -> dict[str, Any]:
    return {name: opening[name] for name in ("backend", "max_memory") if name in opening}


def _plan(
    model: Forward,
    data: Dataset,
    layers: LayerSpec | Iterable[LayerSpec] | None,
    settings: SurveyOptions,
    options: ImageOptions,
    *,
    fixed: Mapping[str, Any] | None = None,
    other: Forward | None = None,
) -> tuple[ModelInfo, Spec, ModelInfo | None]:
    """The model for these images, what is done to each image, and the other model."""
    info, spec = _spec_of(model, data, options, fixed or {})
    chosen, _ = select_able(info, (default_layers(info) or None) if layers is None else layers)
    names = tuple(layer.name for layer in chosen)
    pairs = [(name, name) for name in names] if settings.correlate else []
    images = images_in_pass(chosen, cached=model.small_passes)
    other_info = other_spec = None
    if other is None:
        pairs += read_pairs(settings.twins, info, names, None)
    else:
        if None not in find_input(other.info, None).example_shape[:2]:
            options = dataclasses.replace(options, size=None)
        other_info, other_spec = _spec_of(other, data, options, {})
        twins = read_pairs(settings.twins, info, names, other_info)
        twins = twins or partners(info, names, other_info)
        compared, _ = select_able(other_info, [second for _, second in twins])
        images = min(images, images_in_pass(compared, cached=other.small_passes))
        compared_names = tuple(layer.name for layer in compared)
        other_spec = dataclasses.replace(
            other_spec, layers=compared_names, images=images, correlated=tuple(twins)
        )
        other_spec = _with_units(other, other_spec, compared_names, data)
    spec = dataclasses.replace(
        spec,
        layers=names,
        images=images,
        length=settings.top,
        correlated=tuple(dict.fromkeys(pairs)),
    )
    correlated = {name for pair in pairs for name in pair}
    correlated |= {first for first, _ in other_spec.correlated} if other_spec is not None else set()
    spec = _with_units(model, spec, sorted(correlated), data)
    return info, dataclasses.replace(spec, other=other_spec), other_info


def _spec_of(
    model: Forward, data: Dataset, options: ImageOptions, fixed: Mapping[str, Any]
) -> tuple[ModelInfo, Spec]:
    """A model for these images, and what is done to each of them, without layers yet."""
    info = model.info
    entry, others = _inputs(info, fixed)
    if (
        entry.is_image
        and None in entry.size
        and options.size is None
        and not is_array(data.items[0])
    ):
        height, width = (side or SIDE for side in entry.size)
        options = dataclasses.replace(options, size=(height, width))
    scale = choose_preprocessing(entry, options.scale)
    first = _load_first(data, entry, scale, options)
    rest = _fixed_images(others, fixed, options) if others.inputs else {}
    inputs = {entry.name: [first], **rest}
    shapes = {name: (1, *each[0].values.shape) for name, each in inputs.items()}
    info = model.describe(shapes)
    if first.region is None:
        scale = first.preprocessing
    elif not scale.is_settled:
        scale = settle_input(model, info, entry.name, shapes)
    rest = settle_scale(model, info, rest)
    notes = input_notes(info, {entry.name: [first], **rest})[1:]
    spec = Spec(
        digest=info.digest,
        framework=info.framework,
        entry=find_input(info, entry.name),
        layers=(),
        preprocessing=scale,
        options=dataclasses.replace(options, scale=None),
        shape=first.values.shape,
        images=1,
        length=0,
        fixed={name: each[0].values for name, each in rest.items()},
    )
    return dataclasses.replace(info, notes=(*info.notes, *notes)), spec


def _inputs(info: ModelInfo, fixed: Mapping[str, Any]) -> tuple[InputInfo, ModelInfo]:
    """The input that the images go to, and the model with its other inputs alone."""
    named = {find_input(info, name).name for name in fixed}
    free = [entry for entry in info.inputs if entry.name not in named]
    pictures = [entry for entry in free if entry.accepts_image] or free[:1]
    if len(pictures) != 1:
        count = f"takes {len(pictures)} at once" if pictures else "is given the same for all"
        listed = ", ".join(entry.name for entry in pictures or info.inputs)
        raise ModelInputError(
            f"a survey shows one image at a time, and the model {count} ({listed}): say what goes "
            "to each but one of these with every image, --input NAME=FILE"
        )
    (entry,) = pictures
    others = tuple(other for other in info.inputs if other is not entry)
    return find_input(info, entry.name), dataclasses.replace(info, inputs=others)


def _fixed_images(
    info: ModelInfo, fixed: Mapping[str, Any], options: ImageOptions
) -> dict[str, list[InputImage]]:
    """What goes to inputs with every image: what was named, else what is drawn from the seed."""
    options = dataclasses.replace(options, size=None, frame=None)
    loaded = load_sources(info, sources_of(info, fixed), options).images
    for name, each in loaded.items():
        if len(each) != 1:
            raise ModelInputError(
                f"expected one file or array for input '{name}', which it gets with every image, "
                f"found {len(each)}"
            )
    return loaded


def _with_units(model: Forward, spec: Spec, layers: Sequence[str], data: Dataset) -> Spec:
    """A spec with the units of layers' means, from one pass of images spread over the data set."""
    if not layers:
        return spec
    items = data.items[:: max(1, len(data) // spec.images)][: spec.images]
    means = means_of(model, spec, items)
    return dataclasses.replace(
        spec, units={name: Units.of(means[name], len(data)) for name in layers}
    )


def _load_first(
    data: Dataset, entry: InputInfo, scale: Preprocessing, options: ImageOptions
) -> InputImage:
    """The first image that can be read: it decides size and scale."""
    reader, reason = Reader(), None
    for item in data.items:
        try:
            return load_item(reader, item, entry, scale, options)[0]
        except ImageError as error:
            reason = reason or f"the first, '{item.name}': {error}"
    raise ImageError(f"none of the {len(data)} images can be read; {reason}")


def _run(
    model: Forward,
    other: Forward | None,
    spec: Spec,
    shards: tuple[Shard, ...],
    results: ShardFolder,
    data: Dataset,
    settings: SurveyOptions,
    opening: Mapping[str, Any] | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Makes the results of all shards that are not there."""
    waiting = [shard for shard in shards if not results.has(shard)]
    done = len(data) - sum(len(shard.items) for shard in waiting)

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, len(data))

    shared: dict[str, Any] = {
        "store": results.put,
        "strict": settings.strict,
        "on_progress": report,
    }
    try:
        if settings.engine == "ray" and waiting:
            run_on_ray(
                opening_of(model, opening),
                *(spec, waiting, data.classes),
                other=None if other is None else opening_of(other, _shared(opening or {}) or None),
                address=settings.address,
                workers=settings.workers,
                cores=settings.cores,
                **shared,
            )
        else:
            threads = settings.workers or max(2, os.cpu_count() or 1)
            run_shards(
                *(model, spec, waiting, data.classes), threads=threads, other=other, **shared
            )
    except KeyboardInterrupt:
        stored = sum(map(results.has, shards))
        raise KeyboardInterrupt(
            f"interrupted; {stored} of {len(shards)} shards are kept: the same command goes on"
        ) from None
