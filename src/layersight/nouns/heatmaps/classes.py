"""The outputs of a model, and from the name or the number of a class to a target.

The rule of this module: a name means one class or none; where it could mean two, or a number
could be a name, the error says which numbers they have.
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
    """For each output of a model the layer that gives it, in the order of ``info.outputs``.

    An output that is computed outside of any layer, as the author of a subclassed model may, is
    stood for by the last layer of all; :func:`default_output` says so.

    Raises:
        ModelInputError: The model has no layer at all.
    """
    by_name = {layer.name: layer for layer in info.layers}
    if not by_name:
        raise ModelInputError("expected a model with layers, found none that a number is read off")
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
            instead = "--target {}:0 --method gradient explains a channel of a layer before it"
            raise blocked_error(
                info.source, info.layers, layer, instead.format(able[-1]) if able else None
            )


def default_output(info: ModelInfo) -> tuple[LayerInfo, str | None]:
    """The output that a class without the name of its output is of, and what to say of it.

    Raises:
        SelectionError: There are several, and none or more than one of them is a vector.
    """
    layers = tuple(dict.fromkeys(output_layers(info)))
    if len(layers) == 1:
        outside = (
            f"the model's output is computed outside of any layer: explained is what '"
            f"{layers[0].name}' gives, the last layer before it"
        )
        return layers[0], outside if None in ends_of(info) else None
    vectors = [layer for layer in layers if len(layer.output_shape or ()) == 2]
    listed = ", ".join(layer.name for layer in layers)
    if not vectors:
        raise SelectionError(
            f"the model has {len(layers)} outputs ({listed}), none of them a vector of classes: "
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
    """How many positions a layer's output has along each of its spatial axes.

    >>> spatial_shape(LayerInfo("conv", "Conv2D", (None, 8, 7, 6), data_format="channels_first"))
    (7, 6)
    """
    return (layer.example_shape or ())[:-1]


SIDES = ("class 0", "class 1")
"""The two sides of a single unit that gives a probability, where they have no names."""

_NUMBER = re.compile(r"(class )?([0-9]{1,9})")
_SYNSET = re.compile(r"(n[0-9]{8}) (.+)")


def shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def names_of(info: ModelInfo, layer: LayerInfo) -> tuple[str, ...] | None:
    """The names of the classes of an output, if they are known: two for a single unit."""
    labels = info.labels
    if labels is None or not is_output(info, layer):
        return None
    fits = len(labels) == (2 if layer.channels == 1 else layer.channels)
    return labels if fits else None


def find_class(info: ModelInfo, layer: LayerInfo, asked: str | int) -> Target | None:
    """A class of an output by its number or its name; ``None`` for a name that it does not have.

    A number may be one or ``"class 3"``; in names case does not matter, and underscores are
    spaces. The numbers are those of the classes: of a single unit with two names, or of one that
    gives a probability, 1 is what it stands for and 0 is the other side.
    """
    names = names_of(info, layer)
    text = normalise_name(asked) if isinstance(asked, str) else str(asked)
    match = _NUMBER.fullmatch(text) if isinstance(asked, str) else None
    if match is None and isinstance(asked, str):
        return _by_name(info, layer, names, text)
    number = int(match[2]) if match is not None else int(asked)
    count = (layer.channels or 0) + int(_has_sides(info, layer))
    if names is not None and match is not None and match[1] is None:
        named = _known(names)[0].get(text, ())
        other = next((one for one in named if one != number), None)
        if other is not None and number >= count:
            return make_target(info, layer, other)
        if other is not None:
            raise SelectionError(
                f"'{text}' is the name of class {other} and the number of the class "
                f"'{shorten(names[number])}': say 'class {other}' or 'class {number}'"
            )
    if not 0 <= number < count:
        raise SelectionError(_no_number(layer, number, count))
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
    """The target of a unit or channel of any layer; of an output as a logit."""
    names = names_of(info, layer)
    if _has_sides(info, layer):
        other, own = names or SIDES
        return Target(layer.name, 0, label=own, opposite=other)
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
        raise SelectionError(_no_number(layer, unit, count))


def unknown_class(info: ModelInfo, layer: LayerInfo, text: str) -> SelectionError:
    """Why a name means no class of an output, and what to do."""
    names, count = names_of(info, layer), layer.channels or 0
    numbers = f"the number of a class, 0 to {count - 1}"
    if count == 1:
        numbers = "0 or 1" if _has_sides(info, layer) else "0, or 'not 0'"
    known = [entry.name for entry in info.layers]
    if text in known:
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
    """A name as it is compared.

    >>> normalise_name("African_Elephant ")
    'african elephant'
    """
    return " ".join(text.replace("_", " ").casefold().split())


def _by_name(
    info: ModelInfo, layer: LayerInfo, names: tuple[str, ...] | None, text: str
) -> Target | None:
    """A class by its whole name, else by one of several names that stand in its label."""
    if names is None:
        only = layer.channels == 1 and is_output(info, layer) and text == OUTPUT
        return unit_target(info, layer, 0) if only else None
    for known in _known(names):
        found = known.get(text, ())
        if len(found) > 1:
            listed = ", ".join(str(number) for number in found[:6])
            raise SelectionError(
                f"'{shorten(text)}' is the name of {len(found)} classes ({listed}): give the number"
            )
        if found:
            return make_target(info, layer, found[0])
    return None


@lru_cache(maxsize=8)
def _known(names: tuple[str, ...]) -> tuple[Mapping[str, Sequence[int]], ...]:
    """The classes by their whole label, and by each of the names in it."""
    whole: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        label = normalise_name(name)
        whole.setdefault(label, []).append(number)
        synset = _SYNSET.fullmatch(label)
        found = {*synset.groups()} if synset else {label}
        found |= {part.strip() for text in list(found) for part in text.split(",")}
        for part in found - {label, ""}:
            parts.setdefault(part, []).append(number)
    return whole, parts


def _no_number(layer: LayerInfo, number: int, count: int) -> str:
    return (
        f"no class or channel {number}: expected 0 to {count - 1}, layer '{layer.name}' has {count}"
    )
