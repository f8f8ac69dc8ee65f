"""Importing Keras without what it only needs for pictures and tables of its own.

Keras imports ``matplotlib.pyplot`` and ``pandas`` where they are installed, for functions
that layersight never calls; together they cost half a second of a process that may take two.
A process of our own can do without; one of the user's is left alone.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from layersight.loading.backend import choose_backend, quieten

UNNEEDED = ("matplotlib.pyplot", "pandas")


def import_keras(backend: str | None = None) -> None:
    """Settles the backend and imports Keras, unless that was done before.

    Args:
        backend: As in :func:`layersight.load_model`.

    Raises:
        BackendError: No backend is installed, or not the one asked for.
    """
    choose_backend(backend)
    if "keras" in sys.modules:
        return
    quieten()
    with _as_if_missing(UNNEEDED):
        importlib.import_module("keras")


@contextmanager
def _as_if_missing(names: tuple[str, ...]) -> Iterator[None]:
    """Lets modules seem not to be installed while the block lasts."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
