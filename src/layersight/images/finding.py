"""From files, folders and patterns to a list of image files.

The rule of this module: the same folder gives the same list in the same order everywhere.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from layersight.errors import ImageError
from layersight.images.reading import no_such_file, reason

# The suffixes, in lower case, by which image files are found in folders.
SUFFIXES = (
    *(".bmp", ".dcm", ".gif", ".heic", ".heif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff"),
    ".webp",
)


def find_images(
    sources: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    recursive: bool = True,
    *,
    suffixes: Sequence[str] = SUFFIXES,
    strict: bool = True,
) -> list[Path]:
    """The image files that are named by files, folders and patterns.

    A file may have any name. A folder stands for the files in it with one of
    ``SUFFIXES``, hidden ones left out, in natural order (``img2`` before ``img10``). A
    pattern with ``*``, ``?`` or ``[ ]`` stands for what it matches: files with one of
    ``SUFFIXES``, or all if the pattern itself ends in a suffix, and folders.

    Args:
        sources: Files, folders and patterns, or a single one.
        recursive: Whether folders within folders are searched.
        suffixes: Those by which files are found, in lower case.
        strict: Whether a folder without such files is an error.

    Returns:
        The files in the order of the sources, each once.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("img10.png", "img2.png", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [path.name for path in find_images([folder])]
        ['img2.png', 'img10.png']
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    unique: dict[str, Path] = {}
    for source in sources:
        for path in _expand(os.fspath(source), recursive, suffixes, strict=strict):
            unique.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - keeps links apart
    return list(unique.values())


def _expand(source: str, recursive: bool, suffixes: Sequence[str], *, strict: bool) -> list[Path]:
    path = Path(source)
    try:
        if path.is_dir():
            return _in_folder(path, recursive, suffixes, strict=strict)
        if os.path.lexists(path):
            return [path]
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot read {source!r}: {reason(error)}.") from error
    if glob.has_magic(source):
        return _matching(source, recursive, suffixes)
    raise ImageError(no_such_file(source))


def _in_folder(
    folder: Path, recursive: bool, suffixes: Sequence[str], *, strict: bool
) -> list[Path]:
    walked = _walk(folder, recursive, suffixes)
    files = sorted(walked, key=lambda path: _natural(path.relative_to(folder)))
    if not files and strict:
        raise ImageError(
            f"expected images in the folder {str(folder)!r}, found none: looked "
            f"{'in it and all folders in it' if recursive else 'in it'} for "
            f"{', '.join(suffixes)}. Give files of other names one by one or as a pattern."
        )
    return files


def _walk(folder: Path, recursive: bool, suffixes: Sequence[str]) -> Iterator[Path]:
    """The image files in a folder; links to folders are followed, but no folder twice."""
    seen: set[tuple[int, int]] = set()

    def unreadable(error: OSError) -> None:
        why = f"cannot read the folder {error.filename!r}: {reason(error)}."
        raise ImageError(why) from error

    for root, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        status = os.stat(root)  # noqa: PTH116
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in files:
            path = Path(root, name)
            if not name.startswith(".") and _is_known(path, suffixes) and path.is_file():
                yield path


def _matching(pattern: str, recursive: bool, suffixes: Sequence[str]) -> list[Path]:
    try:
        paths = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    except (OSError, ValueError, re.error) as error:
        raise ImageError(f"cannot look for {pattern!r}: {reason(error)}.") from error
    any_suffix = re.search(r"\.[A-Za-z0-9]+$", pattern) is not None
    images: list[Path] = []
    for path in sorted(paths, key=_natural):
        if path.is_dir():
            if recursive:
                images += sorted(_walk(path, recursive, suffixes), key=_natural)
        elif path.is_file() and (any_suffix or _is_known(path, suffixes)):
            images.append(path)
    if not images:
        matched = f"{len(paths)} names but no image" if paths else "nothing"
        raise ImageError(
            f"expected images that match {pattern!r}, found {matched}: looked for "
            f"{'files of that name' if any_suffix else ', '.join(suffixes)} in "
            f"{str(Path.cwd())!r}. Check the pattern."
        )
    return images


def _is_known(path: Path, suffixes: Sequence[str]) -> bool:
    return path.suffix.lower() in suffixes


def _natural(path: Path) -> tuple[tuple[tuple[str | int, ...], str], ...]:
    """A key that sorts numbers in names by their value."""
    # Text and digits alternate, so that like is compared with like.
    split = [re.split(r"([0-9]+)", part.casefold()) for part in path.parts]
    keys = (tuple(int(s) if i % 2 else s for i, s in enumerate(part)) for part in split)
    return tuple(zip(keys, path.parts, strict=True))
