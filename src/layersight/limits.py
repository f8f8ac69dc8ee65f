"""How much memory the network of an untrusted file may take, apart from the file's weights.

The rule of this module: the message of a limit says how to allow more.
"""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from layersight.errors import UsageError

DEFAULT = 1 << 30  # bytes

# How to allow more, for the end of a message.
MORE = "allow more with --max-memory (max_memory= in Python)"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model from a file may take."""

    # The bytes that building it, and a pass of one image, may take, without the file's own weights.
    memory: int = DEFAULT

    @classmethod
    def parse(cls, memory: int | str | None) -> Limits:
        """The limits that a user sets, in bytes or as ``"8G"``; ``None`` for the default."""
        return cls() if memory is None else cls(as_bytes(memory))


def as_bytes(memory: int | str) -> int:
    """An amount of memory in bytes, from a number or from text.

    >>> as_bytes("8G") == 8 << 30, as_bytes("1.5 GiB") == 3 << 29, as_bytes("512m"), as_bytes(4096)
    (True, True, 536870912, 4096)
    """
    count = -1
    if isinstance(memory, str):
        match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([KMGT]?)(?:i?B)?", memory.strip(), re.I)
        if match is not None:
            count = int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))
    elif isinstance(memory, int) and not isinstance(memory, bool):
        count = memory
    if not 1 <= count < 1 << 60:
        raise UsageError(
            "expected an amount of memory such as 8G or 512M (max_memory= also takes a number of "
            f"bytes), found {memory!r:.40}"
        )
    return count


def free_memory() -> int | None:
    """The bytes that programs can still get, swap included; ``None`` if unknown.

    Linux reports them: ``MemAvailable`` and ``SwapFree`` of ``/proc/meminfo``, and for a container
    ``memory.max`` less ``memory.current``.
    """
    if sys.platform != "linux":
        return None
    free: list[int] = []
    with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        amounts = {
            name: int(rest.split()[0]) << 10 for name, _, rest in (x.partition(":") for x in lines)
        }
        free.append(amounts["MemAvailable"] + amounts.get("SwapFree", 0))
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most, used = ((group / f"memory.{name}").read_text("ascii") for name in ("max", "current"))
        free.append(max(0, int(most) - int(used)))
    return min(free, default=None)


def in_words(count: float) -> str:
    """A number of bytes as people read it.

    >>> in_words(3 << 30), in_words(9999 << 20), in_words(0xFFF << 18), in_words(12)
    ('3 GiB', '9.76 GiB', '1,024 MiB', '12 bytes')
    """
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if count >= size:
            number = count / size
            return f"{number:.3g} {unit}" if number < 999.5 else f"{number:,.0f} {unit}"
    return f"{count:,.0f} bytes"
