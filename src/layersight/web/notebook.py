"""``layersight.explore``: the explorer in a notebook.

The rule of this module: anywidget is imported when it is needed, and a missing package has one
line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from layersight.batch.gather import make_options
from layersight.errors import UsageError
from layersight.images import find_images
from layersight.loading import load_model
from layersight.model import Forward, require
from layersight.nouns.survey.result import Survey
from layersight.web.explorer import Explorer, Settings
from layersight.web.snippets import Origin

if TYPE_CHECKING:
    from layersight.web.widget import ExplorerWidget


def explore(
    model: Any,
    images: Any = None,
    *,
    height: str = "640px",
    read_only: bool = False,
    survey: Survey | str | os.PathLike[str] | None = None,
    **options: Any,
) -> ExplorerWidget:
    """Shows a network and images in the explorer, in a notebook.

    Args:
        model: From :func:`layersight.load_model`, or what that opens.
        images: A file, a folder, a glob, an array, or several of these; without any the page asks
            for one.
        height: The height of the view, as in CSS.
        read_only: Whether the page takes no further images.
        survey: The result of :func:`layersight.survey`, or the folder that it was written to: the
            page then shows the strongest images of each channel.
        options: How images are prepared for the model: ``scale``, ``fit``, ``interpolation``,
            ``size``, ``frame``, ``seed``.

    Returns:
        A widget, which the last line of a cell shows; its ``save`` writes the page as one file.

    Raises:
        UsageError: ``anywidget`` is not installed, or an option is unknown.
        ModelError: The model cannot be opened or run.
        ImageError: There is no such image.
        OutputError: There is no survey.
    """
    try:
        from layersight.web.widget import ExplorerWidget
    except ImportError as error:
        raise UsageError(
            f"layersight.explore needs {error.name}: pip install 'layersight[notebook]', then "
            "restart the kernel"
        ) from error
    make_options(**options)
    opened = model if isinstance(model, Forward) else load_model(model)
    require(opened, Forward, "the explorer", "open the network that the weights belong to")
    if isinstance(survey, str | os.PathLike):
        from layersight.nouns.survey.reading import read_survey

        survey = read_survey(survey)
    settings = Settings(read_only, survey, Origin(opened.info.source, {}, options))
    return ExplorerWidget(Explorer(opened, list_images(images), settings), height=height)


def list_images(images: Any) -> list[Any]:
    """The images that a file, a folder, a glob, an array or several of these stand for.

    >>> [array.shape for array in list_images([np.zeros((2, 2, 3)), np.ones((2, 4, 4, 3))])]
    [(2, 2, 3), (4, 4, 3), (4, 4, 3)]
    """
    if images is None:
        return []
    if isinstance(images, Mapping):
        raise UsageError("give the images of one input; the explorer fills the others in itself")
    if isinstance(images, Sequence) and not isinstance(images, str):
        return [image for part in images for image in list_images(part)]
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    if isinstance(images, str) or hasattr(images, "__fspath__"):
        return list(find_images([images]))
    return [images]
