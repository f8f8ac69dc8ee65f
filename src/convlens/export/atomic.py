"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from convlens.errors import OutputError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file beside its place and moves it there when it is complete.

    Raises:
        OutputError: It cannot be written; nothing is left behind.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise OutputError(_cannot(path, error)) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``path`` when the block ends well.

    Raises:
        OutputError: It cannot be made or moved; nothing is left behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.is_dir():
            _check_replaceable(path)
            shutil.rmtree(path)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise OutputError(_cannot(path, error)) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _check_replaceable(path: Path) -> None:
    """Only a folder that holds a store may be replaced by one."""
    if any(path.iterdir()) and not (path / "zarr.json").exists():
        raise OutputError(f"{path} is a folder that holds something else: choose another name")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror or error}. Choose another place with --output"
