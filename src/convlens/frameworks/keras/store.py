"""The weights inside a ``.keras`` archive, which Keras keeps along the attributes of objects."""

from __future__ import annotations

import io
import re
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import h5py
import keras
from keras.src.saving import saving_lib  # loads from an open store; the public way wants a path
from keras.src.utils.naming import to_snake_case

from convlens.errors import ModelFileError
from convlens.frameworks.keras.refused import Refused

OLD = "_layer_checkpoint_dependencies"
"""What Keras 2.13 and 2.14 called ``layers``, numbering the layers of a class with gaps."""


def assign_archive(model: Any, path: Path, weights: bytes) -> list[str]:
    """Sets the weights of a model by the loader of Keras.

    Args:
        model: The model.
        path: The archive, for the messages.
        weights: The HDF5 file inside it, checked.

    Returns:
        What was done, in words.

    Raises:
        ModelFileError: The weights do not fit, or some are left over.
    """
    notes: list[str] = []
    try:
        data = io.BytesIO(weights)
        with h5py.File(data, "r") as file:
            old = OLD in file
            _check_all_used(model, file[OLD] if old else file.get("layers"), path)
        if old:
            data = _renumbered(model, data)
            notes.append("weight-store: the weights of Keras 2.13 were renumbered")
        store = saving_lib.H5IOStore(data, mode="r")
        failed: set[int] = set()
        messages: dict[int, Any] = {}
        try:
            with warnings.catch_warnings():  # what Keras warns of is an error below
                warnings.simplefilter("ignore")
                saving_lib._load_state(
                    model,
                    weights_store=store,
                    assets_store=None,
                    inner_path="",
                    visited_saveables=set(),
                    failed_saveables=failed,
                    error_msgs=messages,
                )
        finally:
            store.close()
    except (ValueError, KeyError, OSError, RuntimeError, TypeError) as error:
        raise ModelFileError(
            f"{path}: its weights do not fit its configuration: {_short(error)}"
        ) from error
    if failed:
        layer, why = next(iter(messages.values()), (None, ValueError("unknown")))
        raise ModelFileError(
            f"{path}: the weights of layer '{getattr(layer, 'name', '?')}' do not fit its "
            f"configuration: {_short(why)}"
        )
    return notes


def _short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:300] or type(error).__name__


def _check_all_used(model: Any, group: Any, path: Path) -> None:
    """Refuses a file with more weights than the network: it would be loaded in part."""
    if not isinstance(group, h5py.Group) or _holds_stand_in(model):
        return
    sizes: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            sizes.append(int(item.size or 0))

    group.visititems(visit)
    wanted = sum(int(keras.ops.size(variable)) for variable in model.weights)
    if sum(sizes) > wanted + 16 * len(sizes):
        raise ModelFileError(
            f"{path} holds {sum(sizes)} weights in its layers, the network has {wanted}: "
            "its configuration does not belong to its weights"
        )


def _holds_stand_in(model: Any) -> bool:
    return any(isinstance(layer, Refused) for layer in model._flatten_layers(include_self=False))


def _renumbered(model: Any, data: io.BytesIO) -> io.BytesIO:
    """The store with the names that Keras 3 looks for."""
    made = io.BytesIO()
    with h5py.File(data, "r") as old, h5py.File(made, "w") as new:
        _copy_layers(model, old, new)
    made.seek(0)
    return made


def _copy_layers(model: Any, old: h5py.Group, new: h5py.Group) -> None:
    """Copies the weights of a model's layers, class by class in their order."""
    source = old.get(OLD) or old.get("layers")
    if not isinstance(source, h5py.Group):
        return
    target = new.create_group("layers")
    groups = _by_class(source)
    counts: dict[str, int] = defaultdict(int)
    used: dict[str, int] = defaultdict(int)
    for layer in model.layers:
        kind = to_snake_case(type(layer).__name__)
        number = counts[kind]
        counts[kind] += 1
        if not layer.weights:
            continue
        held = [name for name in groups[kind] if _holds_arrays(source[name])]
        if used[kind] >= len(held):
            continue
        name = held[used[kind]]
        used[kind] += 1
        wanted = f"{kind}_{number}" if number else kind
        if isinstance(layer, keras.Model):
            _copy_layers(layer, source[name], target.create_group(wanted))
        else:
            source.copy(name, target, name=wanted)


def _by_class(group: h5py.Group) -> dict[str, list[str]]:
    """The names in a store by class, each class in the order of its numbers."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in group:
        match = re.fullmatch(r"(.+?)(?:_(\d+))?", name)
        if match:
            found[match.group(1)].append((int(match.group(2) or 0), name))
    return defaultdict(
        list, {kind: [name for _, name in sorted(names)] for kind, names in found.items()}
    )


def _holds_arrays(group: Any) -> bool:
    found: list[str] = []
    if isinstance(group, h5py.Group):
        group.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return bool(found)
