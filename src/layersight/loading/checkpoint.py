"""Finding a checkpoint of TensorFlow, whichever of its files or names is given.

A checkpoint ``cp.ckpt`` is the files ``cp.ckpt.index`` and ``cp.ckpt.data-00000-of-00001``, and
beside them lies a text ``checkpoint``, which names the newest one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from layersight.errors import ModelFileError
from layersight.loading.bounded import check_inside, check_path, read_start

INDEX = ".index"
SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
STATE = "checkpoint"  # the text that names the newest checkpoint of a folder
NEWEST = re.compile(rb'^\s*model_checkpoint_path:\s*"([^"\n]{1,1000})"', re.MULTILINE)
MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # the end of an index

WITHOUT_NETWORK = (
    "is a TensorFlow checkpoint, which holds weights without the network that they belong to: "
    "name the network with --architecture, by a JSON file of its configuration "
    "(model.to_json()) or, for example, --architecture VGG16"
)


def find_checkpoint(path: Path) -> tuple[Path, str] | None:
    """The folder and the name of the checkpoint that a path stands for, else ``None``.

    ``path`` is a folder with checkpoints, the text ``checkpoint``, one of a checkpoint's files, or
    what their names begin with.
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
    """The checkpoint that a folder names as its newest, else the only one in it."""
    named = NEWEST.match(read_start(check_inside(folder, STATE), 4096))
    if named is not None:  # often with the folder of the machine that wrote it
        name = re.split(r"[/\\]", named.group(1).decode("utf-8", "replace"))[-1]
        if _is_index(folder, name):
            return folder, name
    held = sorted(entry.name.removesuffix(INDEX) for entry in folder.glob(f"*{INDEX}"))
    held = [name for name in held if _is_index(folder, name)]
    if len(held) > 1:
        raise ModelFileError(
            f"{folder} holds {len(held)} TensorFlow checkpoints: give one of them, for example "
            f"{folder / held[-1]}"
        )
    if named is not None and not held:
        raise ModelFileError(
            f"{folder / STATE} names the TensorFlow checkpoint '{name:.100}': expected "
            f"{name:.100}{INDEX} beside it"
        )
    return (folder, held[0]) if held else None


def _is_index(folder: Path, name: str) -> bool:
    """Whether the index of a checkpoint is there, and is one."""
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
