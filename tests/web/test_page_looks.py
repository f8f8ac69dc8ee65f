"""How the page of the explorer looks, in any window, and that all can use it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from layersight.document.colour import diverging, palette
from layersight.web.static_files import served
from walking import VIEWS, Walker

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/layersight/web/static"


@pytest.mark.parametrize("width", [360, 1080, 3840])
def test_nothing_is_wider_than_the_window(walker: Walker, width: int) -> None:
    walker.page.set_viewport_size({"width": width, "height": 800})
    page = walker.open("layer=conv2d_2")
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".layersight-explorer *")].filter((each) => {
            const box = each.getBoundingClientRect();
            const rolls = each.closest(".cells, .thumbs, .rows, .unseen, .picture > *");
            return box.width > 1 && box.right > innerWidth + 1 && !rolls;
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []


@pytest.mark.parametrize(
    ("size", "scheme", "tabs"),
    [
        ("desktop", "light", ("channel", "class", "change")),
        ("desktop", "dark", ("channel", "class", "change")),
        ("tablet", "light", ("channel",)),
        ("phone", "light", ("channel",)),
    ],
)
def test_axe_finds_no_violation(
    browser: Browser, address: str, size: str, scheme: str, tabs: tuple[str, ...]
) -> None:
    axe = (Path(__file__).parent / "vendor/axe.min.js").read_text("utf-8")
    walker = Walker(browser, address, size=size, scheme=scheme, hints=True, bypass_csp=True)
    page = walker.open("layer=conv2d_1&channel=40")
    page.evaluate(axe)
    for tab in tabs:
        page.keyboard.press(str(1 + ("channel", "class", "change").index(tab)))
        walker.settle()
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("tags => axe.run(document, { runOnly: tags })", tags)
        faults = [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]
        assert not faults, (size, scheme, tab)
    walker.close()


def test_nothing_moves_once_it_is_there(browser: Browser, address: str) -> None:
    walker = Walker(browser, address)
    walker.context.add_init_script(
        """window.moved = [];
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries())
                window.moved.push([entry.value, String(entry.sources?.[0]?.node?.className)]);
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page = walker.open("layer=conv2d_1")
    walker.wait(300)
    moved = page.evaluate("window.moved")
    assert sum(value for value, _ in moved) < 0.02, moved
    walker.close()


def looks_like(found: Image.Image, wanted: Image.Image) -> tuple[float, float]:
    """The mean difference in steps of 0..255, and the share of small squares that differ much."""
    assert found.size == wanted.size
    small = (found.width // 6, found.height // 6)
    pair = [
        np.asarray(image.convert("RGB").resize(small, Image.Resampling.BOX), np.float64)
        for image in (found, wanted)
    ]
    apart = np.abs(pair[0] - pair[1]).max(-1)
    return float(apart.mean()), float((apart > 40).mean())


@pytest.mark.parametrize("name", list(VIEWS))
def test_looks_as_in_the_documents(browser: Browser, address: str, name: str) -> None:
    size, scheme, state, act = VIEWS[name]
    walker = Walker(browser, address, size=size, scheme=scheme)
    walker.open(state)
    if act is not None:
        act(walker)
    found = walker.shot()
    walker.close()
    wanted = Image.open(ROOT / f"docs/images/{name}.webp")
    mean, much = looks_like(found, wanted)
    assert mean < 3, f"{name} looks different: make_explorer_pictures.py draws it anew"
    assert much < 0.01, f"{name} looks different: make_explorer_pictures.py draws it anew"


def test_all_of_it_is_small() -> None:
    page = ("index.html", "page.css", "explorer.css", "main.js")
    assert sum(len(gzip.compress(served()[name], 9)) for name in page) < 60_000


def test_what_is_vendored_is_what_was_fetched() -> None:
    record = json.loads((STATIC / "vendor/vendored.json").read_text("utf-8"))
    for package, entry in record.items():
        folder = (
            Path(__file__).parent / "vendor" if package.startswith("axe") else STATIC / "vendor"
        )
        for name, digest in entry["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_the_page_has_the_colours_of_the_pictures() -> None:
    text = (STATIC / "palettes.js").read_text("utf-8")
    found = {}
    for name, first, steps in re.findall(r'(\w+): \[(\[[^]]*\]), "([^"]+)"\]', text):
        added = np.array([ord(step) - 65 for step in steps]).reshape(3, 255).T
        found[name] = np.cumsum([json.loads(first), *added], axis=0)
    for name in ("viridis", "cividis", "magma", "inferno", "plasma"):
        assert (found[name] == palette(name)).all()
    assert (found["diverging"] == diverging()).all()
