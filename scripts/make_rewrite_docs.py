"""Writes the list of rewrites in ``docs/opening.md``; ``--check`` only compares."""

from __future__ import annotations

from writing import write_between

from layersight.loading.rewrites import REWRITES


def list_rewrites() -> str:
    """The rewrites, one line each."""
    lines = []
    for rewrite in REWRITES:
        version = ".".join(map(str, rewrite.before or ())).removesuffix(".0")
        when = f" (before Keras {version})" if version else ""
        lines.append(f"- **{rewrite.name}**{when}: {rewrite.cause}\n")
    return "".join(lines)


if __name__ == "__main__":
    write_between("opening.md", {"rewrites": list_rewrites()})
