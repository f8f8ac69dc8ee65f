"""Which backend Keras runs on, decided before Keras is imported.

The rule of this module: what was asked for is used or is an error, never replaced.
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

# What Keras itself writes to keras.json where there is none, whatever backend it runs on
# (keras/src/backend/config.py; Keras 2 writes the same).
WRITTEN_BY_KERAS = {
    "floatx": "float32",
    "epsilon": 1e-07,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}

# What Keras imports where it is installed, for pictures and tables that layersight never asks
# for: half a second of a process that may take two.
UNNEEDED = ("matplotlib.pyplot", "pandas")


def installed_backends() -> tuple[str, ...]:
    """The backends that are installed, found without importing them."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def choose_backend(asked: str | None = None) -> str:
    """Chooses the backend and sets the environment variable that Keras reads.

    The order is: ``asked``, ``KERAS_BACKEND``, a ``keras.json`` that the user wrote (not the
    one that Keras writes at its first run), the first that is installed of JAX, TensorFlow and
    PyTorch.
    """
    if asked is not None and asked not in BACKENDS:
        raise UsageError(
            f"unknown backend '{asked}': expected one of {', '.join(BACKENDS)}."
            f"{near(asked, BACKENDS)}"
        )
    config = getattr(sys.modules.get("keras"), "config", None)
    backend = getattr(config, "backend", None)
    if callable(backend):  # Keras is imported already
        running = str(backend())
        if asked not in (None, running):
            raise BackendError(
                f"backend '{asked}' was asked for, but Keras already runs on '{running}' in "
                f"this process: set KERAS_BACKEND={asked} before Keras is imported"
            )
        return running
    installed = installed_backends()
    wanted, origin = asked, "--backend"
    if wanted is None and os.environ.get("KERAS_BACKEND"):
        wanted, origin = os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    if wanted is None:
        configured = _configured()
        wanted = configured if configured in installed else None
    if wanted is None:
        if not installed:
            raise BackendError(
                "no backend for Keras is installed: expected one of JAX, TensorFlow and "
                "PyTorch. Install one, for example: pip install 'layersight[jax]'"
            )
        wanted = installed[0]
    if wanted not in BACKENDS:
        raise BackendError(
            f"{origin} is '{wanted}': expected one of {', '.join(BACKENDS)}."
            f"{near(wanted, BACKENDS)}"
        )
    if wanted not in installed:
        raise BackendError(
            f"backend '{wanted}' was asked for ({origin}) but is not installed: "
            f"pip install 'layersight[{wanted}]'"
            + (f", or use --backend {installed[0]}" if installed else "")
        )
    os.environ["KERAS_BACKEND"] = wanted
    return wanted


def import_keras(backend: str | None = None) -> None:
    """Chooses the backend and imports Keras without what only its own pictures need.

    It is for a process of layersight's own; one of the user's imports Keras as it is.
    """
    choose_backend(backend)
    # Where another program uses the cores, threads of PyTorch that spin while they wait take many
    # times as long (35 s in place of 2.5 for eight steps of four patterns).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "keras" not in sys.modules:
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


def quieten() -> None:
    """Keeps the frameworks from writing notes about processors and GPUs to standard error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")


def _configured() -> str | None:
    """The backend in the Keras configuration, if the user wrote it."""
    try:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        written = json.loads((home / "keras.json").read_text())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home
        return None
    if not isinstance(written, dict) or written == WRITTEN_BY_KERAS:
        return None
    return str(written.get("backend"))
