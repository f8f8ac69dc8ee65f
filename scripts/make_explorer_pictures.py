"""Draws the pictures of the explorer in the documents; tests compare the page with them.

Run: python scripts/make_explorer_pictures.py [NAME ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium  # noqa: E402
from walking import VIEWS, Walker, chromium_browser, demo  # noqa: E402


def main(names: list[str]) -> None:
    """Draws all, or those that are named."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium_browser(chromium()) as browser,
        demo(Path(folder)) as address,
    ):
        for name, (size, scheme, state, act) in VIEWS.items():
            if names and name not in names:
                continue
            walker = Walker(browser, address, size=size, scheme=scheme)
            walker.open(state)
            if act is not None:
                act(walker)
            target = ROOT / f"docs/images/{name}.webp"
            walker.shot().save(target, quality=82, method=6)
            walker.close()
            print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])
