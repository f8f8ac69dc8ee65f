"""The names of classes, from the kinds of files in which people keep them.

The rule of this module: a file means one list of names or none; one that does not number the
classes from 0 on, each once, is refused with the reason.

    ["cat", "dog"]   {"cat": 0, "dog": 1}   {"0": "cat", "1": "dog"}      JSON
    0,cat            cat,0                  with a heading or without     CSV, TSV
    0 cat            0: cat                 n02123045 tabby               one on each line
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

if TYPE_CHECKING:  # NumPy is imported late
    from layersight.data.model import ModelInfo

BESIDE = "labels.txt"  # the file beside a model in which the names of its classes are looked for

MAX_BYTES = 1 << 20
MAX_LABEL = 200  # characters of a name that are kept

# The WordNet number before the name of a class of ImageNet.
SYNSET = re.compile(r"n\d{8}[_ ](?=\S)")

# Byte order marks and their encodings; those of UTF-32 come first, as they begin like UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_FIRST = re.compile(r"(\d{1,9})(?:\s*[:;,=]\s*|\s+)(\S.*)")
_LAST = re.compile(r"(.*\S)[ \t]?[:;,=\t][ \t]?(\d{1,9})")
_SPACE = re.compile(r"\s+")
_HEADING = re.compile(r"(class|label|categor|name|index|number|id)", re.IGNORECASE)

_log = logging.getLogger("layersight")


def read_labels(
    labels: str | os.PathLike[str] | Sequence[str] | Mapping[Any, Any] | None,
) -> tuple[str, ...] | None:
    """The names of classes, from a file, a sequence or a mapping.

    Args:
        labels: A file as in this module's table, in UTF-8, UTF-16 or UTF-32, else taken for
            Windows-1252 with a warning; text with commas that is no file, as ``"cat,dog"``; the
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
    if isinstance(labels, str) and "," in labels and not path.suffix and not path.exists():
        return _tidy([name.strip() for name in labels.split(",")])
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

    One that cannot be read as names is passed over with a warning.
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
        _log.warning("passed over: %s", error)
        return None


def check_labels(info: ModelInfo, source: object) -> None:
    """Refuses names that were given for a model none of whose outputs has as many numbers."""
    sizes = {layer.name: layer.channels for layer in info.layers}
    ends = [name for name in info.output_layers or info.outputs if name is not None]
    counts = {name: sizes.get(name) for name in ends}
    if info.labels is None or not counts or None in counts.values():
        return
    names = len(info.labels)
    if any(names == count or (names == 2 and count == 1) for count in counts.values()):
        return
    where = f" in {source}" if isinstance(source, str | os.PathLike) else ""
    has = ", ".join(f"'{name}' has {count}" for name, count in counts.items())
    one = "name" if names == 1 else "names"
    raise ModelFileError(
        f"{names} class {one}{where} for a model whose output {has}: give one name for each "
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
    # A space or a tab for however many, of which no pattern could take any other number.
    folded = [_SPACE.sub(lambda run: "\t" if "\t" in run[0] else " ", line) for line in lines]
    for pattern, number, name in ((_FIRST, 1, 2), (_LAST, 2, 1)):
        matches = [pattern.fullmatch(line) for line in folded]
        pairs = [(int(match[number]), match[name]) for match in matches if match is not None]
        if len(pairs) == len(lines) and _counts(number for number, _ in pairs):
            return [name for _, name in sorted(pairs)]
    return lines


def _from_json(value: Any, path: object) -> list[str]:
    if isinstance(value, list):
        if all(isinstance(one, dict) and "name" in one for one in value):
            value = [one["name"] for one in value]
        if not all(isinstance(one, str | int | float) for one in value):
            raise ModelFileError(f"expected a list of names in {path}, found one of other things")
        return [str(one) for one in value]
    for key in ("id2label", "class_indices", "label2id", "labels", "names", "classes"):
        if isinstance(value, dict) and isinstance(value.get(key), dict | list):
            return _from_json(value[key], path)
    if not isinstance(value, dict):
        raise ModelFileError(f"expected names of classes in {path}, found {str(value)[:40]}")
    return _from_mapping(value, path)


def _from_mapping(value: Mapping[Any, Any], path: object) -> list[str]:
    """Names from a mapping of names to numbers, or of numbers to names."""
    keys = [str(key) for key in value]
    if all(_is_number(one) for one in value.values()):
        pairs = [(int(number), key) for key, number in zip(keys, value.values(), strict=True)]
    elif all(key.isdecimal() for key in keys):
        names = [one[-1] if isinstance(one, list) and one else one for one in value.values()]
        pairs = [(int(key), str(name)) for key, name in zip(keys, names, strict=True)]
    else:
        raise ModelFileError(
            f"expected a mapping of names to numbers, or of numbers to names, in {path}"
        )
    return _in_order(pairs, path)


def _from_table(lines: Sequence[str], path: Path) -> list[str]:
    """Names from rows of columns: a number and a name in either order, or names alone."""
    separators = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
    mark = max(separators, key=lambda one: sum(one in line for line in lines))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error as error:
        raise ModelFileError(f"cannot read class names from {path}: {error}") from error
    wide = min((len(row) for row in rows), default=0)
    heading = bool(rows) and not any(map(_is_number, rows[0])) and len(rows) > 1
    for body in (rows, rows[1:]) if heading else (rows,):
        for column in range(min(wide, 8)):
            numbers = [row[column] for row in body]
            if body and all(map(_is_number, numbers)) and wide > 1:
                other = 1 if column == 0 else 0
                pairs = [(int(row[column]), row[other]) for row in body]
                return _in_order(pairs, path)
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
