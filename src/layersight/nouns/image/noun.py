"""What an image can become."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from layersight.data.image import InputImage
from layersight.document.blocks import Beside, Document, Part, Section
from layersight.document.image import input_block, input_note
from layersight.document.noun import Json, Noun
from layersight.document.words import finite


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What a picture of an image should look like: so far there is nothing to choose."""


def describe(result: InputImage, options: ImageOptions) -> Document:
    """The image beside how it came to be."""
    note = input_note(result, "As the network sees it", named=False)
    note = dataclasses.replace(note, lines=(*note.lines, _array(result)))
    section = Section(result.name, (Beside(((input_block(result, 300.0, 300.0),), (note,))),))
    how = result.preprocessing
    return Document(
        title=result.name,
        kicker="Image",
        facts=(),
        parts=(Part((section,)),),
        caption=f"{result.name}: {'; '.join((*result.steps, how.describe()))}.",
        name=result.name,
    )


def _array(result: InputImage) -> str:
    """What the network gets, as a shape and a range of numbers."""
    shape = ", ".join(map(str, (1, *result.values.shape)))
    least, greatest, mean = (f"{number:.4g}" for number in _range(result))
    return f"an array of shape ({shape}), from {least} to {greatest}, mean {mean}"


def _range(result: InputImage) -> tuple[float, float, float]:
    values = result.values
    return float(values.min()), float(values.max()), float(values.mean(dtype="float64"))


def manifest(result: InputImage, options: ImageOptions) -> Json:
    """How the image came to be."""
    return result.to_json()


def numbers(result: InputImage, options: ImageOptions) -> Json:
    """How the image came to be, and what the network gets."""
    found = dict(zip(("min", "max", "mean"), map(finite, _range(result)), strict=True))
    return {**result.to_json(), "shape": [1, *result.values.shape], **found}


NOUN: Noun[InputImage, ImageOptions] = Noun(
    name="image",
    options=ImageOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
)
