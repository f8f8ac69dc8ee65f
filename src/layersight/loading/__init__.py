"""From a path, a name or a live model to a :class:`layersight.model.Model`.

The rule of this package: a file is read as data, checked and upgraded as data, and only
then built; no code from it runs. The rooms of frameworks are named in :mod:`.frameworks`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layersight.errors import ModelFileError, UsageError, near
from layersight.limits import Limits
from layersight.loading.backend import choose_backend
from layersight.loading.digest import file_digest
from layersight.loading.frameworks import KERAS, framework_of
from layersight.loading.labels import check_labels, labels_beside, read_labels
from layersight.loading.reader import expect

if TYPE_CHECKING:  # imported late: NumPy is imported here while the reader starts
    from layersight.data.saved import SavedNetwork
    from layersight.model import Model

__all__ = ["load_model", "read_network"]

_log = logging.getLogger("layersight")


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
            ``keras.applications`` such as ``"VGG16"``, a live ``keras.Model`` or ``tf_keras.Model``
            (Keras 2), or what this function returned before.
        backend: ``"jax"``, ``"tensorflow"`` or ``"torch"``; without it ``KERAS_BACKEND``,
            else one that is installed.
        weights: For an architecture: a file with its weights, ``"imagenet"`` to fetch
            Keras's own (the default), or ``"random"`` for none.
        labels: The names of the classes, or a mapping from them to numbers (``class_indices``)
            or back; or a file of them: one on each line, JSON, or CSV.
        architecture: For a file that holds weights alone, or a checkpoint of TensorFlow: the
            name of an architecture of ``keras.applications``, or a JSON file with the
            configuration of the network (``model.to_json()``).
        trust: Run the Python code of Lambda layers that are no known formula, which Keras
            then opens itself. For a file of your own only: such code may do anything.
            Everything else is checked as ever.
        max_memory: How much memory what a file asks for may take for one image, beside the
            weights that it holds: bytes, or text such as ``"8G"``; 1 GiB if not given.

    Returns:
        The model. Nothing of the file has been run, unless it was trusted.

    Raises:
        ModelFileError: There is no such file, or it is no model, or it is damaged; or the labels
            do not fit.
        UnsafeModelError: Opening it would run code or read another file.
        BackendError: No backend for Keras is installed, or not the one asked for.
    """
    expect(source, weights)
    from layersight.model import Forward

    names = read_labels(labels)
    limits = Limits.asked(max_memory)
    if isinstance(source, Forward):
        return source  # type: ignore[return-value]  # as it was given, with what it can do
    model = _load(source, backend, weights, names, architecture, limits, trust=trust)
    if labels is not None:
        check_labels(model.info, labels)
    return model


def _load(
    source: Any,
    backend: str | None,
    weights: str | os.PathLike[str] | None,
    names: tuple[str, ...] | None,
    architecture: str | os.PathLike[str] | None,
    limits: Limits,
    *,
    trust: bool,
) -> Model:
    """The model of any source that is not one yet."""
    from layersight.loading.live import is_keras_2, read_live

    if architecture is not None:
        if not isinstance(source, str | os.PathLike) or weights is not None:
            raise UsageError("--architecture goes with one file of weights, and without --weights")
        return _from_weights(Path(source), str(architecture), backend, names, limits, trust=trust)
    if isinstance(source, str | os.PathLike):
        names = names or labels_beside(Path(source))
        return _from_path(Path(source), str(source), backend, weights, names, limits, trust=trust)
    if is_keras_2(source):
        network = read_live(source)
        choose_backend(backend)
        return _open(network, lambda: network.digest, names, limits, trust=trust)
    framework = framework_of(source)
    if framework is None:
        raise ModelFileError(
            f"expected a path, the name of an architecture or a keras.Model, found "
            f"{type(source).__name__}"
        )
    if framework is KERAS:
        choose_backend(backend)
    model: Model = framework.open().from_live(source, labels=names)
    return model


def _from_path(
    path: Path,
    text: str,
    backend: str | None,
    weights: str | os.PathLike[str] | None,
    labels: tuple[str, ...] | None,
    limits: Limits,
    *,
    trust: bool,
) -> Model:
    from layersight.loading.architectures import find_by_function, known_functions
    from layersight.loading.checkpoint import find_checkpoint

    bare = "/" not in text and "." not in text
    if bare and not path.exists() and find_checkpoint(path) is None:
        if find_by_function(text) is None:
            raise ModelFileError(
                f"no model file {text}, and no architecture of that name."
                f"{near(text, known_functions())}"
            )
        return _from_application(text, weights, backend, labels)
    if weights is not None:
        raise UsageError("--weights goes with the name of an architecture, not with a model file")
    if (framework := framework_of(path)) is not None:
        opened: Model = framework.open().from_file(path, labels=labels, limits=limits)
        return opened
    network = read_network(path, with_digest=False)
    choose_backend(backend)
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(file_digest, *(network.files or (path,)))
        return _open(network, digest.result, labels or network.labels, limits, trust=trust)


def _from_application(
    name: str,
    weights: str | os.PathLike[str] | None,
    backend: str | None,
    labels: tuple[str, ...] | None,
) -> Model:
    """An architecture of ``keras.applications``, by its name."""
    from layersight.loading.alone import read_weights_of

    network = None
    chosen = "imagenet" if weights is None else os.fspath(weights)
    if chosen not in ("imagenet", "random"):
        network = read_weights_of(Path(chosen), {})
    choose_backend(backend)
    model: Model = KERAS.open().from_application(name, chosen, network=network, labels=labels)
    return model


def _from_weights(
    path: Path,
    architecture: str,
    backend: str | None,
    labels: tuple[str, ...] | None,
    limits: Limits,
    *,
    trust: bool,
) -> Model:
    """A file of weights alone, with the network that they belong to."""
    from layersight.loading.alone import read_weights_alone
    from layersight.loading.architectures import find_by_function

    if find_by_function(architecture) is not None:
        return _from_application(architecture, path, backend, labels)
    network = read_weights_alone(path, Path(architecture))
    choose_backend(backend)
    read = network.files or (path,)
    return _open(network, lambda: file_digest(*read), labels, limits, trust=trust)


def _open(
    network: SavedNetwork,
    digest: Callable[[], str],
    labels: tuple[str, ...] | None,
    limits: Limits,
    *,
    trust: bool,
) -> Model:
    """Builds a network that was read."""
    from layersight.loading.rewrites.walking import each_layer

    if trust and any(layer.get("class_name") == "Lambda" for layer in each_layer(network.config)):
        _log.warning("running code from %s because of --trust", network.path)
    opened: Model = KERAS.open().from_saved(network, digest, limits, labels=labels, trust=trust)
    return opened


def read_network(path: Path, *, with_digest: bool = True) -> SavedNetwork:
    """Reads and upgrades a model file as data; nothing is built.

    Raises:
        ModelFileError: It is missing, no model, or damaged.
        UnsafeModelError: It reaches out of itself.
    """
    from layersight.data.saved import SavedNetwork
    from layersight.loading.checkpoint import WITHOUT_NETWORK
    from layersight.loading.configuration import parse_archive, parse_model
    from layersight.loading.reader import read_contents
    from layersight.loading.recognise import recognise
    from layersight.loading.rewrites import upgrade
    from layersight.loading.savedmodel import read_saved_model
    from layersight.loading.tfjs import read_layers_model

    kind = recognise(path)
    if kind == "checkpoint":
        raise ModelFileError(f"{path} {WITHOUT_NETWORK}")
    if kind == "tfjs":
        return read_layers_model(path)
    if kind == "savedmodel":
        return read_saved_model(path)
    legacy = kind == "hdf5"
    held = read_contents("model" if legacy else "archive", path)
    config, version = (parse_model if legacy else parse_archive)(held, path)
    config, rewrites = upgrade(config, version)
    return SavedNetwork(
        path=path,
        kind="legacy HDF5" if legacy else ".keras archive",
        config=config,
        weights=None if held.layers is None else tuple(held.layers),
        keras_version=version,
        backend=held.backend,
        rewrites=rewrites,
        digest=file_digest(path) if with_digest else "",
        size=held.size,
        store=held.store,
    )
