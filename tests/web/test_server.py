"""The explorer over HTTP: its files, progress, queues, and the end of what nobody waits for."""

from __future__ import annotations

import gzip
import io
import threading
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from explorers import TOKEN, Serve, Served, Slow, alive, frames, picture, png, until
from fake_network import deep
from layersight.errors import ModelFileError, ModelInputError
from layersight.web import answers, explorer, photos, server
from layersight.web.guard import Guard
from layersight.web.server import Server, listening


def test_the_page_and_its_files(served: Served) -> None:
    page = served.send("GET", f"/{TOKEN}/")
    assert page.status == 200
    assert b"main.js" in page.body
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    script = served.send("GET", f"/{TOKEN}/hosts/http.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = {"If-None-Match": script.headers["etag"]}
    assert served.send("GET", f"/{TOKEN}/hosts/http.js", headers=again).status == 304
    slashless = served.send("GET", f"/{TOKEN}")
    assert (slashless.status, slashless.headers["location"]) == (307, f"/{TOKEN}/")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_images_of_each_format(served: Served, kind: str) -> None:
    content = png(picture(1, (30, 20)), kind=kind)
    made = served.ask("upload", {"name": "ä.jpg"}, content).json
    assert (made["width"], made["height"], made["name"]) == (20, 30, "ä.jpg")
    reply = served.ask("photograph", {"image": made["id"], "longest": 16})
    assert Image.open(io.BytesIO(reply.buffers[0])).size == (11, 16)


def test_images_that_are_sent_are_known_to_who_sent_them_and_go_in_time(serve: Serve) -> None:
    served = serve()
    served.explorer.photos.uploads.limit = 5 * 40 * 40 * 4
    numbers = [
        served.ask("upload", {"name": "x"}, png(picture(seed, (40, 40)))).json["id"]
        for seed in range(8)
    ]
    assert len(served.ask("images").json["images"]) == 1
    found = [served.ask("image", {"image": number}).status for number in numbers]
    assert found == [404] * 3 + [200] * 5
    assert served.explorer.photos.uploads.bytes <= served.explorer.photos.uploads.limit


def test_one_line_for_what_fails(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(type(served.explorer), "layer", fail)
    reply = served.ask("layer", {"image": alive(served), "layer": "stem"})
    assert (reply.status, reply.error) == (500, "unexpected error, RuntimeError: first second")


def test_progress_and_then_the_answer(serve: Serve) -> None:
    served = serve(Slow.make(0.05))
    params = {"image": alive(served), "method": "occlusion", "options": {"window": 2, "stride": 1}}
    found = served.ask("heatmap", params).frames
    steps = [head["progress"] for head, _ in found[:-1]]
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert found[-1][0]["json"]["method"] == "occlusion"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ModelInputError("it does not go on"), 422, "it does not go on"),
        (RuntimeError("first\nsecond"), 500, "unexpected error, RuntimeError: first second"),
    ],
)
def test_what_fails_on_the_way_is_told_in_its_frame(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    line: str,
) -> None:
    served = serve()
    heard = threading.Event()

    def fail(explorer: Any, request: Any, report: Any, scores: Any = ()) -> None:
        report(0, 3)
        heard.wait()
        raise error

    monkeypatch.setattr(answers, "run_heatmap", fail)
    response = served.start("heatmap", {"image": alive(served)}).getresponse()
    heard.set()
    found = frames(response.read())
    assert found[0][0]["progress"] == [0, 3]
    assert (found[-1][0]["error"], found[-1][0]["status"]) == (line, status)
    assert [record.exc_info[1] for record in caplog.records] == [error] * (status == 500)


def test_who_goes_away_frees_the_slot(serve: Serve) -> None:
    served = serve(Slow.make(0.05))
    number = alive(served)
    options = {"masks": 2000}
    params = {"image": number, "method": "rise", "target": "1", "options": options}
    connection = served.start("heatmap", params)
    waiting = served.start("heatmap", {**params, "target": "2"})
    until(lambda: served.explorer.jobs.load == 2)
    time.sleep(0.2)
    waiting.close()
    took = until(lambda: served.explorer.jobs.load == 1)
    connection.close()
    took = max(took, until(lambda: served.explorer.jobs.load == 0))
    assert took < 10
    assert served.ask("layer", {"image": number, "layer": "stem"}).status == 200


def test_who_goes_away_ends_what_reports_nothing(serve: Serve) -> None:
    """A measure of a heatmap shows the network many images before it says how far it is."""
    served = serve(Slow.make(0.02))
    number = alive(served)
    params = {"image": number, "method": "grad-cam", "scores": ["insertion", "sensitivity"]}
    connection = served.start("heatmap", params)
    until(lambda: served.explorer.jobs.load == 1)
    time.sleep(0.1)
    connection.close()
    until(lambda: served.explorer.jobs.load == 0, 3)


@pytest.mark.parametrize(("seconds", "size"), [(0.01, 16), (0.2, 2), (0.7, 1)])
def test_batches_are_as_large_as_can_soon_be_ended(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, seconds: float, size: int
) -> None:
    network = deep()
    clock = SimpleNamespace(perf_counter=lambda: seconds * len(network.passes))
    monkeypatch.setattr(explorer, "time", clock)
    opened = serve(network).explorer
    assert opened.batch_size(opened.photos.opened[0]) == size


def test_who_stays_gets_the_answer_though_another_goes(serve: Serve) -> None:
    served = serve(Slow.make(0.3))
    number = alive(served)
    params = {"image": number, "layer": "body"}
    gone = served.start("layer", params)
    until(lambda: served.explorer.passes.load == 1)
    stays = served.start("layer", params)
    time.sleep(0.05)
    gone.close()
    assert stays.getresponse().status == 200


def test_too_much_waiting_is_said(serve: Serve) -> None:
    served = serve()
    number = alive(served)
    passes, go_on = served.explorer.passes, threading.Event()
    passes.limit = 2
    passes.join("before", lambda report: go_on.wait())
    until(lambda: not passes._queue)
    held = []
    for channel in range(2):
        params = {"image": number, "layer": "body", "channel": channel}
        held.append(served.start("exact", params))
        until(lambda: passes.load == 1 + len(held))
    reply = served.ask("exact", {"image": number, "layer": "body", "channel": 4})
    assert (reply.status, "try again" in reply.error) == (429, True)
    go_on.set()
    assert [each.getresponse().status for each in held] == [200] * 2


def test_a_page_waits_for_its_model_and_hears_why_there_is_none() -> None:
    late = Server(Guard(TOKEN, "127.0.0.1"))
    with listening(late, "127.0.0.1", 0) as heard:
        served = Served(None, urlsplit(heard.address).port or 0)  # type: ignore[arg-type]
        replies: list[Any] = []
        thread = threading.Thread(target=lambda: replies.append(served.ask("model")))
        thread.start()
        time.sleep(0.1)
        assert not replies
        assert served.send("GET", f"/{TOKEN}/").status == 200
        late.explorer.set_exception(ModelFileError("no model: x.h5"))
        thread.join(5)
        assert (replies[0].status, replies[0].error) == (422, "no model: x.h5")


def test_answers_are_compressed_over_a_network_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MIN_COMPRESSED", 100)
    params = {"image": alive(served), "layer": "stem"}
    near = served.ask("layer", params, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in near.headers
    monkeypatch.setattr(server, "is_loopback", lambda host: False)
    far = served.ask("layer", params, headers={"Accept-Encoding": "gzip"})
    assert far.headers["content-encoding"] == "gzip"
    assert gzip.decompress(far.body) == near.body


def test_a_page_gets_the_limits_that_hold(served: Served) -> None:
    limits = served.ask("model").json["limits"]
    assert limits == {"bytes": photos.MAX_UPLOAD_BYTES, "pixels": photos.MAX_UPLOAD_PIXELS}
