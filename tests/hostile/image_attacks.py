"""Attacks by images, arrays and files of labels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from hostile.registry import Attack, Traps, attack, pickled, register_attack

GIB = 1 << 30


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return (
        struct.pack(">L", len(content))
        + kind
        + content
        + struct.pack(">L", zlib.crc32(kind + content))
    )


def header(width: int, height: int, *, bits: int = 8, colour: int = 2) -> bytes:
    """The beginning of a PNG file."""
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">2L5B", width, height, bits, colour, 0, 0, 0)
    )


def good_png(size: tuple[int, int] = (8, 8)) -> bytes:
    """A small picture."""
    target = io.BytesIO()
    pixels = np.arange(size[0] * size[1] * 3, dtype="uint8").reshape(size[1], size[0], 3)
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


@attack("image.png", kind="image", heavy=True, refused=True)
def png_huge(path: Path, traps: Traps) -> None:
    """A PNG that claims 100,000 x 100,000 pixels and holds hardly any."""
    path.write_bytes(
        header(100_000, 100_000) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@attack("image.png", kind="image", heavy=True)
def png_within_bounds(path: Path, traps: Traps) -> None:
    """A PNG of nearly 150 megapixels with alpha, deflated to a few hundred kilobytes."""
    width, height = 12_000, 12_400
    packer = zlib.compressobj(9)
    row = bytes(width * 4 + 1)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    content = header(width, height, colour=6) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    path.write_bytes(content)


@attack("image.png", kind="image", heavy=True)
def png_deep_within_bounds(path: Path, traps: Traps) -> None:
    """The same in 16 bits of grey, which are spread as floats."""
    width, height = 12_000, 12_400
    packer = zlib.compressobj(9)
    row = b"\0" + bytes(range(200)) * (width // 100)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    content = header(width, height, bits=16, colour=0) + chunk(b"IDAT", data)
    path.write_bytes(content + chunk(b"IEND", b""))


@attack("image.png", kind="image", heavy=True)
def png_line(path: Path, traps: Traps) -> None:
    """A PNG of one row and 140 million columns."""
    width = 140_000_000
    packer = zlib.compressobj(1)
    data = b"".join([packer.compress(bytes(width + 1)), packer.flush()])
    path.write_bytes(header(width, 1, colour=0) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


@attack("image.png", kind="image", heavy=True)
def png_text_bomb(path: Path, traps: Traps) -> None:
    """Texts in a PNG that inflate to a gibibyte each."""
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 24)
    data = b"".join([*(packer.compress(zeros) for _ in range(64)), packer.flush()])
    good = good_png()
    bombs = chunk(b"zTXt", b"Comment\0\0" + data) + chunk(b"iTXt", b"a\0\1\0\0\0" + data)
    bombs += chunk(b"iCCP", b"profile\0\0" + data) + chunk(b"eXIf", bytes(1 << 20))
    path.write_bytes(good[:33] + bombs * 2 + good[33:])


@attack("image.png", kind="image")
def png_many_chunks(path: Path, traps: Traps) -> None:
    """A PNG with 300,000 empty texts before its pixels."""
    good = good_png()
    path.write_bytes(good[:33] + chunk(b"tEXt", b"a\0b") * 300_000 + good[33:])


@attack("image.png", kind="image", refused=True)
def png_damaged_chunks(path: Path, traps: Traps) -> None:
    """A PNG whose chunk claims 4 GiB, and another kind with escape codes as its name."""
    good = good_png()
    path.write_bytes(good[:33] + b"\xff\xff\xff\xf0\x1b[2J" + good[33:])


@attack("image.png", kind="image", heavy=True)
def apng_frames(path: Path, traps: Traps) -> None:
    """An animated PNG that claims four thousand million frames."""
    good = good_png()
    control = chunk(b"acTL", struct.pack(">2L", 0xFFFFFFFF, 0))
    frame = chunk(b"fcTL", struct.pack(">5L2H2B", 0, 8, 8, 0, 0, 1, 1, 0, 0))
    path.write_bytes(good[:33] + control + frame + good[33:])


def _tiff(entries: list[tuple[int, int, int, int]], rest: bytes = b"", following: int = 0) -> bytes:
    head = b"II*\0" + struct.pack("<L", 8) + struct.pack("<H", len(entries))
    body = b"".join(struct.pack("<2H2L", *entry) for entry in sorted(entries))
    return head + body + struct.pack("<L", following) + rest


def _tiff_of(
    width: int, height: int, *, compression: int = 1, rows: int = 1
) -> list[tuple[int, int, int, int]]:
    return [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression)),
        *((262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, rows)),
        (279, 4, 1, 0x7FFFFFFF),
    ]


@attack("image.tif", kind="image", heavy=True, refused=True)
def tiff_huge(path: Path, traps: Traps) -> None:
    """A TIFF that claims 10^9 x 10^9 pixels."""
    path.write_bytes(_tiff(_tiff_of(10**9, 10**9), bytes(300)))


@attack("image.tif", kind="image", heavy=True)
def tiff_many_entries(path: Path, traps: Traps) -> None:
    """A TIFF whose tags claim gibibytes of values."""
    entries = [*_tiff_of(8, 8), (700, 1, 0x7FFFFFFF, 8), (34665, 4, 0x3FFFFFFF, 8)]
    path.write_bytes(_tiff([*entries, (34853, 4, 1, 8), (330, 4, 1, 8)], bytes(300), 8))


@attack("image.tif", kind="image", heavy=True)
def tiff_strips_bomb(path: Path, traps: Traps) -> None:
    """A TIFF of 149 megapixels, deflated, through libtiff."""
    width, height = 12_200, 12_200
    data = zlib.compress(bytes(width * height), 9)
    entries = [e for e in _tiff_of(width, height, compression=8, rows=height) if e[0] != 279]
    entries = [e for e in entries if e[0] != 273] + [(273, 4, 1, 300), (279, 4, 1, len(data))]
    content = _tiff(entries)
    path.write_bytes(content + bytes(300 - len(content)) + data)


@attack("image.tif", kind="image", heavy=True)
def tiff_tile(path: Path, traps: Traps) -> None:
    """A TIFF of 8 x 8 pixels in one tile of 60,000 x 60,000."""
    entries = [e for e in _tiff_of(8, 8, compression=8) if e[0] not in (273, 278, 279)]
    entries += [(322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 300), (325, 4, 1, 900)]
    content = _tiff(entries)
    data = zlib.compress(bytes(1 << 20))
    path.write_bytes(content + bytes(300 - len(content)) + data)


def _gif(side: int) -> bytes:
    """The beginning of a GIF file of a square canvas."""
    return b"GIF89a" + struct.pack("<2H3B", side, side, 0x80, 0, 0) + bytes(6)


def _frame(start: int, side: int) -> bytes:
    return b"," + struct.pack("<4HB", start, start, side, side, 0) + b"\x02\x02\x44\x01\x00"


@attack("image.gif", kind="image", heavy=True, refused=True)
def gif_huge_canvas(path: Path, traps: Traps) -> None:
    """A GIF with a canvas of 65,535 x 65,535 for one pixel."""
    path.write_bytes(_gif(65535) + _frame(0, 1) + b";")


@attack("image.gif", kind="image", heavy=True)
def gif_many_frames(path: Path, traps: Traps) -> None:
    """A GIF with 500,000 frames."""
    path.write_bytes(_gif(1) + _frame(0, 1) * 500_000 + b";")


@attack("image.gif", kind="image", heavy=True)
def gif_comment(path: Path, traps: Traps) -> None:
    """A GIF with 50 MB of comments before its frame."""
    comment = b"\x21\xfe" + (b"\xff" + b"\x1b" * 255) * 200_000 + b"\0"
    path.write_bytes(_gif(1) + comment + _frame(0, 1) + b";")


@attack("image.gif", kind="image")
def gif_frame_outside(path: Path, traps: Traps) -> None:
    """A GIF whose frame is larger than its canvas and lies outside of it."""
    path.write_bytes(_gif(1) + _frame(60_000, 60_000) + b";")


@attack("image.webp", kind="image", heavy=True, refused=True)
def webp_huge(path: Path, traps: Traps) -> None:
    """A WebP that claims 16,384 x 16,384 pixels."""
    body = b"WEBPVP8L" + struct.pack("<L", 20) + b"\x2f" + struct.pack("<L", 0x0FFFFFFF) + bytes(15)
    path.write_bytes(b"RIFF" + struct.pack("<L", len(body)) + body)


@attack("image.webp", kind="image", heavy=True)
def webp_animated(path: Path, traps: Traps) -> None:
    """An animated WebP with a canvas of 2^24 x 2^24."""
    flags = b"\x02\0\0\0" + b"\xff\xff\xff" * 2
    body = b"WEBPVP8X" + struct.pack("<L", 10) + flags
    body += b"ANIM" + struct.pack("<L", 6) + bytes(6)
    path.write_bytes(b"RIFF" + struct.pack("<L", len(body)) + body)


@attack("image.bmp", kind="image", heavy=True, refused=True)
def bmp_huge(path: Path, traps: Traps) -> None:
    """A BMP of 2^31-1 by minus 2^31 pixels with a palette of 2^32 colours."""
    info = struct.pack("<L2l2H6L", 40, 2**31 - 1, -(2**31), 1, 8, 1, 0, 0, 0, 2**32 - 1, 0)
    path.write_bytes(b"BM" + struct.pack("<L2HL", 54, 0, 0, 54) + info)


@attack("image.bmp", kind="image", heavy=True)
def bmp_runs(path: Path, traps: Traps) -> None:
    """A BMP of 12,000 x 12,000 pixels as run lengths that end at once."""
    info = struct.pack("<L2l2H6L", 40, 12_000, 12_000, 1, 8, 1, 0, 0, 0, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<L2HL", 54, 0, 0, 1078) + info + bytes(1024) + b"\0\1")


@attack("image.jpg", kind="image", heavy=True)
def jpeg_huge(path: Path, traps: Traps) -> None:
    """A JPEG whose header is changed to 65,500 x 65,500."""
    target = io.BytesIO()
    Image.new("RGB", (16, 16)).save(target, "JPEG")
    data = bytearray(target.getvalue())
    start = data.find(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">2H", 65_500, 65_500)
    path.write_bytes(data)


@attack("image.jpg", kind="image")
def exif_garbage(path: Path, traps: Traps) -> None:
    """A JPEG with EXIF data that point to themselves, claim gibibytes and turn it 99 ways."""
    target = io.BytesIO()
    tags = [(0x0112, 3, 1, 99), (0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0x010E, 2, 2**31 - 1, 8)]
    exif = b"Exif\0\0" + _tiff(tags, b"", 8)
    Image.new("RGB", (8, 8)).save(target, "JPEG", exif=exif)
    path.write_bytes(target.getvalue())


@attack("image.jpg", kind="image", heavy=True)
def jpeg_scans(path: Path, traps: Traps) -> None:
    """A progressive JPEG of 8000 x 8000 with thousands of scans."""
    target = io.BytesIO()
    Image.new("L", (8000, 8000)).save(target, "JPEG", progressive=True)
    data = target.getvalue()
    first = data.find(b"\xff\xda")
    second = data.find(b"\xff\xc4", first)
    scan = data[first : second if second > 0 else -2]
    path.write_bytes(data[:-2] + scan * min(4000, (30 << 20) // max(len(scan), 1)) + data[-2:])


@attack("image.png", kind="image")
def truncated_images(path: Path, traps: Traps) -> None:
    """A PNG that ends in the middle of its pixels."""
    path.write_bytes(good_png((64, 64))[:200])


@attack("image.png", kind="image")
def polyglot(path: Path, traps: Traps) -> None:
    """A picture that is also a zip archive with a Python program, and a page with a script."""
    import zipfile

    target = io.BytesIO()
    target.write(good_png() + b"<script>alert(1)</script>")
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("__main__.py", traps.statement)
    path.write_bytes(target.getvalue())


@attack("image.png", kind="image", refused=True)
def postscript(path: Path, traps: Traps) -> None:
    """PostScript under the name of a picture, which would be handed to a program."""
    text = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n({traps.secret}) (r) file\nshowpage\n"
    path.write_text(text)


@attack("image.svg", kind="image", refused=True)
def svg(path: Path, traps: Traps) -> None:
    """An SVG with an external entity and an image elsewhere."""
    uri = traps.secret.as_uri()
    path.write_text(
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "{uri}">]>'
        f'<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text><image href="{uri}"/></svg>'
    )


@attack("image.png", kind="image", refused=True)
def folder_as_image(path: Path, traps: Traps) -> None:
    """A folder named like a picture, which holds a loop of links and a pipe."""
    path.mkdir(exist_ok=True)
    for name, target in (("loop", "."), ("up", ".."), ("a.png", "a.png")):
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(target)


@attack("\x1b[31m\nevil\u202egnp.png", kind="image")
def name_of_image(path: Path, traps: Traps) -> None:
    """A good picture whose name holds escape codes, a line break and a turn of direction."""
    path.write_bytes(good_png())


@attack("image.npy", kind="image", refused=True)
def pickled_array(path: Path, traps: Traps) -> None:
    """An array of objects, which are a pickle."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (8, 8, 3), }".ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + pickled(traps))


def _npy(name: str, says: str, kind: str, shape: str, *, size: int = 0) -> None:
    def writer(path: Path, traps: Traps) -> None:
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
        head = text.encode().ljust(117) + b"\n"
        prefix = b"\x93NUMPY\x02\x00" + len(head).to_bytes(4, "little") + head
        with path.open("wb") as file:
            file.write(prefix)
            file.truncate(len(prefix) + size)

    register_attack(Attack(name, "image.npy", says, writer, "image", heavy=True, refused=True))


_npy("array_claims", "An array that claims 10^12 numbers.", "<f4", "(1000000, 1000000)")
_says = "An array of 1.9 GiB of bytes, none of which is stored."
_npy("array_sparse", _says, "|u1", "(26000, 26000, 3)", size=26000 * 26000 * 3)
_says = "An array of 1.9 GiB of halves, which double as floats."
_npy("array_sparse_doubles", _says, "<f2", "(18000, 18000, 3)", size=18000 * 18000 * 6)
_says = "An array whose header is an expression that is long to evaluate."
_npy("array_header_code", _says, "<f4", "(" * 5001 + "9**9**9" + ")" * 5000 + ",)")
_npy("array_header_type", "An array of a type of 2 GB an item.", "(20000,20000)<f8", "()")


@attack("image.npy", kind="image", heavy=True, refused=True)
def array_header_long(path: Path, traps: Traps) -> None:
    """An array whose header claims 4 GiB."""
    path.write_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"{" * 5000)


# Labels


@attack("labels.txt", kind="labels")
def labels_with_codes(path: Path, traps: Traps) -> None:
    """Class names with escape codes and marks of direction."""
    path.write_text("0 \x1b[2J\x1b]0;evil\x07\n1 \u202egnp\u2066\n")


@attack("labels.txt", kind="labels", heavy=True)
def labels_many(path: Path, traps: Traps) -> None:
    """Thirty million class names."""
    path.write_bytes(b"a\n" * 30_000_000)


@attack("labels.txt", kind="labels", refused=True)
def labels_folder(path: Path, traps: Traps) -> None:
    """A folder instead of class names."""
    path.mkdir(exist_ok=True)
