"""Files that attack whoever opens them, and the guard that watches what happens."""
