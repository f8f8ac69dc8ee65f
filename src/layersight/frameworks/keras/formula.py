"""The layer that replaces a Lambda layer and computes its formula.

The rule of this module: a step is looked up by name in :data:`~.ops.OPERATIONS` and :data:`SIZES`
only; each is computed once, and released when it is no longer needed.
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

# A value in a file: ``["input"]``, ``["step", 0]``, ``["value", 0.5]``, ...
Form = Sequence[Any]


class Expression(TypedDict):
    """A formula in the form of :mod:`layersight.loading.formulas`."""

    # Each with the name of the operation, its arguments and its named arguments.
    steps: list[tuple[str, list[Form], dict[str, Form]]]
    result: Form


@keras.saving.register_keras_serializable(package="layersight")
class Formula(keras.layers.Layer):
    """A formula of known operations, found in the code of a Lambda layer."""

    def __init__(self, expression: Expression, **settings: object) -> None:
        super().__init__(**settings)
        if len(expression["steps"]) > MAX_STEPS:
            raise UnsafeModelError(f"a formula of more than {MAX_STEPS} operations: not computed")
        self.expression = expression
        self._unneeded = _unneeded_after(expression)
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
        count = shape[0] if len(shape) else 1  # a made-up number in a trace
        images = count if isinstance(count, int) and count else 1
        for number, (name, arguments, settings) in enumerate(self.expression["steps"]):
            args = [_value(argument, inputs, results) for argument in arguments]
            named = {key: _value(item, inputs, results) for key, item in settings.items()}
            function = SIZES.get(name) or find_operation(name)
            if function is None:
                raise ValueError(f"unknown operation {name}")
            results.append(function(*args, **named))
            for old in self._unneeded.get(number, ()):
                if old != number:
                    results[old] = None
            if self._limits is not None:
                total = sum(map(_bytes, results)) // images
                self._check(name, _bytes(results[-1]) // images, total, self._limits)
                if self._too_large and self._tracing:
                    return inputs
                if self._too_large:
                    raise UnsafeModelError(self._too_large)
        return _value(self.expression["result"], inputs, results)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Structure:
        # Keras on PyTorch repeats a failed trace with real memory for 83 images, so the error is
        # raised after the trace.
        self._too_large, self._tracing = "", True
        try:
            spec = super().compute_output_spec(*args, **kwargs)
        finally:
            self._tracing = False
        if self._too_large:
            raise UnsafeModelError(self._too_large)
        return spec

    def _check(self, name: str, result: int, total: int, limits: Limits) -> None:
        """Records that a result, or all results together, are too many bytes."""
        if result > limits.memory // 2 or total > limits.memory:
            self._too_large = (
                f"the operation '{name}' in layer '{self.name}' gives {in_words(result)} for one "
                f"image, of {in_words(total)} held at once: more than "
                f"{in_words(limits.memory // 2)} or {in_words(limits.memory)}, not computed; {MORE}"
            )

    def get_config(self) -> Settings:
        return {**super().get_config(), "expression": self.expression}


def _unneeded_after(expression: Expression) -> dict[int, list[int]]:
    """The results that are no longer needed after each step."""
    last: dict[int, int] = {}
    for number, step in enumerate(expression["steps"]):
        last[number] = number
        last.update(dict.fromkeys(steps_in([*step[1:]]), number))
    final = steps_in(expression["result"])
    unneeded: dict[int, list[int]] = {}
    for old, number in last.items():
        if old not in final:
            unneeded.setdefault(number, []).append(old)
    return unneeded


def _bytes(result: Structure) -> int:
    """The number of bytes of a result, as far as its shape is known."""
    parts: Sequence[Tensor] = keras.tree.flatten(result)
    return sum(count_bytes(tuple(p.shape), p.dtype) for p in parts if hasattr(p, "shape"))


def _value(form: Form, inputs: Tensor | Sequence[Tensor], results: list[Structure]) -> Structure:
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


def _on_sizes(function: Callable[..., Structure]) -> Callable[..., Structure]:
    """An operation on sizes whose result is free if one of them is."""
    return lambda *values: None if any(value is None for value in values) else function(*values)


# Operations on shapes: plain numbers, or ``None`` for a free size.
SIZES: dict[str, Callable[..., Structure]] = {
    "shape": lambda x: tuple(ops.shape(x)),
    "shape.item": operator.getitem,
    "shape.concat": lambda first, second: (*first, *second),
    "number.len": len,
    "number.int": _on_sizes(
        lambda value: ops.cast(value, "int32") if hasattr(value, "dtype") else int(value)
    ),
    "number.add": _on_sizes(operator.add),
    "number.subtract": _on_sizes(operator.sub),
    "number.multiply": _on_sizes(operator.mul),
    "number.truediv": _on_sizes(operator.truediv),
    "number.floordiv": _on_sizes(operator.floordiv),
    "number.mod": _on_sizes(operator.mod),
    "number.pow": _on_sizes(operator.pow),
    "number.negative": _on_sizes(operator.neg),
}
