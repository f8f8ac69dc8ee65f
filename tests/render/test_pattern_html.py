"""The page of patterns: parsed, its pictures decoded, and used in a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from layersight.render.patterns.html import document
from PIL import Image

from browser import dump
from galleries import HOSTILE, gallery, mixed
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns


def made() -> Patterns:
    return gallery(
        {"conv": 5, HOSTILE: 2},
        natural=True,
        masks=True,
        size=(8, 12),
        rewrites=("a change",),
    )


def written(result: Patterns, manifest: str = '{"schema": 1}') -> str:
    return document(result, GalleryOptions(), manifest)


class Parsed(HTMLParser):
    """Collects elements and text, and checks that they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "input", "path", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)


def test_every_pattern_is_there_exactly() -> None:
    result = made()
    page = Parsed(written(result))
    sources = [attrs["src"] for tag, attrs in page.seen if tag == "img"]
    decoded = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
        for source in sources
    ]
    alive = np.flatnonzero(~result.dead)
    assert len(decoded) == 2 * len(alive)
    assert result.transparency is not None
    for place, plain, masked in zip(alive, decoded[::2], decoded[1::2], strict=True):
        np.testing.assert_array_equal(plain, result.images[place])
        np.testing.assert_array_equal(masked[..., :3], result.images[place])
        opacity = np.rint(result.transparency[place] * 255)
        np.testing.assert_array_equal(masked[..., 3], opacity)


def test_it_says_all_without_scripts() -> None:
    result = made()
    page = Parsed(written(result))
    titles = [attrs["title"] for tag, attrs in page.seen if tag == "button" and "title" in attrs]
    assert len(titles) == len(result)
    assert titles[0] == "conv, channel 0: activation 3.25, converged after 6 steps, 75% kept"
    assert titles[1] == "conv, channel 1: dead: no start could wake this channel in 3 steps"
    assert titles[2].endswith("not converged: the last of 6 steps still gained, 75% kept")
    told = " ".join(page.words)
    for part in (
        *("Method robust", "pixels / 255", "a change", "a note", "8 natural images"),
        *("1 of 4", "3.25 to 13.2", "drawn with the pixels", '{"schema": 1}'),
    ):
        assert part in told
    assert [
        attrs.get("class") for tag, attrs in page.seen if tag == "li" and "data-place" in attrs
    ][:3] == [None, "dead", None]


def test_it_needs_nothing_but_itself() -> None:
    text = written(made())
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "url(http" not in text
    assert "<b>&\u202e" not in text
    assert text.count("</script>") == 2
    assert written(made()) == text


def test_grey_pictures_are_stored_as_grey() -> None:
    page = Parsed(written(gallery({"conv": 1}, bands=1, dead=())))
    (source,) = [attrs["src"] for tag, attrs in page.seen if tag == "img"]
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        assert image.mode == "L"


@pytest.mark.parametrize(
    "result", [mixed(), gallery({"conv": 1}, dead=(0,)), gallery(facets=2, size=(1, 1))]
)
def test_whatever_they_are_there_is_a_page(result: Patterns) -> None:
    Parsed(written(result))


SNIPPET = """
const told = [];
addEventListener("error", (event) => told.push("error: " + event.message));
addEventListener("securitypolicyviolation", (event) => told.push(event.violatedDirective));
const wait = () => new Promise((done) => setTimeout(done, 60));
const press = (key, on) => (on || document.activeElement)
  .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const card = () => document.getElementById("card");
const large = () => document.getElementById("large");
const terms = (place) => [...place.querySelectorAll("dd")].map((each) => each.textContent);
const which = (place) => place.querySelector(".name").textContent + ", " +
  place.querySelector(".which").textContent;
const order = () => [...document.querySelectorAll("#layer-1 .gallery li")]
  .map((each) => Number(each.dataset.place));
const choose = async (id, set) => {
  set(document.getElementById(id));
  document.querySelector(".toolbar").dispatchEvent(new Event("input", { bubbles: true }));
  await wait();
};
addEventListener("load", async () => {
  const out = {};
  const tiles = [...document.querySelectorAll(".gallery button")];
  const over = (tile) => tile.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  over(tiles[2]); await wait();
  const ending = () => card().querySelector(".quiet").textContent;
  out.hover = [card().hidden, which(card()), terms(card()), ending()];
  tiles[2].dispatchEvent(new PointerEvent("pointerout", { bubbles: true }));
  out.left = card().hidden;
  over(tiles[1]); await wait();
  out.dead = [terms(card()), ending()];
  over(tiles[5]); await wait();
  out.hostile = which(card());
  tiles[0].focus(); press("ArrowRight"); await wait();
  out.arrow = tiles.indexOf(document.activeElement);
  tiles[2].click(); await wait();
  const picture = large().querySelector("img");
  out.large = [large().open, which(large()), terms(large()), picture.width / 12, picture.height / 8,
    large().querySelectorAll("img").length, large().querySelector(".ending").textContent];
  out.points = large().querySelector("polyline").getAttribute("points").split(" ").length;
  out.marks = large().querySelectorAll(".mark").length;
  press("ArrowRight"); await wait();
  out.next = which(large());
  press("ArrowLeft"); press("ArrowLeft"); await wait();
  out.flat = large().querySelector(".stage").textContent;
  large().close(); await wait();
  out.back = tiles.indexOf(document.activeElement);
  await choose("order", (each) => { each.value = "activation"; });
  out.order = order();
  await choose("order", (each) => { each.value = "place"; });
  out.again = order();
  await choose("hide-dead", (each) => { each.checked = true; });
  out.gone = getComputedStyle(tiles[1].parentNode).display;
  const shown = () => [...tiles[0].querySelectorAll("img")]
    .map((each) => getComputedStyle(each).display);
  out.plain = shown();
  await choose("masked", (each) => { each.checked = true; });
  out.masked = shown();
  const width = () => tiles[0].querySelectorAll("img")[1].getBoundingClientRect().width;
  out.widths = [];
  for (const size of ["s", "m", "l"]) {
    document.querySelector(`[name=size][value=${size}]`).click(); await wait();
    out.widths.push(width());
  }
  out.over = document.documentElement.scrollWidth - innerWidth;
  out.errors = told;
  document.body.setAttribute("data-told", JSON.stringify(out));
});
"""


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha256(SNIPPET.encode()).digest()).decode()
    text = written(made()).replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    text = text.replace("<style>", f"<script>{SNIPPET}</script><style>", 1)
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    found = re.search(r'data-told="([^"]*)"', dump(file, tmp_path / "profile"))
    assert found, "the page's own script or the test's did not finish"
    told = json.loads(html.unescape(found[1]))
    numbers = ["8.25", "1.03", "75 %", "2.06", "4.13", "7", "100 %"]
    ending = "not converged: the last of 6 steps still gained"
    assert told["errors"] == []
    assert told["hover"] == [False, "conv, channel 2", numbers, ending]
    assert told["left"] is True
    assert told["dead"] == [["0", "0"], "dead: no start could wake this channel in 3 steps"]
    assert told["hostile"].startswith("conv</script><b>&")
    assert told["arrow"] == 1
    opened, which, terms, across, down, shown, end = told["large"]
    assert (opened, which, terms, end) == (True, "conv, channel 2", numbers, ending)
    assert across == down == int(across) > 1
    assert shown == 2
    assert (told["points"], told["marks"]) == (6, 3)
    assert told["next"] == "conv, channel 3"
    assert told["flat"] == "dead: no start could wake this channel in 3 steps"
    assert told["back"] == 1
    assert told["order"] == [4, 3, 2, 0, 1]
    assert told["again"] == [0, 1, 2, 3, 4]
    assert told["gone"] == "none"
    assert told["plain"] == ["block", "none"]
    assert told["masked"] == ["none", "block"]
    assert told["widths"] == [84, 132, 252]
    assert told["over"] <= 0
