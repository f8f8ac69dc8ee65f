"""The version of layersight."""

__version__ = "0.1.0"
