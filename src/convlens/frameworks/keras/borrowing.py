"""Attributes that stand for others while a pass runs.

The rule of this module: what is borrowed is given back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

Place = tuple[Any, str, Callable[[Any], Any]]
"""Whose attribute, its name, and from what it is to what stands for it."""


class Borrowed:
    """Replaces attributes while anybody is inside a ``with`` block.

    Passes in several threads share it: the first one borrows, the last one gives back.

    Args:
        places: What is replaced.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[Any] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                before = [getattr(owner, name) for owner, name, _ in self._places]
                pairs = zip(self._places, before, strict=True)
                self._set([change(value) for (_, _, change), value in pairs])
                self._before = before
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._set(self._before)

    def _set(self, values: Sequence[Any]) -> None:
        for (owner, name, _), value in zip(self._places, values, strict=True):
            setattr(owner, name, value)
