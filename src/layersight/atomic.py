"""Files and folders that appear completely or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from layersight.errors import OutputError

PREFIX = ".layersight-"
"""How the names of incomplete files and folders begin."""


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, which appears completely or not at all."""
    with replace_file(path) as file:
        file.write_bytes(content)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A file to write, which replaces ``path`` when the block succeeds; else nothing is left."""
    with _guarded(path), _parents(path), _temporary(path.parent) as temporary:
        yield temporary / path.name
        (temporary / path.name).replace(path)


@contextlib.contextmanager
def replace_folder(path: Path, mark: str) -> Iterator[Path]:
    """A folder to fill, which replaces ``path`` when the block succeeds; else that is unchanged.

    Only an empty folder, or one with a file called ``mark``, may be replaced.
    """
    with _guarded(path), _parents(path):
        _check_replaceable(path, mark)
        with _temporary(path.parent) as temporary:
            filled, old = temporary / "new", temporary / "old"
            filled.mkdir()
            yield filled
            if path.exists():
                path.rename(old)
            try:
                filled.rename(path)
            except BaseException:
                if old.exists():
                    old.rename(path)
                raise


@contextlib.contextmanager
def fill_folder(path: Path, last: str) -> Iterator[Path]:
    """A folder to fill; its files go to ``path``, beside others, when the block succeeds.

    The file called ``last`` is moved last, and so marks that all others are there.
    """
    with _guarded(path / last, path), _parents(path / last), _temporary(path) as temporary:
        yield temporary
        (path / last).unlink(missing_ok=True)
        for file in sorted(temporary.iterdir(), key=lambda file: (file.name == last, file)):
            file.replace(path / file.name)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder in another one while the block lasts."""
    with tempfile.TemporaryDirectory(
        prefix=PREFIX, dir=folder, ignore_cleanup_errors=True
    ) as temporary:
        yield Path(temporary)


@contextlib.contextmanager
def _guarded(path: Path, named: Path | None = None) -> Iterator[None]:
    """Turns an error of the system into an OutputError."""
    target = named or path
    try:
        _check_name(target)
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        with contextlib.suppress(OSError):
            for above in reversed(path.parents):
                if above.exists() and not above.is_dir():
                    reason = f"expected a folder, {above} is a file"
        raise OutputError(
            f"cannot write {target}: {reason}. Choose another place with --output"
        ) from error


def _check_name(path: Path) -> None:
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise OutputError(f"cannot write {str(path)!r}: no file can have such a name")


@contextlib.contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Makes the folders above a path; removes them again if the block fails."""
    created: list[Path] = []
    try:
        for folder in reversed([folder for folder in path.parents if not folder.exists()]):
            folder.mkdir()
            created.append(folder)
        yield
    except BaseException:
        for folder in reversed(created):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _check_replaceable(path: Path, mark: str) -> None:
    """Refuses to replace anything but an empty folder or one with the mark."""
    if not path.exists() or (path.is_dir() and (not any(path.iterdir()) or (path / mark).exists())):
        return
    what = "a folder that holds something else" if path.is_dir() else "a file"
    raise OutputError(
        f"cannot write {path}: expected a new name or a store of an earlier run, found {what}. "
        "Choose another name with --output"
    )
