"""The explorer as a widget of anywidget, for Jupyter, VS Code and Colab.

The rule of this module: it only carries messages; what takes long runs in another thread, so that
the kernel goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from layersight.select import LayerSpec
from layersight.web.explorer import Answer, Explorer
from layersight.web.exported import check_path, write_page
from layersight.web.frames import as_bytes
from layersight.web.host import ask, describe_error
from layersight.web.static_files import STYLE, joined, text_of
from layersight.web.work import Cancelled, Waiter

REPORT_SECONDS = 0.1
"""The shortest time between two reports of progress."""


class ExplorerWidget(anywidget.AnyWidget):
    """The explorer of a model in a notebook.

    Attributes:
        height: The height of the view, as in CSS.
        address: The state of the view as text: set it to see the same view again.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    height = traitlets.Unicode("640px").tag(sync=True)
    address = traitlets.Unicode("").tag(sync=True)

    def __init__(self, explorer: Explorer, **traits: Any) -> None:
        super().__init__(_esm=joined("hosts/cell.js", "widget"), _css=text_of(STYLE), **traits)
        self.explorer = explorer
        self._waiting: dict[str, Waiter] = {}
        self._lock = threading.Lock()
        self.on_msg(self._receive)

    def save(
        self,
        path: str | os.PathLike[str],
        layers: LayerSpec | Sequence[LayerSpec] | None = None,
    ) -> Path:
        """Writes the page as one file that opens without a kernel.

        Args:
            path: A name that ends in ``.html``.
            layers: Layers whose maps it keeps; ``None`` for all.

        Raises:
            UsageError: The name does not end in ``.html``.
            OutputError: It cannot be written there.
        """
        target = check_path(os.fspath(path))
        write_page(self.explorer, target, layers)
        return target

    def close(self) -> None:
        """Ends the widget and all that it computes."""
        if hasattr(self, "explorer"):
            self.explorer.close()
        super().close()

    def _receive(self, _: Any, message: Any, buffers: Sequence[Any]) -> None:
        """Handles a message of the page."""
        if not isinstance(message, dict) or not isinstance(message.get("id"), str):
            return
        request = message["id"]
        if message.get("cancel"):
            with self._lock:
                waiter = self._waiting.pop(request, None)
            if waiter is not None:
                waiter.leave()
            return
        try:
            body = bytes(buffers[0]) if buffers else None
            reply = ask(
                self.explorer,
                str(message.get("kind")),
                message.get("params"),
                body,
                self._reporter(request),
            )
        except Exception as error:  # whatever went wrong, the page gets one line
            self._fail(request, error)
            return
        if isinstance(reply, Answer):
            self._reply(request, reply)
            return
        with self._lock:
            self._waiting[request] = reply
        reply.result.add_done_callback(lambda _: self._finish(request, reply))

    def _reporter(self, request: str) -> Callable[[int, int], None]:
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > REPORT_SECONDS:
                last = time.monotonic()
                self.send({"id": request, "progress": [done, total]})

        return report

    def _finish(self, request: str, waiter: Waiter) -> None:
        with self._lock:
            self._waiting.pop(request, None)
        try:
            answer = waiter.result.result()
        except (Cancelled, CancelledError):
            return  # the page cancelled it
        except Exception as error:  # whatever went wrong, the page gets one line
            self._fail(request, error)
            return
        self._reply(request, answer)

    def _reply(self, request: str, answer: Answer) -> None:
        buffers = [as_bytes(buffer) for buffer in answer.buffers]
        self.send({"id": request, "json": answer.json}, buffers)

    def _fail(self, request: str, error: Exception) -> None:
        status, line = describe_error(error)
        self.send({"id": request, "error": line, "status": status})
