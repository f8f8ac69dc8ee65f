"""What is kept to be given again, within so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps the values that were used last, as many as a number of bytes holds.

    Args:
        most: The bytes of all values together; a value that is larger is not kept.

    Example:
        >>> cache: ByteCache[str] = ByteCache(10)
        >>> for name in "abc":
        ...     cache.put(name, name.upper(), 4)
        >>> cache.get("a"), cache.get("c"), cache.bytes
        (None, 'C', 8)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, ``None`` if it is not kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keeps a value; those that were not used for longest go."""
        with self._lock:
            self.bytes -= self._entries.pop(key, (None, 0))[1]
            if size > self.most:
                return
            self._entries[key] = value, size
            self.bytes += size
            while self.bytes > self.most:
                self.bytes -= self._entries.popitem(last=False)[1][1]
