"""Data of the package: colour maps, the style and script of the HTML page."""
