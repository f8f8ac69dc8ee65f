"""Saving a model so that plain Keras 3 opens it, without layersight.

The rule of this module: the configuration that is written names classes of Keras alone, and
nothing that runs code when it is opened.
"""

from __future__ import annotations

import inspect
import json
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras

from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.gone import GONE
from layersight.frameworks.keras.libraries import LIBRARIES
from layersight.frameworks.keras.lookup import REFUSED
from layersight.frameworks.keras.plain import make_plain
from layersight.frameworks.keras.program import flatten
from layersight.frameworks.keras.sizes import UNSET
from layersight.frameworks.keras.training import listed, says_anything
from layersight.loading.rewrites.activations import OLD_HARD_SIGMOID
from layersight.model import KEPT

CONFIG = "config.json"


def save(model: Any, path: Path) -> tuple[str, ...]:
    """Writes a ``.keras`` file of a model.

    Args:
        model: A built ``keras.Model``; it is left as it is.
        path: Where to; the name ends in ``.keras``.

    Returns:
        What was replaced by layers of Keras, in words.

    Raises:
        ModelFileError: A layer cannot be had in Keras alone.
    """
    _check_class(model, model.name)
    if not model.built or not model.inputs:
        raise ModelFileError(
            f"model '{model.name}' has no input shape yet: call it on one image, then convert it"
        )
    for layer in model._flatten_layers(include_self=False):
        _check_class(layer, layer.name)
    plain, notes = make_plain(model)
    with tempfile.TemporaryDirectory(prefix=".layersight-", dir=path.parent) as folder:
        raw = Path(folder) / "raw.keras"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _write(plain, raw)
        with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w") as new:
            for member in old.infolist():
                if member.filename != CONFIG:
                    with old.open(member) as source, new.open(member, "w") as target:
                        while block := source.read(1 << 20):
                            target.write(block)
            cleaner = _Cleaner()
            config = cleaner.clean(json.loads(old.read(CONFIG)), model.name)
            new.writestr(CONFIG, json.dumps(config))
    return (*notes, *cleaner.notes, *_called_in_training(plain))


def _called_in_training(model: Any) -> tuple[str, ...]:
    """What stays of layers that are called with ``training=True``, and how to call the model."""
    steps = [step for step in flatten(model).steps if step.training]
    names = [step.operation.name for step in steps if says_anything(step.operation)]
    if not names:
        return ()
    return (
        f"{KEPT}{listed(names)}: called with training=True in the file as before, so that it gives "
        "the author's numbers as model(image), one image at a time; model.predict does not",
    )


def _write(model: Any, path: Path) -> None:
    try:
        keras.saving.save_model(model, path)
    except OSError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"Keras cannot save model '{model.name}': {reason_of(error)}"
        ) from error


def _check_class(layer: Any, name: str) -> None:
    """Refuses a layer of the author's own."""
    place = type(layer).__module__.partition(".")[0]
    if place not in ("keras", "layersight") or type(layer) in (*GONE.values(), *LIBRARIES.values()):
        raise _foreign(name, type(layer).__name__)
    if place == "keras" and type(layer).__name__ in REFUSED:
        raise ModelFileError(
            f"layer '{name}' is a {type(layer).__name__} layer, which "
            f"{REFUSED[type(layer).__name__]}: plain Keras would not open the file. Replace it "
            "by layers of Keras, then convert"
        )


def _foreign(layer: str, name: str) -> LayersightError:
    return ModelFileError(
        f"layer '{layer}' needs '{name}', which Keras does not have: plain Keras could not open "
        "the file. Replace it by layers of Keras, then convert"
    )


class _Cleaner:
    """Takes what belongs to layersight out of a configuration.

    Attributes:
        notes: What was replaced, in words.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    def clean(self, value: Any, layer: str) -> Any:
        """A copy with classes of Keras alone.

        Args:
            value: A part of the configuration.
            layer: The layer that it belongs to.
        """
        if isinstance(value, list):
            return [self.clean(item, layer) for item in value]
        if not isinstance(value, dict):
            return value
        inner = value.get("config")
        if value.get("class_name") == "function" and inner == f"layersight>{OLD_HARD_SIGMOID}":
            self.notes.append(f"layer '{layer}': hard_sigmoid of Keras 2 became a Pipeline")
            return _old_hard_sigmoid(f"{layer}_hard_sigmoid_{len(self.notes)}")
        if "class_name" in value and "module" in value:
            _check_place(value, layer)
            if isinstance(inner, dict) and isinstance(inner.get("name"), str):
                layer = inner["name"] if _is_layer(value) else layer
        cleaned = {
            key: self.clean(item, layer) for key, item in value.items() if key != "compile_config"
        }
        if "class_name" in value and isinstance(cleaned.get("config"), dict):
            _restore_initialisers(str(value["class_name"]), cleaned["config"])
        return cleaned


def _is_layer(value: Any) -> bool:
    return isinstance(getattr(keras.layers, str(value["class_name"]), None), type)


def _check_place(value: dict[str, Any], layer: str) -> None:
    """Refuses what is of no module of Keras; the placeholder of initialisers is let through."""
    if value.get("registered_name") == UNSET["registered_name"]:
        return
    module = value["module"]
    ours = isinstance(module, str) and module.partition(".")[0] == "keras"
    if not ours and not (module == "builtins" and value["class_name"] in ("slice", "range")):
        name = value["config"] if value["class_name"] == "function" else value["class_name"]
        raise _foreign(layer, str(name))


def _restore_initialisers(kind: str, settings: dict[str, Any]) -> None:
    """The default initialisers of a class where a placeholder stands."""
    for key, value in settings.items():
        if isinstance(value, dict) and value.get("registered_name") == UNSET["registered_name"]:
            default = _default(getattr(keras.layers, kind, None), key)
            settings[key] = keras.initializers.serialize(keras.initializers.get(default))


def _default(cls: Any, key: str) -> Any:
    """The initialiser that a class takes without one given."""
    if isinstance(cls, type):
        parameter = inspect.signature(cls.__init__).parameters.get(key)  # type: ignore[misc]
        if parameter is not None and isinstance(parameter.default, str):
            return parameter.default
    return "glorot_uniform" if "kernel" in key else "zeros"


def _old_hard_sigmoid(name: str) -> Any:
    """``clip(0.2 x + 0.5, 0, 1)`` of layers of Keras, as a configuration."""
    steps = [
        keras.layers.Rescaling(0.2, 0.5, name=f"{name}_line"),
        keras.layers.ReLU(max_value=1.0, name=f"{name}_clip"),
    ]
    return keras.saving.serialize_keras_object(keras.layers.Pipeline(steps, name=name))
