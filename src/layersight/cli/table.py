"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from layersight.writers.printable import printable


def format_table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns as wide as they need to be, two spaces apart.

    Args:
        rows: The first is the heading.
        right: The columns that are aligned to the right.

    Example:
        >>> print(format_table([["layer", "dead"], ["conv2d", "4"]], right=[1]))
        layer   dead
        conv2d     4
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def format_shape(shape: Sequence[int | None] | None) -> str:
    """A shape without its batch axis.

    >>> format_shape((None, 148, 148, 32)), format_shape((None, None, None, 3)), format_shape(None)
    ('148 x 148 x 32', '? x ? x 3', '?')
    """
    if shape is None:
        return "?"
    return " x ".join("?" if size is None else str(size) for size in shape[1:]) or "1"
