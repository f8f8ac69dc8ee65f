"""Bounds on what a configuration may request, counted before it is allocated.

The rule of this module: every size that a file requests passes the ledger of the file while its
network is built: each weight of each layer, and each tensor, before any array is made. A network
cannot have more weights than its file holds; no tensor may be larger than half the memory that
the file may take; and the number of tensors is bounded.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence

from layersight.data.model import Shape
from layersight.errors import UnsafeModelError
from layersight.limits import MORE, Limits, in_words

# Weights that a network may have beyond those in its file, such as the state of a generator.
SLACK = 1 << 16

# How many tensors may connect the layers of a network; a real one has below 10,000.
MAX_TENSORS = 50_000

MAX_OUTPUTS = 1_000  # how many tensors one call of a layer may give

_state = threading.local()


class Ledger:
    """Counts what a file requests.

    ``weights`` is how many numbers the file holds, if that is known; ``where`` names the layer
    that is being built.
    """

    def __init__(
        self, weights: int | None, source: str, limits: Limits, where: Callable[[], str]
    ) -> None:
        self._weights = weights
        allowed = limits.memory // 4 if weights is None else weights
        self._left = allowed + SLACK
        self._source = source
        self._where = where
        self._tensors = MAX_TENSORS
        self.limits = limits

    @property
    def most(self) -> int:
        """The bytes that a tensor, or all outputs of a layer together, may have."""
        return self.limits.memory // 2

    @property
    def at(self) -> str:
        """The layer that is being built, in words, or else the file."""
        return self._where() or self._source

    def weight(self, shape: tuple[int, ...]) -> None:
        """Counts a weight that is about to be made."""
        self._left -= math.prod(int(size) for size in shape)
        if self._left >= 0:
            return
        if self._weights is None:
            raise UnsafeModelError(
                f"{self.at} asks for weights of more than {in_words(self.limits.memory)}, with a "
                f"weight of shape {tuple(shape)}: not opened; {MORE}"
            )
        raise UnsafeModelError(
            f"{self.at} asks for more weights than the file holds ({self._weights}; a weight of "
            f"shape {tuple(shape)} was one too many): not opened"
        )

    def tensor(self, shape: Sequence[object], dtype: object) -> None:
        """Counts a symbolic output of a layer, or of an operation inside it."""
        self._tensors -= 1
        if self._tensors < 0:
            raise UnsafeModelError(
                f"{self.at} comes to more than {MAX_TENSORS} tensors: not opened"
            )
        if count_bytes(shape, dtype) > self.most:
            raise self.too_large(
                f"{self.at} gives an output of shape {_short(shape)} for one image"
            )

    def array(self, count: int, what: str) -> None:
        """Counts an array that a layer computes from its settings alone."""
        if 4 * count > self.most:
            raise self.too_large(
                f"{self.at} computes {what} of {in_words(4 * count)} from its settings"
            )

    def too_large(self, what: str) -> UnsafeModelError:
        return UnsafeModelError(f"{what}: more than {in_words(self.most)}, not opened; {MORE}")


@contextlib.contextmanager
def counting(
    weights: int | None, source: str, limits: Limits, where: Callable[[], str]
) -> Iterator[Ledger]:
    """Keeps a ledger of what this thread builds in the block.

    The arguments are those of :class:`Ledger`.
    """
    before = ledger()
    _state.ledger = Ledger(weights, source, limits, where)
    try:
        yield _state.ledger
    finally:
        _state.ledger = before


def ledger() -> Ledger | None:
    """The ledger of this thread; ``None`` outside of :func:`counting`."""
    current: Ledger | None = getattr(_state, "ledger", None)
    return current


def check_array(count: int, what: str) -> None:
    """Counts an array that is about to be computed from settings alone."""
    (ledger() or Ledger(None, "the model", Limits(), str)).array(count, what)


def count_values(shape: Sequence[object]) -> int:
    """The number of values of a tensor, as far as its shape is known."""
    return math.prod(size or 1 for size in shape if isinstance(size, int))


def count_bytes(shape: object, dtype: object = "float32") -> int:
    """The number of bytes of a tensor, as far as its shape is known."""
    if not isinstance(shape, list | tuple):
        return 0
    return count_values(shape) * width_of(dtype)


def width_of(dtype: object) -> int:
    """The number of bytes of a value of a type; four where it is unknown.

    >>> width_of("float64"), width_of("uint8"), width_of("bool"), width_of("bfloat16")
    (8, 1, 1, 2)
    """
    name = dtype if isinstance(dtype, str) else str(dtype)
    digits = "".join(filter(str.isdigit, name))
    if name == "bool":
        return 1
    return max(1, int(digits) // 8) if digits and len(digits) < 4 else 4


def check_output(tensors: Sequence[tuple[Shape, str]], where: str) -> None:
    """Refuses a layer whose outputs together are larger than its file may take.

    Nothing is refused outside of :func:`counting`: a pass is checked before it begins.
    """
    current = ledger()
    if current is None:
        return
    if len(tensors) > MAX_OUTPUTS:
        raise UnsafeModelError(
            f"{where} gives {len(tensors)} outputs: more than {MAX_OUTPUTS}, not opened"
        )
    total = sum(count_bytes(shape, dtype) for shape, dtype in tensors)
    if total > current.most:
        shapes = ", ".join(_short(shape) for shape, _ in tensors[:3])
        raise current.too_large(f"{where} gives an output of shape {shapes} for one image")


def _short(shape: Sequence[object]) -> str:
    """A shape as text of bounded length."""
    sizes = list(shape)
    text = ", ".join(f"{size!s:.20}" for size in sizes[:8])
    return f"({text}{', ...' if len(sizes) > 8 else ',' if len(sizes) == 1 else ''})"
