"""The names of classes, from files in the common formats.

The rule of this module: a file has a single meaning; one that does not number the classes from 0
on, each once, is refused with the reason.

    ["cat", "dog"]   {"cat": 0, "dog": 1}   {"0": "cat", "1": "dog"}      JSON
    0,cat            cat,0                  with a heading or without     CSV, TSV
    0 cat            0: cat                 n02123045 tabby               a class on each line
"""

from __future__ import annotations

import codecs
import csv
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layersight.errors import LayersightError, ModelFileError
from layersight.loading.bounded import parse_json, read_file

if TYPE_CHECKING:  # so that NumPy is imported late
    from layersight.data.model import ModelInfo

BESIDE = "labels.txt"  # the file beside a model with the names of its classes

MAX_BYTES = 1 << 20
MAX_LABEL = 200  # characters of a name that are kept

# The WordNet number before the name of an ImageNet class.
SYNSET = re.compile(r"n\d{8}[_ ](?=\S)")

# Byte order marks and their encodings. UTF-32 comes first, since its marks begin like UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_NUMBER_FIRST = re.compile(r"(\d{1,9})(?:\s*[:;,=]\s*|\s+)(\S.*)")
_NUMBER_LAST = re.compile(r"(.*\S)[ \t]?[:;,=\t][ \t]?(\d{1,9})")
_SPACE = re.compile(r"\s+")
_HEADING = re.compile(r"(class|label|categor|name|index|number|id)", re.IGNORECASE)

_log = logging.getLogger("layersight")


def read_labels(
    labels: str | os.PathLike[str] | Sequence[str] | Mapping[Any, Any] | None,
) -> tuple[str, ...] | None:
    """The names of classes, from a file, a sequence or a mapping.

    Args:
        labels: A file as in this module's table, in UTF-8, UTF-16 or UTF-32, else read as
            Windows-1252 with a warning; text with commas that is not a file, as ``"cat,dog"``; the
            names in the order of the classes; or a mapping from
            names to numbers (``class_indices`` of Keras) or from numbers to names.
    """
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        return _tidy(_from_mapping(labels, "labels"))
    if not isinstance(labels, str | os.PathLike):
        return tuple(str(label) for label in labels)
    path = Path(labels)
    is_text = isinstance(labels, str) and "," in labels and not re.fullmatch(r"\.\w+", path.suffix)
    if is_text and not os.path.exists(path):  # noqa: PTH110 - takes text of any length
        return _tidy([name.strip() for name in str(labels).split(",")])
    try:
        text = _decode(read_file(path, MAX_BYTES), path)
    except LayersightError as error:
        raise ModelFileError(
            f"cannot read class names from {path} ({error}): expected a text file with one name "
            "on each line, JSON or CSV"
        ) from error
    return _tidy(_read(text, path))


def labels_beside(path: Path) -> tuple[str, ...] | None:
    """The class names in a ``labels.txt`` beside a model, as Teachable Machine writes it.

    A file that cannot be read as names is ignored with a warning.
    """
    beside = path.parent / BESIDE
    if (
        not path.is_file()
        or beside.is_symlink()
        or not beside.is_file()
        or beside.stat().st_size > MAX_BYTES
    ):
        return None
    try:
        return read_labels(beside)
    except ModelFileError as error:
        _log.warning("ignored: %s", error)
        return None


def check_labels(info: ModelInfo, source: object) -> None:
    """Refuses class names whose count fits no output of the model."""
    sizes = {layer.name: layer.channels for layer in info.layers}
    outputs = [name for name in info.output_layers or info.outputs if name is not None]
    counts = {name: sizes.get(name) for name in outputs}
    if info.labels is None or not counts or None in counts.values():
        return
    given = len(info.labels)
    if any(given == count or (given == 2 and count == 1) for count in counts.values()):
        return
    where = f" in {source}" if isinstance(source, str | os.PathLike) else ""
    has = ", ".join(f"'{name}' has {count}" for name, count in counts.items())
    names = "name" if given == 1 else "names"
    raise ModelFileError(
        f"{given} class {names}{where} for a model whose output {has}: give a name for each "
        "number of an output (two for the two sides of a single one)"
    )


def _decode(data: bytes, path: Path) -> str:
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if encoding is None and data.count(0) > len(data) // 4:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None or b"\0" in data:
            raise ModelFileError(
                f"it is not text in {(encoding or 'utf-8').upper()}: byte {error.start}"
            ) from error
    _log.warning("%s is not UTF-8: read as Windows-1252; save it as UTF-8 if names are wrong", path)
    return data.decode("cp1252", "replace")


def _read(text: str, path: Path) -> list[str]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _from_json(parse_json(text.encode("utf-8", "surrogatepass")), path)
        except (ValueError, RecursionError) as error:
            reason = str(error)[:100] or type(error).__name__
            raise ModelFileError(
                f"cannot read class names from {path}: it begins like JSON but is not ({reason})"
            ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if path.suffix.lower() in (".csv", ".tsv"):
        return _from_table(lines, path)
    # Runs of white space become a single space or tab, so that the patterns take linear time.
    folded = [_SPACE.sub(lambda run: "\t" if "\t" in run[0] else " ", line) for line in lines]
    for pattern, number, name in ((_NUMBER_FIRST, 1, 2), (_NUMBER_LAST, 2, 1)):
        matches = [pattern.fullmatch(line) for line in folded]
        pairs = [(int(match[number]), match[name]) for match in matches if match is not None]
        if len(pairs) == len(lines) and _counts(number for number, _ in pairs):
            return [name for _, name in sorted(pairs)]
    return lines


def _from_json(value: Any, path: object) -> list[str]:
    if isinstance(value, list):
        if all(isinstance(item, dict) and "name" in item for item in value):
            value = [item["name"] for item in value]
        if not all(isinstance(item, str | int | float) for item in value):
            raise ModelFileError(f"expected a list of names in {path}, found one of other values")
        return [str(item) for item in value]
    for key in ("id2label", "class_indices", "label2id", "labels", "names", "classes"):
        if isinstance(value, dict) and isinstance(value.get(key), dict | list):
            return _from_json(value[key], path)
    if not isinstance(value, dict):
        raise ModelFileError(f"expected names of classes in {path}, found {str(value)[:40]}")
    return _from_mapping(value, path)


def _from_mapping(value: Mapping[Any, Any], path: object) -> list[str]:
    """Names from a mapping of names to numbers, or of numbers to names."""
    keys = [str(key) for key in value]
    if all(map(_is_number, value.values())):
        pairs = [(int(number), key) for key, number in zip(keys, value.values(), strict=True)]
    elif all(key.isdecimal() for key in keys):
        names = [v[-1] if isinstance(v, list) and v else v for v in value.values()]
        pairs = [(int(key), str(name)) for key, name in zip(keys, names, strict=True)]
    else:
        raise ModelFileError(
            f"expected a mapping of names to numbers, or of numbers to names, in {path}"
        )
    return _in_order(pairs, path)


def _from_table(lines: Sequence[str], path: Path) -> list[str]:
    """Names from rows of columns: a number and a name in either order, or names alone."""
    separators = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
    separator = max(separators, key=lambda sign: sum(sign in line for line in lines))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error as error:
        raise ModelFileError(f"cannot read class names from {path}: {error}") from error
    width = min(map(len, rows), default=0)
    heading = bool(rows) and not any(map(_is_number, rows[0])) and len(rows) > 1
    for body in (rows, rows[1:]) if heading else (rows,):
        for column in range(min(width, 8)):
            if body and width > 1 and all(_is_number(row[column]) for row in body):
                other = 1 if column == 0 else 0
                return _in_order([(int(row[column]), row[other]) for row in body], path)
    if heading and all(_HEADING.match(cell) for cell in rows[0]):
        rows = rows[1:]
    return [row[0] for row in rows if row]


def _in_order(pairs: Iterable[tuple[int, str]], path: object) -> list[str]:
    ordered = sorted(pairs)
    numbers = [number for number, _ in ordered]
    if not _counts(numbers):
        raise ModelFileError(
            f"the classes in {path} are not numbered from 0 to {len(ordered) - 1}, each once: "
            f"found {', '.join(map(str, numbers[:6]))}{' ...' if numbers[6:] else ''}"
        )
    return [name for _, name in ordered]


def _counts(numbers: Iterable[int]) -> bool:
    return all(index == number for index, number in enumerate(sorted(numbers)))


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and len(value) < 10
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _tidy(names: Sequence[str]) -> tuple[str, ...]:
    """Names of bounded length, without the WordNet numbers of ImageNet."""
    tidy = [" ".join(name.split())[:MAX_LABEL] for name in names]
    if tidy and all(SYNSET.match(name) for name in tidy):
        tidy = [SYNSET.sub("", name).replace("_", " ") for name in tidy]
    return tuple(tidy)
