"""Evaluations of heatmaps as pages, pictures and documents."""
