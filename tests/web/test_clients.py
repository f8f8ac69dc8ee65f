"""Many clients at once: each gets its own answer, and nothing grows without end.

``LAYERSIGHT_CLIENTS=60`` lets them click for so many seconds.
"""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import layersight
from explorers import Serve, Served, Slow, picture, png
from fake_network import deep

CLIENTS = 32
SECONDS = float(os.environ.get("LAYERSIGHT_CLIENTS", "3"))
KINDS = (
    "layer",
    "layer",
    "exact",
    "exact",
    "predictions",
    "statistics",
    "heatmap",
    "leave",
    "photo",
)
LAYERS = {"stem": 4, "pool": 4, "body": 5, "gap": 5, "top": 3}


def memory() -> int:
    """Bytes of this process."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Client:
    """Clicks at random and checks what it gets."""

    def __init__(self, served: Served, numbers: dict[str, Any], seed: int) -> None:
        self.served, self.numbers = served, numbers
        self.random = random.Random(seed)
        self.count = 0
        self.left = 0
        self.failure: BaseException | None = None

    def run(self, end: float) -> None:
        try:
            while time.monotonic() < end:
                self.click()
                self.count += 1
        except BaseException as error:
            self.failure = error

    def click(self) -> None:
        image = self.random.choice(list(self.numbers))
        layer = self.random.choice(list(LAYERS))
        maps = self.numbers[image]
        kind = self.random.choice(KINDS)
        if kind == "layer":
            reply = self.served.ask(kind, {"image": image, "layer": layer}, again=True)
            assert reply.json["layer"] == layer
            table = np.frombuffer(reply.buffers[1], np.float32).reshape(9, -1)
            expected = maps.layer(layer).statistics
            assert np.array_equal(table[2], expected.mean[0])
            assert np.array_equal(table[5], expected.max[0])
        elif kind == "exact":
            channel = self.random.randrange(LAYERS[layer])
            params = {"image": image, "layer": layer, "channel": channel}
            reply = self.served.ask(kind, params, again=True)
            values = np.frombuffer(reply.buffers[0], np.float32)
            assert np.array_equal(values, np.ravel(maps[layer][0, ..., channel]))
        elif kind == "predictions":
            found = self.served.ask(kind, {"image": image}, again=True).json["predictions"]
            assert found[0]["top"][0]["score"] == maps.predictions[0][0].top[0].score
        elif kind == "statistics":
            found = self.served.ask(kind, {"image": image}, again=True).json["layers"]
            assert found[layer]["dead"] == maps.layer(layer).dead()
        elif kind == "photo":
            sent = png(picture(self.random.randrange(10_000), (16, 16)))
            made = self.served.ask("upload", {"name": "x"}, sent, again=True).json
            assert made["width"] == 16
        elif kind == "heatmap":
            params = {"image": image, "method": "grad-cam", "target": str(self.random.randrange(3))}
            reply = self.served.ask(kind, params, again=True)
            if reply.status != 429:  # the jobs of other clients fill the queue
                assert reply.json["target"]["unit"] == int(params["target"])
        else:
            options = {"masks": 500, "seed": self.random.randrange(1000)}
            params = {"image": image, "method": "rise", "options": options}
            connection = self.served.start("heatmap", params)
            time.sleep(self.random.random() / 20)
            connection.close()
            self.left += 1


def test_many_clients_each_get_their_own_answer(serve: Serve) -> None:
    network = Slow.make(0.001)
    images = [picture(seed) for seed in range(12)]
    served = serve(network, images)
    served.explorer.layers.limit = 20_000  # so that values go and are made again
    served.explorer.answers.limit = 40_000
    photos = served.explorer.photos
    photos.uploads.limit = 100 * 16 * 16 * 4
    expected = {
        photo.id: layersight.activations(deep(), image, predictions=True)
        for photo, image in zip(photos.opened, images, strict=True)
    }
    clients = [Client(served, expected, seed) for seed in range(CLIENTS)]
    begun, end = time.monotonic(), time.monotonic() + SECONDS
    threads = [threading.Thread(target=client.run, args=(end,)) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS / 3)
    gc.collect()
    before = memory()
    for thread in threads:
        thread.join()
    gc.collect()
    for client in clients:
        if client.failure is not None:
            raise client.failure
    count = sum(client.count for client in clients)
    grown = memory() - before
    print(
        f"{count} answers in {time.monotonic() - begun:.1f} s, "
        f"{sum(client.left for client in clients)} left midway, {grown / 1e6:.1f} MB grown"
    )
    assert count >= CLIENTS
    assert grown < 40e6
    explorer = served.explorer
    assert explorer.layers.bytes <= explorer.layers.limit
    assert explorer.answers.bytes <= explorer.answers.limit
    assert photos.uploads.bytes <= photos.uploads.limit
    deadline = time.monotonic() + 20
    while explorer.jobs.load or explorer.passes.load:
        assert time.monotonic() < deadline, "work goes on though everyone is gone"
        time.sleep(0.01)
