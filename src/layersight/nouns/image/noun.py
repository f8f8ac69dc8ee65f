"""What an image can become."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.image import InputImage
from layersight.document.blocks import Beside, Document, Part, Section
from layersight.document.image import input_note, input_picture
from layersight.document.noun import Json, Noun


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What a picture of an image should look like: so far there is nothing to choose."""


def describe(result: InputImage, options: ImageOptions) -> Document:
    """The image beside how it came to be."""
    note = input_note(result, "As the network sees it", named=False)
    section = Section(result.name, (Beside(((input_picture(result, 300.0),), (note,))),))
    how = result.preprocessing
    return Document(
        title=result.name,
        kicker="Image",
        facts=(),
        parts=(Part((section,)),),
        caption=f"{result.name}: {'; '.join((*result.steps, how.describe()))}.",
        name=result.name,
    )


def numbers(result: InputImage, options: ImageOptions) -> Json:
    """How the image came to be."""
    return result.to_json()


NOUN: Noun[InputImage, ImageOptions] = Noun(
    name="image",
    options=ImageOptions,
    describe=describe,
    manifest=numbers,
    numbers=numbers,
)
