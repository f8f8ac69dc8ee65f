"""What an image can become."""

from __future__ import annotations

import dataclasses

from layersight.data.image import InputImage
from layersight.document.blocks import Beside, Document, Part, Section
from layersight.document.image import input_block, input_note
from layersight.document.noun import Json, Noun, Plain
from layersight.document.words import finite


def describe(result: InputImage, options: Plain) -> Document:
    note = input_note(result, "As the network sees it", named=False)
    shape = ", ".join(map(str, (1, *result.values.shape)))
    least, greatest, mean = (f"{number:.4g}" for number in _range(result))
    array = f"an array of shape ({shape}), from {least} to {greatest}, mean {mean}"
    note = dataclasses.replace(note, lines=(*note.lines, array))
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


def _range(result: InputImage) -> tuple[float, float, float]:
    values = result.values
    return float(values.min()), float(values.max()), float(values.mean(dtype="float64"))


def manifest(result: InputImage, options: Plain) -> Json:
    return result.to_json()


def numbers(result: InputImage, options: Plain) -> Json:
    """How the image came to be, and what the network gets."""
    values = dict(zip(("min", "max", "mean"), map(finite, _range(result)), strict=True))
    return {**result.to_json(), "shape": [1, *result.values.shape], **values}


NOUN: Noun[InputImage, Plain] = Noun(
    name="image", options=Plain, describe=describe, manifest=manifest, numbers=numbers
)
