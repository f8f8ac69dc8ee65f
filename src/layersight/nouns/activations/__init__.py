"""The feature maps of every layer for an image."""
