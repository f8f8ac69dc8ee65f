"""``layersight kernels``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from layersight.data.command import Command, Debug, Given, Output, Selection, Trusted
from layersight.data.fields import Options, option
from layersight.errors import UsageError
from layersight.nouns.kernels.options import KernelOptions

if TYPE_CHECKING:
    from layersight.model import HasKernels


@dataclass(frozen=True, slots=True)
class KernelRequest(Options):
    """Whose kernels."""

    stored: bool = option(
        False,
        help="MODEL is a file of weights: its kernels as they are, no network.",
        flag="--stored",
    )


def opens(given: Given) -> HasKernels | None:
    """The weights of a file, if they are asked for without a network."""
    from layersight.loading.stored import load_weights

    if not given.pop("stored", False):
        return None
    if given.get("weights") or given.get("architecture"):
        raise UsageError(
            "--stored shows a file of weights without a network: leave out --weights and "
            "--architecture, or leave out --stored"
        )
    return load_weights(given["model"])


COMMAND = Command(
    example="layersight kernels model.h5 --layers conv1 --output kernels.png",
    noun="kernels",
    verb="layersight.nouns.kernels.compute:kernels",
    options=(Selection, KernelRequest, Trusted, Output, Debug),
    progress="",
    pictures=KernelOptions,
    outputs=".pdf .png .svg .html .npz .json, or - for JSON; else a PDF named after the model, in "
    "this folder.",
    ending=lambda result, given: "-kernels.pdf",
    opens="layersight.nouns.kernels.command:opens",
)
