"""A writer for each format: it knows blocks and pages, never nouns."""
