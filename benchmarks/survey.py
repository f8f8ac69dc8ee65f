"""What a survey costs beside bare prediction, decoding, and separate processes.

Prints ratios; each is measured against its floor in the same run, in turn, and given as the median
with least and greatest: of the time that passed, and of the time of processors, which says more
where others use the machine. Throughput is that of whole surveys: passes, counting, merging,
pictures of what the strongest images show. These pictures take as long for few images as for many.

Usage::

    python benchmarks/survey.py --model FILE --images FOLDER [--backend NAME] [--count N] [--runs N]
        [--only predict,files,memory,ray]

- predict: a survey of decoded arrays against ``model.predict`` on them, in batches of 32, which is
  what Keras takes by itself, and in batches as large as a pass of the survey.
- files: a survey of files against the slower of decoding them and predicting.
- memory: the greatest memory of a process that surveys all files, against a quarter of them.
- ray: two workers of Ray against two processes that each survey a half.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PARTS = ("predict", "files", "memory", "ray")
BATCH = 32


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that ``work`` takes, and those of processors in this process."""
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def print_shares(
    label: str, count: int, pairs: Sequence[tuple[Sequence[float], Sequence[float]]]
) -> None:
    """Prints how fast the first of two is, as a share of the second."""
    for kind, column in (("", 0), (", of processors", 1)):
        if len(pairs[0][0]) <= column:
            continue
        both = [(ours[column], floor[column]) for ours, floor in pairs]
        shares = [floor / ours for ours, floor in both]
        ours, floor = (1000 * statistics.median(part) / count for part in zip(*both, strict=True))
        print(
            f"{label + kind:70} {statistics.median(shares):6.3f} ({min(shares):.3f} to "
            f"{max(shares):.3f})   {ours:.2f} against {floor:.2f} ms for an image",
            flush=True,
        )


def subset(folder: str, count: int) -> Any:
    """A number of images of a folder, spread over it."""
    from layersight.nouns.survey.dataset import Dataset, open_dataset

    data = open_dataset(folder)
    items = data.items[:: max(1, len(data) // count)][:count]
    return Dataset(items, data.classes)


def compare_predict(model: Any, data: Any, runs: int) -> None:
    """Surveys of decoded arrays against prediction."""
    import layersight

    arrays = decoded(model, data)
    live = model.model
    sizes = sorted({BATCH, spec_of(model, data).images})
    for size in sizes:
        live.predict(arrays[: 2 * BATCH], batch_size=size, verbose=0)
    layersight.survey(model, arrays[:BATCH])
    pairs: dict[int, list[Any]] = {size: [] for size in sizes}
    for _ in range(runs):
        ours = timed(lambda: layersight.survey(model, arrays))
        for size in sizes:
            predict = functools.partial(live.predict, arrays, batch_size=size, verbose=0)
            pairs[size].append((ours, timed(predict)))
    for size in sizes:
        print_shares(
            f"survey of decoded arrays / model.predict by {size}", len(arrays), pairs[size]
        )


def spec_of(model: Any, data: Any) -> Any:
    """The plan of a survey: what is done to each image."""
    from layersight.batch.request import ImageOptions
    from layersight.nouns.survey.compute import _plan
    from layersight.nouns.survey.options import SurveyOptions

    return _plan(model, data, None, SurveyOptions(), ImageOptions())[1]


def decoded(model: Any, data: Any) -> Any:
    """Images as the network gets them."""
    import numpy as np

    return np.stack([one.values[0] for one in load(model, data)])


def load(model: Any, data: Any) -> list[Any]:
    """Images decoded by as many threads as there are cores."""
    from layersight.nouns.survey.dataset import Reader
    from layersight.nouns.survey.local import load as load_image

    load_one = functools.partial(load_image, spec_of(model, data), Reader())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(load_one, data.items))


def compare_files(model: Any, data: Any, runs: int) -> None:
    """Surveys of files against the slower of decoding and prediction."""
    import layersight

    arrays = decoded(model, data)
    live = model.model
    live.predict(arrays[:BATCH], batch_size=BATCH, verbose=0)
    pairs = []
    for _ in range(runs):
        decoding = timed(lambda: load(model, data))[:1]
        predicting = timed(lambda: live.predict(arrays, batch_size=BATCH, verbose=0))[:1]
        surveying = timed(lambda: layersight.survey(model, data))[:1]
        pairs.append((surveying, max(decoding, predicting)))
    print_shares("survey of files / slower of decoding and predicting", len(data), pairs)


def child(*arguments: str) -> subprocess.Popen[str]:
    """This script in a process of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def compare_memory(options: argparse.Namespace) -> None:
    """The greatest memory of whole processes."""
    sizes = []
    for count in (options.count // 4, options.count):
        out, _ = child(
            "--model", options.model, "--images", options.images, "--measure", str(count)
        ).communicate()
        sizes.append(int(out.split()[-1]))
    print(
        f"{'greatest memory, all images / a quarter of them':62} {sizes[1] / sizes[0]:6.3f}"
        f"{'':20}   {sizes[1] / 1024:.0f} against {sizes[0] / 1024:.0f} MiB",
        flush=True,
    )


def measure(options: argparse.Namespace) -> None:
    """Surveys some images and prints the greatest memory of this process, in KiB."""
    import layersight

    layersight.survey(layersight.load_model(options.model), subset(options.images, options.measure))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def half(options: argparse.Namespace) -> None:
    """Surveys a half of the images when a line arrives, and prints the seconds that it took."""
    import layersight

    model = layersight.load_model(options.model)
    shards, run = shards_of(model, options)
    run(shards[:1])
    print("ready", flush=True)
    sys.stdin.readline()
    print(timed(lambda: run(shards[options.half :: 2]))[0], flush=True)


def shards_of(model: Any, options: argparse.Namespace) -> tuple[Any, Callable[[Any], Any]]:
    """The shards of the images, and a function that surveys shards in this process."""
    from layersight.nouns.survey.local import run_shards
    from layersight.nouns.survey.plan import cut

    data = subset(options.images, options.count)
    spec = spec_of(model, data)
    shards = cut(data, spec, 128)

    def run(chosen: Any) -> None:
        run_shards(
            model, spec, chosen, data.classes, threads=1, strict=False, store=lambda *result: None
        )

    return shards, run


def compare_ray(options: argparse.Namespace, model: Any) -> None:
    """Warm workers, as tasks and as actors, against warm processes."""
    from layersight.nouns.survey.cluster import _work, connected, opening_of, run_on_ray

    shards, _ = shards_of(model, options)
    data = subset(options.images, options.count)
    spec, opening = spec_of(model, data), opening_of(model, {"source": options.model})

    def by_tasks(chosen: Any) -> None:
        workers: Any = {"address": None, "workers": 2, "cores": 1, "strict": False}
        run_on_ray(opening, spec, chosen, data.classes, store=lambda *result: None, **workers)

    with connected(None) as ray:

        class Worker:
            def work(self, shard: Any) -> bytes:
                return _work([opening], spec, shard, data.classes, 1, strict=False)

        # Without cores, since they would keep them from the tasks.
        alone = {"num_cpus": 0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}}
        pool = ray.util.ActorPool([ray.remote(**alone)(Worker).remote() for _ in range(2)])

        def by_actors(chosen: Any) -> None:
            for _ in pool.map_unordered(lambda worker, shard: worker.work.remote(shard), chosen):
                pass

        pairs: dict[str, list[Any]] = {"tasks": [], "actors": []}
        by_tasks(shards[:6])
        by_actors(shards[:6])
        for _ in range(options.runs):
            tasks, actors = (timed(lambda: by_tasks(shards)), timed(lambda: by_actors(shards)))
            seconds = by_processes(options)
            pairs["tasks"].append((tasks[:1], (seconds,)))
            pairs["actors"].append((actors[:1], (seconds,)))
    for kind, both in pairs.items():
        print_shares(f"two workers of Ray, {kind} / two separate processes", len(data), both)


def by_processes(options: argparse.Namespace) -> float:
    """Seconds of two processes that each survey a half, from when both are ready."""
    os.environ["OMP_NUM_THREADS"] = "1"  # as Ray sets it for a worker of one core
    shared = ("--model", options.model, "--images", options.images, "--count", str(options.count))
    halves = [child(*shared, "--half", str(number)) for number in (0, 1)]
    for process in halves:
        assert process.stdout is not None
        process.stdout.readline()
    for process in halves:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.communicate()[0].split()[-1]) for process in halves)


def main() -> None:
    """Prints all ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--half", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    if options.measure is not None:
        measure(options)
        return
    if options.half is not None:
        half(options)
        return
    import layersight

    chosen = options.only.split(",")
    print(f"Shares, median of {options.runs} pairs (least to greatest); {options.backend}")
    if "memory" in chosen:
        compare_memory(options)
    model = layersight.load_model(options.model)
    data = subset(options.images, options.count)
    if "predict" in chosen:
        compare_predict(model, data, options.runs)
    if "files" in chosen:
        compare_files(model, data, options.runs)
    if "ray" in chosen:
        compare_ray(options, model)


if __name__ == "__main__":
    main()
