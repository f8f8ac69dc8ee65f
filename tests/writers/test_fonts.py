"""Letters beyond Latin: their fonts, their order, and what is said of those that are missing."""

import dataclasses
import io
import re
import zlib

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image
from pypdf import PdfReader
from reportlab.pdfbase import pdfmetrics

import documents
from layersight.writers import fonts
from layersight.writers.figure import to_figure
from layersight.writers.fonts import lacking, runs, text_width, visual
from layersight.writers.pdf import _embedded, outlines, to_pdf
from layersight.writers.png import to_png

CAT = "\u732b"
DOG = "\u0643\u0644\u0628"
"""Arabic, in the order in which it is read: kaf, lam, beh."""


def square(pen):
    pen.moveTo((100, 0))
    for point in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(point)
    pen.closePath()


def font(path, letters):
    """A font whose letters are squares; with outlines of PostScript where its suffix is .otf."""
    builder = FontBuilder(1000, isTTF=path.suffix == ".ttf")
    names = [".notdef", *(f"u{ord(letter):X}" for letter in letters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):X}" for letter in letters})
    if path.suffix == ".ttf":
        made = {}
        for name in names:
            pen = TTGlyphPen(None)
            square(pen)
            made[name] = pen.glyph()
        builder.setupGlyf(made)
    else:
        charstrings = {}
        for name in names:
            drawn = T2CharStringPen(1000, None)
            square(drawn)
            charstrings[name] = drawn.getCharString()
        builder.setupCFF("Squares", {"FullName": "Squares"}, charstrings, {})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular", "psName": path.stem})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture(params=[".ttf", ".otf"])
def squares(request, tmp_path, monkeypatch):
    """A machine whose only font draws a cat's letter as a square."""
    made = font(tmp_path / f"Squares{request.param[1:]}{request.param}", CAT)
    monkeypatch.setattr(fonts, "FOLDERS", {"linux": (str(tmp_path),)})
    for each in (fonts._installed, fonts.runs, text_width):
        each.cache_clear()
    yield made
    for each in (fonts._installed, fonts.runs, text_width):
        each.cache_clear()


def titled(title):
    section = dataclasses.replace(documents.section(0, documents.facts()), title=title)
    return documents.document(section)


def test_arabic_and_hebrew_stand_in_the_order_in_which_they_are_drawn():
    # The forms are those of Unicode's block Arabic Presentation Forms-B.
    assert visual(DOG) == "\ufe90\ufee0\ufedb"
    assert visual("\u05e9\u05dc\u05d5\u05dd") == "\u05dd\u05d5\u05dc\u05e9"
    assert visual(f"conv {CAT}") == f"conv {CAT}"


def test_each_letter_has_a_font_that_knows_it(squares):
    assert runs(f"conv {CAT}{CAT} x") == (
        ("conv ", fonts.dejavu()),
        (CAT * 2, squares),
        (" x", fonts.dejavu()),
    )
    alone = text_width(CAT, 10.0)
    assert alone == pytest.approx(10.0, abs=0.1)
    assert text_width(f"conv {CAT}", 10.0, pixels=True) == pytest.approx(
        text_width("conv ", 10.0, pixels=True) + alone, abs=0.01
    )
    assert lacking([f"conv {CAT}", DOG]) == ""


def test_letters_without_a_font_are_told(monkeypatch, squares):
    words = lacking([f"{CAT}", "\ud55c"])
    assert words.startswith("No font of this machine has the letters of Hangul: install one")
    monkeypatch.setattr(fonts, "_has_libraries", lambda: False)
    fonts.runs.cache_clear()
    assert "Letters of Arabic may stand one by one" in lacking([DOG])
    assert "layersight[scripts]" in lacking([DOG])
    page = PdfReader(io.BytesIO(to_pdf(titled("\ud55c"), "{}"))).pages[0].extract_text()
    assert "the letters of Hangul: install one" in page


def test_a_pdf_holds_the_letters_or_their_outlines(squares):
    content = to_pdf(titled(f"{CAT} conv"), "{}")
    reader = PdfReader(io.BytesIO(content))
    if squares.suffix == ".ttf":
        assert CAT in reader.pages[0].extract_text()
    else:
        assert "10 0 0 l" not in outlines(CAT, squares, 10.0)
        assert outlines(CAT, squares, 10.0) == (
            "1.00 0.00 m 1.00 8.00 l 9.00 8.00 l 9.00 0.00 l h f"
        )
        assert b" h f Q" in reader.pages[0].get_contents().get_data()


def test_a_picture_has_the_letters(squares):
    shown, without = (
        np.asarray(Image.open(io.BytesIO(to_png(titled(title), "{}"))).convert("L")).astype(int)
        for title in (f"{CAT}{CAT}", "\u3000\u3000")
    )
    rows, columns = np.nonzero(shown[: shown.shape[0] // 2] < 60)
    # Two squares of eight tenths of the font's size, drawn twice as fine.
    inked = (shown < 60).sum() - (without < 60).sum()
    assert rows.size
    assert columns.size
    assert inked > 2 * (0.7 * 2 * 9) ** 2


@pytest.mark.filterwarnings("error")
def test_a_figure_finds_the_font(squares):
    figure = to_figure(titled(f"{CAT} conv"))
    (title,) = [text for text in figure.texts if CAT in text.get_text()]
    assert title.get_family() == ["DejaVu Sans", squares.stem]
    figure.savefig(io.BytesIO())


def test_a_file_that_is_no_font_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "broken.ttf").write_bytes(zlib.compress(b"no font"))
    monkeypatch.setattr(fonts, "FOLDERS", {"linux": (str(tmp_path),)})
    fonts._installed.cache_clear()
    fonts.runs.cache_clear()
    assert re.search("letters of Chinese", lacking([CAT]))
    fonts._installed.cache_clear()
    fonts.runs.cache_clear()


def test_fonts_of_one_file_name_are_embedded_apart(tmp_path):
    faces = []
    for name in ("DejaVuSans", "DejaVuSerif"):
        copy = tmp_path / name / "Font.ttf"
        copy.parent.mkdir()
        copy.write_bytes(fonts.dejavu().with_name(f"{name}.ttf").read_bytes())
        faces.append(pdfmetrics.getFont(_embedded(copy)).face.name)
    first = pdfmetrics.getFont(str(tmp_path / "DejaVuSans" / "Font.ttf"))
    assert first.face.name == faces[0] != faces[1]
