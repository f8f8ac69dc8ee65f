"""Surveys on a real Ray cluster of two nodes, of which a worker and a node are lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import layersight
from layersight.errors import BackendError, ImageError
from layersight.nouns.survey.cluster import QUIET
from layersight.nouns.survey.tables import files

pytestmark = [
    pytest.mark.one_backend,
    pytest.mark.filterwarnings("ignore"),  # Ray leaves sockets and processes to be collected
]
PICTURES = np.random.default_rng(0).integers(0, 256, (960, 16, 16, 3)).astype(np.uint8)
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import keras

    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "small.keras"
    made.save(path)
    return layersight.load_model(path)


@pytest.fixture(scope="module")
def expected(model: Any) -> dict[str, bytes]:
    return dict(files(layersight.survey(model, PICTURES)))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without workers, and two nodes of one worker each."""
    # Where much else is running, the helpers of a node take longer to start than Ray waits.
    os.environ.update({**QUIET, "RAY_agent_register_timeout_ms": "120000"})
    import ray

    made = _started()
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def _started(tries: int = 3) -> Any:
    """A cluster, started anew after a failure: Ray soon gives up a node that is slow to start."""
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        made.add_node(**{**NODE, "num_cpus": 0})
        made.nodes = [made.add_node(**NODE) for _ in range(2)]
    except Exception:
        made.shutdown()
        if tries == 1:
            raise
        return _started(tries - 1)
    return made


def workers_of(node: Any) -> list[int]:
    """The processes that a node has started for tasks."""
    raylet = str(node.all_processes["raylet"][0].process.pid)
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == raylet and command.startswith(b"ray::_work"):
            pids.append(int(folder.name))
    return pids


def test_an_error_in_a_worker_is_one_error(cluster: Any, model: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    np.save(tmp_path / "good.npy", np.zeros((16, 16, 3), np.float32))
    (tmp_path / "list.txt").write_text("bad.png\ngood.npy\n")
    with pytest.raises(ImageError, match=r"bad\.png"):
        layersight.survey(
            model, tmp_path / "list.txt", engine="ray", address=cluster.address, strict=True
        )


def test_workers_open_both_models(cluster: Any, model: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.keras"
    shutil.copy(model.info.source, other)
    options = {"against": other, "shard": 32, "correlate": True}
    result = layersight.survey(
        model, PICTURES[:96], engine="ray", address=cluster.address, **options
    )
    assert dict(files(result)) == dict(files(layersight.survey(model, PICTURES[:96], **options)))
    assert len(result.twins) == 3


def test_a_lost_worker_and_a_lost_node_change_nothing(
    cluster: Any, model: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    nodes, lost = list(cluster.nodes), []

    def lose(done: int, count: int) -> None:
        if not lost and done >= 64:
            # Either may have begun: one node can be far into the work before the other starts.
            nodes.sort(key=lambda node: not workers_of(node))
            if pids := workers_of(nodes[0]):
                os.kill(pids[0], signal.SIGKILL)
                lost.append(pids[0])
        elif len(lost) == 1 and done >= 320:
            cluster.remove_node(nodes[1], allow_graceful=False)
            lost.append(nodes[1])

    result = layersight.survey(
        model,
        PICTURES,
        engine="ray",
        address=cluster.address,
        shard=32,
        folder=tmp_path / "out",
        progress=lose,
    )
    assert len(lost) == 2
    assert dict(files(result)) == expected
    assert result.images == 960


def test_there_is_no_such_cluster(model: Any) -> None:
    with pytest.raises(BackendError, match="cannot start or reach a Ray cluster"):
        layersight.survey(model, PICTURES[:4], engine="ray", address="127.0.0.1:1")
