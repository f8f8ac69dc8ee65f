"""The names of the colour maps; their tables are read by :mod:`layersight.document.colour`."""

COLORMAPS = ("viridis", "cividis", "magma", "inferno", "plasma", "grey")
"""Perceptually uniform colour maps, readable with any colour vision."""
