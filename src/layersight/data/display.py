"""How results show themselves.

The rule of this module: what is shown comes from ``layersight.notebook``, which is named by
string so that this module imports nothing above it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RichDisplay:
    """Lets a result show itself in a notebook and as a Matplotlib figure."""

    def plot(self, **options: Any) -> Figure:
        """Draws the result as a Matplotlib figure; see ``layersight.notebook.plot``."""
        figure: Figure = _notebook().plot(self, **options)
        return figure

    def _repr_html_(self) -> str:
        return str(_notebook().to_html(self))

    def _repr_png_(self) -> bytes | None:
        png: bytes | None = _notebook().to_png(self)
        return png


def _notebook() -> Any:
    return importlib.import_module("layersight.notebook")
