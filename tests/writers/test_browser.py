"""A page in a real browser: the card, keys, the large view, the controls; no error, no network."""

import base64
import hashlib
import html
import json
import re

import numpy as np
import pytest

import documents
from browser import dump
from layersight.document.blocks import (
    Cover,
    Curve,
    Grid,
    Numbers,
    Overlay,
    Patch,
    Picture,
    Scale,
    Section,
    Series,
    Tile,
)
from layersight.writers.html import to_html

HOSTILE = "<img src=x onerror=alert(1)>"
MAPS = documents.smooth((9, 12, 10), 3)
MEANS = np.array([3, 1, 2, np.nan, 7, 5, 6, 4, 8], np.float32)
STEPS, OVERLAY = documents.heat((40, 60), faded=True)
VALUES = np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 16)


def page():
    covers = {3: Cover("dead", ("dead", "= 0")), 5: Cover("broken", ("not a", "number"))}
    scale = Scale(documents.VIRIDIS, ((0.0, "0"), (1.0, "≥ 255")), 0.0, 255.0)
    numbers = (Numbers("mean", MEANS), Numbers("sparsity", MEANS / 10, percent=True, order=False))
    tiles = tuple(Tile(label=str(index), cover=covers.get(index)) for index in range(len(MAPS)))
    maps = Grid(MAPS, tiles, documents.VIRIDIS, numbers=numbers)
    history = Curve((Series(np.arange(5, dtype=np.float32)),), "Steps")
    pixels = np.stack([documents.photograph(8, 12, seed) for seed in range(3)]).repeat(10, 1)
    named = tuple(
        Tile(
            label=str(index), value="0.1", curve=history, also=pixels[index], facts=(("end", "x"),)
        )
        for index in range(3)
    )
    heat = Grid(
        [STEPS],
        (Tile(title="dog", value="0.9", scale=scale),),
        side=225,
        overlays=(Overlay(OVERLAY.under, OVERLAY.alpha, OVERLAY.faded),),
    )
    units = Picture(
        np.zeros((2, 16), np.uint8),
        documents.VIRIDIS,
        tall=8,
        side=200,
        unit="unit",
        rows=documents.units().rows,
        values=VALUES,
        patches=(Patch(1, 14, 2, 16),),
        name="dense",
    )
    blocks = {"conv": maps, HOSTILE: Grid(pixels, named, unit="pattern"), "heat": heat}
    sections = [
        Section(name, (block,), kind="Conv2D", anchor=name, scale=scale)
        for name, block in blocks.items()
    ]
    return documents.document(*sections, Section("dense", (units,), kind="Dense", anchor="dense"))


SNIPPET = """
const told = [];
addEventListener("error", (event) => told.push("error: " + event.message));
addEventListener("unhandledrejection", (event) => told.push("error: " + event.reason));
addEventListener("securitypolicyviolation", (event) => told.push(event.violatedDirective));
const wait = (time = 20) => new Promise((done) => setTimeout(done, time));
// The clock of the browser runs ahead of what other threads do, such as unpacking: so the time
// that a condition takes is spent in earnest.
const until = async (holds) => {
  for (let tries = 0; tries < 400 && !holds(); tries += 1) {
    for (let spin = 0; spin < 2e5; spin += 1);
    await wait(10);
  }
  await wait();
};
const q = (selector, from = document) => from.querySelector(selector);
const qq = (selector, from = document) => [...from.querySelectorAll(selector)];
const seen = (place) => (place.hidden ? null : {
  who: q(".who", place).textContent,
  facts: qq("dl > *", place).map((each) => each.textContent),
  words: q(".quiet", place).textContent,
  size: q(".pic", place) ? [q(".pic", place).clientWidth, q(".pic", place).clientHeight] : null,
});
const fire = (kind, on, more = {}) =>
  on.dispatchEvent(new PointerEvent(kind, { bubbles: true, ...more }));
const at = async (on, across, down) => {
  on.scrollIntoView({ block: "center", behavior: "instant" });
  await wait();
  const box = on.getBoundingClientRect();
  const [clientX, clientY] = [box.left + across * box.width, box.top + down * box.height];
  fire("pointermove", on, { clientX, clientY });
};
const facts = () => (seen(q("#card"))?.facts ?? []).join();
const who = () => seen(q("#card"))?.who ?? "";
const press = (key, on) => (on || document.activeElement)
  .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const set = async (selector, change) => {
  change(q(selector));
  q(".toolbar").dispatchEvent(new Event("input", { bubbles: true }));
  await wait();
};
addEventListener("load", async () => {
  const out = {};
  const [card, large] = [q("#card"), q("#large")];
  const [maps, patterns, heat] = qq(".tiles");
  const tiles = qq("button", maps);
  fire("pointerover", tiles[1]); await wait();
  out.hover = seen(card);
  await at(q(".pic", tiles[1]), 0.55, 0.3); await until(() => facts().includes("at x 5"));
  out.value = seen(card);
  fire("pointerout", tiles[1]);
  out.left = seen(card);
  fire("pointerover", tiles[3]); await wait(); out.dead = seen(card);
  fire("pointerover", q("button", patterns)); await wait(); out.hostile = seen(card);
  tiles[0].focus(); press("ArrowRight"); await wait();
  out.arrow = [qq("button", maps).indexOf(document.activeElement), seen(card)?.who];
  press("End"); await wait(); out.end = seen(card).who;
  press("Escape"); out.escaped = seen(card);
  qq("button", patterns)[0].click(); await wait();
  out.large = { open: large.open, ...seen(large), curves: qq("svg", large).length,
    also: qq(".more img", large).length };
  press("ArrowRight"); await wait();
  out.next = seen(large).who;
  q(".back", large).click(); await wait();
  out.back = seen(large).who;
  q(".close", large).click();
  await until(() => qq("button", patterns).includes(document.activeElement));
  out.closed = [large.open, qq("button", patterns).indexOf(document.activeElement)];
  const pic = q(".pic", heat);
  fire("pointerover", q("button", heat)); await wait();
  await at(pic, 0.5, 0.5); await until(() => facts().includes("at x 30"));
  out.heat = seen(card).facts;
  await at(pic, 0.05, 0.5); await until(() => facts().includes("at x 3,"));
  out.unseen = seen(card).facts;
  fire("pointerout", q("button", heat));
  const frame = q(".frame[data-of]");
  await at(frame, 2.5 / 16, 0.75); await until(() => who().includes("unit")); out.unit = seen(card);
  frame.focus(); press("ArrowUp"); await until(() => who() === "dense, unit 2");
  out.above = seen(card).who;
  await at(frame, 15.5 / 16, 0.75); await wait(300); out.gone = seen(card).who;
  await set("#find", (each) => { each.value = "CONV2D"; });
  out.found = [qq("section.layer").filter((each) => !each.hidden).length, q("#found").textContent];
  out.links = qq(".contents .in").filter((each) => !each.hidden).length;
  await set("#find", (each) => { each.value = ""; });
  const order = () => qq("li", maps).map((each) => tiles.indexOf(q("button", each)));
  await set("#order", (each) => { each.value = "mean"; });
  out.order = order();
  await set("#order", (each) => { each.value = ""; });
  out.again = order();
  await set("#hide-dead", (each) => { each.checked = true; });
  out.hidden = qq("li", maps).filter((each) => getComputedStyle(each).display === "none").length;
  const over = q(".over", heat);
  await set("#cover", (each) => { each.value = 25; });
  out.cover = [getComputedStyle(over).opacity, q("#covered").textContent];
  await set("[name=show][value=photograph]", (each) => { each.checked = true; });
  out.photo = getComputedStyle(over).visibility;
  await set("[name=show][value=heat]", (each) => { each.checked = true; });
  await until(() => q("canvas", pic));
  const canvas = q("canvas", pic);
  out.alone = [getComputedStyle(over).visibility, canvas && getComputedStyle(canvas).display,
    canvas && [...canvas.getContext("2d").getImageData(30, 20, 1, 1).data]];
  out.widths = [];
  for (const size of ["s", "m", "l"]) {
    q(`[name=size][value=${size}]`).click(); await wait();
    out.widths.push([q(".pic", tiles[0]).clientWidth, pic.clientWidth]);
  }
  out.beyond = document.documentElement.scrollWidth - innerWidth;
  out.here = qq(".contents .here").length;
  out.shown = qq(".with-script").every((each) => !each.hidden);
  out.errors = told;
  document.body.setAttribute("data-told", JSON.stringify(out));
});
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    digest = base64.b64encode(hashlib.sha256(SNIPPET.encode()).digest()).decode()
    text = to_html(page(), "{}").replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    text = text.replace("<style>", f"<script>{SNIPPET}</script><style>", 1)
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    found = re.search(r'data-told="([^"]*)"', dump(file, folder / "profile", 12_000))
    assert found, "the page's own script or the test's did not finish"
    return json.loads(html.unescape(found[1]))


def test_no_errors_and_nothing_beyond_the_window(told):
    assert told["errors"] == []
    assert told["beyond"] <= 0
    assert told["shown"]
    assert told["here"] == 1


def test_the_card_of_a_tile(told):
    hover = told["hover"]
    assert (hover["who"], hover["facts"]) == ("conv, channel 1", ["mean", "1", "sparsity", "10%"])
    assert hover["size"] == [10 * 27, 12 * 27]
    assert told["value"]["facts"][:2] == ["at x 5, y 3", str(MAPS[1, 3, 5])]
    assert told["left"] is None
    assert (told["dead"]["who"], told["dead"]["words"]) == ("conv, channel 3", "dead = 0")
    assert told["dead"]["size"] is None
    assert told["hostile"]["who"] == f"{HOSTILE}, pattern 0"


def test_keys_lead_from_tile_to_tile(told):
    assert told["arrow"] == [1, "conv, channel 1"]
    assert told["end"] == "conv, channel 8"
    assert told["escaped"] is None


def test_the_large_view(told):
    large = told["large"]
    assert (large["open"], large["who"], large["facts"]) == (
        True,
        f"{HOSTILE}, pattern 0",
        ["end", "x"],
    )
    wide, tall = large["size"]
    assert wide / 12 == tall / 80 == int(wide / 12) > 1
    assert (large["curves"], large["also"]) == (1, 1)
    assert told["next"] == f"{HOSTILE}, pattern 1"
    assert told["back"] == f"{HOSTILE}, pattern 0"
    assert told["closed"] == [False, 0]


def test_the_value_under_the_pointer(told):
    assert told["heat"][:2] == ["at x 30, y 20", str(STEPS[20, 30])]
    assert told["unseen"][:2] == ["at x 3, y 20", "not seen by the network"]
    assert told["unit"]["who"] == "dense, unit 18"
    words = told["unit"]["facts"][1].replace("\N{MINUS SIGN}", "-")
    assert float(words) == pytest.approx(float(VALUES[1, 2]), rel=1e-3)
    assert told["above"] == "dense, unit 2"
    assert told["gone"] == "dense, unit 2", "a place without a unit says nothing"


def test_the_controls(told):
    assert told["found"] == [3, "3 of 4"]
    assert told["links"] == 3
    assert told["order"] == [8, 4, 6, 7, 0, 2, 1, 3, 5]
    assert told["again"] == list(range(9))
    assert told["hidden"] == 1
    assert told["cover"] == ["0.25", "25%"]
    assert told["photo"] == "hidden"
    assert told["alone"] == [
        "hidden",
        "block",
        [*documents.VIRIDIS[STEPS[20, 30]].tolist(), 255],
    ]
    assert told["widths"] == [[50, 180], [90, 300], [190, 600]]
