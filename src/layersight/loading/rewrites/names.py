"""Names: of classes that moved, of packages around them, of layers that Keras 3 refuses."""

from __future__ import annotations

import unicodedata
from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import (
    count_layers,
    each_layer,
    each_model,
    each_tensor,
    layers_of,
    name_of,
    settings_of,
)

MODEL_CLASSES = {"Model": "Functional", "Container": "Functional", "Network": "Functional"}
"""Names that a graph of layers had."""

OF_LIBRARIES = {
    "FixedDropout": "Dropout",
    "SyncBatchNormalization": "BatchNormalization",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "TimeDistributedDense": "Dense",
}
"""Layers of known libraries and old versions that compute what a layer of Keras computes."""


RANDOM_SIZES = ("RandomHeight", "RandomWidth")
"""Layers of TensorFlow's Keras that compute nothing outside training."""

SHAPES = ("batch_input_shape", "batch_shape", "dtype")
"""What the first layer of a Sequential says of its input."""

MAX_NAME = 200
"""How many characters of a layer's name are kept; files are named by it."""

ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Kinds of characters that break lines, change the direction of text or move the cursor."""

OWN = ("Formula", "TensorFlowCall", "Unset")
"""Classes of layersight, which no file may name."""

OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
"""Layers without weights, whose names may have points in them."""


SAVED_CLASS = "saved_class"
"""Where a layer keeps the class that a file names, by which files of Keras 3 keep its weights."""


def note_classes(config: Config) -> None:
    """Notes beside each layer the bare name of its class, which rewrites may change."""
    for layer in each_layer(config):
        name = layer.get("class_name")
        if isinstance(name, str):
            layer[SAVED_CLASS] = name.rpartition(">")[2]


def note_inside(layer: Config) -> None:
    """Notes that a layer was taken out of its wrapper: its weights lie inside those of that."""
    if SAVED_CLASS in layer:
        layer[SAVED_CLASS] += "/layer"


def name_functional(config: Config) -> int:
    """A graph of layers of the class ``Model`` (up to tf.keras 2.2) or ``Container``."""

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if name not in MODEL_CLASSES or "layers" not in settings_of(layer):
            return False
        layer["class_name"] = MODEL_CLASSES[name]
        return True

    return count_layers(config, change)


def drop_packages(config: Config) -> int:
    """A class name with the package that registered it, ``Keras>`` or ``Custom>``."""

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if not isinstance(name, str) or ">" not in name:
            return False
        package, _, bare = name.rpartition(">")
        if package.lower() not in {"keras", "tf", "builtins"}:
            return False
        layer["class_name"] = bare
        return True

    return count_layers(config, change)


def keep_own(config: Config) -> int:
    """A class of layersight named by a file: its expression is nobody's, and not computed.

    The rewrites that follow bring these classes in, with what they read themselves.
    """

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if name in OWN:
            layer["class_name"] = f"file>{name}"
        return False

    return count_layers(config, change)


def keep_foreign(config: Config) -> int:
    """A class of its author's own under the name of a class of Keras: told apart by package."""

    def change(layer: Config) -> bool:
        name, module = layer.get("class_name"), layer.get("module")
        registered = layer.get("registered_name")
        if not isinstance(name, str) or ">" in name:
            return False
        if isinstance(registered, str) and ">" in registered:
            package = registered.rpartition(">")[0]
        else:
            package = module if isinstance(module, str) else "keras"
        if package.lower().partition(".")[0] in {
            "keras",
            "tf",
            "tf_keras",
            "tensorflow",
            "builtins",
        }:
            return False
        layer["class_name"] = f"{package}>{name}"
        return False

    return count_layers(config, change)


def name_library_layers(config: Config) -> int:
    """A layer of a known library that is, as far as it computes, a layer of Keras."""

    def change(layer: Config) -> bool:
        name = layer.get("class_name")
        if not isinstance(name, str) or name not in OF_LIBRARIES:
            return False
        layer["class_name"] = OF_LIBRARIES[name]
        for key in ("module", "registered_name"):
            layer.pop(key, None)
        return True

    return count_layers(config, change)


def pass_over_random_sizes(config: Config) -> int:
    """``RandomHeight`` and ``RandomWidth``, which pass images on when they are not trained."""

    def change(layer: Config) -> bool:
        if layer.get("class_name") not in RANDOM_SIZES:
            return False
        inner = settings_of(layer)
        layer["class_name"] = "Identity"
        layer["config"] = {key: inner[key] for key in ("name", *SHAPES) if key in inner}
        for key in ("module", "registered_name", "build_config"):
            layer.pop(key, None)
        return True

    return count_layers(config, change)


def replace_slashes(config: Config) -> int:
    """A layer's name with ``/`` or ``.``: ``_`` in its place.

    Keras 3 keeps the one for paths, PyTorch the other.
    """
    count = 0
    for model in each_model(config):
        taken = {name_of(layer) for layer in layers_of(model)}
        renamed: dict[str, str] = {}
        for layer in layers_of(model):
            name = name_of(layer)
            clean = clean_name if layer.get("class_name") in OPERATIONS else plain_name
            if clean(name) == name:
                continue
            new = clean(name)
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
    shown = name if name.isprintable() else "".join(_shown(sign) for sign in name)
    return shown[:MAX_NAME]


def _shown(sign: str) -> str:
    """A character, or ``_`` for one that is no letter, mark or sign but does something."""
    return "_" if unicodedata.category(sign) in ACTING else sign


def name_every_layer(config: Config) -> int:
    """A layer of a graph whose name stands in one of two places only."""
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
    places: list[Any] = [layer.get("inbound_nodes") for layer in layers_of(model)]
    for place in [*places, inner.get("input_layers"), inner.get("output_layers")]:
        for history in each_tensor(place):
            history[0] = renamed.get(history[0], history[0])
        _rename_lists(place, renamed)


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
