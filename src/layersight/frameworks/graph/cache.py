"""A bounded cache of values that are costly to make, such as compiled programs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps the most recently used values.

    Example:
        >>> cache: Cache[str, int] = Cache(2)
        >>> [cache.get(word, lambda word=word: len(word)) for word in ("a", "bb", "ccc")]
        [1, 2, 3]
        >>> cache.latest(), list(cache)
        (3, ['bb', 'ccc'])
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made if missing in place of the least recently used one.

        Other threads wait until ``make`` is done.
        """
        with self._lock:
            if key not in self._values:
                value = make()
                while len(self._values) >= self._size:
                    self._values.popitem(last=False)
                self._values[key] = value
            self._values.move_to_end(key)
            return self._values[key]

    def __iter__(self) -> Iterator[K]:
        """The keys, the most recently used last."""
        with self._lock:
            return iter(tuple(self._values))

    def latest(self) -> V | None:
        """The most recently used value; ``None`` if there is none."""
        with self._lock:
            return next(reversed(self._values.values()), None)
