"""Writes the tables of methods and metrics in ``docs/heatmaps.md``; ``--check`` only compares."""

from __future__ import annotations

from writing import write_between

from layersight.nouns.heatmaps.methods.method import methods
from layersight.nouns.heatmaps.metrics.metric import metrics


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


if __name__ == "__main__":
    write_between("heatmaps.md", {"methods": list_methods(), "metrics": list_metrics()})
