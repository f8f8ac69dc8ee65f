"""The explorer in a real browser, with whatever goes wrong in it counted."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

import layersight
from layersight.web.explorer import Explorer, Settings
from layersight.web.exported import write_page
from layersight.web.guard import Guard
from layersight.web.server import Server, listening

TOKEN = "a-token-that-is-known"
DRAWN = ".board canvas[data-drawn]"
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1440, "height": 900},
    "tablet": {"width": 768, "height": 1024},
    "phone": {"width": 390, "height": 844},
}
TYPEFACE = """
addEventListener("DOMContentLoaded", () => {
  const style = document.getElementById("explorer")?.style;
  style?.setProperty("--sans", "Liberation Sans");
  style?.setProperty("--mono", "Liberation Mono");
});
"""
"""That pictures look alike wherever they are made: the typeface that comes with Chromium."""
PUT_OFF = """(() => {
  const { setTimeout: begin, clearTimeout: end, fetch: ask } = window;
  const waiting = (window.puttingOff = new Set());
  window.setTimeout = (act, time, ...more) => {
    const id = begin(() => { waiting.delete(id); act(...more); }, time);
    if (!(time > 1000)) waiting.add(id);
    return id;
  };
  window.clearTimeout = (id) => { waiting.delete(id); end(id); };
  window.fetch = (...how) => {
    const answer = ask(...how);
    waiting.add(answer);
    const done = () => waiting.delete(answer);
    answer.then(done, done);
    return answer;
  };
})()"""
"""Keeps what a page has put off for up to a second, and what it has asked for."""
STILL = """() => new Promise((done) => {
  const root = document.querySelector(".layersight-explorer");
  let [changed, quiet] = [true, 0];
  const watch = new MutationObserver(() => { changed = true; });
  watch.observe(root, { attributes: true, characterData: true, childList: true, subtree: true });
  const look = () => {
    const busy = window.puttingOff.size || root.querySelector(".progress, .line-busy, .busy")
      || [...root.querySelectorAll("img")].some((each) => !each.complete);
    quiet = changed || busy ? 0 : quiet + 1;
    changed = false;
    if (quiet < 4) return requestAnimationFrame(look);
    watch.disconnect();
    done();
  };
  look();
})"""
"""Ends once nothing is put off, and some frames have changed nothing."""
PATIENCE = 120_000
"""Milliseconds after which a test no longer waits for a page, however slow the machine is."""
expect.set_options(timeout=PATIENCE)
FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
FLAGS += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
ASSETS = Path(str(resources.files("layersight.assets.demo")))


def export(path: Path) -> None:
    """Writes the demonstration as one page."""
    model = layersight.load_model(ASSETS / "cats_dogs.keras", labels=("cat", "dog"))
    explorer = Explorer(model, [ASSETS / "chelsea.png"], Settings(read_only=True))
    try:
        write_page(explorer, path, ["conv2d", "conv2d_1", "dense"])
    finally:
        explorer.close()


@contextmanager
def hosted(explorer: Explorer) -> Iterator[str]:
    """The address of an explorer in this very process."""
    server = Server(Guard(TOKEN, "127.0.0.1"))
    server.explorer.set_result(explorer)
    try:
        with listening(server, "127.0.0.1", 0) as heard:
            yield heard.address
    finally:
        explorer.close()


@contextmanager
def inside(images: Sequence[Any], model: Any = None, **settings: Any) -> Iterator[str]:
    """The address of some images in a network, else in the demonstration's."""
    if model is None:
        model = layersight.load_model(ASSETS / "cats_dogs.keras", labels=("cat", "dog"))
    with hosted(Explorer(model, images, Settings(**settings))) as address:
        yield address


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """The address of ``layersight explore`` of the demonstration and of a mirrored cat.

    In a process of its own, on PyTorch, which compiles nothing; in a folder of its own, so that
    commands in the page name no place.
    """
    for name in ("cats_dogs.keras", "chelsea.png"):
        shutil.copy(ASSETS / name, folder)
    with Image.open(ASSETS / "chelsea.png") as cat:
        cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.png")
    run = "import sys; from layersight.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", run, "explore", "cats_dogs.keras"]
    command += ["chelsea.png", "mirrored.png", "--labels", "cat,dog", "--fit", "crop"]
    command += ["--scale", "0..1", "--no-browser", "--quiet"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "torch"},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            yield running.stdout.readline().strip()
        finally:
            running.terminate()


@contextmanager
def chromium_browser(path: str) -> Iterator[Browser]:
    """Chromium as the system has it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Walker:
    """A page of the explorer and what went wrong in it."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        size: str = "desktop",
        scheme: Any = "light",
        hints: bool = False,
        **how: Any,
    ) -> None:
        self.address = address
        self.context = browser.new_context(
            viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce", **how
        )
        if not hints:
            self.context.add_init_script(
                "try { localStorage.setItem('layersight-hints-seen', '1'); } catch {}"
            )
        self.context.add_init_script(TYPEFACE)
        self.context.add_init_script(PUT_OFF)
        self.faults: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.asking: set[Any] = set()
        self.page.on("request", lambda request: self.asking.add(request))
        self.page.on("requestfinished", lambda request: self.asking.discard(request))
        self.page.on("requestfailed", lambda request: self.asking.discard(request))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console",
            lambda said: (
                self.faults.append(said.text) if said.type in ("error", "warning") else None
            ),
        )

    def open(self, state: str = "") -> Page:
        """Goes to a view and waits until its maps are drawn and all is still."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{state}" if state else self.address)
        self.page.wait_for_selector(DRAWN)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until nothing is asked for or computed, and nothing changes any more."""
        while True:
            asked = bool(self.asking)
            self.page.evaluate(STILL)
            if not asked and not self.asking:
                return

    def wait(self, milliseconds: int) -> None:
        """Waits as the page counts, so that what it had put off for less is done."""
        self.page.evaluate("time => new Promise((done) => setTimeout(done, time))", milliseconds)

    def until_layer(self, name: str) -> None:
        """Waits until the maps of a layer are drawn."""
        self.page.wait_for_function(
            "name => document.querySelector('.board canvas').dataset.drawn?.endsWith(` ${name}`)",
            arg=name,
        )

    def until_image(self) -> None:
        """Waits until the maps of the chosen image are drawn."""
        self.page.wait_for_function(
            "() => document.querySelector('.board canvas').dataset.drawn.startsWith("
            "new URLSearchParams(location.hash.slice(1)).get('image'))"
        )

    def copied(self, button: Locator) -> str:
        """What a button brings to the clipboard."""
        self.page.evaluate("navigator.clipboard.writeText('nothing yet')")
        button.click()
        text = self.page.wait_for_function(
            "async () => { const text = await navigator.clipboard.readText();"
            " return text !== 'nothing yet' && text; }"
        )
        return str(text.json_value())

    @property
    def view(self) -> dict[str, str]:
        """What the address says, which is written a few times a second."""
        self.wait(220)
        found: dict[str, str] = self.page.evaluate(
            "Object.fromEntries(new URLSearchParams(location.hash.slice(1)))"
        )
        return found

    def canvas(self, selector: str = ".board canvas") -> NDArray[np.uint8]:
        """The pixels of a canvas, ``(height, width, 4)``."""
        text = self.page.evaluate("s => document.querySelector(s).toDataURL()", selector)
        content = base64.b64decode(text.partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))

    def shot(self) -> Image.Image:
        """The page as it looks."""
        self.page.mouse.move(2, 2)
        self.settle()
        return Image.open(io.BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")

    def close(self) -> None:
        """Ends it; nothing may have gone wrong."""
        self.context.close()
        assert not self.faults, self.faults


def paint(walker: Walker) -> None:
    """Greys out a part of the photograph."""
    box = walker.page.locator(".easel").bounding_box()
    assert box is not None
    before = walker.view["image"]
    mouse = walker.page.mouse
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.3 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    mouse.up()
    walker.page.wait_for_function("was => !location.hash.includes(was)", arg=before)
    walker.until_image()
    walker.settle()


def painted(walker: Walker) -> None:
    """Greys out a part and shows what changed in the maps."""
    paint(walker)
    walker.page.get_by_role("button", name="Show what changed in the maps").click()
    walker.settle()


def deep_choice(walker: Walker) -> None:
    """Points at the photograph, so that every layer says what it sees there."""
    box = walker.page.locator(".side .photograph").bounding_box()
    assert box is not None
    walker.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.35 * box["height"])
    walker.page.wait_for_selector(".seen")


VIEWS: dict[str, tuple[str, Any, str, Callable[[Walker], None] | None]] = {
    **{
        f"explorer-{size}-{scheme}": (size, scheme, "layer=conv2d_1&channel=40", None)
        for size in SIZES
        for scheme in ("light", "dark")
    },
    "explorer-decision": ("desktop", "light", "layer=conv2d_1&channel=40&tab=class", None),
    "explorer-change": ("desktop", "dark", "layer=conv2d_1&channel=40&tab=change", painted),
}
"""The pictures of the documents: how large, light or dark, which view, and what is done there."""
