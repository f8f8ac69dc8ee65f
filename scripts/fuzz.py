"""Opens mutated files and says which of them are not refused in one line.

``python scripts/fuzz.py --count 20000`` mutates the bytes of small models and images, and the
configurations of the models piece by piece; each case goes to a worker process that is watched
and killed after a minute or two GiB. ``--case N`` makes and runs one case again, with the same
``--seed`` and ``--folder``. ``--numbers`` changes one number of a configuration instead, to 0,
-1, 1e9, 1e308, NaN or a long list, and allows ten seconds. The exit status is 1 if anything got
through.

The workers run on PyTorch, which compiles nothing, so that a case takes a tenth of a second;
``--backend`` names another one. Killed and started again, ``--first N`` goes on at a case.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hostile.folders import write_parts
from hostile.guard import SECONDS, Outcome, Worker
from hostile.image_attacks import good_png
from hostile.mutation import change_number, mutate_bytes, mutate_config
from hostile.problems import problems
from hostile.registry import Attack
from hostile.seeds import (
    Seed,
    folder_seeds,
    image_seeds,
    model_seeds,
    with_config,
    with_config_in_folder,
    with_damaged_part,
    with_damaged_store,
)

NUMBER_SECONDS = 10.0
"""How long a command may take where one number was changed."""

BACKEND = "torch"
"""What the workers run on."""


@dataclass(frozen=True)
class Case:
    """One mutated file.

    Attributes:
        number: Of the case.
        kind: What was mutated, in a word.
        name: The name of the file.
        content: Its bytes.
        verb: ``"activations"`` or ``"summary"``.
        parts: The files of a folder, ``None`` for a file.
    """

    number: int
    kind: str
    name: str
    content: bytes
    verb: str
    parts: Mapping[str, bytes] | None = None

    def write(self, path: Path) -> None:
        """Writes it."""
        if self.parts is None:
            path.write_bytes(self.content)
        else:
            write_parts(path, self.parts)

    def keep(self, folder: Path) -> None:
        """Keeps it under its number."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder / f"{self.number}{Path(self.name).suffix}")


class Cases:
    """All cases of a seed of the random numbers, each made when it is asked for.

    Args:
        seed: The seed.
        folder: With more models to mutate.
        numbers: Whether one number of a configuration is changed, and nothing else.
    """

    def __init__(self, seed: int, folder: Path | None = None, *, numbers: bool = False) -> None:
        self.seed = seed
        self.numbers = numbers
        self.models = model_seeds() + (folder_seeds(folder) if folder else [])
        self.images = image_seeds()

    def case(self, number: int) -> Case:
        """One case."""
        chance = random.Random(f"{self.seed}/{number}")
        part = chance.random()
        verb = "summary" if chance.random() < 0.4 else "activations"
        if self.numbers:
            seed = chance.choice([seed for seed in self.models if seed.config is not None])
            config = change_number(seed.config, chance)
            if seed.parts is not None:
                parts = with_config_in_folder(seed, config)
                return Case(number, "number", seed.name, b"", verb, parts)
            return Case(number, "number", seed.name, with_config(seed, config), verb)
        if part < 0.15:
            seed, other = chance.choice(self.images), chance.choice(self.images)
            content = mutate_bytes(seed.content, other.content, chance)
            return Case(number, "image", seed.name, content, "activations")
        seed, other = chance.choice(self.models), chance.choice(self.models)
        if seed.parts is not None:
            kind = "configuration" if part < 0.6 else "member"
            if kind == "member":
                parts = with_damaged_part(seed, other.content, chance)
            else:
                config = mutate_config(seed.config, other.config, chance)
                parts = with_config_in_folder(seed, config)
            return Case(number, kind, seed.name, b"", verb, parts)
        if part < 0.6 and seed.config is not None:
            content = with_config(seed, mutate_config(seed.config, other.config, chance))
            return Case(number, "configuration", seed.name, content, verb)
        if part < 0.8 and seed.content.startswith(b"PK"):
            content = with_damaged_store(seed, other.content, chance)
            return Case(number, "member", seed.name, content, verb)
        content = mutate_bytes(seed.content, other.content, chance)
        return Case(number, "bytes", seed.name, content, verb)


class Bench:
    """A folder in which one worker runs cases."""

    def __init__(self, folder: Path, good: Seed) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._good = self.folder / "good.keras"
        self._good.write_bytes(good.content)
        self._image = self.folder / "good.png"
        self._image.write_bytes(good_png())
        self._entry = Attack("fuzz", "", "a mutated file", lambda *_: None)

    def run(self, case: Case, worker: Worker) -> tuple[Outcome, list[str]]:
        """Runs a case: what it did and what is wrong with it."""
        case_folder, out = self.folder / "case", self.folder / "out"
        for folder in (case_folder, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        path = case_folder / f"case{Path(case.name).suffix}"
        case.write(path)
        model, image = (self._good, path) if case.kind == "image" else (path, self._image)
        arguments = ["summary", str(path)]
        if case.verb == "activations":
            arguments = [case.verb, str(model), str(image), "-o", str(out / "maps.npz")]
        rules = {
            "readable": [str(case_folder), str(self._good), str(self._image)],
            "writable": [str(out), tempfile.gettempdir()],
            "forbidden": [str(self.folder)],
            "canary": "",
        }
        seconds = NUMBER_SECONDS if case.kind == "number" else SECONDS
        outcome = worker.run(arguments, rules, seconds=seconds)
        left = tuple(sorted(p.name for p in out.iterdir()))
        outcome = replace(outcome, left=left)
        return outcome, problems(self._entry, outcome, out)


def run_all(
    cases: Cases,
    numbers: Sequence[int],
    *,
    jobs: int,
    keep: Path | None = None,
    backend: str = BACKEND,
) -> int:
    """Runs cases in several workers and prints what got through; how many did."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    lock, start = threading.Lock(), time.monotonic()
    kinds: Counter[str] = Counter()
    states: Counter[str] = Counter()
    done = [0, 0]

    def report(case: Case, outcome: Outcome, wrong: list[str]) -> None:
        done[0] += 1
        states[f"{case.kind}: exit {outcome.status}"] += 1
        if wrong:
            done[1] += 1
            last = outcome.trace.strip().splitlines()[-1:] or [""]
            kinds[f"{wrong[0].partition(':')[0]}: {last[0][:60] or wrong[0][:90]}"] += 1
            print(f"case {case.number} ({case.kind} of {case.name}, {case.verb}):", flush=True)
            for line in wrong:
                print(f"    {line[:300]}")
            for line in outcome.trace.strip().splitlines()[-7:]:
                print(f"      | {ascii(line)[1:-1][:200]}")
            if keep is not None:
                case.keep(keep)
        if done[0] % 500 == 0:
            taken = time.monotonic() - start
            print(f"{done[0]} of {len(numbers)} cases, {done[1]} bad, {taken:.0f} s", flush=True)

    def work(number: int) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            bench = Bench(Path(folder), cases.models[0])
            with Worker(growth=2 << 30, backend=backend) as worker:
                while True:
                    try:
                        case = cases.case(waiting.get_nowait())
                    except queue.Empty:
                        return
                    outcome, wrong = bench.run(case, worker)
                    with lock:
                        report(case, outcome, wrong)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - start
    print(f"{done[0]} cases with seed {cases.seed}, {done[1]} bad, {taken:.0f} s")
    print("; ".join(f"{name} {count}" for name, count in sorted(states.items())))
    for name, count in kinds.most_common():
        print(f"{count:6}  {name}")
    return done[1] if done[0] == len(numbers) else -1


def main() -> int:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description="Opens mutated files with layersight.")
    parser.add_argument("--count", type=int, default=20_000, metavar="N", help="how many cases")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random numbers")
    parser.add_argument("--case", type=int, metavar="N", help="this case alone, in full")
    parser.add_argument("--folder", type=Path, help="with models to mutate, up to 1 MB each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep", type=Path, help="a folder for the files that got through")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="case to start with")
    parser.add_argument("--backend", default=BACKEND, help="of Keras, in the workers")
    parser.add_argument("--numbers", action="store_true", help="change one number of each")
    given = parser.parse_args()
    cases = Cases(given.seed, given.folder, numbers=given.numbers)
    if given.case is None:
        jobs = max(1, min(given.jobs, given.count))
        numbers = range(given.first, given.count)
        wrong_ones = run_all(cases, numbers, jobs=jobs, keep=given.keep, backend=given.backend)
        return 1 if wrong_ones else 0
    case = cases.case(given.case)
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        Worker(growth=2 << 30, backend=given.backend) as worker,
    ):
        outcome, wrong = Bench(Path(folder), cases.models[0]).run(case, worker)
    if given.keep is not None:
        case.keep(given.keep)
    print(f"case {case.number}: {case.kind} of {case.name}, {case.verb}")
    print(f"status {outcome.status}, {outcome.seconds:.2f} s, {outcome.peak >> 20} MiB")
    print(ascii(outcome.stderr[:2000]), *wrong, outcome.trace, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
