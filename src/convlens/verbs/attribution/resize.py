"""Enlarging maps, under the name by which methods know it."""

from convlens.placing import enlarge, weights

__all__ = ["enlarge", "weights"]
