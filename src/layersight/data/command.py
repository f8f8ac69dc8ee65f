"""A command as data: options as fields of dataclasses, and the function that it calls.

The rule of this module: it imports neither NumPy nor a framework, nor do the modules with the
commands' records, so that ``--help`` is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from layersight.data.fields import Options, option
from layersight.errors import UsageError

Arguments = dict[str, Any]  # the values of the options that were given, by name


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the command line; its name is the function's."""

    example: str  # a command line
    noun: str = ""  # the kind of result that it makes; empty for a command with a run of its own
    verb: str = ""  # "module:function", called with the model, images and the options as keywords
    # dataclasses whose fields are its options, beside those of pictures
    options: tuple[type, ...] = ()
    # the dataclass of the options of its pictures; None without pictures
    pictures: type | None = None
    # whether it takes images, and whether all of them always go into one file
    takes: Literal["", "images", "all images"] = ""
    imageless: bool = False  # whether a model whose inputs are drawn needs no image
    # what is counted while it works, "steps" or "parts"; empty if it is done at once
    progress: str = "parts"
    parts: str = "images"  # which parts are kept after an interruption
    advice: str = ""  # for long work: how to stop it, and how to ask for less
    outputs: str = ""  # what --output can be, in words
    # makes the arguments the keywords of the verb; checks them before a model is opened
    arrange: Callable[[Arguments], Arguments] = lambda arguments: arguments
    # the view that is drawn unless one was requested
    view: Callable[[Arguments], str | None] = lambda arguments: None
    # the ending of the name of the file that is written unless one was named
    ending: Callable[[Any, Arguments], str] = lambda result, arguments: ".pdf"
    # "module:function" that returns the model, or None to open it as usual
    opens: str = ""
    run: str = ""  # "module:function" that does all of the work


@dataclass(frozen=True, slots=True)
class Backend(Options):
    backend: str | None = option(
        None,
        help="jax, tensorflow or torch; else KERAS_BACKEND.",
        choices=("jax", "tensorflow", "torch"),
        metavar="NAME",
    )


@dataclass(frozen=True, slots=True)
class Source(Backend):
    """Which model, and what is needed to open it."""

    model: str = option(
        "",
        help="A .keras, HDF5 or TensorFlow.js model, or an architecture: VGG16, VGG16:notop.",
        flag="MODEL",
    )
    weights: str | None = option(
        None, help="For an architecture: a weights file, imagenet, random.", metavar="FILE"
    )
    architecture: str | None = option(
        None,
        help="For a file of weights alone: VGG16, or model.to_json() in a file.",
        metavar="FILE|NAME",
    )
    max_memory: str | None = option(
        None,
        help="What a file's model may take for one image beside its weights: 8G; else 1G.",
        metavar="SIZE",
    )


@dataclass(frozen=True, slots=True)
class Trusted(Source):
    """A source whose code may run."""

    trust: bool = option(
        False, help="Run the code of Lambda layers: for a file of your own only.", flag="--trust"
    )


@dataclass(frozen=True, slots=True)
class Labelled(Trusted):
    """A source whose classes have names."""

    labels: str | None = option(
        None,
        help="Names of the classes: cat,dog or a file of lines, JSON or CSV.",
        metavar="NAMES|FILE",
    )


def named_files(inputs: Sequence[str]) -> dict[str, str]:
    """The files of ``NAME=FILE``, by name; ``UsageError`` if one is malformed or twice there."""
    pairs = [part.partition("=") for part in inputs]
    for name, sign, path in pairs:
        if not (name and sign and path):
            raise UsageError(f"--input expects NAME=FILE, found '{name}{sign}{path}'")
    files = {name: path for name, _, path in pairs}
    if len(files) < len(pairs):
        raise UsageError("--input names one input twice: give a folder for several images")
    return files


@dataclass(frozen=True, slots=True)
class Images(Options):
    image: tuple[str, ...] = option((), help="Files, folders or quoted globs.", flag="IMAGE")
    inputs: tuple[str, ...] = option(
        (),
        help="For a model with several inputs; may be repeated.",
        metavar="NAME=FILE",
        flag="--input",
    )


@dataclass(frozen=True, slots=True)
class Selection(Options):
    layers: tuple[str, ...] = option(
        (),
        help="conv2d, 'conv*', :8, Conv2D, or with channels conv2d:0,3; may be repeated.",
        metavar="SPEC",
        flag="--layers -l",
    )
    channels: str | None = option(
        None, help="0,3,5-9 or 0:16.", metavar="SPEC", flag="--channels -c"
    )


@dataclass(frozen=True, slots=True)
class Resume(Options):
    resume: bool = option(
        False, help="Go on where the same command was interrupted.", flag="--resume"
    )


@dataclass(frozen=True, slots=True)
class Output(Options):
    json: bool = option(False, help="One JSON document on standard output.", flag="--json")
    quiet: bool = option(False, help="Say nothing but errors.", flag="--quiet -q")


@dataclass(frozen=True, slots=True)
class Debug(Options):
    debug: bool = option(False, help="Show a traceback when something fails.", flag="--debug")
