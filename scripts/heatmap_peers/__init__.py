"""Other libraries, asked for heatmaps of a network whose twins stand in Keras and PyTorch."""
