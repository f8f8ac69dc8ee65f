"""Explorers that are served on free ports, one browser, and the demonstration in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

import layersight
from browser import chromium
from explorers import Serve, Served, serving
from walking import ASSETS, Walker, chromium_browser, demo


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves networks until the test ends."""
    with ExitStack() as stack:

        def serve(*given: Any, **settings: Any) -> Served:
            return stack.enter_context(serving(*given, **settings))

        yield serve


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server for all that leave it as it is."""
    with serving() as found:
        yield found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium_browser(chromium()) as found:
        yield found


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the demonstration and a mirrored cat are shown."""
    with demo(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture
def walker(browser: Browser, address: str) -> Iterator[Walker]:
    walker = Walker(browser, address)
    yield walker
    walker.close()


@pytest.fixture(scope="package")
def numbers() -> Any:
    """What the demonstration shows, as the verb gives it."""
    model = layersight.load_model(ASSETS / "cats_dogs.keras", labels=("cat", "dog"))
    cat = ASSETS / "chelsea.png"
    return layersight.activations(model, cat, fit="crop", scale="0..1", predictions=True)
