"""``layersight kernels``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from layersight.data.command import Arguments, Command, Debug, Output, Selection, Trusted
from layersight.data.fields import Options, option
from layersight.errors import UsageError
from layersight.nouns.kernels.options import KernelOptions

if TYPE_CHECKING:
    from layersight.model import HasKernels


@dataclass(frozen=True, slots=True)
class KernelRequest(Options):
    """Where the kernels are."""

    stored: bool = option(
        False,
        help="MODEL is a file of weights: its kernels as they are, no network.",
        flag="--stored",
    )


def opens(arguments: Arguments) -> HasKernels | None:
    """The weights of a file without a network, if the user wants these."""
    from layersight.loading.stored import load_weights

    if not arguments.pop("stored", False):
        return None
    if arguments.get("weights") or arguments.get("architecture"):
        raise UsageError(
            "--stored shows a file of weights without a network: leave out --weights and "
            "--architecture, or leave out --stored"
        )
    return load_weights(arguments["model"])


COMMAND = Command(
    example="layersight kernels model.h5 --layers conv1 --output kernels.png",
    noun="kernels",
    verb="layersight.nouns.kernels.compute:kernels",
    options=(Selection, KernelRequest, Trusted, Output, Debug),
    progress="",
    pictures=KernelOptions,
    outputs=".pdf .png .svg .html .npz .json, or - for JSON; else a PDF named after the model, in "
    "this folder.",
    ending=lambda result, arguments: "-kernels.pdf",
    opens="layersight.nouns.kernels.command:opens",
)
