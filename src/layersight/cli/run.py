"""Running a command: open the model, call the verb, write the file, say what came out.

The rule of this module: it knows no command; what one does differently stands in its record.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from layersight.cli.opening import open_model
from layersight.cli.output import Progress, say
from layersight.cli.values import beside, check_given, image_groups
from layersight.data.command import Command, Given, Labelled, Resume
from layersight.data.fields import options_of
from layersight.data.model import ModelInfo
from layersight.document.noun import Noun, load_noun, noun_of
from layersight.document.words import file_name
from layersight.errors import Interrupted, UsageError
from layersight.export.files import check_output, json_of, load, make_options, save
from layersight.writers.printable import printable
from layersight.writers.terminal import to_text


def function(name: str) -> Callable[..., Any]:
    """The function of ``"module:function"``."""
    module, _, attribute = name.partition(":")
    target: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return target


def run_command(name: str, command: Command, given: Given) -> None:
    given.pop("debug", None)
    if command.run:
        function(command.run)(given)
    else:
        _Run(name, command, given).run()


@dataclasses.dataclass(slots=True)
class _Run:
    """A command that makes results of one kind."""

    name: str  # of the command
    command: Command  # its record
    given: Given  # what was given

    def run(self) -> None:
        command, given = self.command, self.given
        noun, output, as_json = (
            load_noun(command.noun),
            given.get("output"),
            bool(given.get("json")),
        )
        options = self._pictures(noun)
        if output not in (None, "-"):
            check_output(output, noun)
        keywords = command.arrange(dict(given))
        to_stdout = not command.outputs or output == "-" or (as_json and output is None)
        images, inputs = given.get("image", ()), given.get("inputs", ())
        if command.takes and not (images or inputs or command.imageless):
            raise self._no_image()
        check_given(images, inputs)
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
                self._kept(model.info).unlink(missing_ok=True)
            as_json = as_json or (target is None and bool(command.outputs))
            report(result, options, given, target, as_json=as_json)

    def _pictures(self, noun: Noun[Any, Any]) -> Any:
        names = options_of(noun.options)
        chosen = {name: value for name, value in self.given.items() if name in names}
        if "view" in names and "view" not in chosen:
            chosen["view"] = self.command.view(self.given)
        return make_options(noun, **chosen)

    def _no_image(self) -> UsageError:
        single = self.command.takes == "images"
        what, where = ("an image", "IMAGE") if single else ("images", "FOLDER")
        return UsageError(f"give {what}: layersight {self.name} MODEL {where}")

    def _open(self, keywords: Given) -> Any:
        """The model; what is its own is taken out of the keywords."""
        model = function(self.command.opens)(keywords) if self.command.opens else None
        source = {name: keywords.pop(name, None) for name in Labelled.__dataclass_fields__}
        return open_model(**source) if model is None else model

    def _make(self, model: Any, group: Any, keywords: Given) -> Any:
        """The result of the verb, with the progress told on the way."""
        verb = function(self.command.verb)
        pictures = self.command.pictures
        drawn = set() if pictures is None else set(options_of(pictures))
        own_options = {"output", "json", "quiet", "image", "inputs", "resume"}
        known = {
            name: list(value) if isinstance(value, tuple) and name == "layer" else value
            for name, value in keywords.items()
            if name not in drawn | own_options
        }
        arguments = () if not self.command.takes else (group,)
        if self.given.get("resume"):
            kept = self._kept(model.info)
            if not kept.is_file():
                raise UsageError(f"--resume: there is no {kept} to go on from: leave --resume out")
            known["done"] = load(kept, load_noun(self.command.noun), model.info)
        if not self.command.progress:
            return verb(model, *arguments, **known)
        bar: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if not self.given.get("quiet"):
            counted = "steps" if self.command.progress == "steps" else None
            bar = Progress(counted, self.command.advice)
        try:
            with bar as progress:
                return verb(model, *arguments, progress=progress, **known)
        except Interrupted as stop:
            if stop.done is None or Resume not in self.command.options:
                raise
            kept = self._kept(model.info)
            save(stop.done, kept)
            raise KeyboardInterrupt(
                f"interrupted; {len(stop.done.images)} of {stop.count} {self.command.parts} are "
                f"kept in {printable(str(kept))}: the same command with --resume goes on"
            ) from None

    def _kept(self, info: ModelInfo) -> Path:
        """Where what is done is kept after an interruption."""
        output = self.given.get("output")
        if output not in (None, "-"):
            target = Path(output)
            return target.with_name(f"{target.name}.partial.npz")
        return Path(f"{_stem(info)}-{self.command.noun}.partial.npz")

    def _target(self, result: Any, groups: list[Any]) -> Path:
        """Where to: what was asked for, else beside the image or named after the model.

        Of several images one document in the present folder, or a folder there with a file each.
        """
        output = self.given.get("output")
        if output is not None:
            return Path(output)
        ending = self.command.ending(result, self.given)
        here = Path(f"{_stem(result.model)}{ending}")
        if self.command.takes != "images":
            return here
        if len(groups) > 1:
            return beside(result.images[0], groups, ending, here.with_suffix(""))
        several = len(result.images) > 1
        return here.with_suffix(".pdf") if several else beside(result.images[0], groups, ending)


def report(result: Any, options: Any, given: Given, target: Path | None, *, as_json: bool) -> None:
    """Says what came out of a verb: as JSON, or in words and where it was written, if at all."""
    if as_json:
        document = json_of(result, options) | ({"file": str(target)} if target else {})
        say(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))
    elif not given.get("quiet"):
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
