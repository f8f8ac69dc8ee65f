"""Activation maximisation: methods, starts, transformations, the climb, and what it is worth."""
