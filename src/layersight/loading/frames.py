"""The frames in the pipe between layersight and the process that reads HDF5.

A frame is a byte for its kind, eight for its length, and that many bytes: a message in JSON,
a piece of an array or a text, or an empty heartbeat.

The rule of this module: both sides use it, and neither accepts more than it allowed.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

HEAD = struct.Struct("<cQ")

MESSAGE, PIECE, HEARTBEAT = b"m", b"p", b"."

MAX_MESSAGE = 16 << 20  # bytes; the names of a layer's weights may be many
MAX_HEARTBEATS = 100_000  # in a row; there is one for each 16 MiB of an archive
STEP = 1 << 20  # bytes of a text in a piece, and bytes read from the pipe at once
SMALL = 1 << 12  # bytes of a frame up to which it is written together with its head
Message = dict[str, Any]
Frame = Message | memoryview | None  # a message, a piece, or a heartbeat


class ProtocolError(Exception):
    """A frame is not what the protocol allows."""


class RemoteError(Exception):
    """The process sent an error; the message is the only argument."""


def text_frames(name: str, text: bytes) -> Iterator[Frame]:
    """The frames of a text: its name and length in bytes, then its pieces."""
    yield {"text": name, "bytes": len(text)}
    view = memoryview(text)
    for start in range(0, len(view), STEP):
        yield view[start : start + STEP]


def write_frame(descriptor: int, frame: Frame) -> None:
    """Writes a frame to a pipe."""
    if frame is None:
        kind, body = HEARTBEAT, memoryview(b"")
    elif isinstance(frame, memoryview):
        kind, body = PIECE, frame.cast("B") if frame.nbytes else memoryview(b"")
    else:
        kind, body = MESSAGE, memoryview(json.dumps(frame).encode())
    head = HEAD.pack(kind, len(body))
    if len(body) <= SMALL:
        _write(descriptor, memoryview(head + bytes(body)))
    else:
        _write(descriptor, memoryview(head))
        _write(descriptor, body)


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class Incoming:
    """Reads frames.

    Every method raises :class:`ProtocolError` for a frame that is not expected, and
    :class:`RemoteError` for an error instead of it.
    """

    def __init__(self, fill: Callable[[memoryview], None]) -> None:
        self._fill = fill

    def heartbeat(self) -> None:
        if self._head() != (HEARTBEAT, 0):
            raise ProtocolError("something else than a heartbeat")

    def message(self) -> Message:
        """The next message, after any heartbeats."""
        kind, length = self._next()
        if kind != MESSAGE:
            raise ProtocolError("something else than a message")
        return self._message(length)

    def pieces(self, target: memoryview) -> None:
        """Fills memory with the next pieces."""
        while target:
            kind, length = self._next()
            if kind == MESSAGE:
                self._message(length)
            if kind != PIECE or not 0 < length <= len(target):
                raise ProtocolError("a piece that does not fit")
            self._fill(target[:length])
            target = target[length:]

    def _message(self, length: int) -> Message:
        if length > MAX_MESSAGE:
            raise ProtocolError("a message that is too long")
        body = bytearray(length)
        self._fill(memoryview(body))
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError("a message that is not JSON") from error
        if not isinstance(message, dict):
            raise ProtocolError("a message of no kind")
        if "error" in message:
            raise RemoteError(message)
        return message

    def _next(self) -> tuple[bytes, int]:
        for _ in range(MAX_HEARTBEATS):
            if (head := self._head()) != (HEARTBEAT, 0):
                return head
        raise ProtocolError("only heartbeats")

    def _head(self) -> tuple[bytes, int]:
        head = bytearray(HEAD.size)
        self._fill(memoryview(head))
        kind, length = HEAD.unpack(head)
        return kind, length
