"""The names of the colour maps; their tables are read by :mod:`layersight.document.colour`."""

COLORMAPS = ("viridis", "cividis", "magma", "inferno", "plasma", "grey", "turbo")
"""Colour maps: all but the last perceptually uniform and readable with any colour vision.

Turbo is a rainbow, which stays distinct from vegetation and other photographs.
"""
