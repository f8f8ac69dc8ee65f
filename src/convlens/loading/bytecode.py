"""Following the byte code of a lambda to the formula that it computes.

The rule of this module: nothing is run. Instructions are followed on expressions, without
jumps or loops; whatever is not in the tables below makes the whole lambda unrecognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convlens.loading.formulas import Dotted, call, index, is_expression, operate
from convlens.loading.marshalled import Code

Instruction = tuple[int, int]


class Unknown(Exception):  # noqa: N818 (the caller takes it as: not recognised)
    """The code is none of the known forms."""


_NULL = object()

BINARY = {
    19: "math.pow",
    20: "math.multiply",
    21: "math.truediv",
    23: "math.add",
    24: "math.subtract",
    27: "math.truediv",
}
"""Instructions up to Python 3.10 that combine two values."""

BINARY_OP = {
    0: "math.add",
    5: "math.multiply",
    8: "math.pow",
    10: "math.subtract",
    11: "math.truediv",
}
"""The same by the argument of Python 3.11's one instruction."""


PLAIN = {"True": True, "False": False, "None": None}
"""Names that Python 2 looks up like others."""

FROM_3_13 = dict(
    [
        *((4, 26), (5, 25), (36, 83), (42, 11), (45, 122), (47, 103), (50, 133), (52, 102)),
        *((53, 171), (57, 141), (81, 162), (82, 106), (83, 100), (84, 137), (85, 124)),
        *((87, 124), (91, 116), (103, 121), (110, 125)),
    ]
)
"""Instructions of Python 3.13 by their numbers in 3.12, with the same meaning.

A call with keywords takes their names from the stack, as it did before 3.11.
"""

PASSED_OVER_3_13 = (0, 30, 62, 149)
"""Caches, marks and the like, which compute nothing."""

PAIRS_3_13 = {88: (124, 124), 111: (125, 124), 112: (125, 125)}
"""Instructions that are two, each with half of the argument."""


def formulas_of(code: Code, given: dict[str, Any]) -> list[Any]:
    """The formulas that a code can mean, one for each way to decode it.

    Args:
        code: The code of a function of one tensor, or of a list of them.
        given: The values of its further arguments and of its free variables.
    """
    if code.arguments < 1:
        return []
    found: list[Any] = []
    for instructions, attribute_bit in _decodings(code):
        try:
            formula = _Machine(code, given, attribute_bit).run(instructions)
        except (Unknown, IndexError, TypeError, ValueError, KeyError):
            continue
        if is_expression(formula) and formula not in found:
            found.append(formula)
    return found


def _decodings(code: Code) -> Iterator[tuple[list[Instruction], bool]]:
    """The instructions as each version that has the layout would read them."""
    if code.layout in ("2", "3.0"):
        yield list(_bytes_wide(code.code)), False
    if code.layout != "2" and len(code.code) % 2 == 0:
        yield list(zip(code.code[::2], code.code[1::2], strict=True)), False
        if code.layout == "3.11":
            yield list(zip(code.code[::2], code.code[1::2], strict=True)), True
            yield list(_from_3_13(code.code)), True


def _from_3_13(code: bytes) -> Iterator[Instruction]:
    """Instructions of Python 3.13 as those of 3.12; 255 for what computes no formula."""
    for operation, argument in zip(code[::2], code[1::2], strict=True):
        if operation in PAIRS_3_13:
            first, second = PAIRS_3_13[operation]
            yield first, argument >> 4
            yield second, argument & 15
        elif operation not in PASSED_OVER_3_13:
            yield FROM_3_13.get(operation, 255), argument


def _bytes_wide(code: bytes) -> Iterator[Instruction]:
    """Instructions of one byte, or of three with an argument (up to Python 3.5)."""
    place = 0
    while place < len(code):
        operation = code[place]
        if operation < 90:
            yield operation, 0
            place += 1
        else:
            if place + 3 > len(code):
                yield 255, 0
                return
            yield operation, code[place + 1] | code[place + 2] << 8
            place += 3


class _Machine:
    """A stack of expressions."""

    def __init__(self, code: Code, given: dict[str, Any], attribute_bit: bool) -> None:
        self._code = code
        self._new = code.layout == "3.11"
        self._bit = attribute_bit
        self._old_calls = False
        self._stack: list[Any] = []
        self._keywords: tuple[Any, ...] = ()
        self._values: dict[str, Any] = {code.variables[0]: ["input"]}
        self._values |= {name: given[name] for name in code.variables[1:] if name in given}
        self._given = given

    def run(self, instructions: list[Instruction]) -> Any:
        """The expression that is returned."""
        self._old_calls = not self._new and self._code.layout in ("2", "3.0")
        skip = 0
        for operation, argument in instructions:
            if skip:
                skip -= 1
                continue
            if self._new and operation in (0, 151, 149, 166):  # caches, marks, PRECALL
                continue
            if operation == 83:
                return self._stack.pop()
            if operation == 121 and self._new:
                return self._code.constants[argument]
            self._step(operation, argument)
        raise Unknown

    def _step(self, operation: int, argument: int) -> None:
        stack, code = self._stack, self._code
        if operation == 124:
            stack.append(self._values[code.variables[argument]])
        elif operation == 125:
            self._values[code.variables[argument]] = stack.pop()
        elif operation == 100:
            stack.append(code.constants[argument])
        elif operation in (101, 116):
            self._global(argument)
        elif operation == 106 or (operation == 160 and not self._new):
            self._attribute(argument, method=operation == 160)
        elif operation == 160:
            self._attribute(argument, method=True)
        elif operation in (136, 137):
            stack.append(self._given[self._free(argument)])
        elif operation == 2 and self._new:
            stack.append(_NULL)
        elif operation == 11:
            stack.append(operate("math.negative", [stack.pop()]))
        elif operation == 122 and self._new:
            self._combine(BINARY_OP[argument % 13])
        elif operation in BINARY and not self._new:
            self._combine(BINARY[operation])
        elif operation == 25:
            place = stack.pop()
            stack.append(index(stack.pop(), place))
        elif operation == 26 and self._new:
            stop, start = stack.pop(), stack.pop()
            stack.append(index(stack.pop(), slice(start, stop)))
        else:
            self._build_or_call(operation, argument)

    def _build_or_call(self, operation: int, argument: int) -> None:
        stack = self._stack
        if operation in (102, 103):
            items = [stack.pop() for _ in range(argument)][::-1]
            stack.append(tuple(items) if operation == 102 else items)
        elif operation == 162 and not (self._old_calls and argument != 1):
            items = stack.pop()
            stack[-1] = [*stack[-1], *items]
        elif operation == 133:
            parts = [stack.pop() for _ in range(argument)][::-1]
            stack.append(slice(*parts))
        elif operation == 172 and self._new:
            self._keywords = self._code.constants[argument]
        elif operation == 171 and self._new:
            names, self._keywords = self._keywords, ()
            self._call(argument, names)
        elif operation == 131:
            self._call_by_count(argument)
        elif operation == 141:
            names = stack.pop()
            self._call(argument, names)
        elif operation == 161:
            self._call(argument, ())
        else:
            raise Unknown

    def _global(self, argument: int) -> None:
        if self._new:
            if argument & 1:
                self._stack.append(_NULL)
            argument >>= 1
        name = self._code.names[argument]
        if self._code.layout == "2" and name in PLAIN:
            self._stack.append(PLAIN[name])
            return
        self._stack.append(Dotted(name))

    def _attribute(self, argument: int, *, method: bool) -> None:
        if self._bit:
            method, argument = bool(argument & 1), argument >> 1
        owner = self._stack.pop()
        if not isinstance(owner, Dotted):
            raise Unknown
        if method and self._new:
            self._stack.append(_NULL)
        self._stack.append(Dotted(f"{owner}.{self._code.names[argument]}"))

    def _free(self, argument: int) -> str:
        names = self._code.variables if self._new else self._code.free
        return str(names[argument])

    def _combine(self, name: str) -> None:
        second, first = self._stack.pop(), self._stack.pop()
        self._stack.append(operate(name, [first, second]))

    def _call_by_count(self, argument: int) -> None:
        """A call whose argument counts keywords in its upper byte (up to Python 3.5)."""
        pairs = [(self._stack.pop(), self._stack.pop()) for _ in range(argument >> 8)]
        keywords = {str(name): value for value, name in pairs}
        self._finish(argument & 255, keywords)

    def _call(self, count: int, names: Any) -> None:
        values = [self._stack.pop() for _ in names][::-1]
        self._finish(count - len(names), dict(zip(names, values, strict=True)))

    def _finish(self, count: int, keywords: dict[str, Any]) -> None:
        arguments = [self._stack.pop() for _ in range(count)][::-1]
        function = self._stack.pop()
        if self._stack and self._stack[-1] is _NULL:
            self._stack.pop()
        if not isinstance(function, Dotted):
            raise Unknown
        self._stack.append(call(function, arguments, keywords))
