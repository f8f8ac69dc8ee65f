"""Explorers that are asked over HTTP, as a page asks them."""

from __future__ import annotations

import http.client
import io
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from fake_network import Fake, deep
from layersight.web.explorer import Explorer, Settings
from layersight.web.frames import encode
from layersight.web.server import FRAME
from walking import TOKEN, hosted


def frames(data: bytes) -> list[tuple[dict[str, Any], list[bytes]]]:
    """The frames of an answer, read as a page reads them."""
    found = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        head = json.loads(data[4 : 4 + length])
        at = 4 + length + -(length + 4) % 8
        buffers = []
        for size in head["sizes"]:
            buffers.append(data[at : at + size])
            at += size + -size % 8
        found.append((head, buffers))
        data = data[at:]
    return found


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        line = json.loads(self.body)["error"]
        assert "\n" not in line
        assert line
        return str(line)

    @property
    def frames(self) -> list[tuple[dict[str, Any], list[bytes]]]:
        assert self.status == 200, self.body
        return frames(self.body)

    @property
    def json(self) -> Any:
        head = self.frames[-1][0]
        assert "json" in head, head
        return head["json"]

    @property
    def buffers(self) -> list[bytes]:
        return self.frames[-1][1]


@dataclass
class Served:
    """An explorer that is served."""

    explorer: Explorer
    port: int
    token: str = TOKEN
    own: threading.local = field(default_factory=threading.local)
    opened: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self.opened:
            connection.close()

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        again: bool = False,
    ) -> Reply:
        """One request; ``again`` goes on with the connection of this thread."""
        connection = getattr(self.own, "connection", None) if again else None
        if connection is None:
            connection = self.connect()
        if again:
            self.own.connection = connection
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            if body is not None:
                given.setdefault("Content-Length", str(len(body)))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            heads = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, heads, response.read())
        finally:
            if not again:
                connection.close()

    def ask(
        self,
        kind: str,
        params: Any = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        again: bool = False,
    ) -> Reply:
        """A request of a page."""
        frame = encode({"json": params or {}}, [] if body is None else [body])
        return self.send(
            "POST",
            f"/{self.token}/api/{kind}",
            frame,
            {"Content-Type": FRAME, **(headers or {})},
            again=again,
        )

    def start(self, kind: str, params: Any) -> http.client.HTTPConnection:
        """Sends a request whose answer is not waited for."""
        connection = self.connect()
        connection.request(
            "POST",
            f"/{self.token}/api/{kind}",
            encode({"json": params}),
            {"Content-Type": FRAME},
        )
        return connection


Serve = Callable[..., Served]


@contextmanager
def serving(
    model: Any = None, images: Sequence[Any] | None = None, **settings: Any
) -> Iterator[Served]:
    """An explorer on a free port, else of a network without a framework and one picture."""
    given = [picture()] if images is None else images
    explorer = Explorer(deep() if model is None else model, given, Settings(**settings))
    with hosted(explorer) as address:
        served = Served(explorer, urlsplit(address).port or 0)
        try:
            yield served
        finally:
            served.close()


def alive(served: Served) -> str:
    """The number of the first image: the server still answers."""
    return str(served.ask("images").json["images"][0]["id"])


def picture(seed: int = 0, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def png(pixels: np.ndarray, mode: str | None = None, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    made = Image.fromarray(pixels)
    (made if mode is None else made.convert(mode)).save(file, kind)
    return file.getvalue()


def until(what: Callable[[], bool], seconds: float = 120.0) -> float:
    """How long it takes until something is so."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(0.005)
    return time.monotonic() - begun


class Slow(Fake):
    """A network that takes its time for a pass."""

    delay = 0.0

    @classmethod
    def make(cls, delay: float, **known: Any) -> Slow:
        made = deep(**known)
        made.__class__ = cls
        assert isinstance(made, Slow)
        made.delay = delay
        return made

    def forward(self, *args: Any, **known: Any) -> Any:
        time.sleep(self.delay)
        return super().forward(*args, **known)

    def read(self, *args: Any, **known: Any) -> Any:
        time.sleep(self.delay)
        return super().read(*args, **known)
