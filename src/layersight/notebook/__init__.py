"""How results show themselves in a notebook.

The rule of this module: what is shown is the document of the result's kind; nothing is drawn here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from layersight.document.blocks import Document, Grid, Picture, flat
from layersight.document.noun import noun_of
from layersight.errors import SelectionError
from layersight.export.files import make_options, to_bytes

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
    """A result as a PNG file, ``None`` where a picture does not say enough.

    A notebook stores this beside the HTML, which holds most results with their words: for viewers
    that show no HTML. One picture is given as it is; a map with its photograph and its scale as a
    page.
    """
    from layersight.writers.notebook import to_png as write

    try:
        found = write(_page(result))
        noun = noun_of(result)
        options = noun.options(**noun.plot)
        if found is None and _is_one_picture(noun.describe(result, options)):
            return to_bytes(result, ".png", options)
    except SelectionError:
        return None
    return found


def _is_one_picture(document: Document) -> bool:
    """Whether a document has a single section, with pictures and no grid of tiles."""
    sections = [section for part in document.parts for section in part.sections]
    if len(sections) != 1 or document.parts[0].front:
        return False
    kinds = {type(block) for block in flat(sections[0].blocks)}
    return Picture in kinds and Grid not in kinds


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
