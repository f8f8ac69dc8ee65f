"""Making a :class:`KerasModel` of a saved network, an architecture or a live model."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras

from layersight.data.saved import SavedNetwork
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.keras.build import build
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.model import KerasModel
from layersight.frameworks.keras.weights import assign
from layersight.limits import Limits


def from_saved(
    network: SavedNetwork,
    digest: Callable[[], str],
    limits: Limits,
    *,
    labels: tuple[str, ...] | None = None,
    trust: bool = False,
) -> KerasModel:
    """Builds a saved network and gives it its weights.

    Args:
        network: The network as data.
        digest: Gives the digest of the file, once it is needed.
        limits: How much memory it may ask for.
        labels: The names of the classes.
        trust: Whether the code of Lambda layers may run.
    """
    model, ran = build(network, limits, trust=trust)
    notes = assign(model, network)
    rewrites = (*network.rewrites, *ran, *notes)
    facts = dataclasses.replace(network, digest=digest(), rewrites=rewrites).facts
    return KerasModel(
        model,
        labels=labels,
        limits=limits,
        **facts,
    )


def from_live(model: Any, *, labels: tuple[str, ...] | None = None) -> KerasModel:
    """Takes a live model as it is."""
    if not isinstance(model, keras.Model):
        raise ModelFileError(
            f"expected a keras.Model, found the layer {type(model).__name__}: wrap it in "
            "keras.Sequential([...])"
        )
    return KerasModel(model, labels=labels)


def from_application(
    name: str,
    weights: str,
    *,
    network: SavedNetwork | None = None,
    labels: tuple[str, ...] | None = None,
) -> KerasModel:
    """Makes an architecture of ``keras.applications``.

    Args:
        name: Its name there.
        weights: ``"imagenet"``, ``"random"``, or the file that ``network`` was read from.
        network: The weights as data.
        labels: The names of the classes.

    Raises:
        ModelFileError: Its weights cannot be fetched or do not fit.
    """
    function = getattr(keras.applications, name)
    try:
        if network is not None:
            model = _with_file(function, network)
        else:
            with _same_each_time():
                model = function(weights=None if weights == "random" else weights)
    except UnsafeModelError:
        raise
    except Exception as error:
        raise ModelFileError(_why(name, weights, reason_of(error))) from error
    source = f"keras.applications.{name}, weights {weights}"
    return KerasModel(model, source=source, labels=labels)


@contextlib.contextmanager
def _same_each_time() -> Iterator[None]:
    """Lets Keras draw the same weights each time; the generator of the user's program goes on.

    Initialisers without a seed ask Python's own generator for one.
    """
    before = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(before)


def _with_file(function: Any, network: SavedNetwork) -> Any:
    """The architecture with weights of a file, with its head or without."""
    model = function(weights=None)
    try:
        assign(model, network)
    except ModelFileError as error:
        model = function(weights=None, include_top=False)
        try:
            assign(model, network)
        except ModelFileError:
            raise error from None
    return model


def _why(name: str, chosen: str, reason: str) -> str:
    if chosen == "imagenet":
        return (
            f"the weights of {name} could not be fetched from the hub ({reason}): connect to "
            f"the network, or give a file with --weights FILE, or --weights random"
        )
    return f"the weights in {chosen} do not fit {name} ({reason})"
