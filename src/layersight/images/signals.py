"""Signals and vectors from WAV files and tables of numbers (CSV).

The rule of this module: what a file claims is compared with its size before anything is read,
only the part that the network sees is decoded, and all that was cut, filled or left out is
reported.

WAV is read here, since Python's own ``wave`` takes neither floats nor, before Python 3.12, files of
the extensible kind; it is a list of chunks, of which two matter.
"""

from __future__ import annotations

import csv
import functools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo
from layersight.errors import ImageError, UsageError
from layersight.images import frames
from layersight.images.fitting import FITS, check_name
from layersight.images.reading import check_file, guarded

WAV, TABLE = "wav", "table"

Raw = NDArray[np.uint8]

SUFFIXES = (".csv", ".npy", ".tsv", ".txt", ".wav")  # by which signals are found in folders
MAX_TEXT = 64 * 1024**2  # bytes of a table
MAX_NUMBERS = 20_000_000  # decoded of a signal: seven minutes of sound
MAX_CHUNKS = 1000  # of a WAV file
MAX_CHANNELS = 256
LONGEST = 65_536  # positions of a signal, where a network takes any number

# Names of columns that number the rows; so do all that begin with "time".
_INDEX_NAMES = {"", "#", "date", "datetime", "i", "idx", "index", "n", "no", "sample", "t"}

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


@dataclass(frozen=True, eq=False, slots=True)
class Signal:
    """Rows of a file, cut and transposed as an array; samples are decoded at the end."""

    rows: NDArray[Any]  # ``(position, channel)``, with a further axis of bytes for samples
    steps: tuple[str, ...]  # what was done, in words, in order
    names: tuple[str, ...] = ()  # of the channels, where the file has them
    decode: Callable[[Raw], FloatArray] | None = None
    averaged: bool = False  # whether all channels are replaced by their mean

    @property
    def channels(self) -> int:
        return 1 if self.averaged else self.rows.shape[1]

    def values(self) -> FloatArray:
        """The numbers, ``(position, channel)`` float32."""
        values: FloatArray = self.rows if self.decode is None else self.decode(self.rows)
        if self.averaged:
            values = values.mean(axis=1, keepdims=True, dtype=np.float32)
        return np.ascontiguousarray(values)

    def with_rows(self, rows: NDArray[Any], *steps: str, **changes: Any) -> Signal:
        """A copy with other rows, and what was done to get them."""
        return replace(self, rows=rows, steps=(*self.steps, *steps), **changes)


def kind_of(path: Path) -> str | None:
    """:data:`WAV` or :data:`TABLE` by the content of a file; ``None`` for anything else."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            first = file.read(4096)
    except (OSError, ValueError):
        return None
    if first[:4] in (b"RIFF", b"RIFX", b"RF64") and first[8:12] == b"WAVE":
        return WAV
    return TABLE if _is_table(first) else None


def _is_table(first: bytes) -> bool:
    """Whether bytes begin a table: one of the first two lines is numbers alone."""
    try:
        text = first.decode("utf-8-sig", errors="ignore" if len(first) == 4096 else "strict")
    except UnicodeDecodeError:
        return False
    lines = text.splitlines()
    if len(first) == 4096 and lines:  # its end may have been cut off
        lines[-1] = re.sub(r"[^,;\t ]*$", "", lines[-1])
    return any(map(_all_numbers, _without_comments(lines)[:2]))


def _without_comments(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() and line.lstrip()[0] != "#"]


def _all_numbers(line: str) -> bool:
    cells = [cell for cell in re.split(r"[,;\t ]+", line.strip()) if cell]
    try:
        [float(cell.strip("\"'")) for cell in cells]
    except ValueError:
        return False
    return bool(cells)


def read_signal(path: Path, inputs: InputInfo, *, frame: int | None, fit: str | None) -> Signal:
    """The numbers of a file, fitted to an input.

    Args:
        path: A WAV file or a table.
        inputs: An input that takes ``(position, channel)`` or ``(unit,)``.
        frame: Which row of a table whose rows are examples, from 0.
        fit: ``"stretch"`` resamples; else the middle is cut out of what is too long, and zeros are
            put around what is too short.

    Returns:
        A signal of as many positions as the input takes; a single position for a vector.
    """
    if fit is not None:
        check_name("fit", fit, FITS)
    where = repr(str(path))
    check_file(path)
    with guarded(where):
        read = _read_wav if kind_of(path) == WAV else _read_table
        signal, row = read(path, where), frames.check_number(frame)
        if len(inputs.example_shape) == 1:
            return _as_vector(signal, inputs, where, row)
        signal = _as_channels(signal, inputs, where, row)
        return _fit_length(signal, inputs.example_shape[0], fit, where)


def _fit_length(signal: Signal, wanted: int | None, fit: str | None, where: str) -> Signal:
    """A signal of the length that the input takes."""
    rows, count = signal.rows, len(signal.rows)
    length = wanted or min(count, LONGEST)
    if count == length:
        return signal.with_rows(rows, f"kept at {length:,} positions")
    if fit != "stretch" and count > length:
        start = (count - length) // 2
        step = f"the middle {length:,} of {count:,} positions, from {start:,} (crop)"
        return signal.with_rows(rows[start : start + length], step)
    if fit == "stretch":
        if count * signal.channels > MAX_NUMBERS:
            raise ImageError(
                f"expected at most {MAX_NUMBERS / 1e6:g} million numbers of a signal, found "
                f"{count * signal.channels / 1e6:.1f} million in {where}. Give a part of it."
            )
        step = f"resampled from {count:,} to {length:,} positions (stretch)"
        values = resample(signal.values(), length)
    else:
        before = (length - count) // 2
        step = f"zeros around its {count:,} positions up to {length:,} (pad)"
        values = np.pad(signal.values(), ((before, length - count - before), (0, 0)))
    return signal.with_rows(values, step, decode=None, averaged=False)


def resample(values: FloatArray, length: int) -> FloatArray:
    """A signal at another length: means over what each new position covers, or linear between.

    A mean over a number that is not finite is NaN.

    Example:
        >>> resample(np.array([[0.0], [1], [2], [3]], np.float32), 2).ravel().tolist()
        [0.5, 2.5]
    """
    count = len(values)
    result = np.empty((length, values.shape[1]), np.float32)
    for channel in range(values.shape[1]):
        column = values[:, channel].astype(np.float64)
        if length < count:
            lost = ~np.isfinite(column)
            column[lost] = 0
            result[:, channel] = _sums(column, length)
            result[:, channel] *= length / count
            if lost.any():
                result[_sums(lost, length) > 0, channel] = np.nan
        else:
            positions = (np.arange(length) + 0.5) * count / length - 0.5
            result[:, channel] = np.interp(positions, np.arange(count), column)
    return result


def _sums(column: NDArray[Any], count: int) -> NDArray[np.float64]:
    """The sums over a number of parts of equal length."""
    sums = np.concatenate([[0.0], np.cumsum(column)])
    edges = np.arange(count + 1) * len(column) / count  # exact where they are whole numbers
    return np.diff(np.interp(edges, np.arange(len(sums)), sums))


def _as_vector(table: Signal, inputs: InputInfo, where: str, row: int | None) -> Signal:
    """A row of a table as a vector, or the only column of a table."""
    wanted, count = inputs.example_shape[0], len(table.rows)
    if table.channels == 1 and wanted not in (None, 1) and count == wanted:
        column = table.rows.swapaxes(0, 1)
        return table.with_rows(column, f"one column of {count:,} numbers", names=())
    if table.channels == (wanted or 0) + 1:
        table = _without_index(table)
    if wanted not in (None, table.channels):
        raise ImageError(
            f"expected rows of {wanted} numbers for the input '{inputs.name}', found "
            f"{_columns(table)} in {where}. Keep the columns that the model was trained on."
        )
    return _row_of(table, row, where)


def _as_channels(table: Signal, inputs: InputInfo, where: str, row: int | None) -> Signal:
    """Rows as positions, or one of them where each is an example of one channel."""
    length, channels = inputs.example_shape
    if channels is not None and table.channels == channels + 1:
        table = _without_index(table)
    columns = table.channels
    if channels in (None, columns):
        if row:
            raise UsageError(f"no row {row}: the rows of {where} are the positions of one signal")
        return table
    if table.steps[:1] == ("WAV",):
        if channels != 1:
            raise ImageError(
                f"expected {channels} channels for the input '{inputs.name}', found {columns}: "
                f"{where}"
            )
        step = f"its {columns} channels averaged to one"
        return table.with_rows(table.rows, step, averaged=True)
    if channels == 1 and length is not None and columns in (length, length + 1):
        if columns == length + 1:
            step = f"the last of its {columns} columns left out: one more than the network has "
            table = table.with_rows(table.rows[:, :length], f"{step}positions")
        example = _row_of(table, row, where)
        return example.with_rows(example.rows.T, names=())
    if len(table.rows) == channels and columns == length:
        return table.with_rows(table.rows.T, "its rows taken as channels", names=())
    raise ImageError(
        f"expected {channels} column{'' if channels == 1 else 's'} (channels) for the input "
        f"'{inputs.name}', a row for each position, found {_columns(table)} in {where}. Keep the "
        "columns that the model was trained on."
    )


def _columns(table: Signal) -> str:
    named = f" ({', '.join(table.names[:6])}{' ...' if table.names[6:] else ''})"
    return f"{table.channels} column{'' if table.channels == 1 else 's'}" + (
        named if table.names else ""
    )


def _without_index(table: Signal) -> Signal:
    """A table without its first column if that numbers the rows, according to its name."""
    first = table.names[0].strip().lower() if table.names else None
    if first is None or not (first in _INDEX_NAMES or first.startswith("time")):
        return table
    name = f"'{table.names[0]}'" if first else "without a name"
    step = f"its first column {name} left out: it numbers the rows"
    return table.with_rows(table.rows[:, 1:], step, names=table.names[1:])


def _row_of(table: Signal, row: int | None, where: str) -> Signal:
    number, count = row or 0, len(table.rows)
    if number >= count:
        raise frames.no_such(number, count, where, "row")
    steps = [frames.in_words(number, count, noun="row")] if count > 1 else []
    return table.with_rows(table.rows[number : number + 1], *steps)


def _read_table(path: Path, where: str) -> Signal:
    """The numbers of a text file: separated by commas, semicolons, tabs or spaces."""
    size = path.stat().st_size
    if size > MAX_TEXT:
        raise ImageError(
            f"expected a table of at most {MAX_TEXT / 1024**2:g} MiB, found "
            f"{size / 1024**2:.1f} MiB: {where}. Save it as a .npy file."
        )
    lines = _without_comments(path.read_text(encoding="utf-8-sig").splitlines())
    if not lines:
        raise ImageError(f"expected numbers, found an empty table: {where}.")
    probe = lines[min(1, len(lines) - 1)]
    separator = next((sign for sign in ("\t", ";", ",") if sign in probe), None)
    steps = ["table of numbers"]
    names: tuple[str, ...] = ()
    if not _all_numbers(lines[0]):
        (cells,) = csv.reader([lines[0]], delimiter=separator or " ", skipinitialspace=True)
        names = tuple(cell.strip()[:40] for cell in cells)
        lines = lines[1:]
    if separator == ";" and any("," in line for line in lines[:2]):
        lines = [line.replace(",", ".") for line in lines]
        steps.append("decimal commas")
    try:
        values = np.loadtxt(
            lines, np.float64, delimiter=separator, ndmin=2, quotechar='"', comments=None
        )
    except ValueError as error:
        words = str(error).split(";")[0]
        raise ImageError(
            f"expected the same number of values in every row, cannot read {where}: "
            f"{words[:120]}. Remove what is not a number, and fill empty cells (nan if missing)."
        ) from error
    names = names if len(names) == values.shape[1] else ()
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    return Signal(numbers, tuple(steps), names)


@dataclass(frozen=True, slots=True)
class _Format:
    """What a WAV file says of its samples."""

    code: int
    channels: int
    rate: int
    bits: int


def _read_wav(path: Path, where: str) -> Signal:
    """The samples of a WAV file, in -1..1."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            raise ImageError(
                f"expected a WAV file in the usual order of bytes (RIFF): {where}. Save it anew."
            )
        form, start, claimed = _chunks(file, where)
    stored = path.stat().st_size - start
    sample = _SAMPLES.get((form.code, form.bits))
    if sample is None:
        raise ImageError(
            f"expected samples of 8, 16, 24 or 32 bits or of floats, found {form.bits} bits of "
            f"kind {form.code} in {where}. Save it as WAV without compression."
        )
    if not (1 <= form.channels <= MAX_CHANNELS and form.rate > 0):
        raise ImageError(
            f"expected 1 to {MAX_CHANNELS} channels and a rate above 0, found {form.channels} and "
            f"{form.rate}: {where}. Get the file again."
        )
    width = form.bits // 8
    count = min(claimed, stored) // (width * form.channels)
    if not count:
        raise ImageError(f"expected samples, found a WAV file without any: {where}.")
    kind = "floats" if form.code == _FLOAT else "numbers of -1..1"
    channels = "" if form.channels == 1 else f", {form.channels} channels"
    steps = ["WAV", f"{form.rate:,} samples a second, {form.bits} bits{channels}, as {kind}"]
    if claimed != 0xFFFFFFFF and claimed > stored:
        steps.append("cut short: the file has fewer samples than it says")
    raw = np.memmap(path, np.uint8, "r", start, (count, form.channels, width))
    return Signal(raw, tuple(steps), decode=functools.partial(_decode_samples, *sample))


def _chunks(file: BinaryIO, where: str) -> tuple[_Format, int, int]:
    """The format of a WAV file, the offset of its samples, and the bytes that they claim."""
    file.seek(12)
    form = None
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"fmt " and 16 <= size <= 4096:
            body = file.read(size)
            code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if code == _EXTENSIBLE and size >= 26:
                code = struct.unpack("<H", body[24:26])[0]
            form = _Format(code, channels, rate, bits)
            file.seek(size % 2, 1)
        elif name == b"data" and form is not None:
            return form, file.tell(), size
        else:
            file.seek(size + size % 2, 1)
    raise ImageError(f"expected a WAV file with a format and samples: {where}. It is damaged.")


def _decode_samples(dtype: str, divisor: float, zero: float, raw: Raw) -> FloatArray:
    """Samples as numbers; three bytes are the upper three of four."""
    if raw.shape[-1] == 3:
        raw = np.pad(raw, ((0, 0), (0, 0), (1, 0)))
    samples = np.ascontiguousarray(raw).view(dtype)[..., 0].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return ((samples - zero) / divisor).astype(np.float32)


# By kind and bits of samples: their type in NumPy, the divisor, and the value of zero.
_SAMPLES: dict[tuple[int, int], tuple[str, float, float]] = {
    (_PCM, 8): ("u1", 128.0, 128.0),
    (_PCM, 16): ("<i2", 2.0**15, 0.0),
    (_PCM, 24): ("<i4", 2.0**31, 0.0),
    (_PCM, 32): ("<i4", 2.0**31, 0.0),
    (_FLOAT, 32): ("<f4", 1.0, 0.0),
    (_FLOAT, 64): ("<f8", 1.0, 0.0),
}
