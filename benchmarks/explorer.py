"""How fast the explorer answers a person, in Chromium, from the click until the picture is painted.

Prints the median, the 95th percentile and the largest of 200 clicks of each kind, beside what is
allowed; and from the command to the first maps on the screen against ``layersight activations`` of
the same model and image, pair by pair.

Usage::

    python benchmarks/explorer.py [--clicks N] [--runs N] [--browser FILE]

Layers are opened that the page has not seen: each of another image, whose pass is done before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ASSETS = Path(__file__).parents[1] / "src" / "layersight" / "assets" / "demo"
SIDE = 112
PAUSE = 200
"""Milliseconds between two clicks on channels: what a quick person takes."""
RUN = [sys.executable, "-c", "import sys; from layersight.cli import main; sys.exit(main())"]

MODEL = f"""
import sys, keras
from keras import layers
keras.utils.set_random_seed(1)
keras.Sequential([
    keras.Input(({SIDE}, {SIDE}, 3)),
    layers.Conv2D(64, 3, padding="same", activation="relu", name="maps64_a"),
    layers.MaxPooling2D(2),
    layers.Conv2D(64, 3, padding="same", activation="relu", name="maps64_b"),
    layers.MaxPooling2D(2),
    layers.Conv2D(512, 3, padding="same", activation="relu", name="maps512_a"),
    layers.Conv2D(512, 1, activation="relu", name="maps512_b"),
]).save(sys.argv[1])
"""

PAINTED = """
window.painted = (act, done) => new Promise((resolve) => {
  const start = performance.now();
  act();
  const look = () => requestAnimationFrame(() => {
    if (!done()) return look();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(performance.now() - start);
    port2.postMessage(0);
  });
  look();
});
window.drawn = () => document.querySelector(".board canvas")?.dataset.drawn;
"""
"""The time from an act until the frame that shows what it did has been painted."""

LAYER = """([layer]) => {
  const row = [...document.querySelectorAll(".row")].find((each) => each.title === layer);
  return painted(() => row.click(), () => drawn()?.endsWith(` ${layer}`));
}"""
CHANNEL = """([channel]) => {
  const canvas = document.querySelector(".board canvas");
  const box = canvas.getBoundingClientRect();
  const at = { bubbles: true, clientX: box.left + channel[0] * box.width,
               clientY: box.top + channel[1] * box.height };
  const title = () => document.querySelector(".side h2").textContent;
  const before = title();
  let frames = 0;
  const changed = () => title() !== before || (frames += 1) > 30;
  return painted(() => canvas.dispatchEvent(new MouseEvent("click", at)), changed)
    .then((time) => (frames > 30 ? null : time));
}"""
"""A click on a place; null where it is between maps, or on the map that is chosen already."""
CONTRAST = """(steps) => new Promise((resolve) => {
  const slider = document.querySelector("input[type=range]");
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  const times = [];
  let at = 0;
  const step = (now) => {
    times.push(now);
    if (at === steps) return resolve(times);
    at += 1;
    set.call(slider, String(20 + (at % 60)));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


@contextmanager
def explored(folder: Path, model: str, images: list[str]) -> Iterator[str]:
    """The address of ``layersight explore``."""
    command = [*RUN, "explore", model, *images, "--no-browser", "--quiet"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.terminate()


def told(what: str, times: list[float], allowed: float | None, unit: str = "ms") -> None:
    """One line of the report."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    limit = "" if allowed is None else f"   allowed {allowed:g}"
    print(
        f"{what:<46} median {statistics.median(times):7.1f}   95 % {late:7.1f}   "
        f"most {ordered[-1]:7.1f} {unit}{limit}   ({len(times)} times)"
    )


def open_image(page: Page, number: int, layer: str) -> None:
    """Shows an image at a layer, and waits until its pass and all its answers are there."""
    image = page.locator(".thumb").nth(number)
    image.scroll_into_view_if_needed()
    page.evaluate("node => node.click()", image.element_handle())
    page.evaluate(LAYER, [layer])
    page.wait_for_load_state("networkidle")


def clicks(page: Page, count: int) -> None:
    """Measures channels, layers and contrast on one page."""
    random = np.random.default_rng(1)
    page.wait_for_function("() => window.drawn()")
    open_image(page, 0, "maps64_a")
    found: list[float] = []
    while len(found) < count:
        where = [float(random.uniform(0, 1)), float(random.uniform(0.02, 0.9))]
        time_taken = page.evaluate(CHANNEL, [where])
        found += [] if time_taken is None else [time_taken]
        page.wait_for_timeout(PAUSE)
    told("a channel, among 64 maps of 112 x 112", found, 50)
    images = page.locator(".thumb").count()
    for names, side, allowed in (
        (("maps64_a", "maps64_b"), "64", 150),
        (("maps512_a", "maps512_b"), "512", 200),
    ):
        found = []
        number = 0
        while len(found) < count and number < images:
            # Of an image that has not been seen, from a layer whose neighbours are not these.
            open_image(page, number, "max_pooling2d" if side == "512" else "maps512_b")
            found += [page.evaluate(LAYER, [name]) for name in names]
            number += 1
        sizes = "112 x 112 or 56 x 56" if side == "64" else "28 x 28"
        told(f"a new layer of {side} maps of {sizes}", found, allowed)
    for layer in ("maps64_a", "maps512_a"):
        page.evaluate(LAYER, [layer])
        times = page.evaluate(CONTRAST, 120)
        gaps = np.diff(times)
        told(f"frames while contrast changes, {layer}", list(gaps), 1000 / 30)


def first_maps(folder: Path, page: Page, runs: int) -> None:
    """Measures the way from the command to the first maps, against the command line."""
    for name in ("cats_dogs.keras", "chelsea.png"):
        shutil.copy(ASSETS / name, folder)
    ratios, seconds = [], []
    for _ in range(runs):
        start = time.perf_counter()
        plain = [*RUN, "activations", "cats_dogs.keras", "chelsea.png", "-o", "x.npz"]
        subprocess.run(plain, cwd=folder, check=True, capture_output=True)
        other = time.perf_counter() - start
        (folder / "x.npz").unlink()
        start = time.perf_counter()
        with explored(folder, "cats_dogs.keras", ["chelsea.png"]) as address:
            page.goto(address)
            page.wait_for_function("() => window.drawn()")
            seconds.append(1000 * (time.perf_counter() - start))
            ratios.append(seconds[-1] / 1000 / other)
    told("from the command to the first maps", seconds, None)
    told("the same / layersight activations", ratios, 1.3, "x ")


def main() -> None:
    """Runs all of it and prints a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--browser", default=os.environ.get("CHROME") or shutil.which("chromium"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as where, sync_playwright() as playwright:
        folder = Path(where)
        subprocess.run([sys.executable, "-c", MODEL, str(folder / "bench.keras")], check=True)
        random = np.random.default_rng(0)
        names = []
        for number in range((chosen.clicks + 1) // 2):
            small: Any = random.integers(0, 256, (14, 14, 3), np.uint8)
            names.append(f"{number}.png")
            Image.fromarray(small).resize((SIDE, SIDE)).save(folder / names[-1])
        browser = playwright.chromium.launch(
            executable_path=chosen.browser, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_init_script(PAINTED)
        page = context.new_page()
        with explored(folder, "bench.keras", names) as address:
            page.goto(address)
            clicks(page, chosen.clicks)
        first_maps(folder, page, chosen.runs)
        browser.close()


if __name__ == "__main__":
    main()
