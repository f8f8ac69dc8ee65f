"""The one registry of everything that is replaced on a framework's objects while code runs.

Seeing inside a layer, changing a gradient or lending a precision means replacing an attribute
of an object that is not ours: a layer of the user's, a function of Keras. The rules of this
module:

- A replacement counts for the thread that asked for it. Every other thread, the user's own
  among them, goes on with what was there before.
- An attribute is replaced once, however many threads ask for it, and given back by the last.
- It is given back after an exception and after an interruption too.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Change = Callable[[Any], Any]  # from what an attribute is for this thread to what it shall be

# The object whose attribute is replaced, the attribute's name, and the change.
Patch = tuple[Any, str, Change]

Key = tuple[int, str]

# An attribute, who replaced it, and what it was for this thread before.
Entry = tuple[Key, object, dict[Key, Any]]

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Slot:
    """An attribute that is replaced at the moment."""

    owner: Any  # whose attribute it is; held, so that its identity stays its own
    name: str  # the attribute's name
    original: Any  # what it is without any replacement
    inherited: bool  # whether the original came from the owner's class
    # Those who replaced it and have not given it back.
    users: set[object] = field(default_factory=set)

    def current(self) -> Any:
        """What the attribute is for the thread that asks."""
        return _of_thread().get((id(self.owner), self.name), self.original)


# Makes what stands in an attribute's place and is for each thread what it should be.
StandIn = Callable[[Slot], Any]

_registry = threading.RLock()
_slots: dict[Key, Slot] = {}
_thread = threading.local()
_network_locks: weakref.WeakKeyDictionary[Any, _NetworkLock] = weakref.WeakKeyDictionary()


def function_by_thread(slot: Slot) -> Callable[..., Any]:
    """A function that calls what its slot holds for the thread that calls it."""

    @functools.wraps(slot.original, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return slot.current()(*args, **kwargs)

    return call


def give_back(entered: list[T], leave: Callable[[T], None]) -> None:
    """Gives everything back, in the opposite order, whatever interrupts it.

    ``leave``, done twice, does no more than once.
    """
    interruption: BaseException | None = None
    while entered:
        try:
            leave(entered[-1])
            entered.pop()
        except KeyboardInterrupt as error:
            interruption = error
    if interruption is not None:
        raise interruption


@contextmanager
def patched(patches: Iterable[Patch], stand_in: StandIn = function_by_thread) -> Iterator[None]:
    """Replaces attributes for the current thread while the block lasts.

    Two patches of one attribute stack, as nested blocks do. ``stand_in`` makes what is put in an
    attribute's place; the default is for functions.
    """
    entered: list[Entry] = []
    try:
        for owner, name, change in patches:
            key, user, values = (id(owner), name), object(), _of_thread()
            # Noted before anything is replaced: an interruption may come at any point.
            before = {key: values[key]} if key in values else {}
            entered.append((key, user, before))
            slot = _join(key, owner, user, stand_in)
            values[key] = change(slot.current())
        yield
    finally:
        # Twice, since an interruption may come before the first has begun.
        try:
            give_back(entered, _leave)
        finally:
            give_back(entered, _leave)


def unpatched(owner: Any, name: str) -> Any:
    """What an attribute is without any replacement, whichever thread made one."""
    with _registry:
        slot = _slots.get((id(owner), name))
        return getattr(owner, name) if slot is None else slot.original


def _of_thread() -> dict[Key, Any]:
    """What the current thread has put in the place of attributes."""
    values: dict[Key, Any] | None = getattr(_thread, "values", None)
    if values is None:
        values = _thread.values = {}
    return values


def _join(key: Key, owner: Any, user: object, stand_in: StandIn) -> Slot:
    """Enters a user of an attribute, which is replaced if this is the first one."""
    with _registry:
        slot = _slots.get(key)
        if slot is None:
            inherited = key[1] not in vars(owner)
            slot = _slots[key] = Slot(owner, key[1], getattr(owner, key[1]), inherited)
        slot.users.add(user)
        if len(slot.users) == 1:
            _set(slot, stand_in(slot))
        return slot


def _leave(entry: Entry) -> None:
    """Gives an attribute back; done twice it does no more than once."""
    key, user, before = entry
    _of_thread().pop(key, None)
    _of_thread().update(before)
    with _registry:
        slot = _slots.get(key)
        if slot is None:
            return
        slot.users.discard(user)
        if slot.users:
            return
        if not slot.inherited:
            _set(slot, slot.original)
        elif slot.name in vars(slot.owner):
            _unset(slot)
        del _slots[key]


def _set(slot: Slot, value: Any) -> None:
    """Sets an attribute, of an object past its ``__setattr__``: layers note what is set on them."""
    if isinstance(slot.owner, type):
        setattr(slot.owner, slot.name, value)
    else:
        slot.owner.__dict__[slot.name] = value


def _unset(slot: Slot) -> None:
    if isinstance(slot.owner, type):
        delattr(slot.owner, slot.name)
    else:
        del slot.owner.__dict__[slot.name]


class _NetworkLock:
    """A lock of all the layers that one network was the first to bring."""

    _count = 0

    def __init__(self) -> None:
        _NetworkLock._count += 1
        self.number = _NetworkLock._count
        self.lock = threading.RLock()


@contextmanager
def locked(layers: Iterable[Any]) -> Iterator[None]:
    """Keeps some layers, and networks that share one of them, to this thread.

    A pass may compile, build a layer or find weights that another thread has exchanged for a
    while, so of networks with a layer in common one runs at a time.
    """
    with _registry:
        own = None
        found: dict[int, _NetworkLock] = {}
        for layer in layers:
            lock = _network_locks.get(layer)
            if lock is None:
                own = lock = own or _NetworkLock()
                _network_locks[layer] = lock
            found[lock.number] = lock
    with ExitStack() as stack:
        # Always in the same order, so that no two threads wait for each other.
        for number in sorted(found):
            stack.enter_context(found[number].lock)
        yield
