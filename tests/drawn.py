"""What is on pages: their words and pictures, and what must hold of them all."""

from __future__ import annotations

import pytest

from layersight.document.blocks import Document
from layersight.writers.pages import paginate
from layersight.writers.sketch import PAPER, SCREEN, Box, Line, Link, Page, Picture, Text

MEDIA = {"paper": PAPER, "screen": SCREEN}


def words(*drawn: Page) -> list[str]:
    return [item.text for page in drawn for item in page.items if isinstance(item, Text)]


def pictures(page: Page) -> list[Picture]:
    """Without colour bars."""
    return [
        item
        for item in page.items
        if isinstance(item, Picture) and item.pixels.shape[0] > 1 and item.pixels.shape[1] > 1
    ]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Picture | Link | Box):
            assert item.x >= -0.51
            assert item.y >= -0.51
            assert item.x + item.width <= page.width + 0.51
            assert item.y + item.height <= page.height + 0.51
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height
        elif isinstance(item, Line):
            assert all(-0.51 <= x <= page.width + 0.51 for x, _ in item.points)


def apart(page: Page) -> None:
    """No two pictures lie over each other."""
    boxes = [(p.x, p.y, p.x + p.width, p.y + p.height) for p in pictures(page)]
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        for other in boxes[number + 1 :]:
            wide = min(x1, other[2]) - max(x0, other[0])
            tall = min(y1, other[3]) - max(y0, other[1])
            assert wide < 0.26 or tall < 0.26


def sharp(page: Page) -> None:
    """On a screen every pixel of a picture is a whole number of device pixels, on their edges."""
    for item in pictures(page):
        zoom = item.width * page.resolution / item.pixels.shape[1]
        assert zoom == pytest.approx(round(zoom), abs=1e-6)
        assert zoom >= 1 - 1e-9
        for edge in (item.x, item.y):
            assert edge * page.resolution == pytest.approx(round(edge * page.resolution), abs=1e-6)


def laid(document: Document, medium: str = "paper") -> list[Page]:
    """The pages of a document, on which nothing leaves the page or lies over another picture."""
    drawn = paginate(document, MEDIA[medium])
    for page in drawn:
        inside(page)
        apart(page)
        if medium == "screen":
            sharp(page)
    return drawn


def told(document: Document, medium: str = "paper") -> str:
    """All words of a document's pages."""
    return " ".join(words(*laid(document, medium)))
