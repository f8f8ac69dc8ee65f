"""Which backend Keras runs on, decided before Keras is imported.

The rule of this module: the backend that was requested is used or is an error, never replaced.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layersight.errors import BackendError, UsageError, near

BACKENDS = ("jax", "tensorflow", "torch")

# What Keras itself writes to keras.json where there is none, on any backend
# (keras/src/backend/config.py; Keras 2 writes the same).
WRITTEN_BY_KERAS = {
    "floatx": "float32",
    "epsilon": 1e-07,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}

# What Keras imports where it is installed, for pictures and tables that layersight never uses:
# half a second of a process that may take two.
UNNEEDED = ("matplotlib.pyplot", "pandas")


def installed_backends() -> tuple[str, ...]:
    """The backends that are installed, found without importing them."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def choose_backend(requested: str | None = None) -> str:
    """Chooses the backend and sets the environment variable that Keras reads.

    The order is: ``requested``, ``KERAS_BACKEND``, a ``keras.json`` that the user wrote (not the
    one that Keras writes at its first run), the first that is installed of JAX, TensorFlow and
    PyTorch.
    """
    if requested is not None and requested not in BACKENDS:
        raise UsageError(
            f"unknown backend '{requested}': expected one of {', '.join(BACKENDS)}."
            f"{near(requested, BACKENDS)}"
        )
    config = getattr(sys.modules.get("keras"), "config", None)
    backend = getattr(config, "backend", None)
    if callable(backend):  # Keras is imported already
        running = str(backend())
        if requested not in (None, running):
            raise BackendError(
                f"backend '{requested}' was requested, but Keras already runs on '{running}' in "
                f"this process: set KERAS_BACKEND={requested} before Keras is imported"
            )
        return running
    installed = installed_backends()
    chosen, origin = requested, "--backend"
    if chosen is None and os.environ.get("KERAS_BACKEND"):
        chosen, origin = os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    if chosen is None:
        configured = _configured()
        chosen = configured if configured in installed else None
    if chosen is None:
        if not installed:
            raise BackendError(
                "no backend for Keras is installed: expected one of JAX, TensorFlow and "
                "PyTorch. Install one, for example: pip install 'layersight[jax]'"
            )
        chosen = installed[0]
    if chosen not in BACKENDS:
        raise BackendError(
            f"{origin} is '{chosen}': expected one of {', '.join(BACKENDS)}."
            f"{near(chosen, BACKENDS)}"
        )
    if chosen not in installed:
        raise BackendError(
            f"backend '{chosen}' was requested ({origin}) but is not installed: "
            f"pip install 'layersight[{chosen}]'"
            + (f", or use --backend {installed[0]}" if installed else "")
        )
    os.environ["KERAS_BACKEND"] = chosen
    return chosen


def import_keras(backend: str | None = None) -> None:
    """Chooses the backend and imports Keras without the libraries for its own pictures.

    Only the command line does so; in a process of the user's, Keras is imported as it is.
    """
    choose_backend(backend)
    # While another program uses the cores, threads of PyTorch that spin as they wait take many
    # times as long (35 s instead of 2.5 for eight steps of four patterns).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "keras" not in sys.modules:
        quieten()
        with _hidden(UNNEEDED):
            importlib.import_module("keras")


@contextmanager
def _hidden(modules: tuple[str, ...]) -> Iterator[None]:
    """Makes modules that are not imported yet appear not to be installed inside the block."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def quieten() -> None:
    """Stops the frameworks from writing notes about processors and GPUs to standard error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")


def _configured() -> str | None:
    """The backend in the Keras configuration file, if the user wrote it."""
    try:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        written = json.loads((home / "keras.json").read_text())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home
        return None
    if not isinstance(written, dict) or written == WRITTEN_BY_KERAS:
        return None
    return str(written.get("backend"))
