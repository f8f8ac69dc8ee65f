"""Opening the model that a command line names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from layersight.limits import Limits
from layersight.loading import load_model
from layersight.loading.backend import import_keras
from layersight.loading.bounded import check_path
from layersight.loading.frameworks import framework_of
from layersight.loading.reader import start_reader
from layersight.loading.recognise import recognise
from layersight.model import Model
from layersight.writers.printable import printable


def open_model(
    model: str,
    *,
    weights: str | None = None,
    architecture: str | None = None,
    labels: str | Sequence[str] | None = None,
    backend: str | None = None,
    trust: bool | None = None,
    max_memory: str | None = None,
) -> Model:
    """Opens a model as :func:`layersight.load_model` does; warnings go to standard error.

    What can be found out about a file without Keras is reported before Keras is imported, which
    takes seconds.
    """
    Limits.parse(max_memory)
    path = Path(model)
    check_path(path)
    if framework_of(path) is None:
        if path.exists() or "/" in model or "." in model:
            recognise(path)
        start_reader(path, weights)
        import_keras(backend)
    with _PrintedWarnings():
        return load_model(
            model,
            backend=backend,
            weights=weights,
            labels=labels,
            architecture=architecture,
            trust=bool(trust),
            max_memory=max_memory,
        )


class _PrintedWarnings(logging.Handler):
    """Prints the warnings of loading on standard error, each on a line of its own."""

    def __enter__(self) -> None:
        logger = logging.getLogger("layersight")
        logger.addHandler(self)
        self._before, logger.propagate = logger.propagate, False
        self._disabled = logging.root.manager.disable
        logging.disable(logging.INFO)

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("layersight")
        logger.removeHandler(self)
        logger.propagate = self._before
        logging.disable(self._disabled)

    def emit(self, record: logging.LogRecord) -> None:
        print(f"layersight: {printable(record.getMessage())}", file=sys.stderr)
