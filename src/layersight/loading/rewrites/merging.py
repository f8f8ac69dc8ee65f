"""The ``Merge`` layer of Keras 1, which did by a mode what several layers do now."""

from __future__ import annotations

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.sequential import first_shape
from layersight.loading.rewrites.walking import (
    count_layers,
    each_model,
    layers_of,
    name_of,
    settings_of,
)

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


def join_branches(config: Config) -> int:
    """A Sequential that begins with a ``Merge`` of others: a graph of all their layers.

    The file keeps the weights layer by layer, whatever the branch.
    """
    count = 0
    for model in list(each_model(config)):
        if model.get("class_name") != "Sequential" or not _merges(_first(model)):
            continue
        layers: list[Config] = []
        last = _lay_out(model, layers)
        names = [name_of(layer) for layer in layers]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ModelFileError(
                f"layer '{min(twice)}' stands in several branches that a Sequential merges: "
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
    """Adds the layers of a branch, each with its node; gives the name of the last one."""
    first, *rest = layers_of(model) or [{}]
    if _merges(first):
        taken = [_lay_out(branch, layers) for branch in layers_of(first)]
        layers.append(_with_node(first, taken))
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


def _with_node(layer: Config, taken: list[str]) -> Config:
    node = [[name, 0, 0] for name in taken]
    return {**layer, "name": name_of(layer), "inbound_nodes": [node]}


def replace_merge(config: Config) -> int:
    """A ``Merge`` layer: ``Add``, ``Multiply``, ``Concatenate`` ... by its mode."""

    def change(layer: Config) -> bool:
        if layer.get("class_name") != "Merge":
            return False
        inner = settings_of(layer)
        mode = inner.get("mode")
        if not isinstance(mode, str) or mode not in MODES:
            raise ModelFileError(
                f"layer '{name_of(layer)}' merges by a function of its author's: expected one of "
                f"{', '.join(MODES)}. Open it with Keras 1."
            )
        layer["class_name"] = MODES[mode]
        layer["config"] = {"name": name_of(layer)}
        if mode == "concat":
            axis = inner.get("concat_axis")
            layer["config"]["axis"] = axis if isinstance(axis, int) else -1
        if mode in ("dot", "cos"):
            layer["config"] |= {"axes": inner.get("dot_axes", -1), "normalize": mode == "cos"}
        return True

    return count_layers(config, change)
