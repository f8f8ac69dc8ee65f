"""Saving a model so that plain Keras 3 opens it, without layersight.

The rule of this module: the configuration that is written names classes of Keras alone, and
nothing that runs code when it is opened.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras

from layersight.data.saved import Config
from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.gone import RestoredLayer
from layersight.frameworks.keras.lookup import REFUSED
from layersight.frameworks.keras.plain import make_plain
from layersight.frameworks.keras.program import flatten
from layersight.frameworks.keras.sizes import UNSET
from layersight.frameworks.keras.training import listed, says_anything
from layersight.loading.rewrites.activations import OLD_HARD_SIGMOID
from layersight.model import KEPT

CONFIG = "config.json"


def save(model: keras.Model, path: Path) -> tuple[str, ...]:
    """Writes a ``.keras`` file of a model.

    Returns:
        What was replaced by layers of Keras, in words.
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
                        shutil.copyfileobj(source, target, 1 << 20)
            cleaned: list[str] = []
            config = _clean(json.loads(old.read(CONFIG)), model.name, cleaned)
            new.writestr(CONFIG, json.dumps(config))
    return (*notes, *cleaned, *_called_in_training(plain))


def _called_in_training(model: keras.Model) -> tuple[str, ...]:
    """What stays of layers that are called with ``training=True``, and how to call the model."""
    steps = [step for step in flatten(model).steps if step.training]
    names = [step.operation.name for step in steps if says_anything(step.operation)]
    if not names:
        return ()
    return (
        f"{KEPT}{listed(names)}: called with training=True in the file as before, so that it gives "
        "the author's numbers as model(image), one image at a time; model.predict does not",
    )


def _write(model: keras.Model, path: Path) -> None:
    try:
        keras.saving.save_model(model, path)
    except OSError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"Keras cannot save model '{model.name}': {reason_of(error)}"
        ) from error


def _check_class(layer: keras.Layer, name: str) -> None:
    """Refuses a layer of the author's own."""
    package, kind = type(layer).__module__.partition(".")[0], type(layer).__name__
    if package not in ("keras", "layersight") or isinstance(layer, RestoredLayer):
        raise _foreign(name, kind)
    if package == "keras" and kind in REFUSED:
        raise ModelFileError(
            f"layer '{name}' is a {kind} layer, which {REFUSED[kind]}: plain Keras would not open "
            "the file. Replace it by layers of Keras, then convert"
        )


def _foreign(layer: str, name: str) -> LayersightError:
    return ModelFileError(
        f"layer '{layer}' needs '{name}', which Keras does not have: plain Keras could not open "
        "the file. Replace it by layers of Keras, then convert"
    )


def _clean(value: object, layer: str, notes: list[str]) -> object:
    """A copy of a configuration with classes of Keras alone; ``notes`` gets what was replaced."""
    if isinstance(value, list):
        return [_clean(item, layer, notes) for item in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    if value.get("class_name") == "function" and inner == f"layersight>{OLD_HARD_SIGMOID}":
        notes.append(f"layer '{layer}': hard_sigmoid of Keras 2 became a Pipeline")
        return _old_hard_sigmoid(f"{layer}_hard_sigmoid_{len(notes)}")
    if "class_name" in value and "module" in value:
        _check_place(value, layer)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            is_layer = isinstance(getattr(keras.layers, str(value["class_name"]), None), type)
            layer = inner["name"] if is_layer else layer
    cleaned = {
        key: _clean(item, layer, notes) for key, item in value.items() if key != "compile_config"
    }
    settings = cleaned.get("config")
    if "class_name" in value and isinstance(settings, dict):
        for key, inner in settings.items():  # default initialisers where a placeholder stands
            if isinstance(inner, dict) and inner.get("registered_name") == UNSET["registered_name"]:
                default = _default(getattr(keras.layers, str(value["class_name"]), None), key)
                settings[key] = keras.initializers.serialize(keras.initializers.get(default))
    return cleaned


def _check_place(value: Config, layer: str) -> None:
    """Refuses what is of no module of Keras; the placeholder of initialisers is let through."""
    if value.get("registered_name") == UNSET["registered_name"]:
        return
    module = value["module"]
    ours = isinstance(module, str) and module.partition(".")[0] == "keras"
    if not ours and not (module == "builtins" and value["class_name"] in ("slice", "range")):
        name = value["config"] if value["class_name"] == "function" else value["class_name"]
        raise _foreign(layer, str(name))


def _default(cls: Any, key: str) -> str:
    """The initialiser that a class takes without one given."""
    if cls is not None:
        parameter = inspect.signature(cls.__init__).parameters.get(key)
        if parameter is not None and isinstance(parameter.default, str):
            return parameter.default
    return "glorot_uniform" if "kernel" in key else "zeros"


def _old_hard_sigmoid(name: str) -> Config:
    """``clip(0.2 x + 0.5, 0, 1)`` of layers of Keras, as a configuration."""
    steps = [
        keras.layers.Rescaling(0.2, 0.5, name=f"{name}_line"),
        keras.layers.ReLU(max_value=1.0, name=f"{name}_clip"),
    ]
    return keras.saving.serialize_keras_object(keras.layers.Pipeline(steps, name=name))
