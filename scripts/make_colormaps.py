"""Writes the tables of colours: those of Matplotlib for pictures, all of them for the explorer.

``src/layersight/assets/colormaps.npz`` holds ``(256, 3)`` uint8 by name;
``src/layersight/web/static/palettes.js`` the same as steps, with the one whose middle is zero.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps

from layersight.document.colour import diverging

NAMES = ("viridis", "cividis", "magma", "inferno", "plasma", "turbo")
PACKAGE = Path(__file__).parents[1] / "src" / "layersight"


def as_module(tables: dict[str, np.ndarray]) -> str:
    """The tables as a module: for red, green and blue what each colour adds to the one before.

    Colour maps run evenly, so that the differences are few and small, and compress well.
    """
    head = (
        "/** Tables of 256 colours: for red, green and blue the first, and the steps from one to\n"
        " * the next, 0 an A. Written by scripts/make_colormaps.py. */"
    )
    lines = []
    for name, table in tables.items():
        steps = np.diff(table.astype(int), axis=0).T
        assert steps.min() >= -20
        assert steps.max() <= 26
        words = "".join(chr(65 + step) for step in steps.ravel())
        lines.append(f'  {name}: [{table[0].tolist()}, "{words}"],')
    return "\n".join([head, "export const tables = {", *lines, "};", ""])


def main() -> None:
    """Writes both files."""
    tables = {name: colormaps[name](np.arange(256), bytes=True)[:, :3] for name in NAMES}
    np.savez_compressed(PACKAGE / "assets" / "colormaps.npz", allow_pickle=False, **tables)
    text = as_module({**tables, "diverging": diverging()})
    (PACKAGE / "web" / "static" / "palettes.js").write_text(text)


if __name__ == "__main__":
    main()
