"""From what a page sends to an answer, the same for every host.

The rule of this module: whatever a page sends is checked before it costs anything, and whatever
goes wrong has one line and a status.
"""

from __future__ import annotations

import json
from typing import Any

from layersight.errors import LayersightError, SelectionError, UsageError
from layersight.web.answers import KINDS
from layersight.web.explorer import Answer, Explorer
from layersight.web.photos import MOST_BYTES, MissingError
from layersight.web.requests import parse
from layersight.web.work import BusyError, Lane, Report, Waiter
from layersight.writers.printable import in_a_line


class ForbiddenError(LayersightError):
    """Not allowed in this explorer."""


class TooLargeError(LayersightError):
    """More bytes than are taken."""


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


def told(error: BaseException) -> tuple[int, str]:
    """The status of HTTP that an error has, and its line."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if isinstance(error, MemoryError):
        return status, "there is not enough memory for that: choose a smaller image"
    if status == 500:
        return status, in_a_line(f"unexpected error, {type(error).__name__}: {error}")
    return status, in_a_line(str(error))


def ask(
    explorer: Explorer,
    kind: str,
    params: Any,
    body: bytes | None = None,
    report: Report | None = None,
) -> Answer | Waiter:
    """Answers a request, or begins to.

    Args:
        explorer: Whom it is for.
        kind: One of :data:`~layersight.web.answers.KINDS`.
        params: What it says.
        body: The bytes that came with it.
        report: Called with the progress, in the thread that does the work.

    Returns:
        The answer, or who waits for it.

    Raises:
        LayersightError: It is not as it should be, not allowed, or too much waits already.
    """
    known = KINDS.get(kind)
    if known is None:
        raise MissingError(f"there is no request '{kind:.40}'")
    if known.sends and explorer.settings.read_only:
        raise ForbiddenError("this explorer is read-only: it takes no images")
    if bool(body) != known.body:
        raise UsageError(
            f"expected {'the' if known.body else 'no'} bytes of an image with '{kind}'"
        )
    if body and len(body) > MOST_BYTES:
        raise TooLargeError(f"expected at most {MOST_BYTES >> 20} MiB, found {len(body) >> 20} MiB")
    request = parse(known.request, params)
    taken: dict[str, Any] = {"body": body} if known.body else {}
    if known.lane is None:
        return known.make(explorer, request, **taken)
    key = kind, json.dumps(params, sort_keys=True), body
    if known.kept:
        answer = explorer.answers.get(key)
        if answer is not None:
            return answer

    def work(tell: Report) -> Answer:
        progress = {"tell": tell} if known.tells else {}
        made = known.make(explorer, request, **taken, **progress)
        if known.kept:
            explorer.answers.put(key, made, made.size)
        return made

    lane: Lane = getattr(explorer, known.lane)
    return lane.join(key, work, report)


def answer(explorer: Explorer, kind: str, params: Any, body: bytes | None = None) -> Answer:
    """Answers a request and waits for it."""
    found = ask(explorer, kind, params, body)
    if isinstance(found, Answer):
        return found
    made: Answer = found.result.result()
    return made
