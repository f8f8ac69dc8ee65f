"""Finding a checkpoint of TensorFlow by its name or any of its files.

A checkpoint ``cp.ckpt`` is the files ``cp.ckpt.index`` and ``cp.ckpt.data-00000-of-00001``; beside
them is a text file ``checkpoint``, which names the newest one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from layersight.errors import ModelFileError
from layersight.loading.bounded import check_inside, check_path, read_start

INDEX = ".index"
SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
STATE = "checkpoint"  # the text file that names the newest checkpoint of a folder
NEWEST = re.compile(rb'^\s*model_checkpoint_path:\s*"([^"\n]{1,1000})"', re.MULTILINE)
MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # the last bytes of an index

WITHOUT_NETWORK = (
    "is a TensorFlow checkpoint, which holds weights without the network that they belong to: "
    "name the network with --architecture, by a JSON file of its configuration "
    "(model.to_json()) or, for example, --architecture VGG16"
)


def find_checkpoint(path: Path) -> tuple[Path, str] | None:
    """The folder and the name of the checkpoint at a path, ``None`` if there is none.

    ``path`` is a folder with checkpoints, the file ``checkpoint`` in it, one of the files of a
    checkpoint, or the prefix of their names.
    """
    check_path(path)
    if path.is_dir():
        return _newest(path)
    if not path.exists():
        return (path.parent, path.name) if _is_index(path.parent, path.name) else None
    if path.name.endswith(INDEX) and _is_index(path.parent, path.name.removesuffix(INDEX)):
        return path.parent, path.name.removesuffix(INDEX)
    if (shard := SHARD.fullmatch(path.name)) is not None:
        name = shard.group(1)
        if _is_index(path.parent, name):
            return path.parent, name
        raise ModelFileError(
            f"{path} holds the numbers of a TensorFlow checkpoint: expected its index "
            f"{name}{INDEX} beside it"
        )
    if NEWEST.match(read_start(path, 4096)):
        return _newest(path.parent)
    return None


def _newest(folder: Path) -> tuple[Path, str] | None:
    """The newest checkpoint of a folder by its file ``checkpoint``, else the only one in it."""
    named = NEWEST.match(read_start(check_inside(folder, STATE), 4096))
    if named is not None:  # often with the folder of the machine that wrote it
        name = re.split(r"[/\\]", named.group(1).decode("utf-8", "replace"))[-1]
        if _is_index(folder, name):
            return folder, name
    names = sorted(entry.name.removesuffix(INDEX) for entry in folder.glob(f"*{INDEX}"))
    names = [each for each in names if _is_index(folder, each)]
    if len(names) > 1:
        raise ModelFileError(
            f"{folder} holds {len(names)} TensorFlow checkpoints: give one of them, for example "
            f"{folder / names[-1]}"
        )
    if named is not None and not names:
        raise ModelFileError(
            f"{folder / STATE} names the TensorFlow checkpoint '{name:.100}': expected "
            f"{name:.100}{INDEX} beside it"
        )
    return (folder, names[0]) if names else None


def _is_index(folder: Path, name: str) -> bool:
    """Whether there is a file for the index of a checkpoint, and it is an index."""
    if not name or not os.path.isfile(folder / f"{name}{INDEX}"):  # noqa: PTH113 - never raises
        return False
    file = check_inside(folder, f"{name}{INDEX}")
    try:
        with file.open("rb") as index:
            index.seek(0, 2)
            if index.tell() < len(MAGIC):
                return False
            index.seek(-len(MAGIC), 2)
            return index.read() == MAGIC
    except OSError as error:
        raise ModelFileError(f"cannot read {file}: {error.strerror or error}") from error
