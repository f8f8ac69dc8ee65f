"""From the byte code of a lambda to the formula that it computes.

The rule of this module: nothing is run. Instructions are interpreted on expressions, without
jumps or loops; anything that is not in the tables below makes the whole lambda unrecognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layersight.loading.calls import call, shape_of
from layersight.loading.formulas import INPUT, Dotted, Formula, Ref, Writer
from layersight.loading.marshalled import Code

Instruction = tuple[str, int]

MAX_INSTRUCTIONS = 10_000  # a function that a person wrote has about a hundred
MAX_NAME = 200  # characters of the dotted name of something outside the code


class UnknownError(Exception):
    """The code is not in a known form."""


_NULL = object()


def _numbered(text: str) -> dict[int, str]:
    """A table of instructions by their numbers, written as alternating numbers and names."""
    words = text.split()
    return dict(zip(map(int, words[::2]), words[1::2], strict=True))


# Instructions by their numbers up to Python 3.12.
EVERYWHERE = _numbered("""
    1 POP_TOP         11 UNARY_NEGATIVE  25 BINARY_SUBSCR  83 RETURN_VALUE  92 UNPACK_SEQUENCE
    100 LOAD_CONST    101 LOAD_GLOBAL    102 BUILD_TUPLE   103 BUILD_LIST   106 LOAD_ATTR
    107 COMPARE_OP    108 IMPORT_NAME    109 IMPORT_FROM   116 LOAD_GLOBAL  124 LOAD_FAST
    125 STORE_FAST    133 BUILD_SLICE
""")

# Those up to Python 3.10; arithmetic ones, in place or not, have the name of the operation.
UP_TO_3_10 = EVERYWHERE | _numbered("""
    2 ROT_TWO      9 NOP        16 matmul    17 matmul    19 pow       20 multiply  22 mod
    23 add         24 subtract  26 floordiv  27 truediv   28 floordiv  29 truediv   55 add
    56 subtract    57 multiply  59 mod       67 pow       131 CALL_FUNCTION         136 LOAD_DEREF
""")

ONLY_2 = UP_TO_3_10 | _numbered("""
    21 divide      58 divide    30 SLICE     31 SLICE_FROM             32 SLICE_TO  33 SLICE_BOTH
""")

FROM_3_6 = UP_TO_3_10 | _numbered("""
    141 CALL_KW    160 LOAD_METHOD           161 CALL_METHOD           162 LIST_EXTEND
""")

FROM_3_11 = EVERYWHERE | _numbered("""
    0 NOP          2 PUSH_NULL     9 NOP             26 BINARY_SLICE  99 SWAP     121 RETURN_CONST
    122 BINARY_OP  127 LOAD_FAST   137 LOAD_DEREF    149 NOP          151 NOP     160 LOAD_METHOD
    162 LIST_EXTEND                166 NOP           171 CALL         172 KW_NAMES
""")

FROM_3_13 = _numbered("""
    0 NOP            4 BINARY_SLICE      5 BINARY_SUBSCR  30 NOP          32 POP_TOP
    34 PUSH_NULL     36 RETURN_VALUE     42 UNARY_NEGATIVE                45 BINARY_OP
    47 BUILD_LIST    50 BUILD_SLICE      52 BUILD_TUPLE   53 CALL         57 CALL_KW
    58 COMPARE_OP    62 NOP              74 IMPORT_FROM   75 IMPORT_NAME  81 LIST_EXTEND
    82 LOAD_ATTR     83 LOAD_CONST       84 LOAD_DEREF    85 LOAD_FAST    87 LOAD_FAST
    91 LOAD_GLOBAL   103 RETURN_CONST    110 STORE_FAST   115 SWAP        117 UNPACK_SEQUENCE
    149 NOP
""")

# Instructions that stand for two, each with half of the argument.
PAIRS_3_13 = {
    88: ("LOAD_FAST", "LOAD_FAST"),
    111: ("STORE_FAST", "LOAD_FAST"),
    112: ("STORE_FAST", "STORE_FAST"),
}

OPERATIONS = {"add", "subtract", "multiply", "truediv", "floordiv", "mod", "pow", "matmul"}

# The same by the argument of the only arithmetic instruction since Python 3.11.
BINARY_OP = _numbered("0 add 2 floordiv 4 matmul 5 multiply 6 mod 8 pow 10 subtract 11 truediv")

# Comparisons by the argument of their instruction.
COMPARISONS = ("less", "less_equal", "equal", "not_equal", "greater", "greater_equal")

# Names that Python 2 looks up like others.
PLAIN = {"True": True, "False": False, "None": None}

# What a function may import; only the names are used, nothing is imported.
PACKAGES = ("tensorflow", "keras", "tf_keras", "numpy", "math")


def formulas_of(code: Code, bindings: dict[str, Any]) -> list[Formula]:
    """The formulas that a code can mean, one for each way to decode it.

    ``bindings`` are the values of its further arguments and of its free variables.
    """
    if code.arguments < 1:
        return []
    formulas: list[Formula] = []
    for instructions, version in _decodings(code):
        try:
            formula = _Machine(code, bindings, version).run(instructions)
        except (UnknownError, ArithmeticError, LookupError, TypeError, ValueError):
            continue
        if formula not in formulas:
            formulas.append(formula)
    return formulas


def _decodings(code: Code) -> Iterator[tuple[list[Instruction], str]]:
    """The instructions as each version of Python with that layout would read them."""
    pairs = list(zip(code.code[::2], code.code[1::2], strict=False))
    even = len(code.code) % 2 == 0
    if code.layout == "2":
        yield list(_variable_width(code.code, ONLY_2)), "2"
    if code.layout == "3.0":
        yield list(_variable_width(code.code, UP_TO_3_10)), "3.0"
    if code.layout in ("3.0", "3.8") and even:
        yield [(FROM_3_6.get(number, "?"), argument) for number, argument in pairs], "3.6"
    if code.layout == "3.11" and even:
        newer = [(FROM_3_11.get(number, "?"), argument) for number, argument in pairs]
        yield newer, "3.11"
        yield newer, "3.12"
        yield list(_from_3_13(pairs)), "3.13"


def _from_3_13(pairs: list[tuple[int, int]]) -> Iterator[Instruction]:
    for number, argument in pairs:
        if number in PAIRS_3_13:
            first, second = PAIRS_3_13[number]
            yield first, argument >> 4
            yield second, argument & 15
        else:
            yield FROM_3_13.get(number, "?"), argument


def _variable_width(code: bytes, names: dict[int, str]) -> Iterator[Instruction]:
    """Instructions of one byte, or of three with an argument (up to Python 3.5)."""
    position = 0
    while position < len(code):
        number, width = code[position], 1 if code[position] < 90 else 3
        argument = code[position + 1 : position + width]
        if len(argument) < width - 1:
            yield "?", 0
            return
        yield names.get(number, "?"), int.from_bytes(argument, "little")
        position += width


class _Machine:
    """An interpreter whose stack holds expressions."""

    def __init__(self, code: Code, bindings: dict[str, Any], version: str) -> None:
        self._code = code
        self._version = version
        self._from_3_11 = code.layout == "3.11"
        self._writer = Writer()
        self._stack: list[Any] = []
        self._keywords: tuple[Any, ...] = ()
        self._variables: dict[str, Any] = {code.variables[0]: INPUT}
        self._variables |= {name: bindings[name] for name in code.variables[1:] if name in bindings}
        self._bindings = bindings

    def run(self, instructions: list[Instruction]) -> Formula:
        """The formula of what is returned."""
        for name, argument in instructions[:MAX_INSTRUCTIONS]:
            if name == "RETURN_VALUE":
                return self._writer.finish(self._stack.pop())
            if name in OPERATIONS:
                self._combine(name)
            elif name != "NOP":
                self._step(name, argument)
        raise UnknownError

    def _step(self, name: str, argument: int) -> None:
        stack, code = self._stack, self._code
        match name:
            case "LOAD_FAST":
                stack.append(self._variables[code.variables[argument]])
            case "STORE_FAST":
                self._variables[code.variables[argument]] = stack.pop()
            case "LOAD_CONST":
                stack.append(code.constants[argument])
            case "LOAD_GLOBAL":
                self._global(argument)
            case "LOAD_ATTR" | "LOAD_METHOD":
                self._attribute(argument, method=name == "LOAD_METHOD")
            case "LOAD_DEREF":
                names = code.variables if self._from_3_11 else code.free
                stack.append(self._bindings[names[argument]])
            case "POP_TOP":
                stack.pop()
            case "PUSH_NULL":
                stack.append(_NULL)
            case "ROT_TWO" | "SWAP":
                depth = argument if name == "SWAP" else 2
                if depth < 1:
                    raise UnknownError
                stack[-1], stack[-depth] = stack[-depth], stack[-1]
            case "UNPACK_SEQUENCE":
                stack += self._writer.unpack(stack.pop(), argument)[::-1]
            case "IMPORT_NAME":
                self._import_package(code.names[argument])
            case "IMPORT_FROM":
                if not isinstance(stack[-1], Dotted):
                    raise UnknownError
                stack.append(_inside(stack[-1], code.names[argument]))
            case "UNARY_NEGATIVE":
                stack.append(self._writer.operate("negative", [stack.pop()]))
            case "BINARY_OP":
                self._combine(BINARY_OP[argument % 13])
            case "divide":
                integers = not any(isinstance(v, Ref | float) for v in stack[-2:])
                self._combine("floordiv" if integers else "truediv")
            case "COMPARE_OP":
                shift = {"3.12": 4, "3.13": 5}.get(self._version, 0)
                self._combine(COMPARISONS[argument >> shift])
            case "BINARY_SUBSCR":
                self._index(stack.pop())
            case "BINARY_SLICE" | "SLICE" | "SLICE_FROM" | "SLICE_TO" | "SLICE_BOTH":
                both = name in ("BINARY_SLICE", "SLICE_BOTH")
                stop = stack.pop() if both or name == "SLICE_TO" else None
                start = stack.pop() if both or name == "SLICE_FROM" else None
                self._index(slice(start, stop))
            case _:
                self._build_or_call(name, argument)

    def _build_or_call(self, name: str, argument: int) -> None:
        stack = self._stack
        match name:
            case "BUILD_TUPLE":
                stack.append(tuple(self._pop(argument)))
            case "BUILD_LIST":
                stack.append(self._pop(argument))
            case "BUILD_SLICE":
                stack.append(slice(*self._pop(argument)))
            case "LIST_EXTEND":
                items = stack.pop()
                if argument != 1 or not isinstance(items, list | tuple):
                    raise UnknownError
                stack[-1] = self._writer.operate("add", [stack[-1], list(items)])
            case "KW_NAMES":
                self._keywords = self._code.constants[argument]
            case "CALL":
                names, self._keywords = self._keywords, ()
                self._call(argument, names)
            case "CALL_FUNCTION":
                # Up to Python 3.5 the argument counts keywords in its upper byte.
                pairs = [(stack.pop(), stack.pop()) for _ in range(argument >> 8)]
                self._finish(argument & 255, {str(key): value for value, key in pairs})
            case "CALL_KW":
                names = stack.pop()
                self._call(argument, names)
            case "CALL_METHOD":
                self._call(argument, ())
            case _:
                raise UnknownError

    def _pop(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise UnknownError
        return [self._stack.pop() for _ in range(count)][::-1]

    def _index(self, key: Any) -> None:
        if isinstance(key, tuple):
            key = tuple(map(_as_key, key))
        self._stack.append(self._writer.index(self._stack.pop(), _as_key(key)))

    def _global(self, argument: int) -> None:
        if self._from_3_11:
            if argument & 1:
                self._stack.append(_NULL)
            argument >>= 1
        name = self._code.names[argument]
        if self._code.layout == "2" and name in PLAIN:
            self._stack.append(PLAIN[name])
            return
        self._stack.append(Dotted(name))

    def _import_package(self, name: str) -> None:
        """Pushes the name of a package; nothing is imported."""
        members, package = self._stack.pop(), name.partition(".")[0]
        if self._stack.pop() not in (0, -1) or package not in PACKAGES:
            raise UnknownError
        self._stack.append(Dotted(name if members else package))

    def _attribute(self, argument: int, *, method: bool) -> None:
        if self._version in ("3.12", "3.13"):
            method, argument = bool(argument & 1), argument >> 1
        owner = self._stack.pop()
        name = self._code.names[argument]
        if method and self._from_3_11:
            self._stack.append(_NULL)
        if isinstance(owner, Dotted):
            self._stack.append(_inside(owner, name))
        elif isinstance(owner, Ref):
            self._stack.append(self._of_tensor(owner, name))
        else:
            raise UnknownError

    def _of_tensor(self, owner: Ref, name: str) -> Any:
        """An attribute of a tensor, of its shape or of a size."""
        if name == "shape":
            return shape_of(self._writer, owner)
        if name == "value" and owner.kind == "number":
            return owner
        if name == "get_shape":
            return _Method(shape_of(self._writer, owner))
        if name == "as_list" and owner.kind == "shape":
            return _Method(owner)
        raise UnknownError

    def _combine(self, name: str) -> None:
        second, first = self._stack.pop(), self._stack.pop()
        self._stack.append(self._writer.operate(name, [first, second]))

    def _call(self, count: int, names: Any) -> None:
        if not isinstance(names, tuple) or len(names) > count:
            raise UnknownError
        values = self._pop(len(names))
        self._finish(count - len(names), dict(zip(names, values, strict=True)))

    def _finish(self, count: int, keywords: dict[str, Any]) -> None:
        arguments = self._pop(count)
        function = self._stack.pop()
        if function is _NULL:  # Python 3.13 pushes it after the function
            function = self._stack.pop()
        if self._stack and self._stack[-1] is _NULL:
            self._stack.pop()
        if isinstance(function, _Method) and not arguments and not keywords:
            self._stack.append(function.result)
        elif isinstance(function, Dotted):
            self._stack.append(call(self._writer, function, arguments, keywords))
        else:
            raise UnknownError


@dataclass(frozen=True)
class _Method:
    """A method of a tensor's shape that takes no arguments."""

    result: Ref


def _inside(owner: Dotted, name: str) -> Dotted:
    if len(owner) + len(name) > MAX_NAME:
        raise UnknownError
    return Dotted(f"{owner}.{name}")


def _as_key(part: Any) -> Any:
    """``tf.newaxis`` as an index."""
    if isinstance(part, Dotted):
        if part.rpartition(".")[2] != "newaxis":
            raise UnknownError
        return None
    return part
