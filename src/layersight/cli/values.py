"""Sizes, numbers and images as they are written on a command line.

The rule of this module: images for one file go through the model together, else one by one, and
no file takes the place of another's.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layersight.batch.gather import sources_of
from layersight.data.command import named_files
from layersight.data.image import InputImage
from layersight.data.model import ModelInfo
from layersight.errors import ImageError, UsageError
from layersight.images.reading import missing

MOST_TOGETHER = 16  # so many images go into one file where none was named


def check_given(images: Sequence[str], inputs: Sequence[str]) -> None:
    """Refuses images that are not there, and inputs that are not as they should be."""
    if inputs:
        named_inputs(images, inputs)
    for image in images:
        if not (os.path.lexists(image) or glob.has_magic(image)):
            raise ImageError(missing(image))


def named_inputs(images: Sequence[str], inputs: Sequence[str]) -> dict[str, str]:
    """The files of ``NAME=FILE``, where no images were given too."""
    if images:
        raise UsageError("give either IMAGE or --input NAME=FILE for each input, not both")
    return named_files(inputs)


def image_groups(
    info: ModelInfo, images: Sequence[str], inputs: Sequence[str], *, together: bool
) -> list[Any]:
    """What goes through the model together: a few images, or all for one file, else one by one.

    ``None`` stands for no image at all, which a model that takes none can do without.
    """
    if inputs:
        return [named_inputs(images, inputs)]
    if not images:
        return [None]
    sources = next(iter(sources_of(info, list(images)).values()))
    together = together or len(sources) <= MOST_TOGETHER
    return [sources] if together else [[path] for path in sources]


def beside(
    image: InputImage, groups: Sequence[Any], ending: str, folder: Path | None = None
) -> Path:
    """A file beside an image, or in a folder, under a name that no other of the groups has."""
    home = image.path.parent if image.path is not None else Path()
    stem = Path(image.name).stem
    images = [group[0] for group in groups if isinstance(group, list)]
    alike = [path for path in images if folder or path.parent == home]
    if sum(path.stem == stem for path in alike) > 1:
        stem = image.name
    if folder and sum(path.name == image.name for path in alike) > 1:
        stem = f"{'-'.join(home.parts[-1:])}-{image.name}"
    return (folder or home) / f"{stem}{ending}"
