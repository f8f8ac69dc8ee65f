"""What a file with pictures of evaluation says of itself."""

from __future__ import annotations

from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.evaluation.wording import amount, captions, key
from layersight.writers.page import Information


def information(result: Evaluation) -> Information:
    """What a file with these pictures says of itself."""
    means = "; ".join(
        f"{row.name}: "
        + ", ".join(
            f"{column.name} {amount(float(value))}"
            for column, value in zip(result.columns, values, strict=True)
        )
        for row, values in zip(result.rows, result.means, strict=True)
    )
    caption = f"{means}. {key(result)} " + " ".join(captions(result))
    return Information(f"{result.model.name}: heatmaps measured", caption)
