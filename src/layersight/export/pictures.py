"""Results as pictures: pages go to the writer of their format.

The rule of this module: what differs from one kind of result to the next is chosen by its type
and by nothing else.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from layersight.errors import UsageError
from layersight.export.manifest import dump_manifest, manifest_of
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns
from layersight.render import views
from layersight.render.evaluations import information as evaluation_wording
from layersight.render.evaluations import views as evaluation_views
from layersight.render.heatmaps import information as heat_wording
from layersight.render.heatmaps import views as heat_views
from layersight.render.kernels import views as kernel_views
from layersight.render.kernels import wording as kernel_wording
from layersight.render.patterns import information as pattern_wording
from layersight.render.patterns import views as pattern_views
from layersight.writers.page import Information, Page

Result = Activations | Patterns | Kernels | Heatmaps | Evaluation
Options = Any
"""The options that go with the result: of pictures, galleries, kernels, heatmaps or tables."""

FEWER: dict[type[Any], str] = {
    Heatmaps: "choose one image and one target, or fewer methods",
    Evaluation: "choose fewer methods or metrics",
    **dict.fromkeys(
        (Activations, Patterns, Kernels),
        "choose one layer with --layers or one channel with --channels",
    ),
}
"""How to ask for less of each kind of result."""


def to_pdf(result: Result, options: Options) -> bytes:
    """All pages as one PDF."""
    from layersight.writers.pdf import write_pdf as write

    return write(all_pages(result, options, "paper"), about(result, options))


def to_png(result: Result, options: Options) -> bytes:
    """All pages, one below the other, as one PNG."""
    from layersight.writers.png import stacked_png as write

    return write(all_pages(result, options, "screen"), about(result, options))


def to_svg(result: Result, options: Options) -> bytes:
    """One page as SVG.

    Raises:
        UsageError: There are several pages, which SVG cannot hold.
    """
    from layersight.writers.svg import write_svg as write

    found = all_pages(result, options, "paper")
    if len(found) > 1:
        raise UsageError(
            f"SVG holds one page and this view has {len(found)}: {FEWER[type(result)]}, or write "
            ".pdf or .html"
        )
    return write(found[0], about(result, options)).encode()


def to_html(result: Result, options: Options) -> bytes:
    """The whole document as one self-contained page."""
    return document(result, options, dump_manifest(manifest_of(result, options))).encode()


def about(result: Result, options: Options) -> Information:
    """What a picture says of itself outside the picture."""
    found = information(result, options)
    return dataclasses.replace(found, manifest=dump_manifest(manifest_of(result, options)))


def safe_name(name: str) -> str:
    """A layer's name as part of a file name.

    >>> safe_name("mobilenet/conv 1")
    'mobilenet-conv_1'
    """
    return re.sub(r"[^\w.@-]", "_", name.replace("/", "-"))[:80] or "layer"


@functools.singledispatch
def all_pages(result: Any, options: Any, medium: str) -> list[Page]:
    """The pages of a result on a medium."""
    raise TypeError(f"no pages of {type(result).__name__}")


@functools.singledispatch
def information(result: Any, options: Any) -> Information:
    """What a picture says of itself, without its manifest."""
    raise TypeError(f"nothing to say of {type(result).__name__}")


@functools.singledispatch
def document(result: Any, options: Any, manifest: str) -> str:
    """A result as an HTML page."""
    raise TypeError(f"no page of {type(result).__name__}")


@all_pages.register
def _pages_of_activations(result: Activations, options: PictureOptions, medium: str) -> list[Page]:
    found: list[Page] = []
    for image in range(len(result.images)):
        found += views.pages(result, options, image, medium)
    return found


@information.register
def _of_activations(result: Activations, options: PictureOptions) -> Information:
    layers = ", ".join(entry.name for entry in result.layers[:12])
    if len(result.layers) > 12:
        layers += f" and {len(result.layers) - 12} more"
    images = ", ".join(image.name for image in result.images[:4])
    caption = (
        f"Layers {layers}. {options.describe().capitalize()}. "
        f"Preprocessing: {result.images[0].preprocessing.describe()}. "
        f"Model {result.model.name}, {result.model.digest}. {result.model.framework}."
    )
    return Information(
        title=f"{result.model.name}: {images}",
        caption=caption,
    )


@document.register
def _page_of_activations(result: Activations, options: PictureOptions, manifest: str) -> str:
    from layersight.render.html import document as write

    return write(result, options, manifest)


@all_pages.register
def _pages_of_patterns(result: Patterns, options: GalleryOptions, medium: str) -> list[Page]:
    return pattern_views.pages(result, options, medium)


@information.register
def _of_patterns(result: Patterns, options: GalleryOptions) -> Information:
    return pattern_wording.information(result)


@document.register
def _page_of_patterns(result: Patterns, options: GalleryOptions, manifest: str) -> str:
    from layersight.render.patterns.html import document as write

    return write(result, options, manifest)


@all_pages.register
def _pages_of_kernels(result: Kernels, options: KernelOptions, medium: str) -> list[Page]:
    return kernel_views.pages(result, options, medium)


@information.register
def _of_kernels(result: Kernels, options: KernelOptions) -> Information:
    return kernel_wording.information(result)


@document.register
def _page_of_kernels(result: Kernels, options: KernelOptions, manifest: str) -> str:
    from layersight.render.kernels.html import document as write

    return write(result, options, manifest)


@all_pages.register
def _pages_of_heatmaps(result: Heatmaps, options: HeatOptions, medium: str) -> list[Page]:
    return heat_views.pages(result, options, medium)


@information.register
def _of_heatmaps(result: Heatmaps, options: HeatOptions) -> Information:
    return heat_wording.information(result, options)


@document.register
def _page_of_heatmaps(result: Heatmaps, options: HeatOptions, manifest: str) -> str:
    from layersight.render.heatmaps.html import document as write

    return write(result, options, manifest)


@all_pages.register
def _pages_of_evaluation(result: Evaluation, options: TableOptions, medium: str) -> list[Page]:
    return evaluation_views.pages(result, medium)


@information.register
def _of_evaluation(result: Evaluation, options: TableOptions) -> Information:
    return evaluation_wording.information(result)


@document.register
def _page_of_evaluation(result: Evaluation, options: TableOptions, manifest: str) -> str:
    from layersight.render.evaluations.html import document as write

    return write(result, manifest)
