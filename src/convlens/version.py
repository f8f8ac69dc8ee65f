"""The version of convlens."""

__version__ = "0.1.0"
