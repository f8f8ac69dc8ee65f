"""The commands, made from their records.

The rule of this module: it knows the names of commands and how an option becomes one of Click's,
but no command. Only the command that is called is imported.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from layersight.data.command import Arguments, Backend, Command, Debug, Output, Resume
from layersight.data.fields import AMERICAN, Option, options_of
from layersight.errors import UsageError
from layersight.version import __version__

COMMANDS = {
    "summary": "Shows the layers of a model: shapes, parameters, kernels, receptive fields.",
    "image": "Shows an image as the network will see it: shape, scale, numbers.",
    "convert": "Saves an old model so that plain Keras 3 opens it and computes the same.",
    "activations": "Shows what every layer makes of an image.",
    "patterns": "Shows what channels look for: the images that they respond to most.",
    "heatmap": "Shows which pixels decided for a class, and how far to believe it.",
    "evaluate": "Measures over many images how far the heatmaps of each method can be believed.",
    "survey": "Shows what every channel does over a whole data set, and what excites it most.",
    "channel": (
        "Shows one channel: its kernel, its pattern, what excites it, over a whole data set."
    ),
    "kernels": "Shows the learned weights of filters, and the spatial patterns in them.",
    "explore": "Opens a page in which to look around inside a network.",
    "demo": "Shows what a small network sees in a cat; needs no file of yours.",
}
"""What each command does. Its record is ``COMMAND`` at the end of ``nouns.NAME.command``, or of:"""
MODULES = {
    **{name: f"cli.{name}" for name in ("image", "convert", "explore", "demo")},
    "heatmap": "nouns.heatmaps.command",
    "evaluate": "nouns.evaluation.command",
}


def make_app() -> click.Group:
    return _Commands(
        "layersight",
        help="Shows what a vision network sees.",
        commands=[_Command(name, sentence) for name, sentence in COMMANDS.items()],
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_instead(lambda: f"layersight {__version__}"),
                help="Show the version.",
            )
        ],
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": lambda name: AMERICAN.get(name, name),
        },
    )


def _instead(words: Callable[[], str]) -> Callable[[click.Context, click.Parameter, bool], None]:
    """A callback that prints words in place of the command, which then needs no arguments."""

    def show(context: click.Context, _: click.Parameter, requested: bool) -> None:
        if requested:
            print(words())  # like all other output; Click's would be flushed too early
            context.exit()

    return show


class _Commands(click.Group):
    """All commands, listed in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class _Command(click.Command):
    """A command whose record is imported when its options are needed."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name, help=sentence, short_help=sentence)
        self.module = f"layersight.{MODULES.get(name, f'nouns.{name}.command')}"

    @functools.cached_property
    def record(self) -> Command:
        record: Command = importlib.import_module(self.module).COMMAND
        return record

    @functools.cached_property
    def options(self) -> dict[str, Option]:
        return options_of_command(self.record)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        if not self.params:
            self.params = [self._parameter(option) for option in self.options.values()]
        return super().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        former = {
            option.former.replace("_", "-"): name.replace("_", "-")
            for name, option in self.options.items()
            if option.former
        }
        ctx.token_normalize_func = lambda name: former.get(name) or AMERICAN.get(name, name)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        arguments = [
            (option.flag, option.help) for option in self.options.values() if option.positional
        ]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(f"Example: {self.record.example}")

    def invoke(self, ctx: click.Context) -> None:
        switches = [name for name, option in self.options.items() if _is_switch(option)]
        arguments: Arguments = {
            key: value
            for key, value in ctx.params.items()
            if value not in (None, ()) and not (value is False and key in switches)
        }
        from layersight.cli.run import run_command

        run_command(self.name or "", self.record, arguments)

    def _parameter(self, option: Option) -> click.Parameter:
        if option.positional:
            optional = option.several or option.default is None
            dots = "..." if option.several else ""
            return click.Argument(
                [option.name],
                metavar=f"[{option.flag}]{dots}" if optional else option.flag,
                type=_type_of(option),
                required=not optional,
                nargs=-1 if option.several else 1,
            )
        flags = [option.name, *(option.flag.split() or [f"--{option.name.replace('_', '-')}"])]
        if option.name == "list_methods":
            words = importlib.import_module(self.module).list_methods
            return click.Option(
                flags, is_flag=True, is_eager=True, callback=_instead(words), help=option.help
            )
        if option.kind is bool:
            default = False if _is_switch(option) else None
            return click.Option(flags, is_flag=True, default=default, help=_help(option))

        def complete(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
            return [CompletionItem(word) for word in option.choices if word.startswith(typed)]

        return click.Option(
            flags,
            type=_type_of(option),
            metavar=_metavar(option),
            multiple=option.several and option.kind not in (int, float),
            help=_help(option),
            shell_complete=complete if option.choices else None,
        )


LAST = (Backend, Debug, Output, Resume)  # options that come last in a list
PATHS = ("MODEL", "IMAGE", "NEW", "FILE", "FOLDER", "DIR", "PATH")
"""Placeholders of values that a shell completes to a file."""


def options_of_command(command: Command) -> dict[str, Option]:
    """All options of a command by the name of the field, arguments first."""
    options: dict[str, Option] = {}
    last = [group for group in command.options if issubclass(group, LAST)]
    first = [group for group in command.options if group not in last]
    pictures = [] if command.pictures is None else [command.pictures]
    if command.outputs:
        options["output"] = Option(
            "output", None, command.outputs, kind=str, metavar="PATH", flag="--output -o"
        )
    for group in (*first, *pictures, *last):
        options |= {
            name: option for name, option in options_of(group).items() if name not in options
        }

    def order(entry: tuple[str, Option]) -> int:
        if not entry[1].positional:
            return 4
        return 1 if entry[0] == "model" else 2 + entry[1].several

    return dict(sorted(options.items(), key=order))


def _is_switch(option: Option) -> bool:
    return option.kind is bool and "/" not in option.flag


def _type_of(option: Option) -> Any:
    """What makes a value from a text, for Click."""
    if "HxW" in option.metavar:
        return parse_size
    if option.several and option.kind in (int, float):
        return lambda text: parse_numbers(text, f"--{option.name}")
    is_path = any(word in option.metavar + option.flag for word in PATHS)
    return click.Path() if is_path else option.kind


def _metavar(option: Option) -> str:
    short = {int: "N", float: "X"}.get(option.kind or str, "TEXT")
    short = f"{short},..." if option.several else short
    return option.metavar or option.unit.upper() or ("NAME" if option.choices else short)


def _help(option: Option) -> str:
    """What an option does, with its choices."""
    words = [choice for choice in option.choices if choice not in option.help]
    if not words:
        return option.help
    listed = ", ".join(option.choices[:-1]) + f" or {option.choices[-1]}"
    return f"{option.help.rstrip('.')}: {listed}."


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from ``224x160``, or one number for both.

    >>> parse_size("224x160"), parse_size("96")
    ((224, 160), (96, 96))
    """
    from layersight.images import check_size

    match = re.fullmatch(r"([0-9]{1,9})(?:[xX]([0-9]{1,9}))?", text.strip())
    if match is None:
        raise UsageError(f"--size expects HEIGHTxWIDTH such as 224x224, found '{text}'")
    return check_size((int(match[1]), int(match[2] or match[1])), "--size")


def parse_numbers(text: str, flag: str) -> tuple[float, ...]:
    """Numbers with commas between."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{flag} expects numbers such as 0.2,0.5, found '{text}'") from None
