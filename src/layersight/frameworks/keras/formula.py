"""The layer that stands in the place of a Lambda layer and computes its formula.

The rule of this module: a step is found by its name in :data:`~.ops.OPERATIONS` or in
:data:`SIZES`, and nowhere else; each is computed once, and let go when nothing needs it any more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import keras
from keras import ops

from layersight.errors import UnsafeModelError
from layersight.frameworks.graph.sizes import count_bytes, ledger
from layersight.frameworks.keras.ops import find_operation
from layersight.frameworks.keras.types import Settings, Structure, Tensor
from layersight.limits import MORE, Limits, in_words
from layersight.loading.formulas import MAX_STEPS, steps_in

# What a value is, as a file holds it: ``["input"]``, ``["step", 0]``, ``["value", 0.5]``, ...
Form = Sequence[Any]


class Expression(TypedDict):
    """A formula in the form of :mod:`layersight.loading.formulas`."""

    # Of each the operation, its arguments and its named arguments.
    steps: list[tuple[str, list[Form], dict[str, Form]]]
    result: Form  # what the formula gives


@keras.saving.register_keras_serializable(package="layersight")
class Formula(keras.layers.Layer):
    """A formula of known operations, read from the code of a Lambda layer."""

    def __init__(self, expression: Expression, **settings: object) -> None:
        super().__init__(**settings)
        if len(expression["steps"]) > MAX_STEPS:
            raise UnsafeModelError(f"a formula of more than {MAX_STEPS} operations: not computed")
        self.expression = expression
        self._free = _last_uses(expression)
        self._too_large = ""
        self._tracing = False
        current = ledger()
        self._limits = current.limits if current else None
        self.built = True

    def call(self, inputs: Tensor | Sequence[Tensor]) -> Structure:
        if not self._tracing:
            self._too_large = ""
        results: list[Structure] = []
        shape = keras.tree.flatten(inputs)[0].shape
        count = shape[0] if len(shape) else 1  # a stand-in for a free number where it is traced
        images = count if isinstance(count, int) and count else 1
        for number, (name, arguments, settings) in enumerate(self.expression["steps"]):
            given = [_value(argument, inputs, results) for argument in arguments]
            named = {key: _value(item, inputs, results) for key, item in settings.items()}
            function = SIZES.get(name) or find_operation(name)
            if function is None:
                raise ValueError(f"unknown operation {name}")
            results.append(function(*given, **named))
            for old in self._free.get(number, ()):
                if old != number:
                    results[old] = None
            if self._limits is not None:
                held = sum(map(_bytes, results)) // images
                self._check(name, _bytes(results[-1]) // images, held, self._limits)
                if self._too_large and self._tracing:
                    return inputs
                if self._too_large:
                    raise UnsafeModelError(self._too_large)
        return _value(self.expression["result"], inputs, results)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Structure:
        # What fails in a trace Keras tries again on PyTorch, with real memory for 83 images: so
        # the error waits until the trace is over.
        self._too_large, self._tracing = "", True
        try:
            spec = super().compute_output_spec(*args, **kwargs)
        finally:
            self._tracing = False
        if self._too_large:
            raise UnsafeModelError(self._too_large)
        return spec

    def _check(self, name: str, given: int, held: int, limits: Limits) -> None:
        """Notes what does not fit in memory, of a formula that a file holds."""
        if given > limits.memory // 2 or held > limits.memory:
            self._too_large = (
                f"the operation '{name}' in layer '{self.name}' gives {in_words(given)} for one "
                f"image, of {in_words(held)} held at once: more than "
                f"{in_words(limits.memory // 2)} or {in_words(limits.memory)}, not computed; {MORE}"
            )

    def get_config(self) -> Settings:
        return {**super().get_config(), "expression": self.expression}


def _last_uses(expression: Expression) -> dict[int, list[int]]:
    """For each step the results that no later one needs."""
    last: dict[int, int] = {}
    for number, step in enumerate(expression["steps"]):
        last[number] = number
        last.update(dict.fromkeys(steps_in([*step[1:]]), number))
    kept = steps_in(expression["result"])
    found: dict[int, list[int]] = {}
    for old, number in last.items():
        if old not in kept:
            found.setdefault(number, []).append(old)
    return found


def _bytes(result: Structure) -> int:
    """How many bytes a result has, as far as its shape is known."""
    parts: Sequence[Tensor] = keras.tree.flatten(result)
    return sum(count_bytes(tuple(p.shape), p.dtype) for p in parts if hasattr(p, "shape"))


def _value(form: Form, inputs: Tensor | Sequence[Tensor], results: list[Structure]) -> Structure:
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


def _known(function: Callable[..., Structure]) -> Callable[..., Structure]:
    """An operation on sizes, where one that is free stays free."""
    return lambda *values: None if any(value is None for value in values) else function(*values)


# What is computed of shapes: plain numbers, or ``None`` where a size is free.
SIZES: dict[str, Callable[..., Structure]] = {
    "shape": lambda x: tuple(ops.shape(x)),
    "shape.item": operator.getitem,
    "shape.concat": lambda first, second: (*first, *second),
    "number.len": len,
    "number.int": _known(
        lambda value: ops.cast(value, "int32") if hasattr(value, "dtype") else int(value)
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
