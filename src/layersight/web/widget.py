"""The explorer as a widget of anywidget, for Jupyter, VS Code and Colab.

The rule of this module: it carries messages, and has no answer of its own; what takes long is done
in another thread, so that the kernel goes on.
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
from layersight.web.host import ask, told
from layersight.web.static_files import STYLE, joined, text_of
from layersight.web.work import Cancelled, Waiter

OFTEN = 0.1
"""Seconds between two reports of progress."""


class ExplorerWidget(anywidget.AnyWidget):
    """The explorer of a model in a notebook.

    Attributes:
        height: Of the view, as in CSS.
        address: What is shown, as text: give it back to see the same again.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    height = traitlets.Unicode("640px").tag(sync=True)
    address = traitlets.Unicode("").tag(sync=True)

    def __init__(self, explorer: Explorer, **known: Any) -> None:
        super().__init__(_esm=joined("hosts/cell.js", "widget"), _css=text_of(STYLE), **known)
        self.explorer = explorer
        self._waiting: dict[str, Waiter] = {}
        self._lock = threading.Lock()
        self.on_msg(self._hear)

    def save(
        self,
        path: str | os.PathLike[str],
        layers: LayerSpec | Sequence[LayerSpec] | None = None,
    ) -> Path:
        """Writes the page as one file that opens without a kernel.

        Args:
            path: A name that ends in ``.html``.
            layers: Whose maps it keeps; ``None`` for all.

        Raises:
            UsageError: The name does not end so.
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

    def _hear(self, _: Any, message: Any, buffers: Sequence[Any]) -> None:
        """A message of the page."""
        if not isinstance(message, dict) or not isinstance(message.get("id"), str):
            return
        number = message["id"]
        if message.get("cancel"):
            with self._lock:
                waiter = self._waiting.pop(number, None)
            if waiter is not None:
                waiter.leave()
            return
        try:
            body = bytes(buffers[0]) if buffers else None
            found = ask(
                self.explorer,
                str(message.get("kind")),
                message.get("params"),
                body,
                self._reporter(number),
            )
        except Exception as error:  # whatever it is, the page gets its line
            self._fail(number, error)
            return
        if isinstance(found, Answer):
            self._reply(number, found)
            return
        with self._lock:
            self._waiting[number] = found
        found.result.add_done_callback(lambda _: self._finish(number, found))

    def _reporter(self, number: str) -> Callable[[int, int], None]:
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > OFTEN:
                last = time.monotonic()
                self.send({"id": number, "progress": [done, total]})

        return report

    def _finish(self, number: str, waiter: Waiter) -> None:
        with self._lock:
            self._waiting.pop(number, None)
        try:
            answer = waiter.result.result()
        except (Cancelled, CancelledError):
            return  # the page asked for that
        except Exception as error:  # whatever it is, the page gets its line
            self._fail(number, error)
            return
        self._reply(number, answer)

    def _reply(self, number: str, answer: Answer) -> None:
        buffers = [as_bytes(buffer) for buffer in answer.buffers]
        self.send({"id": number, "json": answer.json}, buffers)

    def _fail(self, number: str, error: Exception) -> None:
        status, line = told(error)
        self.send({"id": number, "error": line, "status": status})
