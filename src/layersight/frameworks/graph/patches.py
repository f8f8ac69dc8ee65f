"""The one registry of all temporary patches of a framework's objects.

Seeing inside a layer, changing a gradient or lending a precision means replacing an attribute
of an object that is not ours: one of the user's layers, a function of Keras. The rules of this
module:

- A patch is seen by the thread that made it alone. Every other thread, the user's own among
  them, goes on with the original.
- An attribute is replaced once, however many threads patch it, and restored by the last.
- It is restored after an exception and after an interruption too.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Change = Callable[[Any], Any]  # from the current value of an attribute to its new one

Patch = tuple[Any, str, Change]  # an object, the name of its attribute, and the change

Key = tuple[int, str]

# An attribute, the token of its patch, and the patch of this thread before, if any.
Entry = tuple[Key, object, dict[Key, Any]]

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Slot:
    """An attribute that is currently patched."""

    owner: Any  # the object; a reference, so that no other object gets its identity
    name: str  # the attribute's name
    original: Any  # its value without any patch
    inherited: bool  # whether the original came from the owner's class
    # The tokens of the patches that are in force.
    users: set[object] = field(default_factory=set)

    def current(self) -> Any:
        """The value of the attribute for the current thread."""
        return _of_thread().get((id(self.owner), self.name), self.original)


# Makes the object that takes the attribute's place and dispatches by thread.
StandIn = Callable[[Slot], Any]

_registry = threading.RLock()
_slots: dict[Key, Slot] = {}
_thread = threading.local()
_network_locks: weakref.WeakKeyDictionary[Any, _NetworkLock] = weakref.WeakKeyDictionary()


def function_by_thread(slot: Slot) -> Callable[..., Any]:
    """A function that calls the value of a slot for the current thread."""

    @functools.wraps(slot.original, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return slot.current()(*args, **kwargs)

    return call


def give_back(entered: list[T], leave: Callable[[T], None]) -> None:
    """Undoes all entries in reverse order, even if interrupted.

    ``leave`` must be idempotent.
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
    """Replaces attributes for the current thread for the duration of the block.

    Two patches of one attribute stack, as nested blocks do. ``stand_in`` makes the object that
    takes the attribute's place; the default is for functions.
    """
    entered: list[Entry] = []
    try:
        for owner, name, change in patches:
            key, user, values = (id(owner), name), object(), _of_thread()
            # Recorded before anything is replaced: an interruption may come at any point.
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
    """The value of an attribute without the patches of any thread."""
    with _registry:
        slot = _slots.get((id(owner), name))
        return getattr(owner, name) if slot is None else slot.original


def _of_thread() -> dict[Key, Any]:
    """The patched values of the current thread."""
    values: dict[Key, Any] | None = getattr(_thread, "values", None)
    if values is None:
        values = _thread.values = {}
    return values


def _join(key: Key, owner: Any, user: object, stand_in: StandIn) -> Slot:
    """Adds a user of an attribute, which the first one replaces."""
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
    """Ends a patch; its last user restores the attribute. Idempotent."""
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
    """Sets an attribute, bypassing ``__setattr__`` of instances, by which layers track state."""
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
    """A lock of all layers that were first seen with one network."""

    _count = 0

    def __init__(self) -> None:
        _NetworkLock._count += 1
        self.number = _NetworkLock._count
        self.lock = threading.RLock()


@contextmanager
def locked(layers: Iterable[Any]) -> Iterator[None]:
    """Locks layers, and all networks that share one of them, for this thread.

    A pass may compile, build a layer or meet weights that another thread has exchanged for a
    while, so only one of the networks with a layer in common runs at a time.
    """
    with _registry:
        new = None
        locks: dict[int, _NetworkLock] = {}
        for layer in layers:
            lock = _network_locks.get(layer)
            if lock is None:
                new = lock = new or _NetworkLock()
                _network_locks[layer] = lock
            locks[lock.number] = lock
    with ExitStack() as stack:
        # Always in the same order, so that no two threads wait for each other.
        for number in sorted(locks):
            stack.enter_context(locks[number].lock)
        yield
