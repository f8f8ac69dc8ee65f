"""The names of layers: each has one, and none that Keras 3 refuses."""

from __future__ import annotations

import unicodedata
from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.rewrite import rewrite
from layersight.loading.rewrites.walking import (
    class_of,
    each_model,
    each_tensor,
    layers_of,
    name_of,
    settings_of,
)

MAX_NAME = 200  # characters of a layer's name that are kept; files are named by it

# Kinds of characters that break lines, change the direction of text or move the cursor.
ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")

# Layers without weights, whose names may have points in them.
OPERATIONS = ("TFOpLambda", "SlicingOpLambda")


@rewrite("slashes", "'/', '.' and the like in the names of layers became '_'")
def replace_slashes(config: Config) -> int:
    """A layer's name with `/` or `.`, which Keras 3 and PyTorch use for paths: `_` in its place."""
    count = 0
    for model in each_model(config):
        taken = {name_of(layer) for layer in layers_of(model)}
        renamed: dict[str, str] = {}
        for layer in layers_of(model):
            name = name_of(layer)
            new = (clean_name if class_of(layer) in OPERATIONS else plain_name)(name)
            if new == name:
                continue
            while new in taken:
                new += "_"
            taken.add(new)
            renamed[name] = new
            if "name" in layer:
                layer["name"] = new
            if isinstance(layer.get("config"), dict):
                layer["config"]["name"] = new
        if renamed:
            _rename_references(model, renamed)
            count += len(renamed)
    own = settings_of(config).get("name")
    if isinstance(own, str) and ("/" in own or clean_name(own) != own):
        config["config"]["name"] = plain_name(own)
        count += 1
    return count


def plain_name(name: str) -> str:
    """A name without slashes and points.

    >>> plain_name("block/conv.1")
    'block_conv_1'
    """
    return clean_name(name.replace("/", "_").replace(".", "_"))


def clean_name(name: str) -> str:
    r"""A name of bounded length without characters that act on a terminal or in a path.

    >>> clean_name("conv\x1b[31m\x00"), len(clean_name("x" * 1000))
    ('conv_[31m_', 200)
    """
    if not name.isprintable():
        name = "".join("_" if unicodedata.category(sign) in ACTING else sign for sign in name)
    return name[:MAX_NAME]


@rewrite("names")
def name_every_layer(config: Config) -> int:
    """A layer of a graph that is named in only one of the two places for it."""
    count = 0
    for model in each_model(config):
        for number, layer in enumerate(layers_of(model)):
            inner = layer.get("config")
            if not isinstance(inner, dict):
                continue
            name = layer.get("name") or inner.get("name")
            if not isinstance(name, str):
                name = f"{str(layer.get('class_name', 'layer')).lower()}_{number}"
                count += 1
            inner["name"] = name
            if model.get("class_name") == "Functional":
                layer["name"] = name
    return count


def _rename_references(model: Config, renamed: dict[str, str]) -> None:
    """Follows a renaming in the nodes and outputs of a graph, old or new."""
    inner = settings_of(model)
    nodes: list[Any] = [layer.get("inbound_nodes") for layer in layers_of(model)]
    for value in [*nodes, inner.get("input_layers"), inner.get("output_layers")]:
        for history in each_tensor(value):
            history[0] = renamed.get(history[0], history[0])
        _rename_lists(value, renamed)


def _rename_lists(value: Any, renamed: dict[str, str]) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _rename_lists(inner, renamed)
    if not isinstance(value, list):
        return
    if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        value[0] = renamed.get(value[0], value[0])
    for inner in value:
        _rename_lists(inner, renamed)
