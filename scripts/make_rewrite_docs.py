"""Writes the list of rewrites in ``docs/opening.md``; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from layersight.loading.rewrites import REWRITES

TARGET = Path(__file__).parents[1] / "docs" / "opening.md"
START, END = "<!-- rewrites -->\n", "<!-- end of rewrites -->"


def listed() -> str:
    """The rewrites, one line each."""
    lines = []
    for rewrite in REWRITES:
        version = ".".join(map(str, rewrite.before or ())).removesuffix(".0")
        when = f" (before Keras {version})" if version else ""
        lines.append(f"- **{rewrite.name}**{when}: {rewrite.cause}\n")
    return "\n" + "".join(lines) + "\n"


def main() -> None:
    """Writes or compares the list."""
    page = TARGET.read_text()
    head, _, rest = page.partition(START)
    tail = rest.partition(END)[2]
    made = f"{head}{START}{listed()}{END}{tail}"
    if "--check" not in sys.argv:
        TARGET.write_text(made)
    elif page != made:
        sys.exit(f"{TARGET.name} is out of date: run python scripts/make_rewrite_docs.py")


if __name__ == "__main__":
    main()
