"""From the request of a page to an answer, the same for every host.

The rule of this module: every request is checked before it costs anything, and every failure has
one line and a status.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from layersight.errors import LayersightError, SelectionError, UsageError
from layersight.web.answers import KINDS
from layersight.web.explorer import Answer, Explorer
from layersight.web.photos import MAX_UPLOAD_BYTES, MissingError
from layersight.web.requests import parse
from layersight.web.work import BusyError, Lane, Report, Waiter
from layersight.writers.printable import in_a_line

_log = logging.getLogger(__name__)


class ForbiddenError(LayersightError):
    """Not allowed in this explorer."""


class TooLargeError(LayersightError):
    """More bytes than are accepted."""


_STATUSES: tuple[tuple[type[BaseException], int], ...] = (
    (UsageError, 400),
    (ForbiddenError, 403),
    (MissingError, 404),
    (SelectionError, 404),
    (TooLargeError, 413),
    (BusyError, 429),
    (LayersightError, 422),
    (MemoryError, 422),
)


def describe_error(error: BaseException) -> tuple[int, str]:
    """The HTTP status of an error, and its line; one that is not expected is logged."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if isinstance(error, MemoryError):
        return status, "there is not enough memory for that: choose a smaller image"
    if status == 500:
        line = in_a_line(f"unexpected error, {type(error).__name__}: {error}")
        _log.error("layersight: %s", line, exc_info=error)
        return status, line
    return status, in_a_line(str(error))


def ask(
    explorer: Explorer,
    kind: str,
    params: Any,
    body: bytes | None = None,
    report: Report | None = None,
) -> Answer | Waiter:
    """Answers a request, or starts the work for it.

    Args:
        explorer: What answers.
        kind: One of :data:`~layersight.web.answers.KINDS`.
        params: The parameters of the request.
        body: The bytes that came with it.
        report: Called with the progress, in the thread that does the work.

    Returns:
        The answer, or a waiter for it.

    Raises:
        LayersightError: The request is malformed, not allowed, or too much is waiting already.
    """
    entry = KINDS.get(kind)
    if entry is None:
        raise MissingError(f"there is no request '{kind:.40}'")
    if entry.adds_image and explorer.settings.read_only:
        raise ForbiddenError("this explorer is read-only: it takes no images")
    if bool(body) != entry.body:
        raise UsageError(
            f"expected {'the' if entry.body else 'no'} bytes of an image with '{kind}'"
        )
    if body and len(body) > MAX_UPLOAD_BYTES:
        limit, size = MAX_UPLOAD_BYTES >> 20, len(body) >> 20
        raise TooLargeError(f"expected at most {limit} MiB, found {size} MiB")
    request = parse(entry.request, params)
    more: dict[str, Any] = {"body": body} if entry.body else {}
    if entry.lane is None:
        return entry.answer(explorer, request, **more)
    key = kind, json.dumps(params, sort_keys=True), body
    if entry.cached:
        cached = explorer.answers.get(key)
        if cached is not None:
            return cached

    def work(report: Report) -> Answer:
        progress = {"report": report} if entry.progress else {}
        computed = entry.answer(explorer, request, **more, **progress)
        if entry.cached:
            explorer.answers.put(key, computed, computed.size)
        return computed

    lane: Lane = getattr(explorer, entry.lane)
    return lane.join(key, work, report)


def answer(explorer: Explorer, kind: str, params: Any, body: bytes | None = None) -> Answer:
    """Answers a request and waits for it."""
    reply = ask(explorer, kind, params, body)
    if isinstance(reply, Answer):
        return reply
    result: Answer = reply.result.result()
    return result
