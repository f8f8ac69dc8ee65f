"""Cleaning and measuring text, and finding the fonts that have its letters.

The rule of this module: text from strangers (file names, layer names) becomes drawable and
harmless here, once; what does not fit is shortened in the middle, where names differ least. DejaVu
draws every letter that it has, so that pictures are the same on every machine; a font of this
machine is used only for other letters, and a line says so if there is none or a library is missing.
No font library is imported early.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont
    from PIL.ImageFont import FreeTypeFont

ELLIPSIS = "…"
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Characters that change the direction of the text around them, and the byte order mark."""
MEASURED_AT = 64


def clean(text: str, *, lines: bool = False) -> str:
    """The text without characters that no file format can hold, on one line unless ``lines``.

    >>> clean("two" + chr(10) + "lines" + chr(0xDC80))
    'two lines�'
    """
    if text.isprintable():
        return text
    allowed = "\n\t" if lines else ""
    return "".join(
        letter if letter.isprintable() or letter in allowed else _clean_character(letter)
        for letter in text
    )


def _clean_character(character: str) -> str:
    if character in "\n\r\t\u2028\u2029":
        return " "
    # Controls, lone surrogates and code points that are no characters; U+202E and the like
    # would let a file's name rewrite the line that it is in.
    broken = unicodedata.category(character) in ("Cc", "Cs", "Cn") or character in REORDERING
    return "\ufffd" if broken else character


@functools.lru_cache(maxsize=4096)
def is_latin(text: str) -> bool:
    """Whether the standard fonts of PDF can draw the text.

    >>> is_latin("épée – 3 × 3"), is_latin("кот")
    (True, False)
    """
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


@functools.lru_cache(maxsize=64)
def pixel_font(file: Path | None, size: float) -> FreeTypeFont:
    """A font for pictures of pixels; Pillow's own where there is none."""
    from PIL import ImageFont

    if file is None:
        default: FreeTypeFont = ImageFont.load_default(size)  # type: ignore[assignment]
        return default
    # The basic layout is part of every Pillow, so that the same text gives the same pixels.
    basic = ImageFont.Layout.BASIC
    return ImageFont.truetype(str(file), size, 0, layout_engine=basic)


@functools.lru_cache(maxsize=16384)
def text_width(text: str, size: float, bold: bool = False, *, pixels: bool = False) -> float:
    """The width of a text in points; in PDF and SVG, or in a picture of pixels."""
    if pixels or not is_latin(text):
        total = sum(
            pixel_font(file, MEASURED_AT).getlength(part) for part, file in runs(text, bold)
        )
        return float(total) * size / MEASURED_AT
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(stringWidth(text, "Helvetica-Bold" if bold else "Helvetica", size))


def shorten(text: str, width: float, measure: Callable[[str], float]) -> str:
    """The text, or its beginning and its end around an ellipsis, no wider than ``width``.

    >>> shorten("a_very_long_name_of_a_file.jpg", 70, lambda text: text_width(text, 8))
    'a_very_l…_file.jpg'
    """
    if measure(text) <= width:
        return text

    def cut(count: int) -> str:
        return text[: count // 2] + ELLIPSIS + text[len(text) - (count + 1) // 2 :]

    return cut(bisect_right(range(1, len(text)), width, key=lambda count: measure(cut(count))))


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The text in lines no wider than ``width``; words that are wider are shortened.

    >>> wrap("one two three", 40, lambda text: text_width(text, 8))
    ['one two', 'three']
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if measure(longer) <= width:
            lines[-1:] = [longer]
        else:
            lines.append(shorten(word, width, measure))
    return lines


SHAPED = (
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada"),
    *("Malayalam", "Sinhala", "Khmer", "Myanmar", "Tibetan", "Mongolian", "Syriac"),
)
"""Scripts whose letters change order and form, which is not supported."""
FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("%WINDIR%/Fonts", "%LOCALAPPDATA%/Microsoft/Windows/Fonts"),
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
}
"""Where each system has its fonts."""


class Run(NamedTuple):
    """A piece of a text, as it is drawn, and its font file, whose first font is used."""

    text: str
    file: Path | None


def visual(text: str) -> str:
    """The text in the order and the forms in which its letters are drawn from left to right.

    Order by python-bidi (Unicode's annex 9), forms of Arabic letters by arabic-reshaper; without
    these libraries the text is as it was.
    """
    if text.isascii() or not _is_right_to_left(text) or not _has_libraries():
        return text
    from arabic_reshaper import reshape
    from bidi import get_display

    return str(get_display(reshape(text)))


@functools.lru_cache(maxsize=4096)
def runs(text: str, bold: bool = False) -> tuple[Run, ...]:
    """The pieces of a text from left to right, each with a font that has its letters.

    A letter that no font has is in DejaVu, which shows a box; without DejaVu the font is ``None``.
    """
    first = dejavu(bold)
    pieces: list[Run] = []
    for letter in visual(text):
        file = first
        if first is not None and not _has(first, letter):
            before = [pieces[-1].file] if pieces and pieces[-1].file else []
            file = next((path for path in (*before, *_installed()) if _has(path, letter)), first)
        if pieces and pieces[-1].file == file:
            pieces[-1] = Run(pieces[-1].text + letter, file)
        else:
            pieces.append(Run(letter, file))
    return tuple(pieces)


@functools.cache
def dejavu(bold: bool = False) -> Path | None:
    """The DejaVu font that comes with Matplotlib, found without importing Matplotlib."""
    spec = importlib.util.find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "mpl-data", "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf")
        if path.is_file():
            return path
    return None


def lacking(texts: Iterable[str]) -> str:
    """Which scripts cannot be drawn correctly, and what helps; ``""`` if all can."""
    missing: dict[str, None] = {}
    unjoined: dict[str, None] = {}
    for run in {run for text in texts if not text.isascii() for run in runs(text)}:
        for letter in run.text:
            script = _script(letter)
            if run.file is None or not _has(run.file, letter):
                missing[script] = None
            elif script in SHAPED or (_is_right_to_left(letter) and not _has_libraries()):
                unjoined[script] = None
    sentences = []
    if missing:
        sentences.append(
            f"No font of this machine has the letters of {', '.join(sorted(missing))}: install "
            "one, such as Noto Sans, or write .html."
        )
    if unjoined:
        helps = "" if set(unjoined) & set(SHAPED) else "pip install 'layersight[scripts]', or "
        sentences.append(
            f"Letters of {', '.join(sorted(unjoined))} may stand one by one, not joined or in "
            f"order: {helps}write .html or .svg."
        )
    return " ".join(sentences)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[TTFont]:
    from fontTools.ttLib import TTFont

    which = 0 if file.suffix.lower() in (".ttc", ".otc") else -1
    with file.open("rb") as stream, TTFont(stream, fontNumber=which, lazy=True) as font:
        yield font


@functools.cache
def _has_libraries() -> bool:
    return all(importlib.util.find_spec(name) for name in ("arabic_reshaper", "bidi"))


def _is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


def _has(file: Path, letter: str) -> bool:
    """Whether a font can draw a letter; invisible ones need no font."""
    return ord(letter) in _covered(file) or unicodedata.category(letter) == "Cf"


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "unknown letters").split()[0]
    return "Chinese" if name == "CJK" else name.capitalize()


@functools.cache
def _covered(file: Path) -> frozenset[int]:
    """The code points that a font has a glyph for; none if it cannot be read."""
    try:
        with opened(file) as font:
            return frozenset(font.getBestCmap() or ())
    except Exception:  # fonts are files of any kind, and fontTools documents no errors
        return frozenset()


@functools.cache
def _installed() -> tuple[Path, ...]:
    """The fonts of this machine, upright sans serif ones first."""
    system = sys.platform if sys.platform in FOLDERS else "linux"
    folders = (Path(os.path.expandvars(name)).expanduser() for name in FOLDERS[system])
    fonts = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in (".ttf", ".otf", ".ttc", ".otc")
    }

    def rank(path: Path) -> tuple[bool, bool, str, str]:
        name = path.stem.lower()
        slanted = any(word in name for word in ("bold", "italic", "oblique", "black", "light"))
        return slanted, "serif" in name or "mono" in name, name, str(path)

    return tuple(sorted(fonts, key=rank))
