"""How far heatmaps can be trusted, measured over many images."""
