"""Groups of an HDF5 file, walked by hard links alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from layersight.errors import UnsafeModelError
from layersight.loading.bounded import MAX_CONFIG

MAX_OBJECTS = 50_000
"""How many groups and datasets a file may hold; that of a real network stays below 10,000."""


def child(group: h5py.Group, name: str, path: Path) -> Any:
    """A member of a group, ``None`` if there is none.

    Raises:
        UnsafeModelError: A link leads to it, maybe out of the file.
    """
    place: Any = group
    for part in name.split("/"):
        if not part or not isinstance(place, h5py.Group):
            continue
        link = place.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UnsafeModelError(f"'{name}' in {path} is a link out of its place: not followed")
        place = place[part]
    return place


def members(file: h5py.File, path: Path, *, strict: bool) -> Iterator[tuple[str, Any]]:
    """Everything in a file: its place and itself, each once.

    Args:
        file: The file.
        path: Its path, for the messages.
        strict: Refuse links and what stands in two places; else pass it over.

    Raises:
        UnsafeModelError: There is too much, or something that is refused.
    """
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    seen: set[int] = set()
    while waiting:
        above, group = waiting.pop()
        for name in names_in(group, path):
            linked = not isinstance(group.get(name, getlink=True), h5py.HardLink)
            if linked and strict:
                raise UnsafeModelError(
                    f"'{name}' in {path} is a link out of its place: not followed"
                )
            if linked:
                continue
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen and strict:
                raise UnsafeModelError(f"'{name}' in {path} stands in two places: not followed")
            if address in seen:
                continue
            if len(seen) >= MAX_OBJECTS:
                raise _too_many(path)
            seen.add(address)
            yield f"{above}{name}", member
            if isinstance(member, h5py.Group):
                waiting.append((f"{above}{name}/", member))


def names_in(group: h5py.Group, path: Path) -> Iterator[str]:
    """The names in a group, of which HDF5 takes all at once.

    Raises:
        UnsafeModelError: There are too many.
    """
    if len(group) > MAX_OBJECTS:
        raise _too_many(path)
    yield from group


def _too_many(path: Path) -> UnsafeModelError:
    return UnsafeModelError(f"{path} holds more than {MAX_OBJECTS} groups and arrays: not read")


def check_text(file: h5py.File, path: Path) -> None:
    """Refuses a file that holds far more than its arrays and a configuration.

    What lies beside the arrays may be one text, which HDF5 reads as a whole. A part of it may
    be free: where training left arrays that were deleted since.

    Raises:
        UnsafeModelError: It does.
    """
    size = path.stat().st_size
    if size <= 2 * MAX_CONFIG:
        return
    stored = sum(
        member.id.get_storage_size()
        for _, member in members(file, path, strict=False)
        if isinstance(member, h5py.Dataset)
    )
    if size - stored > 2 * MAX_CONFIG + 3 * stored:
        raise UnsafeModelError(
            f"{path} holds {size - stored} bytes that are no weights, far more than the "
            "configuration of a network has: not read"
        )
