"""Frozen data that several rooms share: no framework, no drawing."""
