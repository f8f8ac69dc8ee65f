"""The layers of a model with their shapes and parameters."""
