"""How results show themselves in a notebook.

The rule of this module: what is shown is the document of the result's kind; nothing is drawn here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from layersight.document.blocks import Document
from layersight.document.noun import noun_of
from layersight.errors import SelectionError
from layersight.export.files import make_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot", "to_html", "to_png"]


def to_html(result: object) -> str:
    """A result as an HTML fragment: with a small style of its own, without scripts."""
    from layersight.writers.notebook import to_html as write

    try:
        return write(_page(result))
    except SelectionError as error:
        return write(Document("", "", (f"{result!r}: {error}",), ()))


def to_png(result: object) -> bytes | None:
    """A result as a PNG file, ``None`` where no picture by itself says enough.

    A notebook stores this beside the HTML, which holds most results with their words.
    """
    from layersight.writers.notebook import to_png as write

    try:
        return write(_page(result))
    except SelectionError:
        return None


def plot(result: object, **options: Any) -> Figure:
    """A result as a Matplotlib figure, which ``pyplot`` does not know of.

    Args:
        result: What any verb gave, or an image.
        options: Those of its pictures, such as ``view``, ``columns`` or ``colormap``; and which
            part of it is shown: ``image``, ``layer`` and ``channel`` of activations, ``layer`` and
            ``channel`` of patterns and kernels, ``image`` and ``method`` of heatmaps.

    Raises:
        UsageError: It is no result, or an option is unknown.
        SelectionError: There is no such part.
    """
    from layersight.writers.figure import to_figure

    noun = noun_of(result)
    fields: Mapping[str, object] = {}
    if noun.only is not None:
        names = inspect.signature(noun.only).parameters
        part = {name: options.pop(name) for name in list(options) if name in names}
        result, fields = noun.only(result, **part)
    chosen = make_options(noun, **{**noun.plot, **fields, **options})
    return to_figure(noun.describe(result, chosen))


def _page(result: object) -> Document:
    noun = noun_of(result)
    return noun.describe(result, dataclasses.replace(noun.options(), **noun.page))
