"""Running a command: open the model, call the verb, write the file, print the result.

The rules of this module: it knows no command, and what one does differently is in its record;
images for one file go through the model together, else one by one, and no file replaces another's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from layersight.batch.gather import sources_of
from layersight.cli.opening import open_model
from layersight.cli.output import Progress, say
from layersight.data.command import Arguments, Command, Labelled, Resume, named_files
from layersight.data.fields import options_of
from layersight.data.image import InputImage
from layersight.data.model import ModelInfo
from layersight.document.noun import Noun, load_noun, noun_of
from layersight.document.words import file_name
from layersight.errors import ImageError, Interrupted, UsageError
from layersight.export.files import check_output, json_of, load, make_options, save
from layersight.images.reading import no_such_file
from layersight.writers.printable import printable
from layersight.writers.terminal import to_text

MOST_TOGETHER = 16  # at most this many images go into one file if none was named


def function(name: str) -> Callable[..., Any]:
    """The function of ``"module:function"``."""
    module, _, attribute = name.partition(":")
    target: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return target


def run_command(name: str, command: Command, arguments: Arguments) -> None:
    arguments.pop("debug", None)
    if command.run:
        function(command.run)(arguments)
    else:
        _Run(name, command, arguments).run()


@dataclasses.dataclass(slots=True)
class _Run:
    """A command that makes results of one kind."""

    name: str  # of the command
    command: Command
    arguments: Arguments

    def run(self) -> None:
        command, arguments, noun = self.command, self.arguments, load_noun(self.command.noun)
        output, as_json = arguments.get("output"), bool(arguments.get("json"))
        options = self._picture_options(noun)
        if output not in (None, "-"):
            check_output(output, noun)
        keywords = command.arrange(dict(arguments))
        to_stdout = not command.outputs or output == "-" or (as_json and output is None)
        images, inputs = arguments.get("image", ()), arguments.get("inputs", ())
        if command.takes and not (images or inputs or command.imageless):
            raise self._no_image()
        check_images(images, inputs)
        model = self._open(keywords)
        groups = [None]
        if command.takes:
            together = to_stdout or output is not None or command.takes == "all images"
            groups = image_groups(model.info, images, inputs, together=together)
            if groups == [None] and model.info.image_input:
                raise self._no_image()
        for group in groups:
            try:
                result = self._make(model, group, keywords)
            except Interrupted as stop:
                if stop.done is None or to_stdout:
                    raise KeyboardInterrupt from None
                written = save(stop.done, self._target(stop.done, groups), options)
                raise KeyboardInterrupt(
                    f"interrupted; {len(stop.done)} of {stop.count} {command.parts} are in "
                    f"{printable(str(written))}"
                ) from None
            target = None if to_stdout else self._target(result, groups)
            if target is not None:
                save(result, target, options)
            if Resume in command.options:
                self._partial(model.info).unlink(missing_ok=True)
            as_json = as_json or (target is None and bool(command.outputs))
            report(result, options, arguments, target, as_json=as_json)

    def _picture_options(self, noun: Noun[Any, Any]) -> Any:
        names = options_of(noun.options)
        chosen = {name: value for name, value in self.arguments.items() if name in names}
        if "view" in names and "view" not in chosen:
            chosen["view"] = self.command.view(self.arguments)
        return make_options(noun, **chosen)

    def _no_image(self) -> UsageError:
        single = self.command.takes == "images"
        what, where = ("an image", "IMAGE") if single else ("images", "FOLDER")
        return UsageError(f"give {what}: layersight {self.name} MODEL {where}")

    def _open(self, keywords: Arguments) -> Any:
        """Opens the model; takes the options for that out of the keywords."""
        model = function(self.command.opens)(keywords) if self.command.opens else None
        source = {name: keywords.pop(name, None) for name in Labelled.__dataclass_fields__}
        return open_model(**source) if model is None else model

    def _make(self, model: Any, group: Any, keywords: Arguments) -> Any:
        """The result of the verb; shows progress meanwhile."""
        verb, pictures = function(self.command.verb), self.command.pictures
        not_for_verb = {"output", "json", "quiet", "image", "inputs", "resume"}
        not_for_verb |= set() if pictures is None else set(options_of(pictures))
        verb_keywords = {
            name: list(value) if isinstance(value, tuple) and name == "layer" else value
            for name, value in keywords.items()
            if name not in not_for_verb
        }
        positional = () if not self.command.takes else (group,)
        partial = self._partial(model.info)
        if self.arguments.get("resume"):
            if not partial.is_file():
                raise UsageError(
                    f"--resume: there is no {partial} to go on from: leave --resume out"
                )
            verb_keywords["done"] = load(partial, load_noun(self.command.noun), model.info)
        if not self.command.progress:
            return verb(model, *positional, **verb_keywords)
        bar: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if not self.arguments.get("quiet"):
            counted = "steps" if self.command.progress == "steps" else None
            bar = Progress(counted, self.command.advice)
        try:
            with bar as progress:
                return verb(model, *positional, progress=progress, **verb_keywords)
        except Interrupted as stop:
            if stop.done is None or Resume not in self.command.options:
                raise
            save(stop.done, partial)
            raise KeyboardInterrupt(
                f"interrupted; {len(stop.done.images)} of {stop.count} {self.command.parts} are "
                f"kept in {printable(str(partial))}: the same command with --resume goes on"
            ) from None

    def _partial(self, info: ModelInfo) -> Path:
        """The file for what was done before an interruption."""
        output = self.arguments.get("output")
        if output not in (None, "-"):
            target = Path(output)
            return target.with_name(f"{target.name}.partial.npz")
        return Path(f"{_stem(info)}-{self.command.noun}.partial.npz")

    def _target(self, result: Any, groups: list[Any]) -> Path:
        """The file to write: as named by the user, else beside the image or named after the model.

        Several images give one document in the working folder, or a folder there with a file each.
        """
        output = self.arguments.get("output")
        if output is not None:
            return Path(output)
        ending = self.command.ending(result, self.arguments)
        here = Path(f"{_stem(result.model)}{ending}")
        if self.command.takes != "images":
            return here
        if len(groups) > 1:
            return beside(result.images[0], groups, ending, here.with_suffix(""))
        several = len(result.images) > 1
        return here.with_suffix(".pdf") if several else beside(result.images[0], groups, ending)


def check_images(images: Sequence[str], inputs: Sequence[str]) -> None:
    """Refuses images that are not there, and malformed inputs."""
    if images and inputs:
        raise UsageError("give either IMAGE or --input NAME=FILE for each input, not both")
    named_files(inputs)
    for image in images:
        if not (os.path.lexists(image) or glob.has_magic(image)):
            raise ImageError(no_such_file(image))


def image_groups(
    info: ModelInfo, images: Sequence[str], inputs: Sequence[str], *, together: bool
) -> list[Any]:
    """What goes through the model together: a few images, or all for one file, else one by one.

    ``None`` stands for no image at all, which a model that takes none can do without.
    """
    if inputs:
        return [named_files(inputs)]
    if not images:
        return [None]
    sources = next(iter(sources_of(info, list(images)).values()))
    together = together or len(sources) <= MOST_TOGETHER
    return [sources] if together else [[path] for path in sources]


def beside(
    image: InputImage, groups: Sequence[Any], ending: str, folder: Path | None = None
) -> Path:
    """A file beside an image, or in a folder, under a name that no other of the groups has."""
    home = image.path.parent if image.path is not None else Path()
    stem = Path(image.name).stem
    images = [group[0] for group in groups if isinstance(group, list)]
    alike = [path for path in images if folder or path.parent == home]
    if sum(path.stem == stem for path in alike) > 1:
        stem = image.name
    if folder and sum(path.name == image.name for path in alike) > 1:
        stem = f"{'-'.join(home.parts[-1:])}-{image.name}"
    return (folder or home) / f"{stem}{ending}"


def report(
    result: Any, options: Any, arguments: Arguments, target: Path | None, *, as_json: bool
) -> None:
    """Prints the result of a verb: as JSON, or in words with the file that was written, if any."""
    if as_json:
        document = json_of(result, options) | ({"file": str(target)} if target else {})
        say(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))
    elif not arguments.get("quiet"):
        noun = noun_of(result)
        page = dataclasses.replace(options, **{**noun.page, **noun.words})
        terminal = sys.stdout is not None and sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        colour = terminal and not os.environ.get("NO_COLOR")
        words = to_text(noun.describe(result, page), width=width, colour=colour)
        wrote = f"\nwrote {printable(str(target))}" if target else ""
        say(f"{words.rstrip()}{wrote}", coloured=colour)


def _stem(info: ModelInfo) -> str:
    return file_name(Path(info.source).stem or info.name)
