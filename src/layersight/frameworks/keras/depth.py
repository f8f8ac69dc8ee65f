"""How deep a network is for Keras, told before any layer of it is made.

Keras goes through a graph by a function that calls itself for each layer behind another. Where it
would come to Python's limit, it does so after every layer was made, which takes long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import each_tensor

FRAMES = 25  # how many calls Keras needs beside those for the layers, once a graph is put together


def check_depth(count: int, where: str) -> None:
    """Refuses a graph in which more layers follow each other than Keras can put together here."""
    if count + FRAMES < (most := sys.getrecursionlimit()) - _calls():
        return
    raise ModelFileError(
        f"{where} has {count} layers one behind the other, more than Keras can put together at "
        f"Python's recursion limit of {most}: where they are honest, open it from Python after "
        f"sys.setrecursionlimit({most + count})"
    )


def depth_of(entries: Mapping[str, Config], outputs: Any) -> int:
    """How many calls of layers Keras goes into at once to find all that outputs depend on.

    It goes from each output to all that a call takes, one after the other, and to each call once;
    so a way past many layers that is found first makes the rest less deep.
    """
    seen: set[tuple[str, int]] = set()
    deepest = 0

    def taken(name: str, call: int) -> Iterator[tuple[str, int]]:
        nodes = entries[name]["inbound_nodes"] or [None] if name in entries else []
        return _places(each_tensor(nodes[call]) if 0 <= call < len(nodes) else ())

    open_calls = [_places(each_tensor(outputs))]
    while open_calls:
        place = next(open_calls[-1], None)
        if place is None:
            open_calls.pop()
        elif place not in seen:
            seen.add(place)
            open_calls.append(taken(*place))
            deepest = max(deepest, len(open_calls) - 1)
    return deepest


def _places(tensors: Iterable[list[Any]]) -> Iterator[tuple[str, int]]:
    return iter([(name, call) for name, call, _ in tensors])


def _calls() -> int:
    frame: Any = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count
