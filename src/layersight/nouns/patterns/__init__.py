"""Activation maximisation: methods, starts, transformations, optimisation, judgement."""
