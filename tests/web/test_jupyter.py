"""The explorer, and what results show, in a real JupyterLab page."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import pytest
from playwright.sync_api import Browser, Page, expect

PATHS = "import sys\nsys.path[:0] = {paths}\n"
NOTEBOOKS = {
    "try": [
        f"""{PATHS}import layersight
from explorers import picture
from fake_network import deep
view = layersight.explore(deep(), picture())
view"""
    ],
    "results": [
        f"{PATHS}from maps import small_network\nmaps = small_network()",
        "maps.plot()",
        "maps",
    ],
}

TOKEN = "jupyter"
TESTS = Path(__file__).parents[1]


def notebook_of(sources: Sequence[str]) -> dict[str, Any]:
    """A notebook that was never run."""
    plain = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    paths = [str(TESTS), *sys.path[1:]]
    cells = [
        {**plain, "id": f"cell{number}", "source": source.format(paths=paths)}
        for number, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab with notebooks in it, and nothing of the user's own."""
    tmp_path = tmp_path_factory.mktemp("lab")
    (tmp_path / "work").mkdir()
    for name, sources in NOTEBOOKS.items():
        (tmp_path / "work" / f"{name}.ipynb").write_text(json.dumps(notebook_of(sources)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The files of extensions lie where the package itself was installed.
    share = Path(anywidget.__file__).parents[4] / "share" / "jupyter"
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    own |= {"JUPYTER_PATH": str(share), "JUPYTERLAB_DIR": str(share / "lab")}
    own |= {"IPYTHONDIR": str(tmp_path / "ipython"), "HOME": str(tmp_path)}
    settings = [
        f"--ServerApp.port={port}",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={tmp_path / 'work'}",
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *settings],
            env={**os.environ, **own},
            stdout=log,
            stderr=log,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5):
                        break
                except OSError:
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            # A workspace of its own, so that the notebook of another test is not open beside it.
            yield f"{address}/lab/workspaces/{{0}}/tree/{{0}}.ipynb?token={TOKEN}"
        finally:
            process.terminate()
            process.wait(20)


def run_cells(page: Page, count: int) -> None:
    """Runs the first cells; one that is run before the kernel listens is never run."""
    dialog = page.locator("dialog.jp-Dialog")  # asks for a kernel while none has started
    page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").click())
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    for number in range(count):
        cell = page.locator(".jp-Cell").nth(number)
        for _ in range(60):
            cell.locator(".cm-content").first.click()
            page.keyboard.press("Control+Enter")
            with suppress(AssertionError):
                expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[ ]:", timeout=2000)
                break
        else:
            pytest.fail(f"cell {number} was never run")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{number + 1}]:", timeout=120_000)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which no script may fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []


def test_the_explorer_in_a_cell(lab: str, page: Page) -> None:
    page.goto(lab.format("try"))
    run_cells(page, 1)
    view = page.locator(".layersight-explorer").first
    view.locator("canvas[data-drawn]").wait_for(timeout=120_000)
    view.get_by_text("body").first.wait_for()
    size = view.bounding_box()
    assert size is not None
    assert 600 < size["height"] < 680
    assert size["width"] > 500


def test_a_first_plot_and_a_result_in_cells(lab: str, page: Page) -> None:
    """Pictures as large as they are meant to be, tables as the page has them, no scripts."""
    page.goto(lab.format("results"))
    run_cells(page, len(NOTEBOOKS["results"]))
    figure = page.locator(".jp-OutputArea-output img").first
    figure.wait_for(timeout=120_000)
    shown = page.locator(".layersight").first
    shown.wait_for(timeout=120_000)
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output img').complete")
    wide, own = figure.evaluate("(img) => [img.clientWidth, img.naturalWidth]")
    assert wide == 827
    assert abs(own - 2 * wide) <= 1
    assert shown.get_by_text("conv").first.is_visible()
    tiles = shown.locator(".tiles .pic")
    assert tiles.count() > 10
    assert tiles.first.bounding_box()["width"] > 20
    names = shown.locator("td", has_text="conv").first
    assert names.evaluate("(cell) => getComputedStyle(cell).textAlign") in ("left", "start")
