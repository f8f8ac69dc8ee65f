"""Heatmaps: targets, the choice of a layer, one method a file, and what measures them."""
