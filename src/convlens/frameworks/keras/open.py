"""Making a :class:`KerasModel` of a saved network, an architecture or a live model."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras

from convlens.errors import ModelFileError, UnsafeModelError
from convlens.frameworks.keras.build import build
from convlens.frameworks.keras.model import KerasModel
from convlens.frameworks.keras.weights import assign
from convlens.limits import Limits
from convlens.loading.architectures import (
    find_by_function,
    find_by_layers,
    find_by_model_name,
    preprocessing_of,
)
from convlens.preprocessing import SCALES, Preprocessing
from convlens.saved import SavedNetwork


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
        preprocessing=find_preprocessing(model),
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
    return KerasModel(model, preprocessing=find_preprocessing(model), labels=labels)


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
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(_why(name, weights, reason)) from error
    family = find_by_function(name)
    return KerasModel(
        model,
        source=f"keras.applications.{name}, weights {weights}",
        preprocessing=preprocessing_of(family) if family else None,
        labels=labels,
    )


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


def find_preprocessing(model: Any) -> Preprocessing | None:
    """What the images of a model want, where the model itself tells.

    A Rescaling layer inside settles it, else the name of a known architecture, the model's
    own or that of a model nested in it.
    """
    nested = [model, *model._flatten_layers(include_self=False)]
    for layer in nested:
        if isinstance(layer, keras.layers.Rescaling):
            reason = f"the model rescales its input itself ({layer.name})"
            return SCALES["none"].because(reason)
    for layer in nested:
        if not isinstance(layer, keras.Model):
            continue
        family = find_by_model_name(layer.name)
        family = family or find_by_layers({inner.name for inner in layer.layers})
        if family is not None:
            return preprocessing_of(family)
    return None
