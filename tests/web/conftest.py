"""An explorer of a network without a framework, served on a free port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from explorers import TOKEN, Serve, Served, picture
from fake_network import deep
from layersight.web.explorer import Explorer, Settings
from layersight.web.guard import Guard
from layersight.web.server import Server, listening


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a network with some images."""
    with ExitStack() as stack:

        def serve(
            model: Any = None, images: Sequence[Any] | None = None, **settings: Any
        ) -> Served:
            given = [picture()] if images is None else images
            explorer = Explorer(deep() if model is None else model, given, Settings(**settings))
            stack.callback(explorer.close)
            server = Server(Guard(TOKEN, "127.0.0.1"))
            server.explorer.set_result(explorer)
            heard = stack.enter_context(listening(server, "127.0.0.1", 0))
            served = Served(explorer, urlsplit(heard.address).port or 0)
            stack.callback(served.close)
            return served

        yield serve
