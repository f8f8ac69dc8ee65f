"""From a path, a name or a live model to a :class:`layersight.model.Model`.

The rule of this package: a file is read, checked and upgraded as data, and only then built; no
code from it runs. The packages of frameworks are named in :mod:`.frameworks`.

Throughout the package ``ModelFileError`` means that a file is missing, damaged or not a model, and
``UnsafeModelError`` that opening it would run code, read another file or take too much.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from layersight.errors import ModelFileError, UsageError, near
from layersight.limits import Limits
from layersight.loading.backend import choose_backend
from layersight.loading.bounded import check_path, file_digest
from layersight.loading.frameworks import KERAS, framework_of
from layersight.loading.labels import check_labels, labels_beside, read_labels
from layersight.loading.reader import start_reader

if TYPE_CHECKING:  # imported late, so that NumPy is imported while the reader starts
    from layersight.data.saved import SavedNetwork
    from layersight.model import Described, Model

__all__ = ["load_model", "open_for", "read_network"]

_log = logging.getLogger("layersight")

Capability = TypeVar("Capability", bound="Described")  # the contract that a verb needs


@dataclass(frozen=True, slots=True)
class _Options:
    """The arguments of :func:`load_model` beside the source."""

    backend: str | None
    weights: str | os.PathLike[str] | None
    labels: tuple[str, ...] | None
    architecture: str | None
    limits: Limits
    trust: bool


def load_model(
    source: Any,
    *,
    backend: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | Sequence[str] | Mapping[Any, Any] | None = None,
    architecture: str | os.PathLike[str] | None = None,
    trust: bool = False,
    max_memory: int | str | None = None,
) -> Model:
    """Opens a model so that layersight can look into it.

    Args:
        source: The path of a ``.keras`` or HDF5 file (recognised by content, whatever its
            suffix), the folder of a SavedModel of Keras 2 or of a layers model of
            TensorFlow.js (or its ``model.json``), the name of an architecture of
            ``keras.applications`` such as ``"VGG16"`` (``"VGG16:notop"`` is without the layers of
            its classes), a live ``keras.Model`` or ``tf_keras.Model`` (Keras 2), or what this
            function returned before, then without any option.
        backend: ``"jax"``, ``"tensorflow"`` or ``"torch"``; without it ``KERAS_BACKEND``,
            else one that is installed.
        weights: For an architecture: a file with its weights, ``"imagenet"`` to fetch
            Keras's own (the default), or ``"random"`` for none.
        labels: The names of the classes, or a mapping from them to numbers (``class_indices``)
            or back; or a file of them: one on each line, JSON, or CSV.
        architecture: For a file that holds weights alone, or a checkpoint of TensorFlow: the
            name of an architecture of ``keras.applications``, or a JSON file with the
            configuration of the network (``model.to_json()``).
        trust: Run the Python code of Lambda layers that are not a known formula, which Keras
            then opens itself. For a file of your own only: such code may do anything.
            Everything else is checked as usual.
        max_memory: How much memory the network of a file may take for one image, beside the
            weights that the file holds: bytes, or text such as ``"8G"``; 1 GiB by default.

    Returns:
        The model. Nothing of the file has been run, unless it was trusted.

    Raises:
        ModelFileError: There is no such file, it is not a model, or it is damaged; or the labels
            do not fit.
        UnsafeModelError: Opening it would run code or read another file.
        BackendError: No backend for Keras is installed, or not the one asked for.
        UsageError: An option that does not go with such a source.
    """
    start_reader(source, weights)
    from layersight.model import Forward

    options = _Options(
        backend,
        weights,
        read_labels(labels),
        None if architecture is None else str(architecture),
        Limits.parse(max_memory),
        trust,
    )
    if isinstance(source, Forward):
        arguments = {
            "backend": backend,
            "weights": weights,
            "labels": labels,
            "architecture": architecture,
            "trust": trust or None,
            "max_memory": max_memory,
        }
        if unused := [f"{name}=" for name, value in arguments.items() if value is not None]:
            raise UsageError(
                f"this model is open already: give {', '.join(unused)} where it is opened from its "
                "source"
            )
        return cast("Model", source)
    model = _load(source, options)
    if labels is not None:
        check_labels(model.info, labels)
    return model


def open_for(
    source: Any, capability: type[Capability], what: str, instead: str, *, surveyed: bool = False
) -> Capability:
    """An open model for a verb, from a source or a model that is already open.

    ``what`` names the verb, and ``instead`` is what the user can do where the model lacks the
    capability. With ``surveyed`` the digest is certain to be that of the present weights, which
    takes reading all of them.
    """
    from layersight.model import Described, Forward, require

    model = source if isinstance(source, Described) else load_model(source)
    require(model, capability, what, instead)
    if surveyed and isinstance(model, Forward):
        model.refresh()
    assert isinstance(model, capability)
    return model


def _load(source: Any, options: _Options) -> Model:
    from layersight.loading.networks import is_keras_2, read_live

    is_path = isinstance(source, str | os.PathLike)
    if options.architecture is not None:
        if not is_path or options.weights is not None:
            raise UsageError("--architecture goes with one file of weights, and without --weights")
        return _from_weights(Path(source), options.architecture, options)
    if is_path:
        return _from_path(Path(source), str(source), options)
    if options.weights is not None:
        raise UsageError("weights= goes with the name of an architecture, not with a live model")
    if is_keras_2(source):
        network = read_live(source)
        return _build(network, lambda: network.digest, options)
    framework = framework_of(source)
    if framework is None:
        raise ModelFileError(
            f"expected a path, the name of an architecture or a keras.Model, found "
            f"{type(source).__name__}"
        )
    if framework is KERAS:
        choose_backend(options.backend)
    model: Model = framework.open().from_live(source, labels=options.labels)
    return model


def _from_path(path: Path, text: str, options: _Options) -> Model:
    from layersight.loading.architectures import FUNCTIONS, is_function
    from layersight.loading.checkpoint import find_checkpoint

    check_path(path)
    options = replace(options, labels=options.labels or labels_beside(path))
    is_name = "/" not in text and "." not in text
    if is_name and not path.exists() and find_checkpoint(path) is None:
        if not is_function(text):
            raise ModelFileError(
                f"no model file {text}, and no architecture of that name.{near(text, FUNCTIONS)}"
            )
        return _from_application(text, options)
    if options.weights is not None:
        raise UsageError("--weights goes with the name of an architecture, not with a model file")
    if (framework := framework_of(path)) is not None:
        opened: Model = framework.open().from_file(
            path, labels=options.labels, limits=options.limits
        )
        return opened
    network = read_network(path)
    choose_backend(options.backend)  # fails before the file is read once more for its digest
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(file_digest, *(network.files or (path,)))
        return _build(network, digest.result, options)


def _from_application(name: str, options: _Options) -> Model:
    from layersight.loading.networks import read_weights

    network = None
    weights = "imagenet" if options.weights is None else os.fspath(options.weights)
    if weights not in ("imagenet", "random"):
        network = read_weights(Path(weights), {})
    choose_backend(options.backend)
    model: Model = KERAS.open().from_application(
        name, weights, network=network, labels=options.labels
    )
    return model


def _from_weights(path: Path, architecture: str, options: _Options) -> Model:
    from layersight.loading.architectures import is_function
    from layersight.loading.networks import read_configuration, read_weights

    if is_function(architecture):
        return _from_application(architecture, replace(options, weights=path))
    network = read_weights(path, read_configuration(Path(architecture)))
    return _build(network, lambda: file_digest(*(network.files or (path,))), options)


def _build(network: SavedNetwork, digest: Callable[[], str], options: _Options) -> Model:
    from layersight.loading.rewrites.walking import class_of, each_layer

    choose_backend(options.backend)
    if options.trust and any(class_of(layer) == "Lambda" for layer in each_layer(network.config)):
        _log.warning("running code from %s because of --trust", network.path)
    opened: Model = KERAS.open().from_saved(
        network,
        digest,
        options.limits,
        labels=options.labels or network.labels,
        trust=options.trust,
    )
    return opened


def read_network(path: Path) -> SavedNetwork:
    """Reads and upgrades a model file as data; nothing is built."""
    from layersight.loading.checkpoint import WITHOUT_NETWORK
    from layersight.loading.networks import read_archive, read_hdf5
    from layersight.loading.recognise import recognise
    from layersight.loading.savedmodel import read_saved_model
    from layersight.loading.tfjs import read_layers_model

    kind = recognise(path)
    if kind == "checkpoint":
        raise ModelFileError(f"{path} {WITHOUT_NETWORK}")
    if kind == "tfjs":
        return read_layers_model(path)
    if kind == "savedmodel":
        return read_saved_model(path)
    return read_hdf5(path) if kind == "hdf5" else read_archive(path)
