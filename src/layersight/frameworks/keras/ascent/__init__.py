"""Gradient ascent in input space, in operations of Keras that every backend differentiates."""
