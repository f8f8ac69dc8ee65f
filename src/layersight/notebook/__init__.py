"""How results are shown in a notebook.

The rule of this module: the document of the result's kind is shown; nothing is drawn here.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from layersight.data.fields import options_of
from layersight.document.blocks import Document, Grid, Picture, flat
from layersight.document.noun import noun_of
from layersight.errors import SelectionError
from layersight.export.arrays import to_dataframe, to_xarray
from layersight.export.files import make_options, save, to_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot", "plotter", "save", "to_dataframe", "to_html", "to_png", "to_xarray"]


def to_html(result: object) -> str:
    """A result as an HTML fragment: with a small style of its own, without scripts."""
    from layersight.writers.notebook import to_html as write

    try:
        return write(_page(result))
    except SelectionError as error:
        return write(Document("", "", (f"{result!r}: {error}",), ()))


def to_png(result: object) -> bytes | None:
    """A result as a PNG file, ``None`` if one picture is not enough.

    A notebook stores this beside the HTML for viewers that show no HTML. One picture is returned as
    it is, a map with its photograph and its scale as a page.
    """
    from layersight.writers.notebook import to_png as write

    try:
        png = write(_page(result))
        noun = noun_of(result)
        options = noun.options(**noun.plot)
        if png is None and _is_one_picture(noun.describe(result, options)):
            return to_bytes(result, ".png", options)
    except SelectionError:
        return None
    return png


def _is_one_picture(document: Document) -> bool:
    """Whether a document has a single section, with pictures and no grid of tiles."""
    sections = [section for part in document.parts for section in part.sections]
    if len(sections) != 1 or document.parts[0].front:
        return False
    kinds = {type(block) for block in flat(sections[0].blocks)}
    return Picture in kinds and Grid not in kinds


def plot(result: object, *, ax: Axes | None = None, **options: Any) -> Figure:
    """A result as a Matplotlib figure that is not registered with ``pyplot``.

    ``options`` are those of the result's pictures, and the keywords that select a part of it:
    ``image``, ``layer`` and ``channel`` of activations, ``layer`` and ``channel`` of patterns and
    kernels, ``image`` and ``method`` of heatmaps. In axes ``ax`` it has no words on the model.
    """
    from layersight.writers.figure import draw_into, to_figure

    noun = noun_of(result)
    fields: Mapping[str, object] = {}
    if noun.only is not None:
        names = inspect.signature(noun.only).parameters
        part = {name: options.pop(name) for name in list(options) if name in names}
        result, fields = noun.only(result, **part)
    chosen = make_options(noun, **{**noun.plot, **fields, **options})
    document = noun.describe(result, chosen)
    return to_figure(document) if ax is None else draw_into(document, ax)


PARTS = {
    "image": "The number of the image.",
    "layer": "The name of the layer.",
    "channel": "The number of the channel.",
    "method": "The name of the method.",
}
"""The keywords that select a part of a result."""


def plotter(kind: type, result: object | None) -> Callable[..., Figure]:
    """The method ``plot`` of a class of results, or of one result, with the options' signature."""
    bound = () if result is None else (result,)

    def method(*arguments: Any, **options: Any) -> Figure:
        return plot(*bound, *arguments, **options)

    words, signature = _signature(kind)
    parameters = list(signature.parameters.values())[len(bound) :]
    method.__name__, method.__doc__ = "plot", words
    method.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return method


@functools.cache
def _signature(kind: type) -> tuple[str, inspect.Signature]:
    """The docstring of the method and its signature."""
    noun = noun_of(kind)
    lines = ["ax: Axes of your own figure to draw into."]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("ax", keyword, default=None, annotation="Axes | None"),
    ]
    if noun.only is not None:
        for name, parameter in list(inspect.signature(noun.only).parameters.items())[1:]:
            parameters.append(parameter.replace(kind=keyword))
            lines.append(f"{name}: {PARTS[name]}")
    for name, declared in options_of(noun.options).items():
        default = noun.plot.get(name, declared.default)
        written = declared.annotation + (" | None" if declared.default is None else "")
        parameters.append(inspect.Parameter(name, keyword, default=default, annotation=written))
        choices = f" One of {', '.join(declared.choices)}." if declared.choices else ""
        lines.append(f"{name}: {declared.help}{choices}")
    listed = "\n    ".join(lines)
    words = f"Draws the result as a Matplotlib figure.\n\nArgs:\n    {listed}\n"
    return words, inspect.Signature(parameters, return_annotation="Figure")


def _page(result: object) -> Document:
    noun = noun_of(result)
    return noun.describe(result, dataclasses.replace(noun.options(), **noun.page))
