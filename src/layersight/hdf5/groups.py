"""Groups of an HDF5 file, walked by hard links alone, and what is said of a damaged one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from layersight.errors import LayersightError, ModelFileError, UnsafeModelError, shortened
from layersight.loading.bounded import MAX_CONFIG

MAX_OBJECTS = 50_000  # groups and datasets of a file; a real network stays below 10,000


@contextlib.contextmanager
def damaged(path: Path, kind: str) -> Iterator[None]:
    """Reports whatever fails inside as damage of a file of some kind, but for layersight's errors.

    Random bytes bring about any error, of HDF5, of what wraps it, and of memory.
    """
    try:
        yield
    except LayersightError:
        raise
    except Exception as error:
        reason = shortened(str(error), 120) or type(error).__name__
        raise ModelFileError(
            f"{path} is a damaged or truncated {kind} file ({reason}): download or save it again"
        ) from error


def child(group: h5py.Group, name: str, path: Path) -> Any:
    """A member of a group, ``None`` if there is none."""
    member: Any = group
    for part in name.split("/"):
        if not part or not isinstance(member, h5py.Group):
            continue
        link = member.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _linked(name, path)
        member = member[part]
    return member


def members(file: h5py.File, path: Path, *, strict: bool) -> Iterator[tuple[str, Any]]:
    """Everything in a file: the name of its path and itself, each once.

    Links, and what has two names, are refused (``strict``) or passed over.
    """
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    seen: set[int] = set()
    while waiting:
        above, group = waiting.pop()
        for name in names_in(group, path):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                if strict:
                    raise _linked(name, path)
                continue
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                if strict:
                    raise UnsafeModelError(f"'{name}' in {path} has two names: not followed")
                continue
            if len(seen) >= MAX_OBJECTS:
                raise _too_many(path)
            seen.add(address)
            yield f"{above}{name}", member
            if isinstance(member, h5py.Group):
                waiting.append((f"{above}{name}/", member))


def names_in(group: h5py.Group, path: Path) -> Iterator[str]:
    """The names in a group, of which HDF5 takes all at once."""
    if len(group) > MAX_OBJECTS:
        raise _too_many(path)
    yield from group


def _linked(name: str, path: Path) -> UnsafeModelError:
    return UnsafeModelError(f"'{name}' in {path} is a link, perhaps to another file: not followed")


def _too_many(path: Path) -> UnsafeModelError:
    return UnsafeModelError(f"{path} holds more than {MAX_OBJECTS} groups and arrays: not read")


def check_text(file: h5py.File, path: Path) -> None:
    """Refuses a file that holds far more than its arrays and a configuration.

    What lies beside the arrays may be one text, which HDF5 reads as a whole. A part of it may
    be free: where training left arrays that were deleted since.
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
