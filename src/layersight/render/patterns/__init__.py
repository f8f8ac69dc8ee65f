"""Patterns as pages, pictures and documents."""
