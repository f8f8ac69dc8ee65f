"""The explorer over HTTP: whom it answers, what it refuses, and that it goes on.

``LAYERSIGHT_FUZZ=10000`` tries so many requests of all kinds.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from explorers import TOKEN, Serve, Served, Slow, picture, png, until
from fake_network import deep
from layersight.errors import ModelFileError, ModelInputError
from layersight.web import answers, photos, server
from layersight.web.answers import KINDS
from layersight.web.explorer import Explorer
from layersight.web.frames import encode
from layersight.web.guard import Guard
from layersight.web.server import FRAME, Server, listening

FUZZ = int(os.environ.get("LAYERSIGHT_FUZZ", "150"))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server for all that leave it as it is."""
    with ExitStack() as stack:
        explorer = Explorer(deep(), [picture()])
        stack.callback(explorer.close)
        made = Server(Guard(TOKEN, "127.0.0.1"))
        made.explorer.set_result(explorer)
        heard = stack.enter_context(listening(made, "127.0.0.1", 0))
        served = Served(explorer, urlsplit(heard.address).port or 0)
        stack.callback(served.close)
        yield served


def alive(served: Served) -> str:
    """The number of the first image: the server still answers."""
    return str(served.ask("images").json["images"][0]["id"])


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


def test_every_answer_keeps_others_out(served: Served) -> None:
    for reply in (
        served.send("GET", f"/{TOKEN}/"),
        served.ask("images"),
        served.ask("nothing"),
        served.send("GET", "/"),
        served.send("DELETE", f"/{TOKEN}/"),
    ):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in reply.headers
        assert "server" not in reply.headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.1@evil.example",
        "evil.example:80#127.0.0.1",
        "192.168.1.4",
        "[::ffff:8.8.8.8]",
        "localhost:x",
        "",
    ],
)
def test_a_name_that_was_made_to_point_here_gets_nothing(served: Served, host: str) -> None:
    for reply in (
        served.send("GET", f"/{TOKEN}/", headers={"Host": host}),
        served.ask("images", headers={"Host": host}),
    ):
        assert reply.status == 403
        assert "not known here" in reply.error


def test_two_names_are_none(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as raw:
        raw.sendall(
            f"GET /{TOKEN}/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n".encode()
        )
        assert raw.recv(100).split()[1] in (b"400", b"403")
    assert alive(served)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:8", "127.1.2.3"]
)
def test_names_of_this_machine(served: Served, host: str) -> None:
    assert served.ask("images", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_gets_nothing(served: Served, headers: dict[str, str]) -> None:
    reply = served.ask("images", headers=headers)
    assert (reply.status, reply.error) == (403, "a page of another site asked for that")


def test_a_link_from_elsewhere_leads_to_the_page_and_to_nothing_else(served: Served) -> None:
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert served.send("GET", f"/{TOKEN}/", headers=link).status == 200
    framed = {**link, "Sec-Fetch-Dest": "iframe"}
    assert served.send("GET", f"/{TOKEN}/", headers=framed).status == 403
    form = {**link, "Origin": "https://evil.example", "Content-Type": "text/plain"}
    path = f"/{TOKEN}/api/images"
    assert served.send("POST", path, encode({"json": {}}), form).status == 403
    unnamed = {**link, "Content-Type": "text/plain"}
    assert served.send("POST", path, encode({"json": {}}), unnamed).status == 415


def test_the_page_itself_is_answered(served: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.ask("images", headers=own).status == 200


@pytest.mark.parametrize("token", ["", "guess", TOKEN + "x", TOKEN[:-1], "%00", "é", "a" * 5000])
def test_without_the_token_there_is_nothing(served: Served, token: str) -> None:
    for reply in (
        served.send("GET", f"/{quote(token, safe='%')}/"),
        served.send(
            "POST",
            f"/{quote(token, safe='%')}/api/images",
            encode({"json": {}}),
            {"Content-Type": FRAME},
        ),
    ):
        assert reply.status in (403, 404)
        assert reply.error
    assert served.send("GET", "/").status == 403


def test_who_is_heard_elsewhere() -> None:
    guard = Guard("t", "192.168.1.4", ["room.example"])
    for host in ("192.168.1.4:80", "room.example", "10.0.0.1", "localhost"):
        assert guard.refusal("t", {"host": host}) is None
    assert guard.refusal("t", {"host": "evil.example"})


@pytest.mark.parametrize(
    "path",
    [
        "../server.py",
        "..%2fserver.py",
        "%2e%2e/%2e%2e/__init__.py",
        "....//....//etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "hosts/../../server.py",
        "hosts\\..\\..\\server.py",
        "index.html%00.js",
        "file:///etc/passwd",
        "__pycache__",
        "hosts",
        "hosts/",
        "~root",
        "con",
    ],
)
def test_no_path_leads_anywhere(served: Served, path: str) -> None:
    reply = served.send("GET", f"/{TOKEN}/{path}")
    assert reply.status == 404, reply.body[:100]
    assert b"root:" not in reply.body


def test_no_path_is_an_image_or_layer(served: Served, tmp_path: Any) -> None:
    real = tmp_path / "secret.png"
    real.write_bytes(png(picture()))
    for name in (str(real), f"file://{real}", "../../secret.png"):
        assert served.ask("photograph", {"image": name}).status == 404
        assert served.ask("layer", {"image": name, "layer": "stem"}).status == 404
        sent = served.ask("upload", {"name": name}, b"no image")
        assert sent.status == 422
    number = alive(served)
    assert served.ask("layer", {"image": number, "layer": str(real)}).status == 404
    heat = {"image": number, "method": "grad-cam", "target": str(real)}
    assert served.ask("heatmap", heat).status == 404


def test_other_types_and_ways(served: Served) -> None:
    path = f"/{TOKEN}/api/images"
    frame = encode({"json": {}})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert served.send("POST", path, frame, {"Content-Type": kind}).status == 415
    for method in ("GET", "PUT", "OPTIONS", "TRACE", "PATCH"):
        assert served.send(method, path).status in (404, 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"\xff\xff\xff\xff",
        struct.pack("<I", 10) + b"{}",
        struct.pack("<I", 4) + b"null" + bytes(8),
        struct.pack("<I", 2) + b"[]" + bytes(2),
        encode({"json": {}})[:-3],
        encode({"json": {}}) + b"more",
        struct.pack("<I", 30) + b'{"json":{},"sizes":[99999999]}' + bytes(6),
        struct.pack("<I", 22) + b'{"json":{},"sizes":[-1]}'[:22] + bytes(6),
        struct.pack("<I", 100_000) + b"[" * 100_000 + bytes(4),
    ],
)
def test_what_is_no_frame(served: Served, body: bytes) -> None:
    reply = served.send("POST", f"/{TOKEN}/api/images", body, {"Content-Type": FRAME})
    assert reply.status == 400
    assert reply.error
    assert alive(served)


def test_more_bytes_than_are_taken(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 10_000)
    path, head = f"/{TOKEN}/api/upload", {"Content-Type": FRAME}
    claimed = served.send("POST", path, b"", {**head, "Content-Length": "99999999999"})
    assert (claimed.status, "at most" in claimed.error) == (413, True)
    connection = served.connect()
    parts = (bytes(1000) for _ in range(50))
    connection.request(
        "POST", path, parts, {**head, "Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    assert alive(served)


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bomb(60_000, 60_000), "megapixels"),
        (bomb(7_000, 7_000), "at most 40 megapixels"),
        (bomb(0, 5), "decode|pixel|image"),
        (png(picture())[:60], "damaged"),
        (b"\xff\xd8\xff\xe0 no picture", "damaged"),
        (b"GIF89a", "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "expected an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "expected an image"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x93NUMPY\x01\x00", "expected an image"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (bytes(5000), "expected an image"),
    ],
)
def test_what_is_no_image(served: Served, content: bytes, message: str) -> None:
    begun = time.monotonic()
    reply = served.ask("upload", {"name": "photo.png"}, content)
    assert reply.status == 422
    assert re.search(message, reply.error), reply.error
    assert time.monotonic() - begun < 30
    assert alive(served)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_images_of_each_format(served: Served, kind: str) -> None:
    content = png(picture(1, (30, 20)), kind=kind)
    made = served.ask("upload", {"name": "ä.jpg"}, content).json
    assert (made["width"], made["height"], made["name"]) == (20, 30, "ä.jpg")
    reply = served.ask("photograph", {"image": made["id"], "longest": 16})
    assert Image.open(io.BytesIO(reply.buffers[0])).size == (11, 16)


def test_images_that_are_sent_are_known_to_who_sent_them_and_go_in_time(serve: Serve) -> None:
    served = serve()
    served.explorer.photos._sent.most = 5 * 40 * 40 * 4
    numbers = [
        served.ask("upload", {"name": "x"}, png(picture(seed, (40, 40)))).json["id"]
        for seed in range(8)
    ]
    assert len(served.ask("images").json["images"]) == 1
    found = [served.ask("image", {"image": number}).status for number in numbers]
    assert found == [404] * 3 + [200] * 5
    assert served.explorer.photos._sent.bytes <= served.explorer.photos._sent.most


def test_one_line_for_what_fails(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(type(served.explorer), "values", fail)
    reply = served.ask("layer", {"image": alive(served), "layer": "stem"})
    assert (reply.status, reply.error) == (500, "unexpected error, RuntimeError: first second")


def test_progress_and_then_the_answer(serve: Serve) -> None:
    served = serve(Slow.make(0.003))
    params = {"image": alive(served), "method": "occlusion", "options": {"window": 2, "stride": 1}}
    found = served.ask("heatmap", params).frames
    steps = [head["progress"] for head, _ in found[:-1]]
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert found[-1][0]["json"]["method"] == "occlusion"


def test_what_fails_on_the_way_is_told_in_its_frame(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()

    def fail(explorer: Any, request: Any, tell: Any, scores: Any = ()) -> None:
        for step in range(3):
            tell(step, 3)
            time.sleep(0.05)
        raise ModelInputError("it does not go on")

    monkeypatch.setattr(answers, "run_heatmap", fail)
    found = served.ask("heatmap", {"image": alive(served)}).frames
    assert found[0][0]["progress"]
    assert (found[-1][0]["error"], found[-1][0]["status"]) == ("it does not go on", 422)


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


def test_batches_are_as_large_as_can_soon_be_ended(serve: Serve) -> None:
    for delay, size in ((0.0, 16), (0.2, 2), (0.7, 1)):
        explorer = serve(Slow.make(delay)).explorer
        assert explorer.batch_size(explorer.photos.given[0]) == size


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
    served = serve(Slow.make(1.0))
    number = alive(served)
    served.explorer.passes._most = 2
    held = []
    for channel in range(3):
        params = {"image": number, "layer": "body", "channel": channel}
        held.append(served.start("exact", params))
        until(lambda: served.explorer.passes.load == len(held))
    reply = served.ask("exact", {"image": number, "layer": "body", "channel": 4})
    assert (reply.status, "try again" in reply.error) == (429, True)
    assert [each.getresponse().status for each in held] == [200] * 3


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
    monkeypatch.setattr(server, "FEW", 100)
    params = {"image": alive(served), "layer": "stem"}
    near = served.ask("layer", params, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in near.headers
    monkeypatch.setattr(server, "is_loopback", lambda host: False)
    far = served.ask("layer", params, headers={"Accept-Encoding": "gzip"})
    assert far.headers["content-encoding"] == "gzip"
    assert gzip.decompress(far.body) == near.body


words = st.sampled_from(
    ["image", "layer", "channel", "slice", "method", "options", "target", "view", "format", "name"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["stem", "body", "top", "grad-cam", "IMAGE", "png", "../x", "/etc/passwd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=5), inner),
    max_leaves=6,
)


def fuzz(served: Served, kind: str, params: Any, body: bytes | None) -> None:
    """Whatever is asked: one line with a status that says whose fault it is, and no harm."""
    if isinstance(params, dict):
        number = served.explorer.photos.given[0].id
        params = {name: number if value == "IMAGE" else value for name, value in params.items()}
    try:
        frame = encode({"json": params}, [] if body is None else [body])
    except (ValueError, UnicodeEncodeError):
        return
    path = f"/{TOKEN}/api/{kind}"
    reply = served.send("POST", path, frame, {"Content-Type": FRAME}, again=True)
    assert reply.status in (200, 400, 404, 422), (kind, params, reply.body[:200])
    if reply.status != 200:
        assert reply.error
    assert b"root:" not in reply.body
    for head, _ in reply.frames if reply.status == 200 else ():
        assert head.get("status", 400) != 500, (kind, params, head)


@settings(max_examples=FUZZ, deadline=None)
@given(
    st.sampled_from([*sorted(set(KINDS) - {"pattern"}), "nothing"]),
    st.dictionaries(words, values, max_size=5) | values,
    st.none() | st.binary(max_size=50) | st.just(png(picture())),
)
def test_whatever_is_asked(served: Served, kind: str, params: Any, body: bytes | None) -> None:
    fuzz(served, kind, params, body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_is_sent(served: Served, content: bytes) -> None:
    reply = served.send(
        "POST", f"/{TOKEN}/api/images", content, {"Content-Type": FRAME}, again=True
    )
    assert reply.status == 400
    assert reply.error


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_images_with_flipped_bytes(served: Served, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]))
    content = bytearray(png(picture(2, (12, 9)), kind=kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    reply = served.ask("upload", {"name": "x"}, bytes(content), again=True)
    assert reply.status in (200, 422), reply.body
    if reply.status == 422:
        assert reply.error


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0 #?"), max_size=40))
def test_whatever_path_is_asked_for(served: Served, path: str) -> None:
    reply = served.send("GET", f"/{TOKEN}/{quote(path, safe='/%.~')}", again=True)
    assert reply.status in (200, 404)
    if reply.status == 200:
        assert path in ("", "index.html")


def test_the_limits_that_a_page_is_told_are_those_that_hold(served: Served) -> None:
    told = served.ask("model").json["limits"]
    assert told == {"bytes": photos.MOST_BYTES, "pixels": photos.MOST_PIXELS}
    assert json.dumps(told)
    assert np.prod([8000, 5000]) == photos.MOST_PIXELS
