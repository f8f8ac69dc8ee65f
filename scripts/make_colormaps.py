"""Writes ``src/layersight/assets/colormaps.npz`` from the tables of Matplotlib."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps

NAMES = ("viridis", "cividis", "magma", "inferno", "plasma")
TARGET = Path(__file__).parents[1] / "src" / "layersight" / "assets" / "colormaps.npz"


def main() -> None:
    """Writes the tables, each ``(256, 3)`` uint8."""
    tables = {name: colormaps[name](np.arange(256), bytes=True)[:, :3] for name in NAMES}
    np.savez_compressed(TARGET, allow_pickle=False, **tables)


if __name__ == "__main__":
    main()
