"""Kernels as pages, pictures and documents."""
