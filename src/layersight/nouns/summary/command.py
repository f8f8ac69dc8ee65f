"""``layersight summary``."""

from __future__ import annotations

from layersight.data.command import Command, Debug, Output, Trusted

COMMAND = Command(
    example="layersight summary model.keras",
    noun="summary",
    verb="layersight.nouns.summary.compute:summary",
    options=(Trusted, Output, Debug),
    progress="",
)
