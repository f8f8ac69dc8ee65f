"""The explorer over HTTP: whom it answers, what it refuses, and that it goes on.

``LAYERSIGHT_FUZZ=10000`` tries so many requests of all kinds.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers import TOKEN, Served, alive, picture, png
from layersight.web import server
from layersight.web.answers import KINDS
from layersight.web.frames import encode
from layersight.web.guard import Guard
from layersight.web.server import FRAME

FUZZ = int(os.environ.get("LAYERSIGHT_FUZZ", "150"))


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
    ("token", "headers", "answered"),
    [
        ("t", {"host": "hub.example"}, True),
        ("t", {"host": "HUB.example:443", "origin": "https://hub.example:443"}, True),
        ("t", {"host": "127.0.0.1:8764", "origin": "https://hub.example"}, True),
        ("x", {"host": "hub.example"}, False),
        ("t", {"host": "hub.example", "origin": "https://evil.example"}, False),
        ("t", {"host": "hub.example", "origin": "null"}, False),
        ("t", {"host": "127.0.0.1", "origin": "https://a.hub.example"}, False),
        ("t", {"host": "127.0.0.1", "origin": "https://hub.example@evil.example"}, False),
        ("t", {"host": "a.hub.example"}, False),
        ("t", {"host": "hub.example.evil.example"}, False),
        ("t", {"host": "192.168.1.4"}, False),
        ("t", {"host": "hub.example", "sec-fetch-site": "cross-site"}, False),
    ],
)
def test_a_proxy_is_answered_by_its_exact_name_alone(
    token: str, headers: dict[str, str], *, answered: bool
) -> None:
    guard = Guard("t", "127.0.0.1", ["Hub.example"])
    assert (guard.refusal(token, headers) is None) == answered


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
    monkeypatch.setattr(server, "MAX_REQUEST", 10_000)
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
        number = served.explorer.photos.opened[0].id
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
