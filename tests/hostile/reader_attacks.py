"""Attacks on the process that reads HDF5: files from which HDF5 does not come back."""

from __future__ import annotations

from pathlib import Path

from hostile.files import conv, sequential, write_h5
from hostile.registry import Traps, attack


@attack("model.h5", heavy=True, refused=True)
def heap_without_end(path: Path, traps: Traps) -> None:
    """A heap of texts with a free piece of no length, which HDF5 passes over for ever."""
    write_h5(path, sequential(conv()))
    data = bytearray(path.read_bytes())
    first = data.index(b"GCOL") + 16
    size = int.from_bytes(data[first + 8 : first + 16], "little")
    second = first + 16 + -(-size // 8) * 8
    data[second : second + 16] = bytes(16)
    path.write_bytes(data)
