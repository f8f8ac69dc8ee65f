"""Makes the hostile files: ``python tests/hostile/make.py FOLDER``.

Every file lies in a folder of its own, named after the attack; what the attacks reach for lies
in ``traps``. The files do no harm: a payload touches ``traps/canary``, nothing else. Some are
links, pipes or very long and hardly stored.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile import (
    archive_attacks,
    code_attacks,
    config_attacks,
    folder_attacks,
    hdf5_attacks,
    image_attacks,
    reader_attacks,
)
from hostile.registry import ATTACKS, Attack, Traps, set_traps

__all__ = ["ATTACKS", "Attack", "Traps", "set_traps"]

MODULES = (
    code_attacks,
    hdf5_attacks,
    archive_attacks,
    config_attacks,
    folder_attacks,
    image_attacks,
    reader_attacks,
)
"""Where the attacks are; importing them registers what they make."""


def main() -> None:
    """Makes all files, or those whose names are given."""
    parser = argparse.ArgumentParser(description="Makes the hostile files of the tests.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("names", nargs="*", help="attacks; all without any")
    parser.add_argument("--list", action="store_true", help="say what there is")
    given = parser.parse_args()
    if given.list or given.folder is None:
        for entry in ATTACKS.values():
            print(f"{entry.name:36} {entry.says}")
        return
    traps = set_traps(given.folder / "traps")
    for name in given.names or ATTACKS:
        path = ATTACKS[name].make(given.folder, traps)
        print(ascii(str(path))[1:-1])


if __name__ == "__main__":
    main()
