"""Opens mutated files and says which of them are not refused in one line.

``python scripts/fuzz.py --count 20000`` mutates the bytes of small models and images, and the
configurations of the models piece by piece; each case goes to a worker process that is watched
and killed after a minute or two GiB. ``--case N`` makes and runs one case again, with the same
``--seed`` and ``--folder``. The exit status is 1 if anything got through.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import queue
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hostile.guard import Outcome, Worker, environment, problems
from hostile.image_attacks import good_png
from hostile.registry import Attack

LARGEST = 1_000_000
"""Seeds from a folder are at most so long, in bytes."""

NUMBERS = (0, 1, 2, 127, 128, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 255, 65536, 10**5, 10**9, 2**31, 2**63, -(2**63), 10**30),
    *(0.0, 0.5, -1.5, 1e-300, 1e308, float("inf"), float("-inf"), float("nan")),
    *(True, False, None, "", "x", "relu", "same", "channels_first", "float16", "bfloat16"),
    *("\x1b[31m", "a\nb", "../..", "/", "\u202e", "0", "None", "linear", "conv", "int32"),
    *([], {}, [None], [0], [[]], [1, 2, 3], [None, 8, 8, 3], [3, 3], {"class_name": "Dense"}),
    {"class_name": "function", "config": "system", "module": "os"},
    {"class_name": "__tuple__", "items": [1, 2]},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["conv", 0, 0]}},
)
"""What a piece of a configuration is replaced by."""

KEYS = ("name", "class_name", "config", "layers", "inbound_nodes", "units", "filters", "axis")


@dataclass(frozen=True)
class Seed:
    """A good file.

    Attributes:
        name: Its name, whose suffix the mutant keeps.
        content: Its bytes.
        config: Its configuration, ``None`` for what is no model.
    """

    name: str
    content: bytes
    config: Any = None


# Seeds


def make_models(folder: Path) -> None:
    """Saves small models by Keras; call it in a process of its own."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)

    def plain() -> Any:
        return keras.Sequential(
            [
                layers.Input((8, 8, 3), name="entry"),
                layers.Conv2D(4, 3, activation="relu", padding="same", name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.MaxPooling2D(name="pool"),
                layers.DepthwiseConv2D(3, padding="same", name="deep"),
                layers.Flatten(name="flat"),
                layers.Dense(3, activation="softmax", name="dense"),
            ],
            name="plain",
        )

    def graph() -> Any:
        entry = layers.Input((8, 8, 3), name="entry")
        first = layers.Conv2D(4, 3, padding="same", name="conv")(entry)
        second = layers.SeparableConv2D(4, 3, padding="same", name="separable")(entry)
        x = layers.Add(name="add")([first, layers.LeakyReLU(name="leaky")(second)])
        x = layers.Concatenate(name="concatenate")([x, first])
        x = layers.UpSampling2D(name="up")(x)
        x = layers.Conv2DTranspose(2, 2, strides=2, name="transpose")(x)
        x = layers.GlobalAveragePooling2D(name="average")(x)
        return keras.Model(entry, [layers.Dense(2, name="dense")(x), x], name="graph")

    def nested() -> Any:
        inner_entry = layers.Input((8, 8, 3), name="inner_entry")
        inner = keras.Model(
            inner_entry, layers.Conv2D(3, 1, name="inner_conv")(inner_entry), name="inner"
        )
        entry = layers.Input((8, 8, 3), name="entry")
        x = inner(inner(entry))
        x = layers.TimeDistributed(layers.Dense(2, name="each"), name="time")(x)
        x = layers.Reshape((8, 16), name="rows")(x)
        x = layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both")(x)
        return keras.Model(entry, x, name="nested")

    for make in (plain, graph, nested):
        for suffix in (".keras", ".h5"):
            made = make()
            made.save(folder / f"{made.name}{suffix}")
            keras.backend.clear_session()


def model_seeds() -> list[Seed]:
    """The small models, saved by Keras in a process of its own; always the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--make-models", folder],
            check=True,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        seeds = [read_seed(path) for path in sorted(Path(folder).iterdir())]
    for seed in seeds:
        for container, key in all_spots(seed.config):
            if key == "shared_object_id":  # where the object was in memory
                container[key] = 1
    return [Seed(seed.name, with_config(seed, seed.config), seed.config) for seed in seeds]


def read_seed(path: Path) -> Seed:
    """A good model with its configuration, as far as it is found."""
    content = path.read_bytes()
    config = None
    try:
        if content.startswith(b"PK"):
            content = _without_dates(content)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                config = json.loads(archive.read("config.json"))
        else:
            with h5py.File(io.BytesIO(content), "r") as file:
                config = json.loads(file.attrs["model_config"])
    except (KeyError, ValueError, OSError):
        config = None
    return Seed(path.name, content, config)


def _without_dates(content: bytes) -> bytes:
    """An archive whose members have no dates, so that it is the same each time."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "metadata.json":
                data = json.dumps(json.loads(data) | {"date_saved": ""}).encode()
            new.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


def image_seeds() -> list[Seed]:
    """A small picture in every format that is read, and an array."""
    picture = Image.open(io.BytesIO(good_png((16, 12))))
    seeds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        target = io.BytesIO()
        picture.save(target, kind)
        seeds.append(Seed(f"image.{kind.lower()}", target.getvalue()))
    target = io.BytesIO()
    picture.save(target, "TIFF", compression="tiff_adobe_deflate")
    seeds.append(Seed("deflated.tiff", target.getvalue()))
    target = io.BytesIO()
    np.save(target, np.zeros((8, 8, 3), "float32"))
    return [*seeds, Seed("array.npy", target.getvalue())]


def folder_seeds(folder: Path) -> list[Seed]:
    """The models in a folder that are short enough."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".h5", ".hdf5", ".keras")
        and path.is_file()
        and 0 < path.stat().st_size <= LARGEST
    ]
    return [read_seed(path) for path in found]


# Mutations


def mutate_bytes(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A few changes of bytes: flips, numbers, pieces moved, cut, doubled or from elsewhere."""
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if not mutant:
            break
        place = chance.randrange(len(mutant))
        length = min(chance.choice((1, 2, 4, 8, 64, 512)), len(mutant) - place)
        change = chance.randrange(8)
        if change == 0:
            mutant[place] ^= 1 << chance.randrange(8)
        elif change == 1:
            mutant[place : place + length] = chance.randbytes(length)
        elif change == 2:
            form = chance.choice(("<L", ">L", "<H", ">H", "<Q"))
            limit = 1 << 8 * struct.calcsize(form)
            number = struct.pack(form, chance.choice(NUMBERS) % limit)
            mutant[place : place + len(number)] = number
        elif change == 3:
            del mutant[place : place + length]
        elif change == 4:
            mutant[place:place] = mutant[place : place + length] * chance.choice((1, 2, 16))
        elif change == 5:
            start = chance.randrange(len(other) or 1)
            mutant[place : place + length] = other[start : start + length]
        elif change == 6:
            del mutant[max(place, 1) :]
        else:
            mutant[place : place + length] = bytes(length)
    return bytes(mutant)


Spot = tuple[Any, Any]
"""A container of a configuration and a key or place in it."""


def all_spots(config: Any) -> list[Spot]:
    """Every place of a configuration that holds a value."""
    found: list[Spot] = []
    waiting = [config]
    while waiting:
        value = waiting.pop()
        keys: Iterator[Any] = iter(())
        if isinstance(value, dict):
            keys = iter(value)
        elif isinstance(value, list):
            keys = iter(range(len(value)))
        for key in keys:
            found.append((value, key))
            waiting.append(value[key])
    return found


def mutate_config(config: Any, other: Any, chance: random.Random) -> Any:
    """A few changes of pieces: replaced, retyped, removed, doubled, exchanged, from elsewhere."""
    mutant = copy.deepcopy(config)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        spots = all_spots(mutant)
        if not spots:
            break
        container, key = chance.choice(spots)
        value = container[key]
        change = chance.randrange(9)
        if change <= 2:
            container[key] = copy.deepcopy(chance.choice(VALUES))
        elif change == 3:
            container[key] = _retyped(value, chance)
        elif change == 4:
            del container[key]
        elif change == 5 and isinstance(container, list):
            container[key:key] = [copy.deepcopy(value) for _ in range(chance.choice((1, 2, 50)))]
        elif change == 5:
            container[chance.choice(KEYS)] = copy.deepcopy(value)
        elif change == 6:
            further, place = chance.choice(spots)
            container[key], further[place] = copy.deepcopy(further[place]), copy.deepcopy(value)
        elif change == 7:
            elsewhere = all_spots(other) or spots
            further, place = chance.choice(elsewhere)
            container[key] = copy.deepcopy(further[place])
        else:
            container[key] = _grown(value, chance)
    return mutant


def _retyped(value: Any, chance: random.Random) -> Any:
    """The same in another type."""
    ways: list[Callable[[Any], Any]] = [str, lambda v: [v], lambda v: {"value": v}, bool]
    if isinstance(value, int | float):
        ways += [lambda v: float(v) + 0.5, lambda v: -v, lambda v: v * 1000]
    if isinstance(value, list):
        ways += [lambda v: dict(enumerate(map(str, v))), lambda v: v[::-1], lambda v: v[:1]]
    if isinstance(value, dict):
        ways += [list, lambda v: [*v.values()]]
    return chance.choice(ways)(copy.deepcopy(value))


def _grown(value: Any, chance: random.Random) -> Any:
    """More of it: larger, longer, deeper."""
    if isinstance(value, bool) or value is None:
        return chance.choice(VALUES)
    if isinstance(value, int | float):
        return value * chance.choice((2, 100, 10**6, 10**12)) + 1
    if isinstance(value, str):
        return value * chance.choice((2, 100, 10_000))
    grown = value
    for _ in range(chance.choice((1, 3, 60))):
        grown = (
            [grown] if isinstance(value, list) else {"config": grown, "class_name": "Sequential"}
        )
    return grown


def with_config(seed: Seed, config: Any) -> bytes:
    """The file of a seed with another configuration."""
    text = json.dumps(config)
    target = io.BytesIO(seed.content)
    if seed.content.startswith(b"PK"):
        made = io.BytesIO()
        with zipfile.ZipFile(target) as old, zipfile.ZipFile(made, "w") as new:
            for name in old.namelist():
                data = text.encode() if name == "config.json" else old.read(name)
                new.writestr(zipfile.ZipInfo(name), data)
        return made.getvalue()
    with h5py.File(target, "r+") as file:
        del file.attrs["model_config"]
        file.attrs.create("model_config", text, dtype=h5py.string_dtype())
    return target.getvalue()


def with_damaged_store(seed: Seed, other: bytes, chance: random.Random) -> bytes:
    """A ``.keras`` archive that is whole, but one of its members is mutated."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed.content)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        chosen = chance.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = mutate_bytes(data, other, chance)
            new.writestr(zipfile.ZipInfo(name), data)
    return made.getvalue()


# Cases


@dataclass(frozen=True)
class Case:
    """One mutated file.

    Attributes:
        number: Of the case.
        kind: What was mutated, in a word.
        name: The name of the file.
        content: Its bytes.
        verb: ``"activations"`` or ``"summary"``.
    """

    number: int
    kind: str
    name: str
    content: bytes
    verb: str


class Cases:
    """All cases of a seed of the random numbers, each made when it is asked for."""

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self.seed = seed
        self.models = model_seeds() + (folder_seeds(folder) if folder else [])
        self.images = image_seeds()

    def case(self, number: int) -> Case:
        """One case."""
        chance = random.Random(f"{self.seed}/{number}")
        part = chance.random()
        verb = "summary" if chance.random() < 0.4 else "activations"
        if part < 0.15:
            seed, other = chance.choice(self.images), chance.choice(self.images)
            content = mutate_bytes(seed.content, other.content, chance)
            return Case(number, "image", seed.name, content, "activations")
        seed, other = chance.choice(self.models), chance.choice(self.models)
        if part < 0.6 and seed.config is not None:
            content = with_config(seed, mutate_config(seed.config, other.config, chance))
            return Case(number, "configuration", seed.name, content, verb)
        if part < 0.8 and seed.content.startswith(b"PK"):
            content = with_damaged_store(seed, other.content, chance)
            return Case(number, "member", seed.name, content, verb)
        content = mutate_bytes(seed.content, other.content, chance)
        return Case(number, "bytes", seed.name, content, verb)


class Field:
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
        place, out = self.folder / "case", self.folder / "out"
        for folder in (place, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        path = place / f"case{Path(case.name).suffix}"
        path.write_bytes(case.content)
        model, image = (self._good, path) if case.kind == "image" else (path, self._image)
        arguments = ["summary", str(path)]
        if case.verb == "activations":
            arguments = [case.verb, str(model), str(image), "-o", str(out / "maps.npz")]
        rules = {
            "readable": [str(place), str(self._good), str(self._image)],
            "writable": [str(out), tempfile.gettempdir()],
            "forbidden": [str(self.folder)],
            "canary": "",
        }
        outcome = worker.run(arguments, rules)
        left = tuple(sorted(p.name for p in out.iterdir()))
        outcome = Outcome(**{**outcome.__dict__, "left": left})
        return outcome, problems(self._entry, outcome, out)


def run_all(cases: Cases, numbers: Sequence[int], *, jobs: int, keep: Path | None) -> int:
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
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{case.number}{Path(case.name).suffix}").write_bytes(case.content)
        if done[0] % 500 == 0:
            taken = time.monotonic() - start
            print(f"{done[0]} of {len(numbers)} cases, {done[1]} bad, {taken:.0f} s", flush=True)

    def work(number: int) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            field = Field(Path(folder), cases.models[0])
            with Worker(growth=2 << 30) as worker:
                while True:
                    try:
                        case = cases.case(waiting.get_nowait())
                    except queue.Empty:
                        return
                    outcome, wrong = field.run(case, worker)
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
    parser = argparse.ArgumentParser(description="Opens mutated files with convlens.")
    parser.add_argument("--count", type=int, default=20_000, metavar="N", help="how many cases")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random numbers")
    parser.add_argument("--case", type=int, metavar="N", help="this case alone, in full")
    parser.add_argument("--folder", type=Path, help="with models to mutate, up to 1 MB each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep", type=Path, help="a folder for the files that got through")
    parser.add_argument("--make-models", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make_models is not None:
        make_models(given.make_models)
        return 0
    cases = Cases(given.seed, given.folder)
    if given.case is None:
        jobs = max(1, min(given.jobs, given.count))
        return 1 if run_all(cases, range(given.count), jobs=jobs, keep=given.keep) else 0
    case = cases.case(given.case)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Worker(growth=2 << 30) as worker:
        outcome, wrong = Field(Path(folder), cases.models[0]).run(case, worker)
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
        (given.keep / f"{case.number}{Path(case.name).suffix}").write_bytes(case.content)
    print(f"case {case.number}: {case.kind} of {case.name}, {case.verb}")
    print(f"status {outcome.status}, {outcome.seconds:.2f} s, {outcome.peak >> 20} MiB")
    print(ascii(outcome.stderr[:2000]), *wrong, outcome.trace, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
