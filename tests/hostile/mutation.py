"""Changes to bytes and to configurations, drawn by chance; the same for the same chance."""

from __future__ import annotations

import copy
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

NUMBERS = (0, 1, 2, 127, 128, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 255, 65536, 10**5, 10**9, 2**31, 2**63, -(2**63), 10**30),
    *(0.0, 0.5, -1.5, 1e-300, 1e308, float("inf"), float("-inf"), float("nan")),
    *(True, False, None, "", "x", "relu", "same", "channels_first", "float16", "bfloat16"),
    *("\x1b[31m", "a\nb", "../..", "/", "\u202e", "0", "None", "linear", "conv", "int32"),
    *([], {}, [None], [0], [[]], [1, 2, 3], [None, 8, 8, 3], [3, 3], {"class_name": "Dense"}),
    {"class_name": "function", "config": "system", "module": "os"},
    {"class_name": "__tuple__", "items": [1, 2]},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["conv", 0, 0]}},
)
"""What a piece of a configuration is replaced by."""

EXTREMES: tuple[Any, ...] = (0, -1, 10**9, 1e308, float("nan"), [1] * 100_000)
"""What a number is replaced by where nothing else is changed."""

KEYS = ("name", "class_name", "config", "layers", "inbound_nodes", "units", "filters", "axis")


def mutate_bytes(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A few changes of bytes: flips, numbers, pieces moved, cut, doubled or from elsewhere."""
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if not mutant:
            break
        place = chance.randrange(len(mutant))
        length = min(chance.choice((1, 2, 4, 8, 64, 512)), len(mutant) - place)
        change = chance.randrange(8)
        if change == 0:
            mutant[place] ^= 1 << chance.randrange(8)
        elif change == 1:
            mutant[place : place + length] = chance.randbytes(length)
        elif change == 2:
            form = chance.choice(("<L", ">L", "<H", ">H", "<Q"))
            limit = 1 << 8 * struct.calcsize(form)
            number = struct.pack(form, chance.choice(NUMBERS) % limit)
            mutant[place : place + len(number)] = number
        elif change == 3:
            del mutant[place : place + length]
        elif change == 4:
            mutant[place:place] = mutant[place : place + length] * chance.choice((1, 2, 16))
        elif change == 5:
            start = chance.randrange(len(other) or 1)
            mutant[place : place + length] = other[start : start + length]
        elif change == 6:
            del mutant[max(place, 1) :]
        else:
            mutant[place : place + length] = bytes(length)
    return bytes(mutant)


Spot = tuple[Any, Any]
"""A container of a configuration and a key or place in it."""


def all_spots(config: Any) -> list[Spot]:
    """Every place of a configuration that holds a value."""
    found: list[Spot] = []
    waiting = [config]
    while waiting:
        value = waiting.pop()
        keys: Iterator[Any] = iter(())
        if isinstance(value, dict):
            keys = iter(value)
        elif isinstance(value, list):
            keys = iter(range(len(value)))
        for key in keys:
            found.append((value, key))
            waiting.append(value[key])
    return found


def mutate_config(config: Any, other: Any, chance: random.Random) -> Any:
    """A few changes of pieces: replaced, retyped, removed, doubled, exchanged, from elsewhere."""
    mutant = copy.deepcopy(config)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        spots = all_spots(mutant)
        if not spots:
            break
        container, key = chance.choice(spots)
        value = container[key]
        change = chance.randrange(9)
        if change <= 2:
            container[key] = copy.deepcopy(chance.choice(VALUES))
        elif change == 3:
            container[key] = _retyped(value, chance)
        elif change == 4:
            del container[key]
        elif change == 5 and isinstance(container, list):
            container[key:key] = [copy.deepcopy(value) for _ in range(chance.choice((1, 2, 50)))]
        elif change == 5:
            container[chance.choice(KEYS)] = copy.deepcopy(value)
        elif change == 6:
            further, place = chance.choice(spots)
            container[key], further[place] = copy.deepcopy(further[place]), copy.deepcopy(value)
        elif change == 7:
            elsewhere = all_spots(other) or spots
            further, place = chance.choice(elsewhere)
            container[key] = copy.deepcopy(further[place])
        else:
            container[key] = _grown(value, chance)
    return mutant


def change_number(config: Any, chance: random.Random) -> Any:
    """One number of a configuration, replaced by one of the extremes."""
    mutant = copy.deepcopy(config)
    spots = [
        (container, key)
        for container, key in all_spots(mutant)
        if isinstance(container[key], int | float) and not isinstance(container[key], bool)
    ]
    container, key = chance.choice(spots)
    container[key] = copy.deepcopy(chance.choice(EXTREMES))
    return mutant


def _retyped(value: Any, chance: random.Random) -> Any:
    """The same in another type."""
    ways: list[Callable[[Any], Any]] = [str, lambda v: [v], lambda v: {"value": v}, bool]
    if isinstance(value, int | float):
        ways += [lambda v: float(v) + 0.5, lambda v: -v, lambda v: v * 1000]
    if isinstance(value, list):
        ways += [lambda v: dict(enumerate(map(str, v))), lambda v: v[::-1], lambda v: v[:1]]
    if isinstance(value, dict):
        ways += [list, lambda v: [*v.values()]]
    return chance.choice(ways)(copy.deepcopy(value))


def _grown(value: Any, chance: random.Random) -> Any:
    """More of it: larger, longer, deeper."""
    if isinstance(value, bool) or value is None:
        return chance.choice(VALUES)
    if isinstance(value, int | float):
        return value * chance.choice((2, 100, 10**6, 10**12)) + 1
    if isinstance(value, str):
        return value * chance.choice((2, 100, 10_000))
    grown = value
    for _ in range(chance.choice((1, 3, 60))):
        grown = (
            [grown] if isinstance(value, list) else {"config": grown, "class_name": "Sequential"}
        )
    return grown
