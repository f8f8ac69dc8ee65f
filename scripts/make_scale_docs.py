"""Writes ``docs/scales.md``: which pixels real models want, and what is found by itself.

``python scripts/make_scale_docs.py FOLDER`` takes the models in ``FOLDER/models`` and
``FOLDER/wild``; ``--check`` only compares. What they were trained on is in
``tests/batch/scales.tsv``, with the source of each.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from writing import write_or_check

import layersight
from layersight.data.preprocessing import Preprocessing

ROOT = Path(__file__).parents[1]
TRUTHS = ROOT / "tests" / "batch" / "scales.tsv"

UNKNOWN = "not known"

HEAD = """# Which pixels a model wants

A model file does not say whether its images were 0..255, 0..1 or -1..1 in training. For each
input by itself layersight takes the strongest evidence that there is, and says which it was:

1. **asked**: `--scale`, `scale=`, or an array of numbers, which is taken as it is.
2. **model**: what the network itself computes of the input before its first learned weights:
   division, subtraction, another order of colours, a Normalization, as layers, operations or
   Lambda, in nested models, behind augmentation. It is run on plain pictures in each scale; the
   scale in which the first weights get numbers of the usual size is the one.
3. **statistics**: the mean and variance that the first batch normalisation keeps, if photographs
   in one scale fit them and those in the others do not.
4. **name**: a known architecture of `keras.applications` whose first weights follow the input.
5. **guess**: nothing tells. Then 0..1 is used, and the line says *not known* and asks for
   `--scale`. Weak evidence is called weak.

`--scale` takes `0..1`, `-1..1`, `caffe`, `torch`, `none` (pixels as they are); each also with
`,bgr` for a network that takes blue first (`--scale 0..1,bgr`, as for images read by OpenCV); and
numbers, `--scale mean=0.485,0.456,0.406,std=0.229,0.224,0.225`: of pixels / 255 if none of them
exceeds 1, else of pixels. Statistics seldom tell the order of colours: where it matters, name it.

## Measured

On every model at hand whose training is known, as its authors' code says; *not known* is said
where the file tells nothing. The page is made by `python scripts/make_scale_docs.py FOLDER`.
"""


def found_scale(path: Path) -> Preprocessing | None:
    """What is found of the first input that takes a picture, ``None`` for no such model."""
    try:
        model = layersight.load_model(path)
    except layersight.LayersightError:
        return None
    entry = next((each for each in model.info.inputs if each.accepts_image), None)
    if entry is None:
        return None
    channels = entry.channels if entry.channels in (1, 3, 4) else 3
    blank = np.zeros((64, 64, channels), np.uint8)
    return layersight.load_image(blank, model, input_name=entry.name).preprocessing


def _tally(counts: Counter[tuple[str, str]]) -> str:
    """How many are found right and wrong."""
    right = sum(number for (truth, answer), number in counts.items() if truth == answer)
    unknown = sum(number for (_, answer), number in counts.items() if answer == UNKNOWN)
    wrong = counts.total() - right - unknown
    return f"{counts.total()} models: {right} right, {wrong} wrong, {unknown} {UNKNOWN}."


def main() -> None:
    """Writes the page, or compares it."""
    folder = Path(next(word for word in sys.argv[1:] if not word.startswith("--")))
    with TRUTHS.open(encoding="utf-8") as file:
        truths = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    known, unknown = [], []
    counts: Counter[tuple[str, str]] = Counter()
    files = [*(folder / "models").iterdir(), *(folder / "wild").iterdir()]
    for path in sorted(files, key=lambda each: each.name.lower()):
        if path.suffix in (".md", ".tsv") or (scale := found_scale(path)) is None:
            continue
        answer = UNKNOWN if scale.evidence == "guess" else scale.name
        evidence = scale.reason if scale.evidence != "guess" else ""
        if path.name in truths:
            truth = truths[path.name]
            counts[truth["scale"], answer] += 1
            row = (f"`{path.name}`", truth["scale"], truth["source"], answer, evidence)
            known.append(row)
        else:
            unknown.append((f"`{path.name}`", answer, evidence))
    names = ["0..1", "-1..1", "none", "caffe"]
    table = [
        f"| {truth} | "
        + " | ".join(str(counts[truth, answer] or "") for answer in [*names, UNKNOWN])
        for truth in names
    ]
    parts = [
        HEAD,
        _tally(counts),
        "",
        "| trained on | " + " | ".join(f"found {name}" for name in names) + f" | {UNKNOWN} |",
        "|" + " --- |" * (len(names) + 2),
        *(f"{line} |" for line in table),
        "",
        "| file | trained on | source | found | evidence |",
        "| --- | --- | --- | --- | --- |",
        *("| " + " | ".join(row) + " |" for row in known),
        "",
        "Of these nothing is known of the training:",
        "",
        "| file | found | evidence |",
        "| --- | --- | --- |",
        *("| " + " | ".join(row) + " |" for row in unknown),
    ]
    write_or_check("scales.md", "\n".join(parts) + "\n")


main()
