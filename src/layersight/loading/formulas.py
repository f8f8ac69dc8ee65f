"""Formulas: what a function computes from its input, as a list of steps in JSON.

A formula is ``{"steps": [[name, arguments, settings], ...], "result": value}``. Every step names
an operation of :mod:`layersight.loading.functions`; a step that several others use is written
once. A value is one of

- ``["input"]``, ``["input", number]``: the input of the layer, or one of several;
- ``["step", number]``: the result of an earlier step;
- ``["value", constant]``: a number, a text, ``None`` or a list of these;
- ``["list", [values]]``, ``["slice", [start, stop, step]]``, ``["ellipsis"]``.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_STEPS = 500  # of a formula; one that a person wrote has about ten
MAX_ITEMS = 1_000  # values of a list, including those of lists inside it
MAX_DEPTH = 10  # levels of lists

# Types that a formula may convert to.
DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "bool"),
)

# Constants by their names in a module.
CONSTANTS = {"newaxis": None, "pi": math.pi, "e": math.e}

# The members of tf.image.ResizeMethod in the order of their numbers.
RESIZE_METHODS = ("bilinear", "nearest_neighbor", "bicubic", "area")

Formula = dict[str, Any]


class Dotted(str):
    """The name of something outside the code, such as ``tf.nn.relu``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """A value that depends on the input of the layer.

    Attributes:
        form: The value as a formula holds it.
        kind: ``"input"`` (a tensor, or all tensors of a layer with several inputs), ``"tensor"``,
            ``"tensors"`` (a list of them), ``"shape"`` or ``"number"`` (one size of a shape, or
            computed from sizes).
    """

    form: list[Any]
    kind: str


INPUT = Ref(["input"], "input")


class Writer:
    """Records the steps of a formula.

    Every method raises ``ValueError`` for what cannot be part of a formula.
    """

    def __init__(self) -> None:
        self._steps: list[list[Any]] = []
        self._numbers: dict[str, Ref] = {}
        self.random = False

    def step(
        self,
        name: str,
        arguments: Sequence[Any],
        settings: dict[str, Any] | None = None,
        kind: str = "tensor",
    ) -> Ref:
        """Adds a step, or finds the same one among those before."""
        entry = [
            name,
            [as_form(value) for value in arguments],
            {key: as_form(value) for key, value in (settings or {}).items()},
        ]
        key = json.dumps(entry)
        if key not in self._numbers:
            if len(self._steps) >= MAX_STEPS:
                raise ValueError(f"more than {MAX_STEPS} steps")
            self._numbers[key] = Ref(["step", len(self._steps)], kind)
            self._steps.append(entry)
        return self._numbers[key]

    def finish(self, result: Any) -> Formula:
        """The formula of a result, without the steps that it does not need."""
        values = result if isinstance(result, list | tuple) else [result]
        if not values or not all(isinstance(value, Ref) for value in values):
            raise ValueError(result)
        if any(value.kind in ("shape", "number") for value in values):
            raise ValueError(result)
        form = as_form(result)
        needed = steps_in(form)
        for number in range(len(self._steps) - 1, -1, -1):
            if number in needed:
                needed |= steps_in(self._steps[number])
        numbers = {old: new for new, old in enumerate(sorted(needed))}
        steps = [_renumber(self._steps[number], numbers) for number in sorted(needed)]
        formula = {"steps": steps, "result": _renumber(form, numbers)}
        return {**formula, "random": True} if self.random else formula

    def operate(self, name: str, values: Sequence[Any]) -> Any:
        """An arithmetic operation, such as ``"add"``, on tensors, sizes or constants."""
        if not any(isinstance(value, Ref) for value in values):
            return fold(name, list(values))
        shapes = [isinstance(v, Ref) and v.kind == "shape" for v in values]
        if any(shapes):
            if name == "add" and all(s or _is_list(v) for s, v in zip(shapes, values, strict=True)):
                return self.step("shape.concat", values, kind="shape")
            raise ValueError(name)
        numbers = (int, float)
        if all(v.kind == "number" if isinstance(v, Ref) else type(v) in numbers for v in values):
            if name == "matmul":
                raise ValueError(name)
            return self.step(f"number.{name}", values, kind="number")
        prefix = "linalg" if name == "matmul" else "math"
        return self.step(f"{prefix}.{name}", [as_tensor(value) for value in values])

    def index(self, value: Any, key: Any) -> Any:
        """``value[key]``."""
        if not isinstance(value, Ref):
            if isinstance(value, list | tuple) and isinstance(key, int | slice):
                return value[key]
            raise ValueError(key)
        is_index = type(key) is int and abs(key) <= MAX_ITEMS
        if value.kind == "input" and is_index:
            return Ref(["input", key], "tensor")
        if value.kind == "tensors" and is_index:
            return self.step("item", [value, key])
        if value.kind == "shape" and (is_index or isinstance(key, slice)):
            return self.step("shape.item", [value, key], kind="number" if is_index else "shape")
        if value.kind in ("input", "tensor"):
            parts = key if isinstance(key, tuple) else (key,)
            if all(part is None or isinstance(part, _INDEX_TYPES) for part in parts):
                return self.step("__operators__.getitem", [value], {"slice_spec": list(parts)})
        raise ValueError(key)

    def unpack(self, value: Any, count: int) -> list[Any]:
        """``first, second = value``."""
        if isinstance(value, list | tuple):
            if len(value) != count:
                raise ValueError(value)
            return list(value)
        if not isinstance(value, Ref) or value.kind not in ("input", "tensors", "shape"):
            raise ValueError(value)
        return [self.index(value, number) for number in range(count)]


_INDEX_TYPES = (int, slice, Ref, type(Ellipsis))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def as_tensor(value: Any) -> Any:
    """Checks that an operation can take a value as a tensor."""
    if not isinstance(value, Ref):
        as_constant(value)
    elif value.kind in ("shape", "tensors"):
        raise ValueError(value.kind)
    return value


def as_form(value: Any) -> Any:
    if isinstance(value, Ref):
        return value.form
    if value is Ellipsis:
        return ["ellipsis"]
    if isinstance(value, slice):
        return ["slice", [as_form(part) for part in (value.start, value.stop, value.step)]]
    if isinstance(value, list | tuple) and any(
        isinstance(item, Ref | slice) or item is Ellipsis for item in _flat(value)
    ):
        return ["list", [as_form(item) for item in value]]
    return ["value", as_constant(value)]


def _flat(value: Any) -> list[Any]:
    """The values of a list and of all lists inside it, of which there may not be too many."""
    level, depth = [value], 0
    items: list[Any] = []
    while lists := [item for item in level if isinstance(item, list | tuple)]:
        depth += 1
        if len(items) + sum(map(len, lists)) > MAX_ITEMS or depth > MAX_DEPTH:
            raise ValueError(f"a list of more than {MAX_ITEMS} values")
        level = [item for inner in lists for item in inner]
        items += level
    return items


def as_constant(value: Any) -> Any:
    """A constant in the form that JSON can hold."""
    if isinstance(value, Dotted):
        return _named_constant(value)
    if isinstance(value, list | tuple):
        _flat(value)
        return [as_constant(item) for item in value]
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    raise ValueError(value)


def _named_constant(name: Dotted) -> Any:
    """A type or a named constant of a module."""
    owner, _, last = name.rpartition(".")
    if last in DTYPES and owner:
        return last
    if last in CONSTANTS and owner:
        return CONSTANTS[last]
    if owner.endswith("image.ResizeMethod") and last.lower() in RESIZE_METHODS:
        return RESIZE_METHODS.index(last.lower())
    raise ValueError(name)


def fold(name: str, values: list[Any]) -> Any:
    """The result of an operation on constants alone."""
    first, second = (values * 2)[:2]
    if name == "add" and _is_list(first) and type(first) is type(second):
        joined = first + second
        _flat(joined)
        return joined
    numbers = [as_constant(value) for value in values]
    if not all(type(n) in (int, float) and abs(n) < 1e15 for n in numbers):
        raise ValueError(name)
    first, second = (numbers * 2)[:2]
    if name == "pow" and (abs(second) > 16 or isinstance(first**second, complex)):
        raise ValueError(name)
    if name == "negative":
        return -first
    if name not in _ARITHMETIC:
        raise ValueError(name)
    return _ARITHMETIC[name](first, second)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
}


def steps_in(value: Any) -> set[int]:
    """The numbers of the steps that a value or a step depends on."""
    numbers: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list) and item[:1] == ["step"]:
            numbers.add(item[1])
        elif isinstance(item, list) and item[:1] != ["value"]:
            waiting += item
    return numbers


def _renumber(value: Any, numbers: dict[int, int]) -> Any:
    if isinstance(value, dict):
        return {key: _renumber(item, numbers) for key, item in value.items()}
    if not isinstance(value, list) or value[:1] == ["value"]:
        return value
    if value[:1] == ["step"]:
        return ["step", numbers[value[1]]]
    return [_renumber(item, numbers) for item in value]
