"""From a configuration to a model, with the layers of Keras alone.

Initialisers are replaced, since the file's weights overwrite what they would make: on JAX
most of the time of opening a model is spent in them. Classes come from
:mod:`layersight.frameworks.keras.lookup`; the graph is put together by
:mod:`layersight.frameworks.keras.graph`.
"""

from __future__ import annotations

from typing import Any

import keras

from layersight.data.saved import SavedNetwork
from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.graph import Builder
from layersight.frameworks.keras.lookup import NO_CODE
from layersight.frameworks.keras.sizes import at_most
from layersight.limits import Limits


def build(
    network: SavedNetwork, limits: Limits, *, trust: bool = False
) -> tuple[Any, tuple[str, ...]]:
    """Makes the model of a saved network; its weights are not set yet.

    Args:
        network: The network as data.
        limits: How much memory it may ask for.
        trust: Whether the code of Lambda layers may run.

    Returns:
        The model, and which code was run, in words.

    Raises:
        ModelFileError: The configuration cannot be built; the message names the layer.
        UnsafeModelError: It needs code of its own to run, or more memory than it should.
    """
    config = network.config
    name = config.get("class_name")
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelFileError(
            f"{network.path} is a model of the class '{name}', which its author wrote: how its "
            f"layers are connected only that code tells {NO_CODE}. What else can be done: "
            f"{_stored_kernels(network)}from Python, pass the live model to layersight.load_model"
        )
    builder = Builder(str(network.path), trust=trust)
    try:
        with at_most(network.size, str(network.path), limits, builder.where):
            model = builder.make_model(config)
            if not model.built and (shape := _build_shape(config)):
                model.build(shape)
    except Exception as error:
        ours = _own_error(error)
        if ours is not None:
            raise ours from error
        at = f" at {builder.at}" if builder.at else ""
        raise ModelFileError(
            f"{network.path} ({network.kind}, Keras {network.keras_version or 'unknown'}) has a "
            f"configuration that Keras {keras.__version__} cannot build{at}: {reason_of(error)}"
        ) from error
    return model, tuple(builder.ran)


def _stored_kernels(network: SavedNetwork) -> str:
    """The command that shows the kernels of a file, if it holds any of two dimensions."""
    arrays = [array for part in network.weights or () for array in part.arrays]
    arrays += (network.store or {}).values()
    if not any(array.ndim == 4 for array in arrays):
        return ""
    return "layersight kernels FILE --stored shows its kernels; "


def _own_error(error: BaseException) -> LayersightError | None:
    """An error of layersight that Keras has wrapped in one of its own, of the same class even."""
    seen: set[int] = set()
    place: BaseException | None = error
    found: LayersightError | None = None
    while place is not None and id(place) not in seen:
        if isinstance(place, LayersightError):
            found = place
        seen.add(id(place))
        place = place.__cause__ or place.__context__
    return found


def _build_shape(config: dict[str, Any]) -> Any:
    """The input shape that Keras 3 notes beside a model that was built by calling it."""
    noted = config.get("build_config")
    shape = noted.get("input_shape") if isinstance(noted, dict) else None
    return tuple(shape) if isinstance(shape, list) else None
