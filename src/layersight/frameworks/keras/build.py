"""Making a :class:`KerasModel` from a saved network, an architecture or a live model.

The rule of this module: a configuration becomes a model of layers of Keras only. Classes come from
:mod:`layersight.frameworks.keras.lookup`; :mod:`layersight.frameworks.keras.graph` connects the
layers. Initialisers are replaced, since the file's weights overwrite their values: on JAX they take
most of the time of opening a model.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import random
from collections.abc import Callable, Iterator

import keras
from keras.src.backend import random as backend_random  # not exported
from keras.src.random import seed_generator as seeds

from layersight.data.saved import SavedNetwork
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.graph.patches import patched
from layersight.frameworks.keras.explaining import own_error, reason_of
from layersight.frameworks.keras.graph import Builder
from layersight.frameworks.keras.lookup import NO_CODE
from layersight.frameworks.keras.model import KerasModel
from layersight.frameworks.keras.sizes import at_most
from layersight.frameworks.keras.weights import assign
from layersight.limits import Limits
from layersight.loading.architectures import WITHOUT_TOP


def from_saved(
    network: SavedNetwork,
    digest: Callable[[], str],
    limits: Limits,
    *,
    labels: tuple[str, ...] | None = None,
    trust: bool = False,
) -> KerasModel:
    """Builds a saved network and assigns its weights."""
    model, ran = build(network, limits, trust=trust)
    rewrites = (*network.rewrites, *ran, *assign(model, network))
    facts = dataclasses.replace(network, digest=digest(), rewrites=rewrites).facts
    return KerasModel(model, labels=labels, limits=limits, **facts)


def from_live(model: keras.Model, *, labels: tuple[str, ...] | None = None) -> KerasModel:
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

    ``weights`` is ``"imagenet"``, ``"random"``, or the file that ``network`` was read from.
    """
    function = getattr(keras.applications, name.removesuffix(WITHOUT_TOP))
    if name.endswith(WITHOUT_TOP):
        function = functools.partial(function, include_top=False)
    try:
        with _same_each_time():
            if network is not None:
                model = _with_file(function, network)
            else:
                model = function(weights=None if weights == "random" else weights)
    except (UnsafeModelError, MemoryError):
        raise
    except Exception as error:
        reason = reason_of(error)
        why = f"the weights in {weights} do not fit {name} ({reason})"
        if weights == "imagenet":
            why = (
                f"the weights of {name} could not be fetched from the hub ({reason}): connect to "
                f"the network, or give a file with --weights FILE, or --weights random"
            )
        raise ModelFileError(why) from error
    source = f"keras.applications.{name}, weights {weights}"
    return KerasModel(model, source=source, labels=labels)


@contextlib.contextmanager
def _same_each_time() -> Iterator[None]:
    """Makes Keras draw the same weights each time, in this thread.

    Initialisers without a seed, and random layers, take one from Python's global generator, which
    belongs to the user and whose state does not change here.
    """
    draw_seed = functools.partial(random.Random(0).randint, 1, 10**9)
    name = "make_default_seed"
    with patched((module, name, lambda _: draw_seed) for module in (backend_random, seeds)):
        yield


def _with_file(function: Callable[..., keras.Model], network: SavedNetwork) -> keras.Model:
    """The architecture with the weights of a file, which may lack those of the head."""
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


def build(
    network: SavedNetwork, limits: Limits, *, trust: bool = False
) -> tuple[keras.Model, tuple[str, ...]]:
    """Makes the model of a saved network, without its weights.

    The second result names the code that was run.
    """
    config = network.config
    name = config.get("class_name")
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelFileError(
            f"{network.path} is a model of the class '{name}', which its author wrote: only that "
            f"code says how its layers are connected {NO_CODE}. What else can be done: "
            f"{_stored_kernels(network)}from Python, pass the live model to layersight.load_model"
        )
    builder = Builder(str(network.path), trust=trust)
    try:
        with at_most(network.size, str(network.path), limits, builder.where):
            model = builder.make_model(config)
            # The input shape that Keras 3 saves for a model that was built by calling it.
            recorded = config.get("build_config")
            shape = recorded.get("input_shape") if isinstance(recorded, dict) else None
            if not model.built and isinstance(shape, list) and shape:
                model.build(tuple(shape))
    except Exception as error:
        ours = own_error(error)
        if ours is not None:
            raise ours from error
        at = f" at {builder.at}" if builder.at else ""
        raise ModelFileError(
            f"{network.path} ({network.kind}, Keras {network.keras_version or 'unknown'}) has a "
            f"configuration that Keras {keras.__version__} cannot build{at}: {reason_of(error)}"
        ) from error
    return model, tuple(builder.ran)


def _stored_kernels(network: SavedNetwork) -> str:
    """The command that shows the kernels of a file, if it has any of two dimensions."""
    arrays = [array for part in network.weights or () for array in part.arrays]
    arrays += (network.store or {}).values()
    if not any(array.ndim == 4 for array in arrays):
        return ""
    return "layersight kernels FILE --stored shows its kernels; "
