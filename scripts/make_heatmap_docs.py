"""Writes the tables of methods and metrics in ``docs/heatmaps.md``; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from layersight.nouns.heatmaps.methods.method import methods
from layersight.nouns.heatmaps.metrics.metric import metrics

TARGET = Path(__file__).parents[1] / "docs" / "heatmaps.md"


def list_methods() -> str:
    """Every method: what it does, takes for granted, and when it misleads."""
    lines = [
        "| `--method` | what it does | what it assumes | when it misleads |\n|---|---|---|---|\n"
    ]
    for method in methods().values():
        does = f"{method.says} {method.source}"
        lines.append(f"| `{method.name}` | {does} | {method.assumes} | {method.misleads} |\n")
    return "".join(lines)


def list_metrics() -> str:
    """Every metric, what it says, when it misleads and which way is good."""
    lines = ["| `--score` | what it says | misleads | good is |\n|---|---|---|---|\n"]
    for metric in metrics().values():
        good = "high" if metric.higher_is_better else "low"
        lines.append(
            f"| `{metric.name}` | {metric.says} {metric.source}. | {metric.misleads} | {good} |\n"
        )
    return "".join(lines)


def main() -> None:
    """Writes or compares the tables."""
    page = made = TARGET.read_text()
    for name, listed in (("methods", list_methods()), ("metrics", list_metrics())):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, _, rest = made.partition(start)
        tail = rest.partition(end)[2]
        made = f"{head}{start}\n{listed}\n{end}{tail}"
    if "--check" not in sys.argv:
        TARGET.write_text(made)
    elif page != made:
        sys.exit(f"{TARGET.name} is out of date: run python scripts/make_heatmap_docs.py")


if __name__ == "__main__":
    main()
