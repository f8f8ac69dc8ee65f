"""The outputs of a model, and targets by the name or the number of a class.

The rule of this module: a name means one class or none; where it could mean two, or a number
could be a name, the error gives their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import OUTPUT, PROBABILITY, ends_of, kind_of, unit_name
from layersight.data.target import Target
from layersight.errors import ModelInputError, SelectionError, near
from layersight.select import blocked_error


def output_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """The layer that gives each output of a model, in the order of ``info.outputs``.

    An output that is computed outside of any layer, as in a subclassed model, is represented by the
    last layer; :func:`default_output` says so.

    Raises:
        ModelInputError: The model has no layer at all.
    """
    by_name = {layer.name: layer for layer in info.layers}
    if not by_name:
        raise ModelInputError("expected a model with layers, found none to read a number from")
    last = info.layers[-1]
    return tuple(last if name is None else by_name[name] for name in ends_of(info)) or (last,)


def check_explained(info: ModelInfo, names: Collection[str] | None) -> None:
    """Refuses to explain layers, or the model's outputs, that cannot be computed."""
    layers = output_layers(info)
    if names is not None:
        layers = tuple(one for one in info.layers if one.name in {*names})
    for layer in layers:
        if layer.blocked is not None:
            able = [one.name for one in info.layers if one.blocked is None and one.channels]
            advice = "--target {}:0 --method gradient explains a channel of a layer before it"
            raise blocked_error(
                info.source, info.layers, layer, advice.format(able[-1]) if able else None
            )


def default_output(info: ModelInfo) -> tuple[LayerInfo, str | None]:
    """The output of a class that is given without the name of its output, and a note on it.

    Raises:
        SelectionError: There are several outputs, and none of them is a vector.
    """
    layers = tuple(dict.fromkeys(output_layers(info)))
    if len(layers) == 1:
        outside = (
            f"the model's output is computed outside of any layer: explained is what '"
            f"{layers[0].name}' gives, the last layer before it"
        )
        return layers[0], outside if None in ends_of(info) else None
    vectors = [layer for layer in layers if len(layer.output_shape or ()) == 2]
    if not vectors:
        names = ", ".join(layer.name for layer in layers)
        raise SelectionError(
            f"the model has {len(layers)} outputs ({names}), none of them a vector of classes: "
            f"say of which, for example {layers[0].name}:0"
        )
    others = ", ".join(layer.name for layer in layers if layer is not vectors[0])
    return vectors[0], (
        f"of the {len(layers)} outputs '{vectors[0].name}' is explained; for another say which, "
        f"as OUTPUT:CLASS ({others})"
    )


def is_output(info: ModelInfo, layer: LayerInfo) -> bool:
    return any(entry.name == layer.name for entry in output_layers(info))


def spatial_shape(layer: LayerInfo) -> tuple[int | None, ...]:
    """The number of positions of a layer's output along each of its spatial axes.

    >>> spatial_shape(LayerInfo("conv", "Conv2D", (None, 8, 7, 6), data_format="channels_first"))
    (7, 6)
    """
    return (layer.example_shape or ())[:-1]


SIDES = ("class 0", "class 1")
"""The two sides of a single unit that gives a probability, if they have no names."""

_NUMBER = re.compile(r"(class )?([0-9]{1,9})")
_SYNSET = re.compile(r"(n[0-9]{8}) (.+)")


def shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def names_of(info: ModelInfo, layer: LayerInfo) -> tuple[str, ...] | None:
    """The names of the classes of an output, if known: two for a single unit."""
    labels = info.labels
    if labels is None or not is_output(info, layer):
        return None
    fits = len(labels) == (2 if layer.channels == 1 else layer.channels)
    return labels if fits else None


def find_class(info: ModelInfo, layer: LayerInfo, spec: str | int) -> Target | None:
    """A class of an output by its number or its name; ``None`` for an unknown name.

    A number may also be written ``"class 3"``; in names case does not matter, and underscores are
    spaces. Numbers count classes: a single unit that has two names, or gives a probability, is
    class 1, and its other side class 0.
    """
    names = names_of(info, layer)
    text = normalise_name(spec) if isinstance(spec, str) else str(spec)
    match = _NUMBER.fullmatch(text) if isinstance(spec, str) else None
    if match is None and isinstance(spec, str):
        return _find_by_name(info, layer, names, text)
    number = int(match[2]) if match is not None else int(spec)
    count = (layer.channels or 0) + int(_has_sides(info, layer))
    if names is not None and match is not None and match[1] is None:
        namesakes = _index_names(names)[0].get(text, ())
        other = next((index for index in namesakes if index != number), None)
        if other is not None and number >= count:
            return make_target(info, layer, other)
        if other is not None:
            raise SelectionError(
                f"'{text}' is the name of class {other} and the number of the class "
                f"'{shorten(names[number])}': say 'class {other}' or 'class {number}'"
            )
    if not 0 <= number < count:
        raise SelectionError(_out_of_range(layer, number, count))
    return make_target(info, layer, number)


def make_target(info: ModelInfo, layer: LayerInfo, number: int) -> Target:
    if not _has_sides(info, layer):
        return unit_target(info, layer, number)
    return replace(unit_target(info, layer, 0), sign=1 if number == 1 else -1)


def _has_sides(info: ModelInfo, layer: LayerInfo) -> bool:
    """Whether an output is a single unit whose two sides are the classes 0 and 1."""
    if layer.channels != 1 or not is_output(info, layer):
        return False
    return names_of(info, layer) is not None or kind_of(info, layer) == PROBABILITY


def unit_target(info: ModelInfo, layer: LayerInfo, unit: int) -> Target:
    """The target of a unit or channel of any layer; of an output, its logit."""
    names = names_of(info, layer)
    if _has_sides(info, layer):
        opposite, side = names or SIDES
        return Target(layer.name, 0, label=side, opposite=opposite)
    if names is not None:
        return Target(layer.name, unit, label=names[unit])
    if not is_output(info, layer):
        kind = "channel" if layer.has_maps else "unit"
        return Target(layer.name, unit, before=False, label=f"{kind} {unit}")
    label = OUTPUT if layer.channels == 1 else unit_name(info, layer, unit)
    return Target(layer.name, unit, label=label)


def check_unit(layer: LayerInfo, unit: int) -> None:
    """Refuses a unit that a layer does not have."""
    count = layer.channels
    if layer.output_shape is None or len(layer.output_shape) < 2 or count is None:
        raise SelectionError(
            f"layer '{layer.name}' has no units or channels that could be explained: its output "
            f"has the shape {layer.output_shape}"
        )
    if not 0 <= unit < count:
        raise SelectionError(_out_of_range(layer, unit, count))


def unknown_class(info: ModelInfo, layer: LayerInfo, text: str) -> SelectionError:
    """An error for a name that is no class of an output, with what to do."""
    names, count = names_of(info, layer), layer.channels or 0
    numbers = f"the number of a class, 0 to {count - 1}"
    if count == 1:
        numbers = "0 or 1" if _has_sides(info, layer) else "0, or 'not 0'"
    if any(entry.name == text for entry in info.layers):
        return SelectionError(
            f"'{shorten(text)}' is a layer: say which of its channels, for example '{text}:0'"
        )
    if names is not None:
        listed = ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > 4 else "")
        hint = near(shorten(text), names) or f" It has {len(names)}: {listed}."
        return SelectionError(f"no class '{shorten(text)}' of the output '{layer.name}'.{hint}")
    if info.labels is not None:
        return SelectionError(
            f"no class '{shorten(text)}': the {len(info.labels)} class names given do not fit the "
            f"output '{layer.name}' of {count}. Give {numbers}."
        )
    return SelectionError(
        f"no class '{shorten(text)}': the model does not tell the names of its classes. Give them "
        f"with --labels, as 'cat,dog' or in a file, or give {numbers}."
    )


def normalise_name(text: str) -> str:
    """A name in the form in which names are compared.

    >>> normalise_name("African_Elephant ")
    'african elephant'
    """
    return " ".join(text.replace("_", " ").casefold().split())


def _find_by_name(
    info: ModelInfo, layer: LayerInfo, names: tuple[str, ...] | None, text: str
) -> Target | None:
    """A class by its whole label, else by one of several names in its label."""
    if names is None:
        is_single = layer.channels == 1 and is_output(info, layer) and text == OUTPUT
        return unit_target(info, layer, 0) if is_single else None
    for index in _index_names(names):
        classes = index.get(text, ())
        if len(classes) > 1:
            listed = ", ".join(map(str, classes[:6]))
            raise SelectionError(
                f"'{shorten(text)}' is the name of {len(classes)} classes ({listed}): give the "
                "number"
            )
        if classes:
            return make_target(info, layer, classes[0])
    return None


@lru_cache(maxsize=8)
def _index_names(names: tuple[str, ...]) -> tuple[Mapping[str, Sequence[int]], ...]:
    """The classes by their whole label, and by each of the names in it."""
    labels: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        label = normalise_name(name)
        labels.setdefault(label, []).append(number)
        synset = _SYNSET.fullmatch(label)
        contained = {*synset.groups()} if synset else {label}
        contained |= {part.strip() for text in list(contained) for part in text.split(",")}
        for part in contained - {label, ""}:
            parts.setdefault(part, []).append(number)
    return labels, parts


def _out_of_range(layer: LayerInfo, number: int, count: int) -> str:
    return (
        f"no class or channel {number}: expected 0 to {count - 1}, layer '{layer.name}' has {count}"
    )
