"""Time to open a model file, against plain Keras on files that it can open.

Each opening is a fresh process; the two take turns, and what counts is the median of the
ratios. ``python benchmarks/opening.py [FILE...] [--rounds N]`` takes by default the files
under ``LAYERSIGHT_DATA``; it ends with status 1 if a ratio is above the limit.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 1.3

OURS = "import sys, layersight; layersight.load_model(sys.argv[1])"
PLAIN = "import sys, keras; keras.saving.load_model(sys.argv[1], compile=False)"

NAMES = (
    "cats_dogs_150.h5",
    "mobilenet_025_224_imagenet.h5",
    "mobilenet_025_224_imagenet.keras",
    "keras205_fer2013_mini_XCEPTION.02-0.52.hdf5",
    "squeezenet_imagenet_notop.h5",
)


def seconds(code: str, path: Path) -> float | None:
    """How long a fresh process takes; ``None`` if it fails."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True)
    return time.perf_counter() - start if done.returncode == 0 else None


def default_files() -> list[Path]:
    """The files of the collection that plain Keras opens."""
    data = Path(os.environ["LAYERSIGHT_DATA"])
    rows = csv.DictReader((data / "wild/manifest.tsv").read_text().splitlines(), delimiter="\t")
    wild = [data / "wild" / row["file"] for row in rows if row["loads_in_keras3"] == "y"]
    return [*(data / "models" / name for name in NAMES), *wild]


def compare(path: Path, rounds: int) -> float | None:
    """Prints one line for a file; the median of the ratios, ``None`` without any."""
    ours, plain = [], []
    for _ in range(rounds):
        own, keras = seconds(OURS, path), seconds(PLAIN, path)
        if own is None or keras is None:
            print(f"{path.name:60}  {'layersight' if own is None else 'plain Keras'} fails")
            return None
        ours.append(own)
        plain.append(keras)
    ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
    own, keras = statistics.median(ours), statistics.median(plain)
    print(f"{path.name:60}  {own:.2f} s  {keras:.2f} s  {ratio:.2f}", flush=True)
    return ratio


def main() -> None:
    arguments = sys.argv[1:]
    rounds = 5
    if "--rounds" in arguments:
        place = arguments.index("--rounds")
        rounds = int(arguments[place + 1])
        del arguments[place : place + 2]
    files = [Path(text) for text in arguments] or default_files()
    print(f"{'file':60}  layersight  Keras  ratio (median of {rounds}, limit {LIMIT})")
    ratios = [ratio for path in files if (ratio := compare(path, rounds)) is not None]
    sys.exit(max(ratios, default=0) > LIMIT)


if __name__ == "__main__":
    main()
