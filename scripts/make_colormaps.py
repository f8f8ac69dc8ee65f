"""Writes the tables of colours: those of Matplotlib for pictures, all of them for the explorer.

``src/layersight/assets/colormaps.npz`` holds ``(256, 3)`` uint8 by name;
``src/layersight/web/static/palettes.js`` the same in base64, with the one whose middle is zero.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from matplotlib import colormaps

from layersight.document.diverging import diverging

NAMES = ("viridis", "cividis", "magma", "inferno", "plasma")
PACKAGE = Path(__file__).parents[1] / "src" / "layersight"


def as_module(tables: dict[str, np.ndarray]) -> str:
    """The tables as a module, RGB after RGB."""
    lines = [
        f'  {name}:\n    "{base64.b64encode(table.tobytes()).decode()}",'
        for name, table in tables.items()
    ]
    head = "/** Tables of 256 colours, RGB in base64; written by scripts/make_colormaps.py. */"
    return "\n".join([head, "export const tables = {", *lines, "};", ""])


def main() -> None:
    """Writes both files."""
    tables = {name: colormaps[name](np.arange(256), bytes=True)[:, :3] for name in NAMES}
    np.savez_compressed(PACKAGE / "assets" / "colormaps.npz", allow_pickle=False, **tables)
    text = as_module({**tables, "diverging": diverging()})
    (PACKAGE / "web" / "static" / "palettes.js").write_text(text)


if __name__ == "__main__":
    main()
