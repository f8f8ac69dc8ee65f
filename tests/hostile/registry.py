"""The register of hostile files: each attack is a function that writes one file.

The rule of this package: a payload does nothing but touch a canary, and what must not be read
is a secret that lies ready for it. So every attack that gets through leaves a trace, and none
does any harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from hostile.watch import MARKER

SECRET = "hostile-secret-4711-do-not-show"
"""What stands in the secret files; it must not appear in any output."""

CANARY_MODULE = "hostile_canary_module"
"""A module that can be imported and touches the canary when it is."""


@dataclass(frozen=True)
class Traps:
    """What an attack may reach for.

    Attributes:
        folder: Where the traps lie; opening any file in it is a failure.
    """

    folder: Path

    @property
    def canary(self) -> Path:
        """Exists once code of a file has run."""
        return self.folder / "canary"

    @property
    def secret(self) -> Path:
        """A text file that only the attacker wants to be read."""
        return self.folder / "secret.txt"

    @property
    def secret_hdf5(self) -> Path:
        """The same as HDF5: numbers for a kernel and a bias, raw bytes from the start too."""
        return self.folder / "secret.h5"

    @property
    def secret_folder(self) -> Path:
        """A folder with a SavedModel in it."""
        return self.folder / "secret_model"

    @property
    def statement(self) -> str:
        """Python that touches the canary."""
        return f"open({str(self.canary)!r}, 'w').close()"

    @property
    def command(self) -> str:
        """A shell command that touches the canary."""
        return f"touch '{self.canary}'"

    def all_files(self) -> tuple[Path, ...]:
        """Every file that must not be opened."""
        return (
            self.secret,
            self.secret_hdf5,
            self.secret_folder / "saved_model.pb",
            self.folder / f"{CANARY_MODULE}.py",
        )


def set_traps(folder: Path) -> Traps:
    """Lays the traps out in a folder."""
    traps = Traps(folder.resolve())
    traps.secret_folder.mkdir(parents=True, exist_ok=True)
    traps.secret.write_text(f"{SECRET}\n" * 20)
    (traps.secret_folder / "saved_model.pb").write_bytes(SECRET.encode() * 20)
    source = f"{traps.statement}\nclass Conv2D:\n    pass\ndef function(x):\n    return x\n"
    (traps.folder / f"{CANARY_MODULE}.py").write_text(source)
    with h5py.File(traps.secret_hdf5, "w") as file:
        file.attrs["secret"] = SECRET
        file["kernel"] = np.full((3, 3, 3, 2), 4711.0, "float32")
        file["bias"] = np.full(2, 4711.0, "float32")
        group = file.create_group("conv")
        group.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
        group["kernel:0"], group["bias:0"] = file["kernel"], file["bias"]
        file["vars/0"], file["vars/1"] = file["kernel"], file["bias"]
    return traps


@dataclass(frozen=True)
class Attack:
    """One hostile file.

    Attributes:
        name: Of the attack.
        file: The name of the file.
        says: What it attacks, and the advisory where there is one.
        write: Writes it: the path, the traps.
        kind: ``"model"``, ``"image"`` or ``"labels"``: what it is given to layersight as.
        heavy: Whether it goes for memory or time, so that it is measured in its own process.
        refused: Whether it must not open at all.
    """

    name: str
    file: str
    says: str
    write: Callable[[Path, Traps], None]
    kind: str = "model"
    heavy: bool = False
    refused: bool = False

    def make(self, folder: Path, traps: Traps) -> Path:
        """Writes the file into its own folder and returns its path."""
        own_folder = folder / self.name
        own_folder.mkdir(parents=True, exist_ok=True)
        path = own_folder / self.file
        self.write(path, traps)
        return path


ATTACKS: dict[str, Attack] = {}
"""Every attack by its name, in the order of registration."""

Writer = Callable[[Path, Traps], None]


def attack(
    file: str, *, kind: str = "model", heavy: bool = False, refused: bool = False
) -> Callable[[Writer], Writer]:
    """Registers a function as the maker of a file."""

    def register(function: Writer) -> Writer:
        says = " ".join((function.__doc__ or "").split())
        register_attack(Attack(function.__name__, file, says, function, kind, heavy, refused))
        return function

    return register


def register_attack(entry: Attack) -> None:
    """Registers an attack that has no function of its own."""
    if not entry.says:
        raise ValueError(f"{entry.name} does not say what it attacks")
    known = ATTACKS.get(entry.name)
    if known is not None and known.says != entry.says:
        raise ValueError(f"two attacks are called {entry.name}")
    ATTACKS[entry.name] = entry


def payload(traps: Traps) -> bytes:
    """The marshalled byte code of a lambda that touches the canary and gives its input back."""
    import marshal

    source = f"lambda x: ({traps.statement}, x)[1]"
    code = compile(source, MARKER, "eval").co_consts[0]
    return marshal.dumps(code)


def pickled(traps: Traps) -> bytes:
    """A pickle that touches the canary when it is loaded."""
    import pickle

    class Hook:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return exec, (traps.statement,)

    return pickle.dumps({"weights": Hook()}, protocol=2)
