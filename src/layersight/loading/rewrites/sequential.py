"""Sequential models: their layers, the shape of their input, and branches that they merge.

The ``Merge`` layer of Keras 1 has modes for what several layers do now.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import (
    KERAS_3,
    each_model,
    layer_rewrite,
    layers_of,
    name_of,
    rewrite,
    settings_of,
)

# Layers of Keras 1 that take a vector.
DENSE = ("Dense", "MaxoutDense", "Highway")

MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "min": "Minimum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}


@rewrite("sequential-list", "the list of layers of an old Sequential was given a name")
def name_sequential_layers(config: Config) -> int:
    """A Sequential whose configuration is a bare list of layers (Keras 1.0 to 2.2.2)."""
    count = 0
    for model in each_model(config, "Sequential"):
        if isinstance(model.get("config"), list):
            number = f"_{count}" if count else ""
            name = model.get("name") or f"sequential{number}"
            model["config"] = {"name": name, "layers": model["config"]}
            count += 1
    return count


@rewrite("input-layer", "the input shape on the first layer became an input layer")
def add_input_layer(config: Config) -> int:
    """A Sequential with the shape of its input on the first layer (up to Keras 2.3.1).

    Keras 3 would take ``batch_input_shape`` for a shape without its batch axis and count
    that axis twice, without an error if the first layer is dense.
    """
    count = 0
    for model in each_model(config, "Sequential"):
        settings = settings_of(model)
        first = _first(model)
        if not first or first.get("class_name") == "InputLayer":
            continue
        shape, built = first_shape(first), settings.get("build_input_shape")
        if not shape and isinstance(built, list) and len(built) > 1:
            shape = built
        if shape is None:
            continue
        inner = settings_of(first)
        name = inner.get("name") or first.get("name") or "layer"
        dtype = inner.get("input_dtype") or inner.get("dtype")
        entry = {
            "name": f"{name}_input",
            "batch_shape": shape,
            "dtype": dtype if isinstance(dtype, str) else "float32",
        }
        settings["layers"].insert(0, {"class_name": "InputLayer", "config": entry})
        count += 1
    return count


def first_shape(layer: Config) -> list[Any] | None:
    """The input shape in the settings of a layer or of the first layer inside it."""
    for _ in range(20):
        inner = settings_of(layer)
        shape = inner.get("batch_input_shape") or inner.get("batch_shape")
        if isinstance(shape, list):
            return shape
        kind = layer.get("class_name")
        if kind in DENSE and isinstance(size := inner.get("input_dim"), int):
            return [None, size]  # Keras 1 only records the size of the vector
        nested = layers_of(layer)
        if not nested or kind != "Sequential":
            return None
        layer = nested[0]
    return None


@rewrite(
    "merged-branches", "the branches that a Sequential merges became one graph", before=KERAS_3
)
def join_branches(config: Config) -> int:
    """A Sequential that begins with a `Merge` of others, which becomes a graph of all their layers.

    The file keeps the weights layer by layer, whatever the branch.
    """
    count = 0
    for model in list(each_model(config, "Sequential")):
        if not _merges(_first(model)):
            continue
        layers: list[Config] = []
        last = _lay_out(model, layers)
        counts = Counter(map(name_of, layers))
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ModelFileError(
                f"layer '{min(twice)}' is in several branches that a Sequential merges: "
                "expected each layer in one branch"
            )
        inputs = [name_of(layer) for layer in layers if layer["class_name"] == "InputLayer"]
        model["class_name"] = "Functional"
        model["config"] = {
            "name": name_of(model) or "model",
            "layers": layers,
            "input_layers": [[name, 0, 0] for name in inputs],
            "output_layers": [[last, 0, 0]],
        }
        count += 1
    return count


def _first(model: Config) -> Config:
    layers = settings_of(model).get("layers")
    first = layers[0] if isinstance(layers, list) and layers else None
    return first if isinstance(first, dict) else {}


def _merges(layer: Config) -> bool:
    return layer.get("class_name") == "Merge" and bool(layers_of(layer))


def _lay_out(model: Config, layers: list[Config]) -> str:
    """Adds the layers of a branch, each with its node, and returns the name of the last."""
    first, *rest = layers_of(model) or [{}]
    if _merges(first):
        branches = [_lay_out(branch, layers) for branch in layers_of(first)]
        layers.append(_with_node(first, branches))
    elif model.get("class_name") == "Sequential" and (shape := first_shape(first)) is not None:
        entry = {"name": f"{name_of(first)}_input", "batch_shape": shape, "dtype": "float32"}
        layers.append({"class_name": "InputLayer", "name": entry["name"], "config": entry})
        rest = [first, *rest]
    else:
        raise ModelFileError(
            f"a branch of a Merge layer is a {model.get('class_name')!s:.40} without the shape of "
            "its input: expected a Sequential"
        )
    for layer in rest:
        layers.append(_with_node(layer, [name_of(layers[-1])]))
    return name_of(layers[-1])


def _with_node(layer: Config, inputs: list[str]) -> Config:
    node = [[name, 0, 0] for name in inputs]
    return {**layer, "name": name_of(layer), "inbound_nodes": [node]}


@layer_rewrite(
    "keras-1-merge",
    "Merge layers were replaced by the layers of their mode",
    of=("Merge",),
    before=KERAS_3,
)
def replace_merge(layer: Config, settings: Config) -> bool:
    """A `Merge` layer, which becomes `Add`, `Multiply`, `Concatenate` ... by its mode."""
    mode = settings.get("mode")
    if not isinstance(mode, str) or mode not in MODES:
        raise ModelFileError(
            f"layer '{name_of(layer)}' merges by a function of its author: expected one of "
            f"{', '.join(MODES)}. Open it with Keras 1."
        )
    layer["class_name"] = MODES[mode]
    layer["config"] = {"name": name_of(layer)}
    if mode == "concat":
        axis = settings.get("concat_axis")
        layer["config"]["axis"] = axis if isinstance(axis, int) else -1
    if mode in ("dot", "cos"):
        layer["config"] |= {"axes": settings.get("dot_axes", -1), "normalize": mode == "cos"}
    return True
