"""The explorer in a notebook: messages to and fro."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import layersight
from explorers import Slow, picture, png, until
from fake_network import deep
from layersight.errors import UsageError
from layersight.web.static_files import joined
from layersight.web.widget import ExplorerWidget


class Page:
    """What a page hears of a widget."""

    def __init__(self, widget: ExplorerWidget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.widget = widget
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(
            widget, "send", lambda content, buffers=(): self.heard.append((content, list(buffers)))
        )

    def say(self, message: Any, *buffers: bytes) -> None:
        self.widget._handle_custom_msg(message, [memoryview(part) for part in buffers])

    def ask(self, kind: str, params: Any, *buffers: bytes) -> tuple[dict[str, Any], list[bytes]]:
        number = str(len(self.heard))
        self.say({"id": number, "kind": kind, "params": params}, *buffers)

        def answers() -> list[Any]:
            return [
                one for one in self.heard if one[0]["id"] == number and "progress" not in one[0]
            ]

        until(lambda: bool(answers()))
        (answer,) = answers()
        return answer


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    widget = layersight.explore(deep(), picture())
    yield Page(widget, monkeypatch)
    widget.close()


def test_answers_are_those_of_the_verbs(page: Page) -> None:
    head, _ = page.ask("images", {})
    number = head["json"]["images"][0]["id"]
    head, buffers = page.ask("exact", {"image": number, "layer": "body", "channel": 2})
    maps = layersight.activations(deep(), picture(), layers="body")
    values = np.frombuffer(buffers[0], np.float32).reshape(head["json"]["shape"])
    assert np.array_equal(values, maps["body"][0, ..., 2])


def test_images_are_taken(page: Page) -> None:
    head, _ = page.ask("upload", {"name": "a.png"}, png(picture(3, (5, 6))))
    assert (head["json"]["width"], head["json"]["height"]) == (6, 5)


@pytest.mark.parametrize(
    ("kind", "params", "status", "line"),
    [
        ("nothing", {}, 404, "no request 'nothing'"),
        ("layer", {"image": "x", "layer": "stem"}, 404, "no image 'x'"),
        ("images", {"path": "/"}, 400, "unknown parameter"),
        (None, None, 404, "no request"),
    ],
)
def test_what_fails_has_a_line(page: Page, kind: Any, params: Any, status: int, line: str) -> None:
    head, _ = page.ask(kind, params)
    assert head["status"] == status
    assert line in head["error"]


def test_what_is_no_request_is_passed_over(page: Page) -> None:
    for message in (None, 3, "x", {}, {"id": 3}, {"id": "9", "cancel": True}):
        page.say(message)
    assert page.heard == []


def test_progress_and_its_end_when_the_page_wants_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = layersight.explore(Slow.make(0.02), picture())
    page = Page(widget, monkeypatch)
    try:
        number = page.ask("images", {})[0]["json"]["images"][0]["id"]
        params = {"image": number, "method": "rise", "options": {"masks": 4000}}
        page.say({"id": "long", "kind": "heatmap", "params": params})
        until(lambda: any("progress" in head for head, _ in page.heard))
        page.say({"id": "long", "cancel": True})
        until(lambda: widget.explorer.jobs.load == 0)
        time.sleep(0.05)
        assert not any("json" in head for head, _ in page.heard if head["id"] == "long")
    finally:
        widget.close()


def test_what_can_be_given(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(picture()))
    for given, count in (
        (None, 0),
        (picture(), 1),
        (np.stack([picture()] * 3), 3),
        (tmp_path, 2),
        (str(tmp_path / "*.png"), 2),
        ([tmp_path / "a.png", picture()], 2),
    ):
        widget = layersight.explore(deep(), given)
        assert len(widget.explorer.photos.opened) == count
        widget.close()
    with pytest.raises(UsageError, match="unknown option 'scal'"):
        layersight.explore(deep(), scal="0..1")
    with pytest.raises(UsageError, match="one input"):
        layersight.explore(deep(), {"picture": picture()})


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "layersight.web.widget")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(UsageError, match=r"needs anywidget: pip install 'layersight\[notebook\]'"):
        layersight.explore(deep())


def test_the_page_is_written(tmp_path: Path) -> None:
    widget = layersight.explore(deep(), picture())
    assert widget._esm == joined("hosts/cell.js", "widget")
    assert widget.save(tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(UsageError, match=r"ending in \.html"):
        widget.save(tmp_path / "page.pdf")
    widget.close()
