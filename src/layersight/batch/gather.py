"""Bringing images and arrays to the inputs of a model.

The rule of this module: every input gets a value of its shape, and a value that the user did not
give is reported.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from layersight import images
from layersight.batch.request import ImageOptions
from layersight.batch.scale import GUESS
from layersight.data.fields import split_options
from layersight.data.image import InputImage, Photograph
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import SCALES, Preprocessing, find_scale
from layersight.errors import ImageError, ModelInputError, UsageError, few, near
from layersight.images import signals
from layersight.images.arrays import as_array, fits_shape, is_array_file, to_picture
from layersight.images.photograph import longest_side, photograph
from layersight.images.stacks import clips_in

FREE_LENGTH = 16  # of an axis of any length, where numbers are drawn


def check_batch_size(batch_size: Any) -> None:
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise UsageError(f"expected at least 1 image in a batch, found batch_size={batch_size!r}")


def check_input(entry: InputInfo) -> InputInfo:
    """An input, unless nothing fits it."""
    if 0 in entry.shape:
        raise ModelInputError(
            f"input '{entry.name}' of shape {entry.shape} has a size of 0: there is nothing to "
            "show it. The layers and the kernels can be seen all the same"
        )
    return entry


def make_options(**settings: Any) -> ImageOptions:
    (chosen,) = split_options(settings, ImageOptions)
    return ImageOptions(**chosen)


def choose_preprocessing(
    entry: InputInfo, scale: str | Preprocessing | None = None
) -> Preprocessing:
    """The preprocessing for an input: the user's, else the model's own, else ``0..1``."""
    if scale is not None:
        return find_scale(scale).because("given by the user")
    return entry.preprocessing or GUESS


def find_input(info: ModelInfo, name: str | None) -> InputInfo:
    """An input by name, or by the model's own key for it; else the first that takes an image."""
    if name is not None:
        by_key = {entry.key: entry for entry in info.inputs if entry.key is not None}
        by_name = {entry.name: entry for entry in info.inputs}
        if name in by_key or name in by_name:
            return check_input(by_key.get(name) or by_name[name])
        names = list(dict.fromkeys([*by_key, *by_name]))
        raise ModelInputError(
            f"no input '{name}': the model has {', '.join(names)}.{near(str(name), names)}"
        )
    return check_input(info.image_input or info.inputs[0])


@dataclass(frozen=True, eq=False, slots=True)
class Gathered:
    """The images for a model."""

    images: dict[str, list[InputImage]]  # for each input of the model its images, all of one size
    note: str | None  # what was drawn at random for an input without images, or None
    # the images of one input in their own size, if requested
    photographs: tuple[Photograph, ...] = ()


def gather(
    info: ModelInfo, image: Any, options: ImageOptions, *, photographs_of: str | None = None
) -> Gathered:
    """For each input of the model its images; of ``photographs_of`` also in their own size."""
    for entry in info.inputs:
        check_input(entry)
    return load_sources(info, sources_of(info, image), options, photographs_of=photographs_of)


def load_sources(
    info: ModelInfo,
    sources: Mapping[str, Sequence[Any]],
    options: ImageOptions,
    *,
    photographs_of: str | None = None,
) -> Gathered:
    """As :func:`gather`, from the result of :func:`sources_of`."""
    lengths = {name: len(listed) for name, listed in sources.items()}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{number} for '{name}'" for name, number in lengths.items())
        raise ModelInputError(
            f"expected as many images for one input as for the other, found {counted}"
        )
    if 0 in lengths.values():
        raise ImageError("expected at least one image, found none")
    count = next(iter(lengths.values()), 1)
    gathered: dict[str, list[InputImage]] = {}
    drawn: list[str] = []
    photographs: list[Photograph] = []
    for entry in info.inputs:
        if entry.name in sources:
            preprocessing = choose_preprocessing(entry, options.scale)
            wanted = photographs if entry.name == photographs_of else None
            loaded = _load_alike(sources[entry.name], entry, preprocessing, options, wanted)
            shapes = sorted({image.values.shape for image in loaded})
            if len(shapes) > 1:
                raise ModelInputError(
                    f"the images for input '{entry.name}' have different shapes "
                    f"({', '.join(map(str, shapes))}): give one size with size="
                )
        elif entry.accepts_image:
            raise ModelInputError(
                f"input '{entry.name}' of shape {entry.shape} was given nothing: name an image "
                f"for each of {', '.join(other.name for other in info.inputs)}"
            )
        else:
            loaded = [_draw(entry, options.seed + number) for number in range(count)]
            drawn.append(f"'{entry.name}': {loaded[0].steps[0]}")
        gathered[entry.name] = loaded
    note = f"input {'; '.join(drawn)}" if drawn and len(info.inputs) == 1 else None
    return Gathered(gathered, note, tuple(photographs))


def input_label(info: ModelInfo, name: str) -> str:
    """An input in words: its name, and the model's own key if that differs."""
    key = find_input(info, name).key
    return f"'{name}'" if key in (None, name) else f"'{name}' ({key})"


def input_notes(info: ModelInfo, images_of: Mapping[str, Sequence[InputImage]]) -> list[str]:
    """For a model with several inputs, a line for each: its images and their scale."""
    if len(images_of) < 2:
        return []
    lines = []
    for name, loaded in images_of.items():
        first, scale = loaded[0], loaded[0].preprocessing
        formula = scale.describe() if first.region else "values as they are"
        facts = "; ".join([few([image.name for image in loaded]), *first.steps])
        lines.append(f"input {input_label(info, name)}: {facts}; {formula} ({scale.reason})")
    return lines


def sources_of(info: ModelInfo, image: Any) -> dict[str, list[Any]]:
    """For each input that gets images the source of each image."""
    return {entry.name: _list_sources(part, entry) for entry, part in _address(info, image).items()}


def _address(info: ModelInfo, image: Any) -> dict[InputInfo, Any]:
    """What each input gets: by name, in order, else every input that takes it."""
    if image is None:
        return {}
    if isinstance(image, Mapping):
        addressed: dict[InputInfo, Any] = {}
        for name, part in image.items():
            entry = find_input(info, name)
            if entry in addressed:
                raise ModelInputError(f"input '{entry.name}' was given twice, also as '{name}'")
            addressed[entry] = part
        return addressed
    if len(info.inputs) > 1 and _is_one_for_each(image):
        if len(image) != len(info.inputs):
            raise ModelInputError(
                f"expected an array for each of the {len(info.inputs)} inputs, in this order: "
                + ", ".join(f"'{entry.name}' {entry.shape}" for entry in info.inputs)
                + f"; found {len(image)}. Give as many, or a mapping from names to arrays."
            )
        pairs = zip(info.inputs, image, strict=True)
        return {entry: part for entry, part in pairs if part is not None}
    takers = [entry for entry in info.inputs if entry.accepts_image]
    if not takers:
        numbers = _is_array(image)
        takers = [entry for entry in info.inputs if numbers or entry.possible_picture]
    if not takers:
        entry = info.inputs[0]
        raise ModelInputError(
            f"the model takes no image: expected an input of (height, width, channel), found "
            f"'{entry.name}' of shape {entry.shape}. Give it as a .npy, .csv or .wav "
            "file, or leave the image out to have it drawn from a seed."
        )
    return dict.fromkeys(takers, image)


def _is_one_for_each(image: Any) -> bool:
    """Whether a list or tuple holds an array for each input, as Keras takes it."""
    return isinstance(image, list | tuple) and any(
        hasattr(part, "__array__") and not isinstance(part, Image.Image) for part in image
    )


def _is_array(image: Any) -> bool:
    """Whether an image is an array of numbers, not a picture."""
    if isinstance(image, Sequence) and not isinstance(image, str):
        return bool(image) and all(_is_array(part) for part in image)
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        if path.is_dir() or glob.has_magic(str(image)):
            return True
        return is_array_file(path) or signals.kind_of(path) is not None
    return hasattr(image, "__array__") and not isinstance(image, Image.Image)


def _draw(entry: InputInfo, seed: int) -> InputImage:
    """Random numbers for an input that takes no picture and was given nothing.

    Normally distributed, as generators are trained on; uniform over an embedding's vocabulary;
    zeros for other whole numbers.
    """
    shape = tuple(size or FREE_LENGTH for size in entry.example_shape)
    generator = np.random.default_rng(seed)
    if entry.vocabulary is not None:
        values = generator.integers(0, entry.vocabulary, shape).astype(np.float32)
        step = f"whole numbers from 0 to {entry.vocabulary - 1} drawn, seed {seed}"
    elif entry.dtype.startswith(("int", "uint")):
        values, step = np.zeros(shape, np.float32), "zeros, since it takes whole numbers"
    else:
        values = generator.standard_normal(shape, dtype=np.float32)
        step = f"drawn from a normal distribution, seed {seed}"
    pixels = to_picture(values)
    return InputImage(
        name=f"seed-{seed}",
        path=None,
        original_size=(pixels.shape[1], pixels.shape[0]),
        pixels=pixels,
        values=values,
        preprocessing=SCALES["none"].because("numbers are taken as they are"),
        steps=(step,),
    )


def _load_alike(
    sources: Sequence[Any],
    entry: InputInfo,
    preprocessing: Preprocessing,
    options: ImageOptions,
    photographs: list[Photograph] | None,
) -> list[InputImage]:
    """The images for an input; for an input of any size, all in the size of the first.

    Each file is decoded once, and its photograph then added to the list.
    """
    longest = longest_side(len(sources))
    loaded: list[InputImage] = []
    size = options.size
    for source in sources:
        floats = isinstance(source, np.ndarray) and source.dtype != np.uint8
        image, decoded = images.load(
            source,
            entry,
            preprocessing=preprocessing,
            fit=options.fit,
            interpolation=options.interpolation,
            size=options.size if floats else size,
            frame=options.frame,
        )
        loaded.append(image)
        if photographs is not None:
            photographs.append(photograph(source, image, longest, decoded))
        if entry.is_image and None in entry.size:
            size = (image.values.shape[0], image.values.shape[1])
    return loaded


def _list_sources(image: Any, entry: InputInfo) -> list[Any]:
    """The images of a path, a folder, a glob, an array or several of these."""
    if isinstance(image, InputImage | Image.Image):
        return [image]
    if hasattr(image, "__array__"):
        array = as_array(image)
        return list(array) if _is_batch(array, entry) else [array]
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        if path.is_file():
            return [path]
        if len(entry.example_shape) == 4 and path.is_dir():
            return [Path(clip) for clip in clips_in(path)]
        lines = len(entry.example_shape) < 3 and entry.possible_picture is None
        suffixes = signals.SUFFIXES if lines else images.SUFFIXES
        return list(images.find_images([image], suffixes=suffixes))
    if not isinstance(image, Sequence) or not image:
        raise ImageError(
            "expected an image: a file, a folder, a glob, an array, or several of these; found "
            + ("nothing" if isinstance(image, Sequence) else type(image).__name__)
        )
    return [source for part in image for source in _list_sources(part, entry)]


def _is_batch(array: np.ndarray[Any, Any], entry: InputInfo) -> bool:
    """Whether an array holds several examples for an input."""
    picture = entry.picture or entry.possible_picture
    if picture is None:
        return array.ndim == len(entry.shape)
    if array.ndim == len(entry.shape) and fits_shape(array.shape[1:], entry.shape[1:]):
        return True
    grey = picture[2] == 1 and array.ndim == 3 and array.shape[1:] == picture[:2]
    return array.ndim == 4 or (grey and array.shape[-1] not in (1, 3, 4))
