"""How results show themselves in a notebook.

The rule of this module: each function chooses by the type of the result and by nothing else.
The fragments are made in ``layersight.notebook.fragments``.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from layersight.data.image import InputImage
from layersight.data.model import ModelInfo
from layersight.errors import UsageError
from layersight.notebook import fragments, gallery, heat, measured, weights
from layersight.nouns.activations.result import Activations
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.result import Patterns
from layersight.render.html_sprites import pixels_of
from layersight.render.html_text import escape
from layersight.writers.pixels import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot", "to_html", "to_png"]


@functools.singledispatch
def to_html(result: object) -> str:
    """A result as an HTML fragment.

    Args:
        result: An ``Activations``, ``Patterns``, ``Kernels``, ``Heatmaps``, ``Evaluation``,
            ``ModelInfo`` or ``InputImage``; anything else is shown as its ``repr``.

    Returns:
        HTML with a small style of its own and without scripts; every name is escaped.
    """
    return f"<pre>{escape(repr(result))}</pre>"


@functools.singledispatch
def to_png(result: object) -> bytes | None:
    """A result as a PNG file, ``None`` where there is no picture that says enough.

    A notebook stores this beside the HTML, so activations, kernels, several patterns and several
    heatmaps, whose HTML holds them with their words, give none.
    """
    return None


@functools.singledispatch
def plot(result: object, **options: Any) -> Figure:
    """A result as a Matplotlib figure.

    Args:
        result: An ``Activations``, ``Patterns``, ``Kernels``, ``Heatmaps``, ``Evaluation`` or
            ``InputImage``.
        options: For activations, those of ``layersight.render.figure.plot``; for patterns, those
            of ``layersight.render.patterns.figure.plot``; for kernels, those of
            ``layersight.render.kernels.figure.plot``; for heatmaps, those of
            ``layersight.render.heatmaps.figure.plot``; for evaluations, those of
            ``layersight.render.evaluations.figure.plot``.

    Raises:
        UsageError: There is nothing to draw of this result.
    """
    raise UsageError(
        f"a {type(result).__name__} cannot be plotted: expected activations, patterns, kernels, "
        "heatmaps, an evaluation or an image"
    )


to_html.register(Activations, fragments.activations)
to_html.register(ModelInfo, fragments.model)
to_html.register(InputImage, fragments.image)
to_html.register(Patterns, gallery.patterns)
to_html.register(Kernels, weights.kernels)
to_html.register(Heatmaps, heat.heatmaps)
to_html.register(Evaluation, measured.evaluation)


@to_png.register(InputImage)
def _image_png(result: InputImage) -> bytes | None:
    return png(pixels_of(result))


@to_png.register(Patterns)
def _pattern_png(result: Patterns) -> bytes | None:
    alone = len(result) == 1 and not result.empty[0]
    return png(np.ascontiguousarray(result.images[0])) if alone else None


to_png.register(Heatmaps, heat.picture)


@plot.register(Patterns)
def _plot_patterns(result: Patterns, **options: Any) -> Figure:
    module = importlib.import_module("layersight.render.patterns.figure")
    figure: Figure = module.plot(result, **options)
    return figure


@plot.register(Kernels)
def _plot_kernels(result: Kernels, **options: Any) -> Figure:
    module = importlib.import_module("layersight.render.kernels.figure")
    figure: Figure = module.plot(result, **options)
    return figure


@plot.register(Evaluation)
def _plot_evaluation(result: Evaluation, **options: Any) -> Figure:
    module = importlib.import_module("layersight.render.evaluations.figure")
    figure: Figure = module.plot(result, **options)
    return figure


@plot.register(Heatmaps)
def _plot_heatmaps(result: Heatmaps, **options: Any) -> Figure:
    module = importlib.import_module("layersight.render.heatmaps.figure")
    figure: Figure = module.plot(result, **options)
    return figure


@plot.register(Activations)
def _plot_activations(result: Activations, **options: Any) -> Figure:
    # By name, so that Matplotlib is imported only when something is plotted.
    figure: Figure = importlib.import_module("layersight.render.figure").plot(result, **options)
    return figure


@plot.register(ModelInfo)
def _plot_model(result: ModelInfo, **options: Any) -> Figure:
    raise UsageError(
        f"the model '{result.name}' is a table and not a picture: plot what it makes of an "
        "image, layersight.activations(model, image).plot()"
    )


@plot.register(InputImage)
def _plot_image(result: InputImage, **options: Any) -> Figure:
    from matplotlib.figure import Figure

    if options:
        raise UsageError(f"an image is plotted without options, found {', '.join(options)}")
    pixels = pixels_of(result)
    height, width = pixels.shape[:2]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    figure = Figure(figsize=(4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(pixels, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    # A dollar sign in a file's name must not start mathematics.
    axes.set_title(
        f"{result.name}\n{width} x {height}, {result.preprocessing.describe()}",
        fontsize=9,
        parse_math=False,
    )
    return figure
