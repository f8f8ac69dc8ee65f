"""The explorer in a real JupyterLab page."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import anywidget
import pytest

from browser import chromium

CELL = """import sys
sys.path[:0] = {paths}
import layersight
from explorers import picture
from fake_network import deep
view = layersight.explore(deep(), picture())
view"""

TOKEN = "jupyter"
TESTS = Path(__file__).parents[1]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab with a notebook in it, and nothing of the user's own."""
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "one",
        "metadata": {},
        "outputs": [],
        "source": CELL.format(paths=[str(TESTS), *sys.path[1:]]),
    }
    kernel = {"display_name": "Python", "language": "python", "name": "python3"}
    notebook = {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "try.ipynb").write_text(json.dumps(notebook))
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
            yield f"{address}/lab/tree/try.ipynb?token={TOKEN}"
        finally:
            process.terminate()
            process.wait(20)


def test_the_explorer_in_a_cell(lab: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(lab)
        page.locator(".jp-Cell .cm-content").first.wait_for(timeout=60_000)
        prompt = page.locator(".jp-InputPrompt").first
        for _ in range(60):  # a cell that is run before the kernel listens is never run
            page.locator(".jp-Cell .cm-content").first.click()
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(1000)
            if prompt.inner_text() != "[ ]:":
                break
        view = page.locator(".layersight-explorer").first
        view.wait_for(timeout=60_000)
        view.get_by_text("body").first.wait_for(timeout=30_000)
        view.locator("canvas").first.wait_for(timeout=30_000)
        page.wait_for_timeout(500)
        page.screenshot(path=str(tmp_path / "lab.png"))
        size = view.bounding_box()
        assert size is not None
        assert 600 < size["height"] < 680
        assert size["width"] > 500
        assert failures == []
        browser.close()
