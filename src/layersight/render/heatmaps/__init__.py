"""Heatmaps as pages, pictures and documents."""
