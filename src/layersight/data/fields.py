"""Options as fields of dataclasses that carry their help, range and choices.

The rule of this module: an option is declared once, with :func:`option`, and command line,
reference pages and checks follow from that. It imports neither NumPy nor a framework.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from layersight.errors import UsageError, near

Function = TypeVar("Function", bound=Callable[..., Any])

_KEY = "option"

AMERICAN = {
    "normalize": "normalise",
    "standardize": "standardise",
    "center": "centre",
    "gray": "grey",
}
"""Names and words of options with two spellings."""


@dataclass(frozen=True, slots=True)
class Option:
    """The declaration of an option."""

    name: str  # the keyword in Python; --name on the command line
    default: Any
    help: str = ""  # one line
    kind: type | None = None  # of each value; else the type of the default, or the field's
    low: float | None = None  # the least value, None for no limit
    high: float | None = None  # the greatest value, likewise
    exclusive: bool = False  # whether low and high themselves are out of range
    choices: tuple[str, ...] = ()  # the possible words; empty for any
    unit: str = ""  # such as "px"
    metavar: str = ""  # the placeholder of the value in --help
    # The name on a command line, if that is not --name; several names are separated by blanks, an
    # argument has no dashes.
    flag: str = ""
    former: str = ""  # an earlier name, which is still accepted, and is its key in files
    annotation: str = ""  # its type without None, as annotations have it

    def __post_init__(self) -> None:
        if self.kind is None and self.default not in (None, ()):
            of = self.default[0] if self.several else self.default
            object.__setattr__(self, "kind", type(of))

    @property
    def several(self) -> bool:
        """Whether it takes several values, as a tuple."""
        return isinstance(self.default, tuple)

    @property
    def positional(self) -> bool:
        """Whether it is an argument of a command, without dashes."""
        return self.flag.isupper()

    @property
    def range(self) -> str:
        """The range in words: ``"from 1 to 100"``; ``""`` for any value."""
        least, most = ("above", "below") if self.exclusive else ("of at least", "of at most")
        if self.low is not None and self.high is not None and not self.exclusive:
            return f"from {_limit(self.low)} to {_limit(self.high)}"
        low = "" if self.low is None else f"{least} {_limit(self.low)}"
        high = "" if self.high is None else f"{most} {_limit(self.high)}"
        return " and ".join(part for part in (low, high) if part)

    def check(self, value: Any) -> Any:
        """Checks a value and returns it as plain Python data.

        Raises:
            UsageError: It is of another kind, out of the range, or none of the choices.
        """
        if value is None and self.default is None:
            return None
        if not self.several:
            return self._check_one(value, value)
        values = [value] if isinstance(value, numbers.Number) else value
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise self._refusal(f"{value!r:.60}")
        checked = tuple(self._check_one(item, value) for item in values)
        if not checked:
            raise self._refusal("none")
        return checked

    def _check_one(self, value: Any, given: Any) -> Any:
        if self.kind in (int, float):
            wanted = numbers.Integral if self.kind is int else numbers.Real
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise self._refusal(f"{given!r:.60}")
            plain = int(value) if isinstance(value, numbers.Integral) else float(value)
            low, high = self.low, self.high
            inside = (low is None or plain >= low) and (high is None or plain <= high)
            inside = inside and abs(plain) < math.inf
            if not inside or (self.exclusive and plain in (low, high)):
                raise self._refusal(f"{given!r:.60}")
            return plain
        if not isinstance(value, self.kind or object):
            raise self._refusal(f"{given!r:.60}")
        value = british_spelling(value, self.choices)
        if self.choices and value not in self.choices:
            raise UsageError(
                f"unknown {self.name} '{value}': expected one of {', '.join(self.choices)}."
                f"{near(str(value), self.choices)}"
            )
        return value

    def _refusal(self, described: str) -> UsageError:
        singular = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
        plural = {int: "whole numbers", float: "numbers", str: "words"}
        kind = (plural if self.several else singular)[self.kind or str]
        expected = " ".join(part for part in (kind, self.range) if part)
        return UsageError(f"expected {self.name} as {expected}, found {described}")


def _limit(value: float) -> str:
    """An end of a range, with all digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def option(
    default: Any,
    *,
    help: str,  # noqa: A002, the word that Click and argparse use
    choices: Sequence[str] = (),
    **declared: Any,
) -> Any:
    """A field of a dataclass that is an option; ``declared`` are fields of :class:`Option`.

    Example:
        >>> @dataclass
        ... class Request:
        ...     steps: int = option(64, help="Points on the way.", low=1, high=100)
        ...
        ...     def __post_init__(self):
        ...         check(self)
        >>> Request(steps=0)
        Traceback (most recent call last):
        ...
        layersight.errors.UsageError: expected steps as a whole number from 1 to 100, found 0
    """
    declaration = Option("", default, help, choices=tuple(choices), **declared)
    return dataclasses.field(default=default, metadata={_KEY: declaration})


def options_of(request: Any) -> dict[str, Option]:
    """The options that a dataclass, or an instance of one, declares, by name."""
    options = {}
    for field in dataclasses.fields(request):
        if (declared := field.metadata.get(_KEY)) is not None:
            kind = declared.kind or _named_in(field.type)
            written = field.type if isinstance(field.type, str) else kind.__name__
            annotation = written.removesuffix(" | None")
            options[field.name] = dataclasses.replace(
                declared, name=field.name, kind=kind, annotation=annotation
            )
    return options


def _named_in(annotation: object) -> type:
    """The kind of values in an annotation such as ``"tuple[int, int] | None"``."""
    word = re.search(r"\b(int|float|bool)\b", str(annotation))
    return {"int": int, "float": float, "bool": bool}[word[1]] if word else str


def check(request: Any) -> None:
    """Checks every option of a dataclass; for its ``__post_init__``, frozen or not.

    Values become plain Python data: NumPy's numbers ``int`` and ``float``, lists tuples.
    """
    for name, declared in options_of(request).items():
        object.__setattr__(request, name, declared.check(getattr(request, name)))


class Options:
    """Base of frozen dataclasses of options, which are checked as they are made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        check(self)

    def __getattr__(self, name: str) -> Any:
        """The value of an option by its former name."""
        names = former_names(self)
        if name not in names:
            raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")
        return getattr(self, names[name])

    def to_json(self) -> dict[str, Any]:
        """The values by name; an option that was renamed keeps its former name in files."""
        record: Any = self
        keys = {name: former for former, name in former_names(self).items()}
        return {
            keys.get(name, name): list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(record).items()
        }


def former_names(*requests: Any) -> dict[str, str]:
    """The former names of options, and for each the name that it has now."""
    return {
        declared.former: name
        for request in requests
        for name, declared in options_of(request).items()
        if declared.former
    }


def extend(base: type, name: str, options: Iterable[Option], module: str) -> type:
    """A frozen dataclass with the options of another and more; the first of each name counts.

    It is pickled by the name of ``module``.
    """
    merged: dict[str, Option] = {}
    for declared in options:
        merged.setdefault(declared.name, declared)
    added = [
        (declared.name, Any, dataclasses.field(default=declared.default, metadata={_KEY: declared}))
        for declared in merged.values()
    ]
    extended: Any = dataclasses.make_dataclass(name, added, bases=(base,), frozen=True, slots=True)
    extended.__module__, extended.__doc__ = module, base.__doc__
    if renamed := former_names(extended):
        plain = extended.__init__

        def accept_former_names(self: Any, *values: Any, **options: Any) -> None:
            # They come last, as ``dataclasses.replace`` adds the present value by the new name.
            former = {name: options.pop(key) for key, name in renamed.items() if key in options}
            plain(self, *values, **{**options, **former})

        extended.__init__ = functools.wraps(plain)(accept_former_names)
    return cast("type", extended)


def names_options(*requests: type) -> Callable[[Function], Function]:
    """Gives a function with ``**options`` a signature that names the options of dataclasses.

    It is for editors and ``help``; the default ``None`` there leaves an option at its own default.

    Example:
        >>> @dataclass
        ... class Request:
        ...     steps: int = option(64, help="Points on the way.")
        >>> @names_options(Request)
        ... def draw(model, **options): ...
        >>> str(inspect.signature(draw))
        "(model, *, steps: 'int | None' = None)"
    """

    def named(function: Function) -> Function:
        signature = inspect.signature(function)
        kinds = inspect.Parameter
        positional = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind != kinds.VAR_KEYWORD
        ]
        more = {
            name: kinds(
                name, kinds.KEYWORD_ONLY, default=None, annotation=f"{parameter.annotation} | None"
            )
            for request in requests
            for name, parameter in options_of(request).items()
            if name not in signature.parameters
        }
        parameters = [*positional, *more.values()]
        function.__dict__["__signature__"] = signature.replace(parameters=parameters)
        return function

    return named


def british_spelling(word: Any, words: Iterable[str]) -> Any:
    """A name or a word of an option in British spelling, if that is one of ``words``.

    >>> british_spelling("normalize", ["normalise"]), british_spelling("gray", ["viridis"])
    ('normalise', 'gray')
    """
    british = AMERICAN.get(word) if isinstance(word, str) else None
    return british if british is not None and british in words else word


def split_words(words: str | Iterable[str]) -> tuple[str, ...]:
    """Names that are separate, or several in one string with commas between.

    >>> split_words(["grad-cam, gradient", "rise"]), split_words("")
    (('grad-cam', 'gradient', 'rise'), ())
    """
    listed = [words] if isinstance(words, str) else words
    return tuple(part.strip() for word in listed for part in word.split(",") if part.strip())


def split_options(
    keywords: Mapping[str, Any], *requests: type, without: Iterable[str] = ()
) -> tuple[dict[str, Any], ...]:
    """Keyword arguments for each of the dataclasses that have fields of their names.

    A name that several have goes to each; ``None`` leaves an option at its default, and fields in
    ``without`` cannot be set. ``UsageError`` for other names.
    """
    hidden = set(without)
    names = [{field.name for field in dataclasses.fields(request)} - hidden for request in requests]
    valid = sorted(set().union(*names))
    renamed = former_names(*requests)
    values: dict[str, Any] = {}
    for name, value in keywords.items():
        own_name = renamed.get(name) or british_spelling(name, valid)
        if own_name != name and keywords.get(own_name) is not None:
            raise UsageError(f"'{name}' and '{own_name}' are the same option: give one")
        if value is not None:
            values[own_name] = value
    for name in values:
        if name not in valid:
            expected = f"expected one of {', '.join(valid)}" if valid else "there are none here"
            raise UsageError(f"unknown option '{name}': {expected}.{near(name, valid)}")
    return tuple({name: values[name] for name in values if name in accepted} for accepted in names)
