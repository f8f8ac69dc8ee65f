"""Pages as a PDF document.

The rule of this module: text and lines are vectors, every image is stored once, at its own pixels
and losslessly unless it is a photograph, and the same pages give the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import zlib
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from layersight.document.blocks import Document
from layersight.version import __version__
from layersight.writers.fonts import (
    MEASURED_AT,
    clean,
    is_latin,
    opened,
    pixel_font,
    runs,
    text_width,
)
from layersight.writers.pages import paginate
from layersight.writers.pixels import photo, up_filtered
from layersight.writers.sketch import PAPER, Anchor, Box, Line, Link, Page, Picture, Text

COMPRESSION = 1  # of zlib for images; higher levels take far longer and save little on feature maps

STANDARD_FONTS = {False: "Helvetica", True: "Helvetica-Bold"}
OPERATORS = (("m", 1), ("l", 1), ("c", 3), ("h", 0))  # of ReportLab's paths, with their points


def _image(picture: Picture) -> Any:
    """The picture as a lossless image with a palette or in RGB; a photograph as a JPEG file."""
    pixels, palette = picture.pixels, picture.palette
    height, width = pixels.shape[:2]
    coding, parameters = "FlateDecode", None
    space: Any = pdfdoc.PDFName("DeviceRGB")
    if palette is not None:
        table = f"<{palette.tobytes().hex()}>"
        space = pdfdoc.PDFArray([pdfdoc.PDFName("Indexed"), space, len(palette) - 1, table])
        content = zlib.compress(pixels.tobytes(), COMPRESSION)
    elif picture.photo:
        content, coding = photo(pixels, "JPEG"), "DCTDecode"
    else:
        content = zlib.compress(up_filtered(pixels.reshape(height, -1)).tobytes(), COMPRESSION)
        parameters = {"Predictor": 15, "Colors": 3, "BitsPerComponent": 8, "Columns": width}
    stream = pdfdoc.PDFStream(content=content)
    stream.dictionary.dict.update(
        Type=pdfdoc.PDFName("XObject"),
        Subtype=pdfdoc.PDFName("Image"),
        Width=width,
        Height=height,
        BitsPerComponent=8,
        ColorSpace=space,
        Interpolate="true" if picture.photo else "false",
        Filter=pdfdoc.PDFName(coding),
    )
    if parameters is not None:
        stream.dictionary.dict["DecodeParms"] = pdfdoc.PDFDictionary(parameters)
    return stream


def to_pdf(document: Document, manifest: str) -> bytes:
    """A document as one PDF, whose keywords are the manifest; the same bytes each time."""
    pages = paginate(document, PAPER)
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1, pageCompression=1, lang="en-GB")
    canvas.setTitle(clean(document.name))
    canvas.setSubject(clean(document.caption))
    canvas.setKeywords(clean(manifest))
    canvas.setCreator(f"layersight {__version__}")
    canvas.setAuthor("")
    anchors = [item for page in pages for item in page.items if isinstance(item, Anchor)]
    targets = {item.name for item in anchors}
    for page in pages:
        _Writer(canvas, page, targets).write()
        canvas.showPage()
    if any(item.title for item in anchors):
        canvas.showOutline()
    canvas.save()
    return file.getvalue()


class _Writer:
    """Writes one page with the operators of PDF.

    A page may have thousands of labels, so state (font, colours) is written only if it changes.
    """

    def __init__(self, canvas: Canvas, page: Page, targets: set[str]) -> None:
        # Any: the operators are written past the methods that reportlab declares.
        self.canvas: Any = canvas
        self.page = page
        self.targets = targets
        self.state: dict[str, object] = {}

    def write(self) -> None:
        self.canvas.setPageSize((self.page.width, self.page.height))
        for item in self.page.items:
            getattr(self, "_" + type(item).__name__.lower())(item)

    def _changed(self, key: str, value: object) -> bool:
        if self.state.get(key) == value:
            return False
        self.state[key] = value
        return True

    def _fill(self, colour: str) -> None:
        if self._changed("fill", colour):
            self._emit(f"{_rgb(colour)} rg")

    def _stroke(self, colour: str, width: float) -> None:
        if self._changed("stroke", (colour, width)):
            self._emit(f"{_rgb(colour)} RG {width:g} w")

    def _emit(self, code: str) -> None:
        self.canvas._code.append(code)

    def _text(self, item: Text) -> None:
        self._fill(item.colour)
        x, y = item.x, self.page.height - item.y
        if item.anchor != "start":
            wide = text_width(item.text, item.size, item.bold)
            x -= wide if item.anchor == "end" else wide / 2
        if is_latin(item.text):
            self._string(x, y, item.text, STANDARD_FONTS[item.bold], item.size)
            return
        for text, file in runs(item.text, item.bold):
            font = STANDARD_FONTS[item.bold] if file is None else _embedded(file)
            if font is not None:
                self._string(x, y, text, font, item.size)
            elif file is not None:
                path = outlines(text, file, item.size)
                self._emit(f"q 1 0 0 1 {x:.2f} {y:.2f} cm {path} Q")
            x += pixel_font(file, MEASURED_AT).getlength(text) * item.size / MEASURED_AT

    def _string(self, x: float, y: float, text: str, font: str, size: float) -> None:
        canvas = self.canvas
        if self._changed("font", (font, size)):
            canvas.setFont(font, size)
        if text.isascii() and font in STANDARD_FONTS.values():
            escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            name = canvas._doc.getInternalFontName(font)
            self._emit(f"BT {name} {size:g} Tf {x:.2f} {y:.2f} Td ({escaped}) Tj ET")
        else:
            canvas.drawString(x, y, text)

    def _picture(self, item: Picture) -> None:
        canvas = self.canvas
        digest = hashlib.sha256(item.pixels.tobytes())
        digest.update(repr((item.pixels.shape, item.photo)).encode())
        digest.update(b"" if item.palette is None else item.palette.tobytes())
        name = "image" + digest.hexdigest()[:32]
        registered = canvas._doc.getXObjectName(name)
        if registered not in canvas._doc.idToObject:
            image = _image(item)
            canvas._doc.Reference(image, registered)
            canvas._doc.addForm(name, image)
        canvas._currentPageHasImages = 1
        y = self.page.height - item.y - item.height
        size = f"{item.width:.4f} 0 0 {item.height:.4f} {item.x:.4f} {y:.4f}"
        self._emit(f"q {size} cm /{registered} Do Q")
        canvas._formsinuse.append(name)

    def _line(self, item: Line) -> None:
        self._stroke(item.colour, item.width)
        height = self.page.height
        parts = [f"{x:.2f} {height - y:.2f}" for x, y in item.points]
        self._emit(f"{parts[0]} m " + " ".join(f"{part} l" for part in parts[1:]) + " S")

    def _box(self, item: Box) -> None:
        if item.fill is not None:
            self._fill(item.fill)
        if item.stroke is not None:
            self._stroke(item.stroke, 0.5)
        paint = {(True, False): "f", (False, True): "S", (True, True): "B"}.get(
            (item.fill is not None, item.stroke is not None)
        )
        if paint:
            y = self.page.height - item.y - item.height
            self._emit(f"{item.x:.4f} {y:.4f} {item.width:.4f} {item.height:.4f} re {paint}")

    def _link(self, item: Link) -> None:
        if item.target in self.targets:
            y = self.page.height - item.y
            area = (item.x, y - item.height, item.x + item.width, y)
            self.canvas.linkRect("", _key(item.target), area, thickness=0, Border="[0 0 0]")

    def _anchor(self, item: Anchor) -> None:
        key = _key(item.name)
        self.canvas.bookmarkPage(key, fit="XYZ", left=0, top=self.page.height - item.y)
        if item.title:
            self.canvas.addOutlineEntry(item.title, key, level=item.level)


def _key(name: str) -> str:
    """The name of a destination in ASCII."""
    return name if name.isascii() else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def _rgb(colour: str) -> str:
    return " ".join(f"{int(colour[start : start + 2], 16) / 255:.3g}" for start in (1, 3, 5))


@functools.cache
def _embedded(file: Path) -> str | None:
    """The name of a font in the PDF; ``None`` if a PDF cannot hold its kind of outlines."""
    name = str(file)  # the stem alone would be shared by fonts of other folders
    try:
        pdfmetrics.registerFont(TTFont(name, str(file)))
    except TTFError:
        return None
    return name


def outlines(text: str, file: Path, size: float) -> str:
    """A text, drawn from left to right, as a filled path in the operators of PDF."""
    from fontTools.pens.reportLabPen import ReportLabPen

    codes, x = [], 0.0
    with opened(file) as font:
        scale = size / font["head"].unitsPerEm
        glyphs, names = font.getGlyphSet(), font.getBestCmap()
        for letter in text:
            glyph = glyphs[names.get(ord(letter), ".notdef")]
            pen = ReportLabPen(glyphs)
            glyph.draw(pen)
            points = iter(pen.path.points)
            for operator, count in (OPERATORS[kind] for kind in pen.path.operators):
                pairs = [(x + next(points), next(points)) for _ in range(count)]
                coordinates = [f"{across * scale:.2f} {up * scale:.2f}" for across, up in pairs]
                codes.append(" ".join([*coordinates, operator]))
            x += glyph.width
    return " ".join([*codes, "f"])
