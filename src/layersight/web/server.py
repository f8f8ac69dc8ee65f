"""The explorer over HTTP.

The rule of this module: a request is checked by the guard, then for its size, then for its content,
and nothing in it becomes a path; when the client is gone, the work ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from layersight.errors import OutputError, UsageError
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import MAX_TEXT, decode, encode
from layersight.web.guard import HEADERS, Guard, is_loopback
from layersight.web.host import TooLargeError, ask, describe_error
from layersight.web.photos import MAX_UPLOAD_BYTES
from layersight.web.static_files import served, type_of
from layersight.web.work import Waiter

FRAME = "application/x-layersight"
MAX_REQUEST = MAX_UPLOAD_BYTES + MAX_TEXT + 4096
"""Bytes of a request."""
REQUEST_SECONDS = 30.0
"""The time within which a request has to arrive."""
MAX_CONNECTIONS = 512
PORT = 8764
"""The default port; where it is taken, any free one."""
MIN_COMPRESSED = 4096
"""Bytes of the smallest answer that is compressed."""

_NO_STORE = {"cache-control": "no-store"}


class Server:
    """Serves an explorer, which may be opened later.

    Args:
        guard: Decides which requests are answered.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.explorer: Future[Explorer] = Future()
        self.application = Starlette(
            routes=[
                Route("/{token}/api/{kind}", self._ask, methods=["POST"]),
                Route("/{token}/{name:path}", self._file, methods=["GET"]),
                Route("/{token}", self._file, methods=["GET"]),
                Route("/", self._file, methods=["GET"]),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )
        self.application.router.redirect_slashes = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Runs the application, with its headers on every answer."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), text.encode()) for name, text in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        if scope["type"] == "http":
            await self.application(scope, receive, with_headers)

    def _refused(self, request: Request) -> Response | None:
        has_one_host = len(request.headers.getlist("host")) == 1
        reason = self.guard.refusal(
            str(request.path_params.get("token", "")),
            {name: request.headers[name] for name in request.headers} if has_one_host else {},
        )
        return None if reason is None else _failed(403, reason)

    async def _file(self, request: Request) -> Response:
        """A file of the page, by its exact name."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        if "name" not in request.path_params:
            # Addresses on the page are relative: without the slash they would miss the token.
            location = f"/{self.guard.token}/"
            return Response(status_code=307, headers={"location": location, **_NO_STORE})
        name = str(request.path_params["name"]) or "index.html"
        content = served().get(name)
        if content is None:
            return _failed(404, "there is no such file")
        headers = {"cache-control": "no-cache", "etag": f'"{zlib.crc32(content):08x}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=type_of(name), headers=headers)

    async def _ask(self, request: Request) -> Response:
        """The answer to a request of the page."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.headers.get("content-type") != FRAME:
            return _failed(415, f"expected a request of type {FRAME}")
        try:
            head, buffers = decode(await _body(request))
            if len(buffers) > 1:
                raise UsageError("expected at most one image")
            explorer = await self._opened(request)
            if explorer is None:
                return _GONE
            body = buffers[0] if buffers else None
            return await self._answer(explorer, request, head.get("json"), body)
        except ClientDisconnect:
            return _GONE
        except TimeoutError:
            return _failed(408, "the request did not arrive completely")
        except Exception as error:  # whatever went wrong, the page gets one line
            return _failed(*describe_error(error))

    async def _opened(self, request: Request) -> Explorer | None:
        """The explorer once its model is open; ``None`` if the client is gone before."""
        if self.explorer.done():
            return self.explorer.result()
        opened = asyncio.wrap_future(self.explorer)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((opened, gone), return_when=asyncio.FIRST_COMPLETED)
            return opened.result() if opened.done() else None
        finally:
            gone.cancel()

    async def _answer(
        self, explorer: Explorer, request: Request, params: Any, body: bytes | None
    ) -> Response:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()

        def put(event: tuple[int, int] | None) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        def report(done: int, total: int) -> None:
            put((done, total))

        reply = ask(explorer, str(request.path_params["kind"]), params, body, report)
        if isinstance(reply, Answer):
            return await _respond(request, reply)
        reply.result.add_done_callback(lambda _: put(None))
        waiting = _Waiting(reply, events, asyncio.ensure_future(_gone(request)))
        try:
            if await waiting.next() is not None:
                return waiting
            done = reply.result.done()
            response = await _respond(request, reply.result.result()) if done else _GONE
        except BaseException:
            waiting.leave()
            raise
        waiting.leave()
        return response


class _Waiting(Response):
    """Sends progress as it comes, then the answer; the work ends when the client is gone."""

    def __init__(
        self,
        waiter: Waiter,
        events: asyncio.Queue[tuple[int, int] | None],
        gone: asyncio.Future[None],
    ) -> None:
        self.waiter, self.events, self.gone = waiter, events, gone
        self.last: tuple[int, int] | None = None
        self.background = None
        gone.add_done_callback(lambda _: events.put_nowait(None))

    async def next(self) -> tuple[int, int] | None:
        """The newest progress, ``None`` once the work has ended or the client is gone."""
        self.last = await self.events.get()
        while self.last is not None and not self.events.empty():
            self.last = self.events.get_nowait()
        return self.last

    def leave(self) -> None:
        self.gone.cancel()
        self.waiter.leave()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", FRAME.encode()), (b"cache-control", b"no-store")]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while self.last is not None:
                await self._send(send, encode({"progress": list(self.last)}))
                await self.next()
            if self.waiter.result.done():
                await self._send(send, self._last_frame())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.leave()

    async def _send(self, send: Any, frame: bytes) -> None:
        await send({"type": "http.response.body", "body": frame, "more_body": True})

    def _last_frame(self) -> bytes:
        try:
            answer: Answer = self.waiter.result.result()
            return encode({"json": answer.json}, answer.buffers)
        except Exception as error:  # whatever went wrong, the page gets one line
            status, line = describe_error(error)
            return encode({"error": line, "status": status})


_GONE = Response(status_code=499)
"""For a client that does not read it any longer."""


async def _gone(request: Request) -> None:
    """Waits until the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    """The bytes of a request, within bounds of size and time."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_REQUEST:
        raise TooLargeError(f"expected at most {MAX_UPLOAD_BYTES >> 20} MiB")
    content = bytearray()
    async with asyncio.timeout(REQUEST_SECONDS):
        async for part in request.stream():
            content += part
            if len(content) > MAX_REQUEST:
                raise TooLargeError(f"expected at most {MAX_UPLOAD_BYTES >> 20} MiB")
    return bytes(content)


async def _respond(request: Request, answer: Answer) -> Response:
    """An answer, compressed for another machine; on the same one compressing takes longer."""
    frame = encode({"json": answer.json}, answer.buffers)
    headers = dict(_NO_STORE)
    remote = request.client is not None and not is_loopback(request.client.host)
    accepts = "gzip" in request.headers.get("accept-encoding", "")
    if remote and accepts and len(frame) > MIN_COMPRESSED:
        frame = await asyncio.to_thread(gzip.compress, frame, 1, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(frame, media_type=FRAME, headers=headers)


def _failed(status: int, line: str) -> Response:
    return JSONResponse({"error": line}, status, headers=_NO_STORE)


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _failed(status, "there is nothing here: open the address that layersight printed")


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that listens.

    Attributes:
        address: The address of the page, with its token.
        ended: Set when it serves no longer.
    """

    address: str
    ended: threading.Event


@contextlib.contextmanager
def listening(server: Server, host: str, port: int | None) -> Iterator[Listening]:
    """Serves in another thread while the block lasts.

    Args:
        server: The application.
        host: The address where it listens.
        port: ``None`` for :data:`PORT`, or if that is taken any free one.

    Raises:
        OutputError: It cannot listen there.
    """
    bound = _bind(host, PORT if port is None else port, any_port=port is None)
    running = uvicorn.Server(
        uvicorn.Config(
            server,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
    )
    # Not joined: an interrupted join counts the thread as ended.
    ended = threading.Event()

    def serve() -> None:
        try:
            running.run(sockets=[bound])
        finally:
            ended.set()

    threading.Thread(target=serve, name="layersight server", daemon=True).start()
    name = f"[{host}]" if ":" in host else host
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else name
    try:
        yield Listening(f"http://{name}:{bound.getsockname()[1]}/{server.guard.token}/", ended)
    finally:
        running.should_exit = True
        ended.wait(3)


def _bind(host: str, port: int, *, any_port: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(128)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        if any_port and port:
            return _bind(host, 0, any_port=False)
        reason = error.strerror or str(error)
        raise OutputError(f"cannot listen at {host} port {port}: {reason}") from error
    return bound
