"""The kind of a model file, by its content and never by its suffix."""

from __future__ import annotations

import zipfile
from pathlib import Path

from layersight.errors import ModelFileError, near
from layersight.loading.bounded import check_path, check_regular, open_zip, read_start
from layersight.loading.checkpoint import find_checkpoint

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".hdf", ".model")

ORIGINAL = "give the Keras model that it was made from"


def recognise(path: Path) -> str:
    """The kind of a file: ``hdf5``, ``keras``, ``tfjs``, ``savedmodel`` or ``checkpoint``."""
    check_path(path)
    if not path.exists():
        if find_checkpoint(path) is not None:
            return "checkpoint"
        beside: list[str] = []
        if path.parent.is_dir():
            beside = [p.name for p in path.parent.iterdir() if p.suffix in MODEL_SUFFIXES]
        raise ModelFileError(f"no model file {path}.{near(path.name, beside)}")
    if path.is_dir():
        description = path / "model.json"
        if not description.is_symlink() and _is_tfjs(read_start(description, 4096)):
            return "tfjs"
        if (path / "saved_model.pb").is_file():
            return "savedmodel"
        if find_checkpoint(path) is not None:
            return "checkpoint"
        models = sorted(p.name for p in path.iterdir() if p.suffix in MODEL_SUFFIXES)
        hint = f" It holds {', '.join(models[:4])}." if models else ""
        raise ModelFileError(f"{path} is a folder: expected a .keras or HDF5 file.{hint}")
    size = check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror or error}") from error
    # HDF5 has its signature at 0 or at a power of two from 512 on.
    if any(head[offset : offset + 8] == HDF5_MAGIC for offset in (0, 512, 1024, 2048)):
        return "hdf5"
    if head.startswith(b"PK"):
        return _zip(path)
    if _is_tfjs(head):
        return "tfjs"
    if find_checkpoint(path) is not None:
        return "checkpoint"
    raise ModelFileError(
        f"{path} is not a Keras model: expected a .keras or HDF5 file, "
        f"found {describe_bytes(head, size)}"
    )


def _is_tfjs(head: bytes) -> bool:
    """Whether a JSON document describes a model of TensorFlow.js."""
    named = b"modelTopology" in head or b"weightsManifest" in head
    return named and head.lstrip().startswith(b"{")


# First bytes of other kinds of files, and their descriptions.
OTHERS: tuple[tuple[bytes | tuple[bytes, ...], str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with 'git lfs pull'"),
    (
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "a Python pickle, which would run code when opened: it is not opened",
    ),
    (
        (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF"),
        "an image: give the model first and the image second",
    ),
)


def describe_bytes(head: bytes, size: int) -> str:
    """A description of a file by its first bytes, with advice on how to get a model."""
    text = head[:512].lstrip().lower()
    if not size:
        return "an empty file"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page: download the file itself, not the page that shows it"
    for magic, description in OTHERS:
        if head.startswith(magic):
            return description
    if head[4:8] == b"TFL3":
        return f"a TensorFlow Lite model, which has no Keras layers: {ORIGINAL}"
    if b"onnx" in head[:256].lower() or b"pytorch" in head[:64].lower():
        return f"what looks like an ONNX model, which has no Keras layers: {ORIGINAL}"
    if text.startswith((b"{", b"[")):
        is_config = b"class_name" in head
        return "the configuration of a model without its weights" if is_config else "a JSON file"
    if all(byte in b"\t\n\r" or 32 <= byte < 256 for byte in head[:256]) and b"\0" not in head:
        start = head[:40].decode("latin-1").splitlines()[0]
        return f"a text file that starts with '{start}'"
    return f"{size} bytes of an unknown kind that start with {head[:8].hex(' ')}"


def _zip(path: Path) -> str:
    try:
        with open_zip(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated zip archive ({error}): expected a .keras file. "
            "Download or save it again."
        ) from error
    if "config.json" in names:
        return "keras"
    if any(name.endswith("data.pkl") for name in names):
        raise ModelFileError(
            f"{path} is a PyTorch file (a zip archive with a pickle), which would run code when "
            "opened: expected a .keras or HDF5 file"
        )
    if any(name.endswith("saved_model.pb") for name in names):
        raise ModelFileError(f"{path} is a zipped SavedModel: unpack it and open the folder")
    inside = [name for name in sorted(names) if name.endswith(("model.json", *MODEL_SUFFIXES))]
    if inside:
        raise ModelFileError(
            f"{path} is a zip archive with a model in it: unpack it and open {inside[0]:.100}"
        )
    raise ModelFileError(
        f"{path} is a zip archive without a model: expected config.json in it, found "
        f"{', '.join(sorted(names)[:4]) or 'nothing'}"
    )
