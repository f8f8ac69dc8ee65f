"""Attacks on zip archives and on what is recognised as a model."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path

from hostile.files import (
    conv,
    deflate_same,
    sequential,
    weights_bytes,
    write_good_model,
    write_keras,
    zlib_zeros,
)
from hostile.registry import Attack, Traps, Writer, attack, register_attack

GIB = 1 << 30


def _raw_member(name: bytes, data: bytes, size: int, *, method: int = 8, crc: int = 0) -> bytes:
    head = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, 0, method, 0, 0, crc, len(data), size, len(name), 0
    )
    return head + name + data


def _raw_entry(
    name: bytes, stored: int, size: int, offset: int, *, method: int = 8, crc: int = 0
) -> bytes:
    return (
        struct.pack(
            "<4s6H3L5H2L",
            *(b"PK\1\2", 20, 20, 0, method, 0, 0, crc, stored, size, len(name)),
            *(0, 0, 0, 0, 0, offset),
        )
        + name
    )


def _raw_end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, 0)


@attack("model.keras")
def traversal(path: Path, traps: Traps) -> None:
    """Members whose names lead out of any folder that they are unpacked into."""
    names = (f"../../../../../../../..{traps.canary}", str(traps.canary), "C:\\evil", "..\\evil")
    members = dict.fromkeys(names, b"x")
    write_keras(path, sequential(conv(), version=3), members=members)


@attack("model.keras", refused=True)
def config_is_symlink(path: Path, traps: Traps) -> None:
    """The configuration is a symbolic link to a secret file, the weights too."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, target in (
            ("config.json", traps.secret),
            ("model.weights.h5", traps.secret_hdf5),
        ):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, str(target))


@attack("model.keras", heavy=True, refused=True)
def config_bomb(path: Path, traps: Traps) -> None:
    """A configuration of 3 GiB of spaces, deflated."""
    data = deflate_same(b" ", 3 * GIB)
    name = b"config.json"
    member = _raw_member(name, data, 3 * GIB)
    entry = _raw_entry(name, len(data), 3 * GIB, 0)
    path.write_bytes(member + entry + _raw_end(1, len(entry), len(member)))


@attack("model.keras", heavy=True)
def config_claims_little(path: Path, traps: Traps) -> None:
    """A configuration of 3 GiB that claims 100 bytes."""
    data = deflate_same(b"\0", 3 * GIB)
    name = b"config.json"
    member = _raw_member(name, data, 100)
    entry = _raw_entry(name, len(data), 100, 0)
    path.write_bytes(member + entry + _raw_end(1, len(entry), len(member)))


@attack("model.keras", heavy=True)
def weights_bomb(path: Path, traps: Traps) -> None:
    """Weights with 3 GiB of zeros behind them, deflated to 3 MB."""
    first = weights_bytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    data, size = head + deflate_same(b"\0", 3 * GIB), len(first) + 3 * GIB
    config = json.dumps(sequential(conv(), version=3)).encode()
    parts, entries = b"", b""
    for name, content, whole, method in (
        (b"config.json", config, len(config), 0),
        (b"model.weights.h5", data, size, 8),
    ):
        crc = zlib.crc32(content) if method == 0 else 0
        entries += _raw_entry(name, len(content), whole, len(parts), method=method, crc=crc)
        parts += _raw_member(name, content, whole, method=method, crc=crc)
    path.write_bytes(parts + entries + _raw_end(2, len(entries), len(parts)))


@attack("model.keras", heavy=True)
def weights_bomb_in_large_file(path: Path, traps: Traps) -> None:
    """The same in a file of 200 MB that is not stored, so that 3 GiB seem in proportion."""
    weights_bomb(path, traps)
    with path.open("r+b") as file:
        packed = file.read()
        file.seek(0)
        file.truncate(0)
        file.write(b"PK\3\4")
        file.seek(200 << 20)  # a zip archive may stand after anything
        file.write(packed)


@attack("model.keras", heavy=True)
def weights_nested_bomb(path: Path, traps: Traps) -> None:
    """Weights of 4 GiB of zeros, deflated by HDF5 in 64 MiB of zeros that are deflated by zip."""

    def edit(file: object) -> None:
        group = file["layers/conv2d/vars"]  # type: ignore[index]
        del group["0"]
        made = group.create_dataset(
            "0", shape=(GIB,), dtype="float32", chunks=(GIB // 8,), compression="gzip"
        )
        chunk = zlib_zeros(GIB // 2)
        for number in range(8):
            made.id.write_direct_chunk((number * (GIB // 8),), chunk)

    write_keras(path, sequential(conv(), version=3), edit=edit)


@attack("model.keras", heavy=True, refused=True)
def huge_directory(path: Path, traps: Traps) -> None:
    """A central directory with 1,000,000 members, all of them the same byte."""
    names = [b"%07d" % number for number in range(1_000_000)]
    member = _raw_member(b"0000000", b"x", 1, method=0)
    entries = b"".join(_raw_entry(name, 1, 1, 0, method=0) for name in names)
    start, count = len(member), len(names)
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(entries), start
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(entries), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(member + entries + end64 + locator + end)


@attack("model.keras", refused=True)
def directory_that_lies(path: Path, traps: Traps) -> None:
    """A central directory that claims sizes and places beyond the end of the file."""
    name = b"config.json"
    member = _raw_member(name, b"{}", 2, method=0)
    entry = _raw_entry(name, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFF0, method=0)
    path.write_bytes(member + entry + _raw_end(1, len(entry), len(member)))


@attack("model.keras", refused=True)
def claims_four_gibibytes(path: Path, traps: Traps) -> None:
    """A stored configuration of two bytes that claims nearly 4 GiB."""
    name = b"config.json"
    member = _raw_member(name, b"{}", 60_000_000, method=0)
    entry = _raw_entry(name, 60_000_000, 60_000_000, 0, method=0)
    path.write_bytes(member + entry + _raw_end(1, len(entry), len(member)))


@attack("model.keras")
def duplicate_members(path: Path, traps: Traps) -> None:
    """Two configurations and two stores of weights; readers differ in which they take."""
    import warnings

    write_good_model(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("config.json", json.dumps(sequential(conv(filters=3), version=3)))
        archive.writestr("model.weights.h5", b"no weights")


@attack("model.keras", refused=True)
def encrypted(path: Path, traps: Traps) -> None:
    """A configuration that claims to be encrypted."""
    write_good_model(path)
    data = bytearray(path.read_bytes())
    start = data.find(b"PK\1\2")
    while start >= 0:
        data[start + 8] |= 1
        offset = int.from_bytes(data[start + 42 : start + 46], "little")
        data[offset + 6] |= 1
        start = data.find(b"PK\1\2", start + 4)
    path.write_bytes(data)


@attack("model.keras", heavy=True)
def lzma_dictionary(path: Path, traps: Traps) -> None:
    """A configuration by LZMA with a dictionary of 4 GiB."""
    write_keras(path, sequential(conv(), version=3), compression=zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    start = data.find(b"\x09\x04\x05\x00")
    while start >= 0:
        data[start + 5 : start + 9] = b"\xff\xff\xff\xff"
        start = data.find(b"\x09\x04\x05\x00", start + 4)
    path.write_bytes(data)


@attack("model.keras", refused=True)
def unknown_compression(path: Path, traps: Traps) -> None:
    """Members compressed by an unknown method."""
    write_good_model(path)
    data = bytearray(path.read_bytes())
    start = data.find(b"PK\1\2")
    while start >= 0:
        data[start + 10 : start + 12] = b"\x63\x00"
        offset = int.from_bytes(data[start + 42 : start + 46], "little")
        data[offset + 8 : offset + 10] = b"\x63\x00"
        start = data.find(b"PK\1\2", start + 4)
    path.write_bytes(data)


@attack("model.keras")
def names_in_archive(path: Path, traps: Traps) -> None:
    """Members whose names hold escape codes, line breaks and megabytes of text."""
    names = ("\x1b[2J\x1b]0;evil\x07", "a\nb\r\nlayersight: all is well", "x" * 60_000, "\u202egpj")
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


@attack("model.keras", refused=True)
def metadata_attack(path: Path, traps: Traps) -> None:
    """Metadata that is a list, the version an object with escape codes."""
    write_good_model(path)
    members = {"metadata.json": b'[{"keras_version": {"a": "\\u001b[31m"}}]'}
    write_keras(path, sequential(conv(), version=3), members=members)


@attack("model.keras")
def metadata_version(path: Path, traps: Traps) -> None:
    """A version with escape codes and digits of other scripts, in a model that fails."""
    text = json.dumps({"keras_version": "²³\x1b[31m\n\u0663.0" + "9" * 9000})
    wrong = sequential(conv(kernel_size="x"), version=3)
    write_keras(path, wrong, members={"metadata.json": text.encode()})


@attack("model.keras", refused=True)
def truncated_archive(path: Path, traps: Traps) -> None:
    """An archive that ends in the middle of its directory."""
    write_good_model(path)
    path.write_bytes(path.read_bytes()[:-30])


@attack("model.keras")
def archive_in_archive(path: Path, traps: Traps) -> None:
    """The weights are an archive that holds the archive."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("model.weights.h5", weights_bytes())
    write_keras(path, sequential(conv(), version=3), weights=inner.getvalue())


@attack("model.keras", heavy=True, refused=True)
def folder_as_model(path: Path, traps: Traps) -> None:
    """A folder named like a file, with a model.json of 3 GiB that is not stored."""
    path.mkdir(exist_ok=True)
    with (path / "model.json").open("wb") as file:
        file.truncate(3 * GIB)


@attack("model", heavy=True, refused=True)
def folder_with_fifo(path: Path, traps: Traps) -> None:
    """A folder whose model.json is a pipe."""
    path.mkdir(exist_ok=True)
    (path / "model.json").unlink(missing_ok=True)
    os.mkfifo(path / "model.json")


@attack("model", refused=True)
def saved_model_folder(path: Path, traps: Traps) -> None:
    """A SavedModel whose asset and variables are links to secret files."""
    for name, target in (
        ("saved_model.pb", traps.secret_folder / "saved_model.pb"),
        ("keras_metadata.pb", traps.secret),
        ("variables", traps.folder),
    ):
        path.mkdir(exist_ok=True)
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(target)


@attack("model.onnx", heavy=True, refused=True)
def onnx_external(path: Path, traps: Traps) -> None:
    """An ONNX model whose tensor lies in another file, and claims 2 GiB."""
    location = str(traps.secret).encode()
    entry = b"\x0a\x08location\x12" + bytes([len(location)]) + location
    tensor = b"\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    path.write_bytes(b"\x08\x07\x12\x04onnx\x3a\xff\xff\xff\xff\x07" + tensor * 10)


# What is no file, or a file of a few bytes


def _pipe(path: Path, traps: Traps) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _device(path: Path, traps: Traps) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def _loop(path: Path, traps: Traps) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def _sparse(path: Path, traps: Traps) -> None:
    with path.open("wb") as file:
        file.truncate((6 if path.suffix == ".txt" else 3) * GIB)


def _holding(data: bytes) -> Writer:
    return lambda path, traps: _write(path, data)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


for _name, _file, _kind, _writer, _says in (
    ("fifo_as_model", "model.h5", "model", _pipe, "A pipe that is never written to."),
    ("fifo_as_image", "image.png", "image", _pipe, "A pipe as an image."),
    ("labels_fifo", "labels.txt", "labels", _pipe, "A pipe as a file of class names."),
    ("device_as_model", "model.h5", "model", _device, "A link to a device that never ends."),
    ("device_as_image", "image.png", "image", _device, "An image that never ends."),
    ("labels_device", "labels.txt", "labels", _device, "A file of class names that never ends."),
    ("sparse_image", "image.png", "image", _sparse, "An image of 3 GiB that is not stored."),
    ("labels_sparse", "labels.txt", "labels", _sparse, "6 GiB of class names, not stored."),
):
    register_attack(Attack(_name, _file, _says, _writer, _kind, heavy=True, refused=True))

OF_FEW_BYTES: tuple[tuple[str, str, str, Writer, str], ...] = (
    ("link_loop_as_model", "model.h5", "model", _loop, "A link to itself."),
    ("link_loop_as_image", "image.png", "image", _loop, "A link to itself as an image."),
    (
        "text_as_model",
        "model.h5",
        "model",
        _holding(b"\x1b[2J\x1b[31m\x9b31mevil\tline\r\n" * 20),
        "A text file whose first line has escape codes, quoted in the message.",
    ),
    (
        "bidirectional_text_as_model",
        "model.h5",
        "model",
        _holding("\u202e\u2066\u200f evil".encode() * 20),
        "A text file that starts with marks that turn the direction of writing.",
    ),
    (
        "name_of_file",
        "\x1b[31m\nlayersight: evil.h5",
        "model",
        _holding(b"nothing"),
        "The name of the file itself holds escape codes and a line break.",
    ),
    (
        "tflite",
        "model.tflite",
        "model",
        _holding(b"\x1c\0\0\0TFL3" + b"\xff" * 500),
        "A damaged TensorFlow Lite model.",
    ),
)
for _name, _file, _kind, _write_it, _says in OF_FEW_BYTES:
    register_attack(Attack(_name, _file, _says, _write_it, _kind, refused=True))
