"""An image as the network sees it."""
