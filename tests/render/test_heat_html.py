"""The page of heatmaps: parsed, its pictures decoded, and used in a browser."""

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
from layersight.render.heatmaps.html import document
from PIL import Image

from browser import dump
from heats import HOSTILE, WARNING, heats
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import placed
from layersight.nouns.heatmaps.result import Heatmaps

THREE = ("grad-cam", "gradient", "occlusion")


def made() -> Heatmaps:
    return heats(
        images=2,
        methods=THREE,
        targets=2,
        names=["one.jpg", HOSTILE],
        fit="crop",
        empty=(1,),
        measured=True,
        warned=["gradient"],
        rewrites=("a change",),
    )


def written(result: Heatmaps, manifest: str = '{"schema": 1}') -> str:
    return document(result, HeatOptions(), manifest)


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

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)


def decoded(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_every_map_is_there_in_its_colours() -> None:
    result = made()
    page = Parsed(written(result))
    full = [place for place, entry in enumerate(result) if not entry.empty]
    for kind in ("over", "alone"):
        sources = [attrs["src"] for tag, attrs in page.seen if attrs.get("class") == kind]
        assert len(sources) == len(full)
        for place, source in zip(full, sources, strict=True):
            entry, scale = result.maps[place], scale_of(result, place, HeatOptions())
            steps = scale.steps(placed(entry, result.photographs[entry.image]))
            with decoded(source) as image:
                np.testing.assert_array_equal(np.asarray(image), steps)
                rgba = np.asarray(image.convert("RGBA"))
            np.testing.assert_array_equal(rgba[..., :3], scale.colours[steps])
            opacity = np.rint(255 * scale.opacity(1.0)) if kind == "over" else np.full(256, 255)
            np.testing.assert_array_equal(rgba[..., 3], opacity[steps])


def test_the_photographs_stand_once_each() -> None:
    result = made()
    found = re.findall(r"--photo:url\((data:[^)]*)\)", written(result))
    assert len(found) == 2
    for address, photograph in zip(found, result.photographs, strict=True):
        with decoded(address) as image:
            np.testing.assert_array_equal(np.asarray(image), photograph.pixels)


def test_it_says_all_without_scripts() -> None:
    page = Parsed(written(made()))
    told = " ".join(page.words)
    for part in (
        *("12 heatmaps of 2 images", "Grad-CAM, Gradient, Occlusion", "one.jpg", "a change"),
        *("dog", "bee", "0.8", "conv_2", "no evidence: all 0", "the last with maps", WARNING),
        *("36 \u00d7 36 of 54 \u00d7 36 pixels", "viridis", "before the last activation"),
        *(["0.21", "(0.4,", "0.3)"][0], "(0.4, 0.3)", "best: Grad-CAM 0.21", '{"schema": 1}'),
        *("resized to 24 x 24 (crop, nearest)", "pixels / 255"),
    ):
        assert part in told
    assert told.count("no evidence: all 0") == 2
    ends = [
        mark for place in (0, 2) for mark in scale_of(made(), place, HeatOptions()).marks().values()
    ]
    assert all(mark in told for mark in ends)
    rows = [attrs for tag, attrs in page.seen if tag == "a" and "#map-" in attrs.get("href", "")]
    assert [row["href"] for row in rows] == [f"#map-{place}" for place in range(12)]
    assert {attrs.get("id") for _, attrs in page.seen} >= {f"map-{place}" for place in range(12)}
    shows = [attrs for _, attrs in page.seen if attrs.get("name") == "show"]
    assert [each["id"] for each in shows] == ["show-over", "show-photo", "show-heat"]


def test_it_needs_nothing_but_itself() -> None:
    text = written(made())
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "url(http" not in text
    assert "<b>&\u202e" not in text
    assert text.count("</script>") == 2
    assert written(made()) == text


def test_large_photographs_are_reduced_and_it_is_said() -> None:
    text = written(heats(size=(1500, 2600)))
    assert "2600 x 1500 pixels, shown at 1280 x 738" in text
    (address,) = re.findall(r"--photo:url\((data:[^)]*)\)", text)
    with decoded(address) as image:
        assert image.size == (1280, 738)


@pytest.mark.parametrize(
    "result",
    [
        heats(grey=True),
        heats(empty=(0,)),
        heats(size=(1, 1)),
        heats(fit="pad", targets=3),
        heats(labels=None),
    ],
)
def test_whatever_they_are_there_is_a_page(result: Heatmaps) -> None:
    Parsed(written(result))


SNIPPET = """
const told = [];
addEventListener("error", (event) => told.push("error: " + event.message));
addEventListener("securitypolicyviolation", (event) => told.push(event.violatedDirective));
const wait = () => new Promise((done) => setTimeout(done, 80));
const card = () => document.getElementById("card");
const stages = () => [...document.querySelectorAll(".stage")];
const at = async (place, across, down) => {
  const stage = stages()[place];
  stage.scrollIntoView({ block: "center" });
  await wait();
  const box = stage.getBoundingClientRect();
  const [clientX, clientY] = [box.left + across * box.width, box.top + down * box.height];
  stage.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY }));
  await wait();
  const part = (name) => card().querySelector(name).textContent;
  return [card().hidden, part(".name"), part(".which"), part(".quiet")];
};
const shown = (place) => [...stages()[place].querySelectorAll("img")]
  .map((each) => getComputedStyle(each).display);
addEventListener("load", async () => {
  const out = {};
  document.documentElement.style.scrollBehavior = "auto";
  await at(0, 0.5, 0.5); // scrolling may end late, and hides the card
  out.middle = await at(0, 0.5, 0.5);
  out.signed = await at(2, 0.5, 0.5);
  out.unseen = await at(0, 0.02, 0.5);
  out.empty = await at(1, 0.5, 0.5);
  document.body.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
  out.left = card().hidden;
  out.over = shown(0);
  document.getElementById("show-photo").click(); await wait();
  out.photo = shown(0);
  document.getElementById("show-heat").click(); await wait();
  out.heat = shown(0);
  document.getElementById("show-over").click(); await wait();
  const cover = document.getElementById("cover");
  cover.value = 25;
  cover.dispatchEvent(new Event("input", { bubbles: true })); await wait();
  const over = stages()[0].querySelector(".over");
  out.cover = [getComputedStyle(over).opacity, document.getElementById("covered").textContent];
  out.widths = [];
  for (const size of ["s", "m", "l"]) {
    document.querySelector(`[name=size][value=${size}]`).click(); await wait();
    const box = stages()[0].getBoundingClientRect();
    out.widths.push([Math.round(box.width), Math.round(box.height)]);
  }
  out.beyond = document.documentElement.scrollWidth - innerWidth;
  out.errors = told;
  document.body.setAttribute("data-told", JSON.stringify(out));
});
"""


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    result = made()
    digest = base64.b64encode(hashlib.sha256(SNIPPET.encode()).digest()).decode()
    text = written(result).replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    text = text.replace("<style>", f"<script>{SNIPPET}</script><style>", 1)
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    found = re.search(r'data-told="([^"]*)"', dump(file, tmp_path / "profile"))
    assert found, "the page's own script or the test's did not finish"
    told = json.loads(html.unescape(found[1]))
    assert told["errors"] == []
    for name, place in (("middle", 0), ("signed", 2)):
        hidden, value, where, which = told[name]
        scale = scale_of(result, place, HeatOptions())
        heat = placed(result.maps[place], result.photographs[0])
        assert hidden is False
        assert where == "at x 27, y 18"
        assert which == f"{'Grad-CAM' if place == 0 else 'Occlusion'}, dog"
        assert float(value.replace("\u2212", "-")) == pytest.approx(
            float(heat[18, 27]), abs=scale.limit / 100
        )
    assert told["unseen"][:2] == [False, "not seen"]
    assert told["empty"][:2] == [False, "0"]
    assert told["left"] is True
    assert told["over"] == ["block", "none"] or told["over"] == ["inline", "none"]
    assert told["photo"] == ["none", "none"]
    assert told["heat"][1] == "block"
    assert told["cover"] == ["0.25", "25%"]
    assert told["widths"] == [[180, 120], [300, 200], [640, 427]]
    assert told["beyond"] <= 0
