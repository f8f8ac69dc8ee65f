"""Surveying shards on a Ray cluster: each is a task, which any worker can run again.

The rule of this module: nothing here decides about a number. A task gets a shard and
returns the bytes of its result; the process of the survey keeps them. Ray runs a task again whose
worker or node is lost, and since nothing of a lost task was kept, no image counts twice.

Tasks and not actors: Ray keeps the process of a task for the next one, and the model with it, so
that each worker opens it once; and a task of a lost node runs on any other node, where the work of
an actor waits until there is room to start that actor again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layersight.errors import BackendError, ModelFileError
from layersight.loading import load_model
from layersight.model import Forward, Savable, require
from layersight.nouns.survey.local import run_shards
from layersight.nouns.survey.plan import Shard, Spec

QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Keeps Ray and what runs in it quiet, and Ray from sending statistics of its use."""

PATIENCE = 10.0
"""Seconds to wait for an answer of a cluster."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a worker opens the model.

    Attributes:
        source: The file or name, which every node must find; ``None`` for a model that is sent.
        options: The other arguments of :func:`layersight.load_model`.
        content: The bytes of a ``.keras`` file, for a model that came from no file.
    """

    source: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""

    @property
    def key(self) -> tuple[Any, ...]:
        """What identifies a model in a worker."""
        return (self.source, tuple(sorted(self.options.items())), hash(self.content))


def opening_of(model: Forward, options: Mapping[str, Any] | None) -> Opening:
    """How workers open a model that is open here.

    Args:
        model: The model.
        options: What it was opened with, ``source`` among it; ``None`` if that is unknown.

    Raises:
        CapabilityError: It came from no file, and cannot be saved.
    """
    arguments = dict(options or {})
    source = arguments.pop("source", model.info.source)
    if options is not None or Path(source).exists():
        source = str(Path(source).absolute()) if Path(source).exists() else source
        return Opening(source, arguments)
    require(model, Savable, "a survey on Ray", "open it from a file")
    assert isinstance(model, Savable)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return Opening(None, arguments, path.read_bytes())


_open: dict[tuple[Any, ...], Forward] = {}
"""The models that this worker has open."""


def _open_model(opening: Opening, spec: Spec, openings: Sequence[Opening]) -> Forward:
    """A model, opened unless it is open; models that are not among the openings are closed."""
    if opening.key not in _open:
        for key in set(_open) - {each.key for each in openings}:
            del _open[key]
        if opening.source is not None:
            _open[opening.key] = load_model(opening.source, **opening.options)
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                path.write_bytes(opening.content)
                _open[opening.key] = load_model(path, **opening.options)
    model = _open[opening.key]
    info = model.info
    if opening.source is not None and info.digest != spec.digest:
        raise ModelFileError(
            f"a worker found another model in {opening.source} than the one that is surveyed: "
            "every node must have the same file there"
        )
    if info.framework != spec.framework:
        raise BackendError(
            f"a worker would run the model with {info.framework}, not with {spec.framework}, "
            "which rounds otherwise: install the same versions on every node"
        )
    return model


def _work(
    openings: Sequence[Opening],
    spec: Spec,
    shard: Shard,
    classes: Sequence[str],
    cores: int,
    strict: bool,
) -> bytes:
    """The result of one shard; runs in a worker."""
    model, *others = (
        _open_model(opening, each, openings)
        for opening, each in zip(openings, spec.models, strict=True)
    )
    other = others[0] if others else None
    results: list[bytes] = []
    run_shards(
        *(model, spec, [shard], classes),
        store=lambda _, content: results.append(content),
        threads=max(1, cores),
        strict=strict,
        other=other,
    )
    return results[0]


def run_on_ray(
    opening: Opening,
    spec: Spec,
    shards: Sequence[Shard],
    classes: Sequence[str],
    *,
    address: str | None,
    workers: int | None,
    cores: int,
    strict: bool,
    store: Callable[[Shard, bytes], None],
    on_progress: Callable[[int], None] = lambda count: None,
    other: Opening | None = None,
) -> None:
    """Surveys shards on a cluster, in whatever order they get done.

    Args:
        opening: How a worker opens the model.
        spec: What is done to the images, which every node must find at the same paths.
        shards: The images.
        classes: The names of all classes.
        address: Of a cluster; ``None`` for one on this machine that ends with the survey.
        workers: How many shards run at once; ``None`` for as many as there is room for.
        cores: Of each worker.
        strict: Whether an image that cannot be read ends the survey.
        store: Called with each shard and the bytes of its result.
        on_progress: Called with the number of images of each shard that is done.
        other: How a worker opens the other model.

    Raises:
        BackendError: Ray is not installed, or there is no such cluster.
        ImageError: An image cannot be read, and that is to end the survey.
    """
    with connected(address) as ray:
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        # A worker with a GPU would end after each task, and open the model again for the next.
        work = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=-1, max_calls=0)(_work)
        openings, sent = ray.put((opening, other) if other else (opening,)), ray.put(spec)
        waiting, running = deque(shards), dict[Any, Shard]()
        try:
            while waiting or running:
                while waiting and (workers is None or len(running) < workers):
                    shard = waiting.popleft()
                    task = work.remote(openings, sent, shard, tuple(classes), cores, strict)
                    running[task] = shard
                done, _ = ray.wait(list(running), num_returns=1)
                for task in done:
                    shard = running.pop(task)
                    try:
                        content = ray.get(task)
                    except ray.exceptions.RayTaskError as error:
                        raise error.cause from error
                    store(shard, content)
                    on_progress(len(shard.items))
        finally:
            for task in running:
                ray.cancel(task, force=True)


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster; a connection that was there before stays."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise BackendError(
            "--engine ray needs the package ray: pip install 'layersight[ray]'"
        ) from error
    if ray.is_initialized():
        yield ray
        return
    shared = {name: os.environ[name] for name in ("KERAS_BACKEND", *QUIET) if name in os.environ}
    started = {"include_dashboard": False} if address is None else {}
    try:
        if address is not None and ":" in address:
            # Ray itself would try for minutes.
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": shared},
            **started,
        )
    except Exception as error:  # Ray raises nearly anything where it cannot start
        where = address or "this machine"
        raise BackendError(f"cannot start or reach a Ray cluster at {where}: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()
