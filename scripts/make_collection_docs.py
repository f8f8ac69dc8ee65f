"""Writes ``docs/collection.md``: what becomes of every file of a folder of saved models.

``python scripts/make_collection_docs.py FOLDER`` takes the files that ``FOLDER/manifest.tsv``
lists; ``--check`` only compares.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from writing import write_or_check

import layersight
from layersight.data.model import ModelInfo
from layersight.model import Model

HEAD = """# Models as people saved them

Saved networks from public repositories, of every version of Keras, and what becomes of each
when layersight opens it. Plain Keras is Keras 3.15; it was not run on files with a Lambda layer,
whose code it may run. *Maps* are the feature maps of all layers
that can be reached, for an input of the right size (64 where the size is free). The page is
made by `python scripts/make_collection_docs.py FOLDER`.
"""

COLUMNS = ("file", "Keras", "plain Keras", "opened", "rewrites", "layers", "maps")
SIDE = 64
PLAIN = {"y": "opens", "n": "refuses"}
"""What the list says of plain Keras; files with a Lambda were not given to it."""


def row(folder: Path, entry: dict[str, str]) -> tuple[str, ...]:
    """The cells of one file."""
    name, version = entry["file"], entry["keras_version"]
    plain_keras = entry["loads_in_keras3"]
    plain = "not run" if plain_keras.startswith("not run") else PLAIN.get(plain_keras[:1], "")
    try:
        model = layersight.load_model(folder / name)
        info = sized(model)
    except layersight.LayersightError as error:
        return (f"`{name}`", version, plain, f"no: {line(error, folder)}", "", "", "")
    reached = [layer for layer in info.layers if layer.output_shape is not None]
    stop = next((layer.name for layer in info.layers if layer.output_shape is None), None)
    opened = "yes" if stop is None else f"up to `{stop}`"
    rewrites = ", ".join(text.partition(":")[0] for text in info.rewrites)
    return (
        *(f"`{name}`", version, plain, opened, rewrites or "none"),
        *(str(len(reached)), f"{sum(maps(layer.output_shape) for layer in reached):,}"),
    )


def sized(model: Model) -> ModelInfo:
    """What is known of a model for an input of the right size."""
    shapes = {}
    for entry in model.info.inputs:
        sizes = list(entry.shape[1:])
        if entry.data_format == "channels_first" and len(sizes) > 1:
            sizes = [*sizes[1:], sizes[0]]
        shapes[entry.name] = (1, *(size or SIDE for size in sizes))
    return model.describe(shapes)


def maps(shape: tuple[int | None, ...] | None) -> int:
    """How many feature maps an output of that shape holds, its channels at the end."""
    return int(shape[-1] or 0) if shape is not None and len(shape) >= 3 else 0


def line(error: Exception, folder: Path) -> str:
    """An error without the folder, as a cell of a table."""
    return str(error).replace(f"{folder}/", "").replace("|", "\\|").replace("<", "&lt;")


def page(folder: Path) -> str:
    """The whole page."""
    entries = csv.DictReader((folder / "manifest.tsv").read_text().splitlines(), delimiter="\t")
    rows = [row(folder, entry) for entry in entries]
    whole = sum(cells[3] == "yes" for cells in rows)
    part = sum(cells[3].startswith("up to") for cells in rows)
    plain = sum(cells[2] == "opens" for cells in rows)
    total = (
        f"{len(rows)} files: {whole} opened whole, {part} up to a layer, "
        f"{len(rows) - whole - part} refused with one line. Plain Keras opens {plain}."
    )
    table = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    table += [" | ".join(cells) for cells in rows]
    return "\n".join([HEAD, total, "", *(f"| {text} |" for text in table), ""])


def main() -> None:
    """Writes or compares the page."""
    folders = [text for text in sys.argv[1:] if text != "--check"]
    if len(folders) != 1:
        sys.exit("usage: make_collection_docs.py FOLDER [--check]")
    write_or_check("collection.md", page(Path(folders[0])))


if __name__ == "__main__":
    main()
