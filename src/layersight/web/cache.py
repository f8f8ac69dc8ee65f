"""A cache of the values that were used last, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps the values that were used last.

    Args:
        limit: The bytes of all values together; a larger value is not kept.

    Example:
        >>> cache: ByteCache[str] = ByteCache(10)
        >>> for name in "abc":
        ...     cache.put(name, name.upper(), 4)
        >>> cache.get("a"), cache.get("c"), cache.bytes
        (None, 'C', 8)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keeps a value; those that have not been used for longest are dropped."""
        with self._lock:
            self.bytes -= self._entries.pop(key, (None, 0))[1]
            if size > self.limit:
                return
            self._entries[key] = value, size
            self.bytes += size
            while self.bytes > self.limit:
                self.bytes -= self._entries.popitem(last=False)[1][1]
