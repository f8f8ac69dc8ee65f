"""Making a :class:`KerasModel` of a saved network, an architecture or a live model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras

from convlens.errors import ModelFileError
from convlens.frameworks.keras.build import build
from convlens.frameworks.keras.model import KerasModel
from convlens.frameworks.keras.weights import assign
from convlens.loading.architectures import (
    find_by_function,
    find_by_layers,
    find_by_model_name,
    preprocessing_of,
)
from convlens.preprocessing import SCALES, Preprocessing
from convlens.saved import SavedNetwork


def from_saved(
    network: SavedNetwork, digest: str, *, labels: tuple[str, ...] | None = None
) -> KerasModel:
    """Builds a saved network and gives it its weights."""
    model = build(network)
    notes = assign(model, network)
    rewrites = (*network.rewrites, *notes)
    facts = dataclasses.replace(network, digest=digest, rewrites=rewrites).facts
    return KerasModel(
        model,
        preprocessing=find_preprocessing(model),
        labels=labels,
        from_file=True,
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
    name: str, weights: Any = None, *, labels: tuple[str, ...] | None = None
) -> KerasModel:
    """Makes an architecture of ``keras.applications``.

    Raises:
        ModelFileError: Its weights cannot be fetched or do not fit.
    """
    function = getattr(keras.applications, name)
    chosen = "imagenet" if weights is None else weights
    if chosen not in ("imagenet", "random") and not Path(chosen).is_file():
        raise ModelFileError(f"no weights file {chosen}")
    try:
        if chosen == "random":
            model = function(weights=None)
        elif chosen == "imagenet":
            model = function(weights="imagenet")
        else:
            model = _with_file(function, str(chosen))
    except ModelFileError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(_why(name, str(chosen), reason)) from error
    family = find_by_function(name)
    return KerasModel(
        model,
        source=f"keras.applications.{name}, weights {chosen}",
        preprocessing=preprocessing_of(family) if family else None,
        labels=labels,
    )


def _with_file(function: Any, weights: str) -> Any:
    """The architecture with weights of a file, with its head or without."""
    model = function(weights=None)
    try:
        model.load_weights(weights)
    except (ValueError, KeyError) as error:
        model = function(weights=None, include_top=False)
        try:
            model.load_weights(weights)
        except (ValueError, KeyError):
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
