"""What every layer makes of an image.

The rule of this module: one forward pass serves every layer asked for and stops at the
deepest of them; what comes out is data, never a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens import images
from convlens.errors import ImageError, ModelInputError, SelectionError
from convlens.layers import LayerSpec, parse_channels, select_layers
from convlens.model import Model
from convlens.preprocessing import SCALES, Preprocessing, find_scale
from convlens.results import (
    Activations,
    ChannelStatistics,
    ClassScore,
    FloatArray,
    InputImage,
    InputInfo,
    LayerActivation,
    LayerInfo,
    ModelInfo,
    Prediction,
)

ImageSource = str | Path | NDArray[Any] | InputImage
Channels = str | int | slice | Iterable[int] | None

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""A map whose range is within this share of its greatest value is constant: what is left is
the rounding of float32 arithmetic (16 units in the last place)."""

TOP = 5
"""How many classes a prediction names."""


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images are brought to a model.

    Attributes:
        scale: The name of a preprocessing, or ``None`` for what the model itself tells and
            else ``0..1``.
        fit: ``"stretch"``, ``"crop"`` or ``"pad"``.
        interpolation: As Pillow calls it; ``"nearest"`` is what Keras's own loader does.
        size: Height and width in pixels, for a model that takes any size.
    """

    scale: str | None = None
    fit: str = "stretch"
    interpolation: str = "nearest"
    size: tuple[int, int] | None = None


def choose_preprocessing(info: ModelInfo, scale: str | None = None) -> Preprocessing:
    """The preprocessing for a model: as asked, else as the model tells, else ``0..1``.

    Raises:
        UsageError: ``scale`` is not the name of one.
    """
    if scale is not None:
        return find_scale(scale).because("as asked")
    if info.preprocessing is not None:
        return info.preprocessing
    return SCALES["0..1"].because("the default: the model does not tell")


def load_image(
    source: ImageSource, model: Model, *, input_name: str | None = None, **options: Any
) -> InputImage:
    """An image as a model will see it, and how it came to be.

    Args:
        source: A file, or an array ``(height, width, channel)``; bytes are pixels, floats
            are taken as they are.
        model: From :func:`convlens.load_model`.
        input_name: Which input, for a model with several.
        options: As in :class:`ImageOptions`.

    Raises:
        ImageError: It cannot be read.
        ModelInputError: The model takes no image, or none of this kind.
        UsageError: An option is unknown.
    """
    chosen = ImageOptions(**options)
    entry = _find_input(model.info, input_name)
    return images.load(
        source,
        entry,
        preprocessing=choose_preprocessing(model.info, chosen.scale),
        fit=chosen.fit,
        interpolation=chosen.interpolation,
        size=chosen.size,
    )


def activations(
    model: Model,
    image: ImageSource | Sequence[ImageSource] | Mapping[str, Any],
    *,
    layers: LayerSpec | Iterable[LayerSpec] | None = None,
    channels: Channels = None,
    predictions: bool = False,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Activations:
    """What the layers of a model make of some images.

    Args:
        model: From :func:`convlens.load_model`.
        image: A file, a folder, a glob, an array, an image from :func:`load_image`, several
            of these, or for a model with several inputs a mapping from their names to
            these. One image for a model with several inputs goes to each of them.
        layers: Which layers; see :func:`convlens.layers.select_layers`. ``None`` is all.
        channels: Which channels of layers with maps, ``"0,3,5-9"`` or ``"0:16"``; of dense
            layers if only such are chosen. ``None`` is all.
        predictions: Also run to the model's outputs and name the strongest classes.
        batch_size: Images in one pass.
        progress: Called after each pass with the images done and their number.
        options: As in :class:`ImageOptions`: ``scale``, ``fit``, ``interpolation``, ``size``.

    Returns:
        The activations, channels last, with the statistics of every channel.

    Raises:
        SelectionError: There is no such layer or channel.
        ImageError: An image cannot be read.
        ModelInputError: The model takes no image, or none of this kind.
    """
    info = model.info
    given = _gather(info, image, ImageOptions(**options))
    count = len(next(iter(given.values())))
    shapes = {name: (1, *entries[0].values.shape) for name, entries in given.items()}
    info = model.describe(shapes)
    chosen, numbers, lacking = _choose(select_layers(info.layers, layers), channels)
    found: dict[str, list[FloatArray]] = {entry.name: [] for entry in chosen}
    outputs: dict[str, list[FloatArray]] = {}
    missing = None
    for start in range(0, count, batch_size):
        batch = {
            name: np.stack([entry.values for entry in entries[start : start + batch_size]])
            for name, entries in given.items()
        }
        result = model.forward(batch, [entry.name for entry in chosen], outputs=predictions)
        missing = result.missing or missing
        for name, array in result.layers.items():
            found[name].append(_take(array, numbers[name]))
        for name, array in result.outputs.items():
            outputs.setdefault(name, []).append(array)
        if progress is not None:
            progress(min(start + batch_size, count), count)
    first = next(iter(given.values()))
    return Activations(
        model=info,
        images=tuple(first),
        layers=tuple(
            _finish(entry, _join(found[entry.name]), numbers[entry.name]) for entry in chosen
        ),
        predictions=_predict({name: _join(parts) for name, parts in outputs.items()}, info),
        notes=_notes(info, given, [missing, lacking]),
    )


def _find_input(info: ModelInfo, name: str | None) -> InputInfo:
    """An input by name, else the first that takes an image."""
    if name is not None:
        for entry in info.inputs:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in info.inputs)
        raise ModelInputError(f"no input '{name}': the model has {known}")
    return next((entry for entry in info.inputs if entry.is_image), info.inputs[0])


def _gather(info: ModelInfo, image: Any, options: ImageOptions) -> dict[str, list[InputImage]]:
    """For each input of the model its images, all of one size."""
    preprocessing = choose_preprocessing(info, options.scale)
    if isinstance(image, Mapping):
        named = {_find_input(info, name): part for name, part in image.items()}
    else:
        named = dict.fromkeys(info.inputs, image)
    sources = {entry.name: _list_sources(part, entry) for entry, part in named.items()}
    lengths = {len(listed) for listed in sources.values()}
    if len(lengths) > 1:
        raise ModelInputError(
            f"the inputs were given different numbers of images: {sorted(lengths)}"
        )
    gathered: dict[str, list[InputImage]] = {}
    for entry in info.inputs:
        if entry.name not in sources:
            raise ModelInputError(
                f"input '{entry.name}' of shape {entry.shape} was given nothing: name an image "
                f"for each of {', '.join(other.name for other in info.inputs)}"
            )
        size = options.size
        gathered[entry.name] = []
        for source in sources[entry.name]:
            loaded = images.load(
                source,
                entry,
                preprocessing=preprocessing,
                fit=options.fit,
                interpolation=options.interpolation,
                size=size,
            )
            gathered[entry.name].append(loaded)
            if entry.is_image and None in entry.size:
                size = (loaded.values.shape[0], loaded.values.shape[1])
        _check_alike(gathered[entry.name], entry)
    return gathered


def _list_sources(image: Any, entry: InputInfo) -> list[Any]:
    """The images that are meant by a path, a folder, a glob, an array or several of these.

    An array with as many axes as the input has, batch included, is a batch.
    """
    if isinstance(image, InputImage):
        return [image]
    if isinstance(image, np.ndarray):
        return list(image) if image.ndim == len(entry.shape) else [image]
    if isinstance(image, str | Path):
        path = Path(image)
        return [path] if path.is_file() else list(images.find_images([image]))
    if not isinstance(image, Sequence) or not image:
        raise ImageError(
            "expected an image: a file, a folder, a glob, an array, or several of these; found "
            + ("nothing" if isinstance(image, Sequence) else type(image).__name__)
        )
    return [source for part in image for source in _list_sources(part, entry)]


def _check_alike(loaded: Sequence[InputImage], entry: InputInfo) -> None:
    shapes = {image.values.shape for image in loaded}
    if len(shapes) > 1:
        raise ModelInputError(
            f"the images for input '{entry.name}' have different shapes "
            f"({', '.join(str(shape) for shape in sorted(shapes))}): give one size with size="
        )


def _choose(
    layers: Sequence[LayerInfo], spec: Channels
) -> tuple[tuple[LayerInfo, ...], dict[str, tuple[int, ...] | None], str | None]:
    """The channels of each layer, ``None`` for all of them, whatever their number.

    A layer that has none of the channels is left out, and a note names it.

    Raises:
        SelectionError: No layer has one of the channels.
    """
    numbers: dict[str, tuple[int, ...] | None] = dict.fromkeys(entry.name for entry in layers)
    concerned = [entry for entry in layers if entry.has_maps] or list(layers)
    concerned = [entry for entry in concerned if entry.channels is not None]
    if spec is None or not concerned:
        return tuple(layers), numbers, None
    widest = max(concerned, key=lambda entry: entry.channels or 0)
    try:
        wanted = parse_channels(spec, widest.channels or 0)
    except SelectionError as error:
        raise SelectionError(f"layer '{widest.name}': {error}") from None
    lacking = []
    for entry in concerned:
        found = tuple(number for number in wanted if number < (entry.channels or 0))
        numbers[entry.name] = found
        if not found:
            lacking.append(entry.name)
    note = None
    if lacking:
        listed = ", ".join(lacking[:4]) + (f" and {len(lacking) - 4} more" if lacking[4:] else "")
        note = f"without the channels asked for, so not shown: {listed}"
    return tuple(entry for entry in layers if entry.name not in lacking), numbers, note


def _take(array: FloatArray, numbers: tuple[int, ...] | None) -> FloatArray:
    if array.ndim < 2:
        array = array.reshape(len(array) if array.ndim else 1, -1)
    return array if numbers is None else np.ascontiguousarray(array[..., list(numbers)])


def _join(parts: Sequence[FloatArray]) -> FloatArray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _finish(
    layer: LayerInfo, values: FloatArray, numbers: tuple[int, ...] | None
) -> LayerActivation:
    channels = tuple(range(values.shape[-1])) if numbers is None else numbers
    return LayerActivation(layer, values, channels, measure(values))


def measure(values: FloatArray) -> ChannelStatistics:
    """The statistics of every channel of every image.

    Args:
        values: ``(image, ..., channel)`` float32.

    Returns:
        Arrays ``(image, channel)``. Mean and standard deviation are those that
        ``numpy.mean`` and ``numpy.std`` give for one map alone, to the last bit.

    Example:
        >>> maps = np.zeros((1, 2, 2, 2), np.float32)
        >>> maps[0, 0, 0, 1] = 4
        >>> measure(maps).mean.tolist(), measure(maps).dead.tolist()
        ([[0.0, 1.0]], [[True, False]])
    """
    count, channels = values.shape[0], values.shape[-1]
    positions = values.size // max(1, count * channels)
    flat = np.moveaxis(values, -1, 1).reshape(count, channels, positions)
    shape = (count, channels)
    mean, std, low, high, sparsity = (np.zeros(shape, np.float32) for _ in range(5))
    for image in range(count):
        for start, stop in _blocks(channels, positions):
            part = np.ascontiguousarray(flat[image, start:stop])
            with np.errstate(invalid="ignore", over="ignore"):
                mean[image, start:stop] = part.mean(axis=1)
                std[image, start:stop] = part.std(axis=1)
            low[image, start:stop] = part.min(axis=1)
            high[image, start:stop] = part.max(axis=1)
            sparsity[image, start:stop] = 1 - np.count_nonzero(part, axis=1) / positions
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = high - low
        largest = np.maximum(np.abs(high), np.abs(low))
    dead = finite & (spread <= ROUNDING * largest) & (positions > 1)
    return ChannelStatistics(mean, std, low, high, sparsity, dead, finite)


def _blocks(channels: int, positions: int) -> Iterable[tuple[int, int]]:
    """Ranges of channels small enough for the processor's cache."""
    step = max(1, (1 << 17) // max(1, positions))
    return ((start, min(start + step, channels)) for start in range(0, channels, step))


def _predict(
    outputs: Mapping[str, FloatArray], info: ModelInfo
) -> tuple[tuple[Prediction, ...], ...]:
    """For each image what each output says."""
    if not outputs:
        return ()
    count = len(next(iter(outputs.values())))
    return tuple(
        tuple(_prediction(name, array[image], info) for name, array in outputs.items())
        for image in range(count)
    )


def _prediction(name: str, values: FloatArray, info: ModelInfo) -> Prediction:
    if values.ndim != 1:
        return Prediction(name, int(values.size), ())
    labels = info.labels
    if len(values) == 1:
        return Prediction(name, 1, _one_number(float(values[0]), labels))
    fitting = labels if labels is not None and len(labels) == len(values) else None
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:TOP]
    return Prediction(
        name,
        len(values),
        tuple(
            ClassScore(int(index), float(values[index]), fitting[index] if fitting else None)
            for index in order
        ),
    )


def _one_number(score: float, labels: tuple[str, ...] | None) -> tuple[ClassScore, ...]:
    """A single unit: the probability of the second of two classes, if two are named."""
    if labels is None or len(labels) != 2 or not 0 <= score <= 1:
        return (ClassScore(0, score, "output"),)
    pair = (ClassScore(1, score, labels[1]), ClassScore(0, 1 - score, labels[0]))
    return pair if score >= 0.5 else pair[::-1]


def _notes(
    info: ModelInfo, given: Mapping[str, Sequence[InputImage]], more: Sequence[str | None]
) -> tuple[str, ...]:
    notes = [note for note in more if note]
    if len(given) > 1:
        same = len({tuple(image.name for image in entries) for entries in given.values()}) == 1
        verb = "the same image goes to each of" if same else "images go to"
        notes.append(f"{verb} the {len(given)} inputs: {', '.join(given)}")
    if info.labels is not None and not _labels_fit(info):
        notes.append(f"{len(info.labels)} class names do not fit the model's outputs")
    return tuple(notes)


def _labels_fit(info: ModelInfo) -> bool:
    ends = {layer.name: layer.channels for layer in info.layers}
    sizes = {ends.get(name) for name in info.outputs}
    count = len(info.labels or ())
    return count in sizes or (count == 2 and 1 in sizes) or sizes == {None}
