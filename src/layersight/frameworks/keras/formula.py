"""The layer that stands in the place of a Lambda layer and computes its formula.

The rule of this module: a step is found by its name in :data:`~.ops.OPERATIONS` or in
:data:`SIZES`, and nowhere else; each is computed once, and let go when nothing needs it any more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from layersight.errors import UnsafeModelError
from layersight.frameworks.graph.sizes import count_bytes, ledger
from layersight.frameworks.keras.ops import find_operation
from layersight.limits import MORE, Limits, in_words
from layersight.loading.formulas import MAX_STEPS


@keras.saving.register_keras_serializable(package="layersight")
class Formula(keras.layers.Layer):
    """A formula of known operations, read from the code of a Lambda layer.

    Args:
        expression: The formula in the form of :mod:`layersight.loading.formulas`.
        **settings: Of every layer.
    """

    def __init__(self, expression: Any, **settings: Any) -> None:
        super().__init__(**settings)
        if len(expression["steps"]) > MAX_STEPS:
            raise UnsafeModelError(f"a formula of more than {MAX_STEPS} operations: not computed")
        self.expression = expression
        self._free = _last_uses(expression)
        self._too_large = ""
        current = ledger()
        self._limits = current.limits if current else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Computes the formula."""
        if self._too_large:
            # On PyTorch, Keras tries again with real memory what failed when it was traced.
            raise UnsafeModelError(self._too_large)
        results: list[Any] = []
        images = _count_images(inputs)
        for number, (name, arguments, settings) in enumerate(self.expression["steps"]):
            given = [_value(argument, inputs, results) for argument in arguments]
            named = {key: _value(item, inputs, results) for key, item in settings.items()}
            results.append(_compute(name, given, named))
            for old in self._free.get(number, ()):
                if old != number:
                    results[old] = None
            if self._limits is not None:
                held = sum(map(_bytes, results)) // images
                self._check(name, _bytes(results[-1]) // images, held, self._limits)
        return _value(self.expression["result"], inputs, results)

    def _check(self, name: str, given: int, held: int, limits: Limits) -> None:
        """Refuses what does not fit in memory, of a formula that a file holds.

        Args:
            name: The step.
            given: The bytes of what it gives for one image.
            held: The bytes that all steps hold.
            limits: How many a file may ask for.
        """
        if given > limits.memory // 2 or held > limits.memory:
            self._too_large = (
                f"the operation '{name}' in layer '{self.name}' gives {in_words(given)} for one "
                f"image, of {in_words(held)} held at once: more than "
                f"{in_words(limits.memory // 2)} or {in_words(limits.memory)}, not computed; {MORE}"
            )
            raise UnsafeModelError(self._too_large)

    def get_config(self) -> dict[str, Any]:
        """What makes the layer again."""
        return {**super().get_config(), "expression": self.expression}


def _last_uses(expression: Any) -> dict[int, list[int]]:
    """For each step the results that no later one needs."""
    last: dict[int, int] = {}
    for number, step in enumerate(expression["steps"]):
        last[number] = number
        last.update(dict.fromkeys(_taken(step[1:]), number))
    kept = set(_taken(expression["result"]))
    found: dict[int, list[int]] = {}
    for old, number in last.items():
        if old not in kept:
            found.setdefault(number, []).append(old)
    return found


def _taken(value: Any) -> list[int]:
    """The steps that a value takes from."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in _taken(item)]
    if not isinstance(value, list) or value[:1] == ["value"]:
        return []
    if value[:1] == ["step"]:
        return [value[1]]
    return [number for item in value for number in _taken(item)]


def _count_images(inputs: Any) -> int:
    """How many images a batch has: a stand-in for a free number where it is being traced."""
    first = inputs[0] if isinstance(inputs, list | tuple) else inputs
    count = first.shape[0] if len(first.shape) else 1
    return count if isinstance(count, int) and count else 1


def _bytes(result: Any) -> int:
    """How many bytes a result has, as far as its shape is known."""
    parts = result if isinstance(result, list | tuple) else [result]
    return sum(count_bytes(tuple(p.shape), p.dtype) for p in parts if hasattr(p, "shape"))


def _compute(name: str, given: list[Any], named: dict[str, Any]) -> Any:
    size = SIZES.get(name)
    if size is not None:
        return size(*given, **named)
    function = find_operation(name)
    if function is None:
        raise ValueError(f"unknown operation {name}")
    return function(*given, **named)


def _value(form: Any, inputs: Any, results: list[Any]) -> Any:
    """What a value of a formula stands for."""
    kind, *rest = form
    if kind == "input":
        return inputs[rest[0]] if rest else inputs
    if kind == "step":
        return results[rest[0]]
    if kind == "list":
        return [_value(item, inputs, results) for item in rest[0]]
    if kind == "slice":
        return slice(*(_value(item, inputs, results) for item in rest[0]))
    return Ellipsis if kind == "ellipsis" else rest[0]


def _known(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation on sizes, where one that is free stays free."""

    def computed(*values: Any) -> Any:
        return None if any(value is None for value in values) else function(*values)

    return computed


SIZES: dict[str, Callable[..., Any]] = {
    "shape": lambda x: tuple(ops.shape(x)),
    "shape.item": operator.getitem,
    "shape.concat": lambda first, second: (*first, *second),
    "number.len": len,
    "number.int": _known(
        lambda value: ops.cast(value, "int32") if _is_tensor(value) else int(value)
    ),
    "number.add": _known(operator.add),
    "number.subtract": _known(operator.sub),
    "number.multiply": _known(operator.mul),
    "number.truediv": _known(operator.truediv),
    "number.floordiv": _known(operator.floordiv),
    "number.mod": _known(operator.mod),
    "number.pow": _known(operator.pow),
    "number.negative": _known(operator.neg),
}
"""What is computed of shapes: plain numbers, or ``None`` where a size is free."""


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "dtype")
