"""Opening a model for a command."""

from __future__ import annotations

from pathlib import Path

from convlens.loading import load_model
from convlens.loading.lean import import_keras
from convlens.loading.recognise import recognise
from convlens.model import Model


def open_model(
    source: str,
    *,
    weights: str | None = None,
    architecture: str | None = None,
    labels: Path | None = None,
    backend: str | None = None,
) -> Model:
    """Opens a model as :func:`convlens.load_model` does, in a process of our own.

    What can be said of a file without Keras is said before it is imported, which takes
    seconds.

    Raises:
        ModelFileError: There is no such file, or it is no model, or it is damaged.
        UnsafeModelError: Opening it would run code or read another file.
        BackendError: No backend for Keras is installed, or not the one asked for.
    """
    path = Path(source)
    if path.exists() or "/" in source or "." in source:
        recognise(path)
    import_keras(backend)
    return load_model(
        source, weights=weights, architecture=architecture, labels=labels, backend=backend
    )
